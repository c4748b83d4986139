#!/usr/bin/python3
"""Parquet exports read by DuckDB: the same rows, sums and nulls as what was imported.

What is expected comes from the input alone: from ndjson that is made up here, and from real quotes.
"""
import csv
import datetime
import json
import os
import pathlib
import random
import subprocess
import tempfile
from decimal import Decimal

from npm_packages import install
from programs import BIN
from served_session import check

HERE = pathlib.Path(__file__).resolve().parent
DATA = pathlib.Path(os.environ["QTA_SOURCE_DIR"], "..", "shared", "data", "ticks")
PROGRAM = BIN / "qta-session"
QUERY_TIMEOUT_S = 240
RECORDS = 30000  # the trades fill a page and a dictionary

DECIMALS = {"price", "size", "bid_price", "bid_size", "ask_price", "ask_size", "open", "high",
            "low", "close", "volume", "vwap", "original_price", "original_size", "corrected_price",
            "corrected_size", "limit_up", "limit_down", "paired_size"}
TIMES = {"ts_recv", "ts_event", "last_good", "first_good"}
LISTS = {"conditions", "original_conditions", "corrected_conditions", "flags"}
FLAGS = {"snapshot", "first", "last"}


def run(*arguments):
    subprocess.run([PROGRAM, *map(str, arguments)], check=True)


def query(built, *statements):
    done = subprocess.run(["node", "query.mjs"], cwd=built, input=json.dumps(statements), text=True,
                          stdout=subprocess.PIPE, timeout=QUERY_TIMEOUT_S, check=True,
                          env={**os.environ, "TZ": "UTC"})
    return json.loads(done.stdout)


# ---- every type, made up -------------------------------------------------------------------------

def some(rng, value, chance=0.8):
    return value if rng.random() < chance else None


def number(rng, digits, scale):
    """A decimal as its text."""
    mantissa = rng.randrange(-10 ** digits, 10 ** digits)
    return str(Decimal(mantissa).scaleb(-scale)) if scale < 6 else f"{mantissa}e-{scale}"


def make_record(rng, seq, kind):
    record = {"seq": seq, "type": kind, "provider": some(rng, "lab"),
              "symbol": some(rng, f"S{rng.randrange(40000)}"),
              "ts_recv": 1714570200_000000000 + seq * 1000123,
              "ts_event": some(rng, rng.randrange(-2**61, 2**61)),
              "src_seq": some(rng, rng.randrange(2**64 - 1)), "conn": some(rng, 3)}
    conditions = some(rng, rng.sample(["@", "F", "odd lot", "\u00e9"], rng.randrange(1, 4)))
    tape, side = some(rng, rng.choice("ABC")), some(rng, rng.choice(["buy", "sell"]))
    price, size = some(rng, number(rng, 7, 2)), some(rng, number(rng, 18, 0))
    small = some(rng, number(rng, 18, 20))  # takes DECIMAL(38) with the larger ones
    body = {
        "trade": {"price": price, "size": size, "id": some(rng, rng.randrange(2**64 - 1)),
                  "exchange": some(rng, rng.choice(["V", f"{'x' * 120}{rng.randrange(2**16)}"])), "conditions": conditions,
                  "tape": tape, "side": side},
        "quote": {"bid_price": price, "bid_size": size, "ask_price": small,
                  "bid_exchange": some(rng, "V"), "conditions": conditions},
        "bar": {"open": price, "volume": size, "trades": some(rng, rng.randrange(2**40)),
                "vwap": small, "interval": some(rng, 60_000_000_000), "kind": "minute"},
        "book": {"side": side, "price": price, "size": size, "count": some(rng, 7),
                 "action": "set", "snapshot": some(rng, True), "last": some(rng, True)},
        "trade_cancel": {"price": price, "id": rng.choice(["a-b", "007", "c"]), "action": "C"},
        "trade_correct": {"original_id": 1, "corrected_id": 2, "original_price": price,
                          "corrected_price": small, "corrected_conditions": conditions},
        "status": {"status_code": "H", "status_message": some(rng, f"halt {seq}"), "tape": tape},
        "luld": {"limit_up": price, "limit_down": small, "indicator": some(rng, "B")},
        "imbalance": {"price": price, "paired_size": size, "side": side},
        "conn": {"state": "disconnected", "cause": some(rng, "lost"), "code": some(rng, -1006),
                 "attempt": rng.randrange(9), "detail": some(rng, "line\nend \"quoted\"")},
        "gap": {"scope": "provider", "last_good": some(rng, seq), "first_good": some(rng, -seq)},
        "drop": {"count": seq, "first_seq": 1, "last_seq": 2, "subscriber": some(rng, "slow")},
        "clock": {"step_ns": -seq, "offset_ns": rng.randrange(-2**63, 2**63),
                  "estimated_offset_ns": seq, "max_error_ns": seq, "sync": "synchronised"},
        "marker": {"note": some(rng, "\u65e5\u672c")},
    }[kind]
    record.update(body)
    record["flags"] = some(rng, ["rounded", "time_raised"], 0.2)
    if kind == "trade_cancel":
        record["flags"] = (record["flags"] or []) + ["id_is_text"]
    return {name: value for name, value in record.items() if value is not None}


def as_json(record):
    """Decimals as numbers with their digits."""
    cells = []
    for name, value in record.items():
        text = value if name in DECIMALS else json.dumps(value)
        if name == "interval":
            text = f'"{value}ns"'
        cells.append(f'"{name}":{text}')
    return "{" + ",".join(cells) + "}\n"


def expected_value(name, record):
    value = record.get(name)
    if name in FLAGS:
        return bool(value)
    if value is None:
        return None
    if name in DECIMALS:
        return Decimal(value)
    if name in TIMES:
        return abs(value) // 1000 * (1 if value > 0 else -1)  # DuckDB cuts microseconds
    if name in LISTS:
        return "|".join(value)
    return value


def read_value(name, value):
    if value is None or isinstance(value, bool):
        return value
    if name in DECIMALS:
        return Decimal(value)
    return value


def check_types(built, folder):
    rng = random.Random(5)
    kinds = ["trade", "quote", "bar", "book", "trade_cancel", "trade_correct", "status", "luld",
             "imbalance", "conn", "gap", "drop", "clock", "marker"]
    records = [make_record(rng, seq, rng.choice(kinds if seq % 10 == 0 else ["trade", "quote"]))
               for seq in range(1, 100001)]
    lines = folder / "made.ndjson"
    lines.write_text("".join(map(as_json, records)), encoding="utf-8")
    run("import", "--quiet", "--format", "ndjson", "--output", folder / "made", lines)
    run("export", "--quiet", "--format", "parquet", "--output", folder / "parquet", folder / "made")
    files = sorted(path.name for path in (folder / "parquet").iterdir())
    check(files == sorted(f"{kind}.parquet" for kind in kinds), "a file for each type, no other")
    schemas = query(built, *(f"DESCRIBE SELECT * FROM '{folder}/parquet/{kind}.parquet'"
                             for kind in kinds))
    types = {kind: {row["column_name"]: row["column_type"] for row in schema}
             for kind, schema in zip(kinds, schemas)}
    answers = query(built, *(select_all(folder, kind, types[kind]) for kind in kinds))
    for kind, rows in zip(kinds, answers):
        wanted = [record for record in records if record["type"] == kind]
        check(len(rows) == len(wanted), f"{kind}: {len(wanted)} rows")
        for row, record in zip(rows, wanted):
            compare(kind, types[kind], row, record)
        missing = {name for record in wanted for name in record} - set(types[kind])
        check(not missing, f"{kind}: every name is a column {missing or ''}")
    check(types["trade"]["price"] == "DECIMAL(18,2)", "decimals of one scale are DECIMAL(18)")
    check(types["quote"]["ask_price"] == "DECIMAL(38,20)",
          "decimals that need more are DECIMAL(38)")
    check_statistics(built, folder)


def select_all(folder, kind, columns):
    cells = [f"epoch_us({name}) AS {name}" if name in TIMES else name for name in columns]
    return f"SELECT {', '.join(cells)} FROM '{folder}/parquet/{kind}.parquet' ORDER BY seq"


def compare(kind, columns, row, record):
    for name in columns:
        got, expected = read_value(name, row[name]), expected_value(name, record)
        if isinstance(expected, int) and not isinstance(expected, bool):
            got = int(got) if got is not None else None
        if got != expected:
            check(False, f"{kind}: {name} is {got!r}, not {expected!r}: {record}")


def check_statistics(built, folder):
    """A filter that the statistics can answer, and the same one that they cannot."""
    path = f"{folder}/parquet/trade.parquet"
    names = ["seq", "src_seq", "price", "size", "symbol", "id", "ts_event"]
    statements = [f"SELECT decode(key) AS key, decode(value) AS value "
                  f"FROM parquet_kv_metadata('{path}')"]
    for name in names:
        bound = f"(SELECT quantile_disc({name}, 0.9) FROM '{path}')"
        statements += [
            f"SELECT count(*) AS n FROM '{path}' WHERE {name} > {bound}",
            f"SELECT count(*) FILTER ({name} > {bound}) AS n FROM '{path}'",
            f"SELECT min({name})::VARCHAR AS low, max({name})::VARCHAR AS high, "
            f"count(*) FILTER ({name} IS NULL) AS nulls FROM '{path}'",
            f"SELECT stats_min_value AS low, stats_max_value AS high, stats_null_count AS nulls "
            f"FROM parquet_metadata('{path}') WHERE path_in_schema = '{name}'"]
    notes, *answers = query(built, *statements)
    for i, name in enumerate(names):
        with_them, without, true, told = answers[4 * i:4 * i + 4]
        check(with_them == without and int(with_them[0]["n"]) > 0, f"statistics of {name} are true")
        check(told == true, f"least and greatest {name} and its nulls are in the footer")
    notes = {row["key"]: row["value"] for row in notes}
    check(notes["qta.type"] == "trade" and notes["qta.sessions"] == str(folder / "made"),
          "the footer names the session")


# ---- real quotes ---------------------------------------------------------------------------------

def check_aig(built, folder):
    source = DATA / "lean_equity_aig_20131007_quote.csv.zst"
    if not source.exists():
        print("skipped: no real data beside the sources")
        return
    run("import", "--quiet", "--type", "quote", "--columns",
        "ts_event=1,bid_price=2,bid_size=3,ask_price=4,ask_size=5,exchange=6,conditions=7",
        "--scale", "bid_price=1e-4,ask_price=1e-4", "--null", "0", "--time-unit", "ms", "--date",
        "2013-10-07", "--tz", "America/New_York", "--symbol", "AIG", "--provider", "lean",
        "--output", folder / "aig", source)
    path = folder / "aig.parquet"
    run("export", "--quiet", "--format", "parquet", "--types", "quote", "--output", path,
        folder / "aig")
    with subprocess.Popen(["zstd", "-dcq", source], stdout=subprocess.PIPE, text=True) as zstd:
        rows = [row[:7] for row in csv.reader(zstd.stdout)]
    midnight = datetime.datetime(2013, 10, 7, 4, tzinfo=datetime.timezone.utc)  # in New York
    expected = {"n": len(rows), "seqs": len(rows) * (len(rows) + 1) // 2,
                "times": sum(int(row[0]) * 1000 for row in rows)
                + len(rows) * int(midnight.timestamp()) * 1_000_000,
                "conditions": sum(len(row[6]) for row in rows),
                "no_conditions": sum(row[6] == "" for row in rows)}
    for side, price, size in (("bid", 1, 2), ("ask", 3, 4)):
        there = [row for row in rows if row[price] != "0"]
        expected[f"{side}_price"] = Decimal(sum(int(row[price]) for row in there)).scaleb(-4)
        expected[f"{side}_size"] = sum(int(row[size]) for row in there)
        expected[f"{side}_value"] = Decimal(
            sum(int(row[price]) * int(row[size]) for row in there)).scaleb(-4)
        expected[f"{side}_nulls"] = len(rows) - len(there)
        for exchange in sorted({row[5] for row in rows}):
            expected[f"{side}_{exchange}"] = sum(row[5] == exchange for row in there)
    columns = ["count(*) AS n", "sum(seq) AS seqs", "sum(epoch_us(ts_event)) AS times",
               "sum(length(conditions)) AS conditions",
               "count(*) FILTER (conditions IS NULL) AS no_conditions"]
    for side in ("bid", "ask"):
        columns += [f"sum({side}_price) AS {side}_price", f"sum({side}_size) AS {side}_size",
                    f"sum({side}_price * {side}_size) AS {side}_value",
                    f"count(*) FILTER ({side}_price IS NULL AND {side}_size IS NULL "
                    f"AND {side}_exchange IS NULL) AS {side}_nulls"]
        columns += [f"count(*) FILTER ({side}_exchange = '{name[4:]}') AS \"{name}\""
                    for name in expected if name.startswith(side) and len(name) == 5]
    (got,), groups = query(built, f"SELECT {', '.join(columns)} FROM '{path}'",
                           f"SELECT DISTINCT row_group_id AS id FROM parquet_metadata('{path}')")
    for name, value in expected.items():
        check(Decimal(got[name]) == value, f"AIG quotes: {name} is {value}")
    check(len(groups) == 2, "AIG quotes: two row groups")
    print(f"AIG quotes: {path.stat().st_size / len(rows):.2f} bytes a row")


def main():
    built = install(HERE / "parquet", "interop_parquet",
                    ["package.json", "package-lock.json", "query.mjs"])
    with tempfile.TemporaryDirectory(prefix="qta-parquet-") as name:
        check_types(built, pathlib.Path(name))
        check_aig(built, pathlib.Path(name))


main()

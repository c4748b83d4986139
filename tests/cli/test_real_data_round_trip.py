#!/usr/bin/python3
"""Real ticks survive import, serving over a WebSocket, recording and replay: the same count, the
same order, the same prices and sizes as text, although many neighbours are identical."""
import csv
import io
import itertools
import pathlib
import subprocess
import sys
import tempfile

from programs import (DATA, Venue, alpaca_config, check, digests, only_session, program, run, skip)

CASES = [
    {
        "name": "spy", "type": "trade", "file": "lean_equity_spy_20131008_trade.csv.zst",
        "columns": "ts_event=1,price=2,size=3,exchange=4,conditions=5", "scale": "price=1e-4",
        "date": "2013-10-08", "rows": 451545, "extra": [],
    },
    {
        "name": "aig", "type": "quote", "file": "lean_equity_aig_20131007_quote.csv.zst",
        "columns": "ts_event=1,bid_price=2,bid_size=3,ask_price=4,ask_size=5,exchange=6,"
                   "conditions=7",
        "scale": "bid_price=1e-4,ask_price=1e-4", "date": "2013-10-07", "rows": 1079935,
        "extra": ["--null", "0"],
    },
]
FIELDS = {"trade": ["price", "size"],
          "quote": ["bid_price", "bid_size", "ask_price", "ask_size"]}


def as_price(text):
    """1/10000ths as the file has them, as a decimal with four digits: our text for it."""
    whole, fraction = divmod(int(text), 10000)
    return f"{whole}.{fraction:04}"


def expected_rows(case):
    """What the CSV itself says, by an independent reader."""
    source = subprocess.Popen(["zstd", "-dc", DATA / "ticks" / case["file"]],
                              stdout=subprocess.PIPE)
    for row in csv.reader(io.TextIOWrapper(source.stdout)):
        if case["type"] == "trade":
            yield [as_price(row[1]), row[2]]
        else:
            bid = ["", ""] if row[1] == "0" else [as_price(row[1]), row[2]]
            ask = ["", ""] if row[3] == "0" else [as_price(row[3]), row[4]]
            yield bid + ask


def session_rows(session, fields):
    """What a session says, as text."""
    reader = subprocess.Popen([program("qta-session"), "cat", "--format", "csv", "--types",
                               "trade,quote", str(session)], stdout=subprocess.PIPE)
    for row in csv.DictReader(io.TextIOWrapper(reader.stdout)):
        yield [row[name] for name in fields]


def differences(left, right):
    """How many rows left has, and the first at which the two differ, or None."""
    count = 0
    for row, other in itertools.zip_longest(left, right):
        count += row is not None
        if row != other:
            return count, (row, other)
    return count, None


def play(case, folder):
    imported = folder / case["name"]
    run("qta-session", "import", "--format", "csv", "--type", case["type"], "--columns",
        case["columns"], "--scale", case["scale"], "--time-unit", "ms", "--date", case["date"],
        "--tz", "America/New_York", "--symbol", case["name"].upper(), "--provider", "lean",
        "--output", imported, *case["extra"], DATA / "ticks" / case["file"])
    fields = FIELDS[case["type"]]
    count, difference = differences(expected_rows(case), session_rows(imported, fields))
    check(count == case["rows"] and difference is None,
          f"{case['name']}: {count} rows came in, in order, as the file has them ({difference})")

    for encoding in ("json", "msgpack"):
        venue = Venue(imported, "--speed", "max", "--quiet")
        sessions = folder / f"{case['name']}-{encoding}"
        config = alpaca_config(folder, venue.url, sessions, encoding)
        run("qta-record", "--config", config, "--max-ticks", case["rows"], "--duration", "240s",
            "--quiet")
        venue.wait(30)
        venue.stop()
        recorded = only_session(sessions)
        if encoding == "json":
            count, difference = differences(expected_rows(case), session_rows(recorded, fields))
            check(count == case["rows"] and difference is None,
                  f"{case['name']}: {count} recorded over {encoding}, same text ({difference})")
        market = digests(imported, "--speed", "max")[1]
        check(digests(recorded, "--speed", "max")[1] == market,
              f"{case['name']}: recorded over {encoding}, the market digest is the import's")
        check(digests(recorded, "--speed", "max") == digests(recorded, "--speed", "max"),
              f"{case['name']}: a second run gives the same digests")
        if encoding == "json":
            check(digests(recorded, "--speed", "10x") == digests(recorded, "--speed", "max"),
                  f"{case['name']}: so does 10x")


def main():
    if not (DATA / "ticks").is_dir():
        skip("../shared/data is not here")
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            play(case, pathlib.Path(folder))
    return 0


sys.exit(main())

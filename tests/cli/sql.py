#!/usr/bin/python3
"""SQL over a session, from Python's sqlite3 and from the sqlite3 shell, against what
`qta-session cat` prints, added up here."""
import collections
import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from decimal import Decimal

SOURCE = os.environ["QTA_SOURCE_DIR"]
BUILD = os.environ["QTA_BINARY_DIR"]
EXTENSION = os.path.join(BUILD, "qta")
faults = []


def program(name, *arguments):
    return subprocess.run([os.path.join(BUILD, "bin", name), *arguments], check=True,
                          capture_output=True).stdout


def expect(what, found, wanted):
    if found != wanted:
        faults.append(f"{what}: {found!r} is not {wanted!r}")


def connect():
    db = sqlite3.connect(":memory:")
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    return db


def record(folder):
    """A session of the synthetic market."""
    config = os.path.join(folder, "config.yaml")
    with open(config, "w", encoding="utf-8") as file:
        file.write("streaming:\n  provider: synthetic\n  symbols: [AAPL, MSFT, SPY]\n"
                   "  subscriptions: [trades, quotes]\n  seed: 7\n  rate: 100000\n")
    program("qta-record", "--config", config, "--output", os.path.join(folder, "sessions"),
            "--max-ticks", "20000", "--quiet")
    return os.path.join(folder, "sessions", os.listdir(os.path.join(folder, "sessions"))[0])


def rows_of(session):
    text = program("qta-session", "cat", "--time-format", "ns", session).decode()
    return [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in text.splitlines()]


def check_sums(db, session):
    rows = rows_of(session)
    wanted = collections.defaultdict(lambda: [0, Decimal(0), Decimal(0)])
    middle = rows[len(rows) // 2]["ts_recv"]
    for row in rows:
        if row["type"] == "trade" and row["ts_recv"] >= middle:
            entry = wanted[row["symbol"]]
            entry[0] += 1
            entry[1] += row["size"]
            entry[2] += row["price"] * row["size"]
    found = db.execute(
        "SELECT symbol, count(*), sum(size), sum(price * size) FROM qta_ticks(?) WHERE type = "
        "'trade' AND ts_recv BETWEEN ? AND qta_ns('2200-01-01') GROUP BY 1", (session, int(middle)))
    found = {symbol: (count, size, money) for symbol, count, size, money in found}
    expect("symbols", sorted(found), sorted(wanted))
    for symbol, (count, size, money) in wanted.items():
        expect(f"{symbol}: trades", found[symbol][:2], (count, float(size)))
        if abs(Decimal(found[symbol][2]) - money) > money / 10**12:
            faults.append(f"{symbol}: {found[symbol][2]} is not {money}")
    for kind, count in collections.Counter(row["type"] for row in rows).items():
        expect(f"{kind}s", db.execute("SELECT count(*) FROM qta_ticks(?) WHERE type = ?",
                                      (session, kind)).fetchone(), (count,))
    for symbol in ("SPY", "NONE"):
        count = sum(row.get("symbol") == symbol for row in rows)
        expect(f"of {symbol}", db.execute("SELECT count(*) FROM qta_ticks(?) WHERE symbol = ?",
                                          (session, symbol)).fetchone(), (count,))


def check_shell(session):
    if not shutil.which("sqlite3"):
        return
    script = (f".load ./qta\n.headers on\n.mode csv\n"
              f"SELECT count(*) AS n, decimal_sum(price_text) AS p FROM qta_trades('{session}');\n"
              "SELECT * FROM qta_ticks('/no/such');\n")
    done = subprocess.run(["sqlite3", "-batch"], input=script, capture_output=True, text=True,
                          cwd=BUILD, check=False)
    trades = [row for row in rows_of(session) if row["type"] == "trade"]
    rows = list(csv.DictReader(done.stdout.splitlines()))
    expect("shell: count", int(rows[0]["n"]), len(trades))
    expect("shell: sum", Decimal(rows[0]["p"]), sum(row["price"] for row in trades))
    if "qta_ticks: no session at '/no/such'" not in done.stderr:
        faults.append(f"shell: {done.stderr!r}")


def main():
    db = sqlite3.connect(":memory:")
    if not hasattr(db, "enable_load_extension"):
        print("skipped: this Python's sqlite3 loads no extensions")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        session = record(folder)
        db = connect()
        check_sums(db, session)
        check_shell(session)
        expect("catalogue", db.execute("SELECT path, trades > 0 FROM qta_sessions(?), (SELECT "
                                       "json_extract(by_type, '$.trade') AS trades FROM "
                                       "qta_sessions(?))", (os.path.dirname(session), session)
                                       ).fetchall(), [(session, 1)])
        try:
            db.execute("SELECT * FROM qta_ticks(?)", (folder,)).fetchone()
            faults.append("a folder that is no session was read")
        except sqlite3.OperationalError as error:
            expect("error", "is not a session" in str(error), True)
    print("\n".join(faults + [f"{len(faults)} faults"]))
    sys.exit(bool(faults))


main()

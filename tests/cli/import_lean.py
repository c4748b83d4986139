#!/usr/bin/python3
"""Imports real tick files and holds the session against the CSV itself, row by row, as text.

What is expected is worked out here from the published format alone: offsets in ms from midnight in
a zone, prices as integers of 1/10000 or as plain decimals, the side that is not there as 0.
"""
import datetime
import json
import os
import subprocess
import sys
import tempfile
import zoneinfo
from decimal import Decimal

SOURCE = os.environ["QTA_SOURCE_DIR"]
DATA = os.path.join(SOURCE, "..", "shared", "data", "ticks")
PROGRAM = os.path.join(os.environ["QTA_BINARY_DIR"], "bin", "qta-session")

TRADE = "ts_event=1,price=2,size=3,exchange=4,conditions=5"
QUOTE = "ts_event=1,bid_price=2,bid_size=3,ask_price=4,ask_size=5,exchange=6,conditions=7"
PLAIN = "ts_event=1,bid_price=2,ask_price=3"
NEW_YORK = "America/New_York"

CASES = [
    ("equity_spy_20131008_trade", 451545, "SPY", "2013-10-08", NEW_YORK, TRADE,
     ["--scale", "price=1e-4"]),
    ("equity_aig_20131007_quote", 1079935, "AIG", "2013-10-07", NEW_YORK, QUOTE,
     ["--scale", "bid_price=1e-4,ask_price=1e-4", "--null", "0"]),
    ("forex_fxcm_eurusd_20140508_quote", 167466, "EURUSD", "2014-05-08", "UTC", PLAIN, []),
    ("cfd_oanda_xauusd_20140506_quote", 161552, "XAUUSD", "2014-05-06", NEW_YORK, PLAIN, []),
]


def midnight_ns(date, zone):
    day = datetime.datetime.fromisoformat(date).replace(tzinfo=zoneinfo.ZoneInfo(zone))
    return int(day.timestamp()) * 1_000_000_000


def scaled(text):
    """An integer of 1/10000 with its four digits behind the point."""
    return f"{text[:-4] or '0'}.{text[-4:]}" if len(text) > 4 else "0." + text.zfill(4)


def expected_fields(cells, columns):
    """What follows the times, as it is printed."""
    if columns is PLAIN:
        return f'"bid_price":{cells[1]},"ask_price":{cells[2]}'
    if columns is TRADE:
        fields = f'"price":{scaled(cells[1])},"size":{cells[2]},"exchange":"{cells[3]}"'
        conditions = cells[4]
    else:
        sides = [f'"{side}_price":{scaled(price)},"{side}_size":{size},'
                 f'"{side}_exchange":"{cells[5]}"'
                 for side, price, size in (("bid", cells[1], cells[2]), ("ask", cells[3], cells[4]))
                 if price != "0"]
        fields, conditions = ",".join(sides), cells[6]
    return fields + f',"conditions":["{conditions}"]' if conditions else fields


def expected_line(number, row, case, midnight):
    name, _, symbol, _, _, columns, _ = case
    cells = row.rstrip("\n").split(",")
    elapsed = Decimal(cells[0]) * 1_000_000
    time_ns = midnight + int(elapsed)
    assert elapsed == int(elapsed)
    return (f'{{"seq":{number},"type":"{name[-5:]}","provider":"lean","symbol":"{symbol}",'
            f'"ts_recv":{time_ns},"ts_event":{time_ns},{expected_fields(cells, columns)}}}\n')


def check(case, folder):
    name, rows, symbol, date, zone, columns, arguments = case
    path = os.path.join(DATA, f"lean_{name}.csv.zst")
    session = os.path.join(folder, name)
    subprocess.run([PROGRAM, "import", "--format", "csv", "--type", name[-5:], "--columns", columns,
                    *arguments, "--time-unit", "ms", "--date", date, "--tz", zone, "--symbol",
                    symbol, "--provider", "lean", "--output", session, path], check=True)
    count = 0
    midnight = midnight_ns(date, zone)
    with subprocess.Popen(["zstd", "-dcq", path], stdout=subprocess.PIPE, text=True) as csv, \
         subprocess.Popen([PROGRAM, "cat", "--time-format", "ns", session], stdout=subprocess.PIPE,
                          text=True) as cat:
        for count, row in enumerate(csv.stdout, 1):
            got, expected = cat.stdout.readline(), expected_line(count, row, case, midnight)
            if got != expected:
                sys.exit(f"{name}: row {count}\nexpected {expected}got      {got}")
        if cat.stdout.read(1):
            sys.exit(f"{name}: more ticks than rows")
    if count != rows or csv.returncode != 0 or cat.returncode != 0:
        sys.exit(f"{name}: {count} rows of {rows}, status {csv.returncode} and {cat.returncode}")
    info = json.loads(subprocess.check_output([PROGRAM, "info", "--json", session]))
    if info["ticks"] != rows or info["records"] != rows or info["symbols"] != 1:
        sys.exit(f"{name}: info says {info}")
    subprocess.run([PROGRAM, "verify", "--quiet", session], check=True)
    print(f"{name}: {count} rows are {count} ticks, equal as text and in order", flush=True)


def main():
    if not os.path.isdir(DATA):
        print("skipped: no real data beside the sources")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="qta-lean-") as folder:
        for case in CASES:
            check(case, folder)


main()

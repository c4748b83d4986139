#!/usr/bin/python3
"""The vendor's own JavaScript SDK, versions 4 and 3 (msgpack, the latter over TLS), against
qta-replay --serve: it authenticates, subscribes and hands out every tick, in order."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from served_session import check, make_session, ticks_of
from programs import Venue, skip

HERE = pathlib.Path(__file__).resolve().parent
BUILT = pathlib.Path(os.environ["QTA_BINARY_DIR"]) / "interop"
SYMBOLS = ["AAPL", "MSFT", "BTC/USD"]
INSTALL_TIMEOUT_S = 240
CLIENT_TIMEOUT_S = 120

# what each version calls what we print: ours, theirs in 4, theirs in 3
NAMES = {
    "trade": [("symbol", "symbol", "Symbol"), ("price", "price", "Price"),
              ("size", "size", "Size"), ("exchange", "exchange", "Exchange"),
              ("conditions", "conditions", "Conditions"), ("tape", "tape", "Tape")],
    "quote": [("symbol", "symbol", "Symbol"), ("bid_price", "bidPrice", "BidPrice"),
              ("bid_size", "bidSize", "BidSize"), ("bid_exchange", "bidExchange", "BidExchange"),
              ("ask_price", "askPrice", "AskPrice"), ("ask_size", "askSize", "AskSize"),
              ("ask_exchange", "askExchange", "AskExchange"),
              ("conditions", "conditions", "Conditions"), ("tape", "tape", "Tape")],
}
NUMBERS = {"price", "size", "bid_price", "bid_size", "ask_price", "ask_size"}


def install():
    """node_modules in the build folder, kept for the next run."""
    if not shutil.which("npm") or not shutil.which("node"):
        skip("there is no npm here")
    BUILT.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json", "alpaca_v3.js", "alpaca_v4.js"):
        shutil.copy(HERE / name, BUILT)
    stamp = BUILT / "node_modules" / ".installed"
    lock = (BUILT / "package-lock.json").read_bytes()
    if stamp.exists() and stamp.read_bytes() == lock:
        return
    try:
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund",
                               "--fetch-retries=1"], cwd=BUILT, capture_output=True, text=True,
                              timeout=INSTALL_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        skip(f"npm got no packages in {INSTALL_TIMEOUT_S} s")
    if done.returncode != 0:
        skip("npm cannot get its packages: " + " ".join(done.stderr.split())[:300])
    stamp.write_bytes(lock)


def make_certificate(folder):
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                    "-keyout", key, "-out", certificate, "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
                   check=True, stderr=subprocess.DEVNULL)
    return certificate, key


def events_of(script, url, **environment):
    done = subprocess.run(["node", script, url, *SYMBOLS], cwd=BUILT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env={**os.environ, **environment}, timeout=CLIENT_TIMEOUT_S)
    if done.returncode != 0:
        print(done.stderr[-2000:])
    check(done.returncode == 0, f"{script} ends well")
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare(ticks, events, version):
    column = 1 if version == 4 else 2
    check(events[0]["event"] == "connected", f"SDK {version}: authenticated")
    seen = [event for event in events if event["event"] in NAMES]
    check(len(seen) == len(ticks), f"SDK {version}: as many events as ticks ({len(seen)})")
    for tick, event in zip(ticks, seen):
        where = f"SDK {version}: {tick} came as {event}"
        same = tick["type"] == event["event"]
        for names in NAMES[tick["type"]]:
            ours, theirs = tick.get(names[0]), event["data"].get(names[column])
            if names[0] in NUMBERS:
                same = same and float(ours) == float(theirs)
            else:
                same = same and (ours or None) == (theirs or None)
        if version == 4:
            same = same and event["data"]["timestampRaw"] == tick["ts_event"]
            same = same and event["data"].get("idRaw") == tick.get("id")
        if not same:
            check(False, where)
    check(True, f"SDK {version}: every event is its tick, in order")


def main():
    install()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        session = make_session(folder)
        ticks = ticks_of(session)

        venue = Venue(session, "--speed", "max", "--serve-key", "key", "--serve-secret", "secret")
        compare(ticks, events_of("alpaca_v4.js", venue.url + "/v2/sip"), 4)
        check(venue.wait(30) == 0, "qta-replay ends well")

        certificate, key = make_certificate(folder)
        venue = Venue(session, "--speed", "max", "--tls-cert", certificate, "--tls-key", key)
        events = events_of("alpaca_v3.js", venue.url.replace("wss://", "https://"),
                           NODE_EXTRA_CA_CERTS=str(certificate))
        compare(ticks, events, 3)
        check(venue.wait(30) == 0, "qta-replay ends well")


main()

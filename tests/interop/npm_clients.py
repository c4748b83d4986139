#!/usr/bin/python3
"""The vendor's own JavaScript SDK, versions 4 and 3 (msgpack, the latter over TLS), against
qta-replay --serve: it authenticates, subscribes and hands out every tick, in order. And the other
way round: our client against a server made of Node's ws."""
import json
import os
import pathlib
import subprocess
import tempfile

from npm_packages import install
from programs import Venue
from served_session import check, make_session, ticks_of

HERE = pathlib.Path(__file__).resolve().parent
SYMBOLS = ["AAPL", "MSFT", "BTC/USD"]
CLIENT_TIMEOUT_S = 120
MESSAGES = 3000

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


def make_certificate(folder):
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                    "-keyout", key, "-out", certificate, "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"],
                   check=True, stderr=subprocess.DEVNULL)
    return certificate, key


def events_of(built, script, url, **environment):
    done = subprocess.run(["node", script, url, *SYMBOLS], cwd=built, text=True,
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


def message(number):
    """What ws_server.js sends."""
    price = f"{number // 100}.{number % 100:02d}".rstrip("0").rstrip(".")
    return f'{{"T":"t","S":"AAPL","p":{price},"note":"{"x" * (number % 300)}"}}'


def read_from_node(built):
    """Every message of a server of ws, plain and compressed, text and binary."""
    server = subprocess.Popen(["node", "ws_server.js", str(MESSAGES)], cwd=built, text=True,
                              stdout=subprocess.PIPE)
    probe = pathlib.Path(os.environ["QTA_BINARY_DIR"]) / "tests-bin" / "transport_probe"
    expected = [message(number) for number in range(MESSAGES)]
    try:
        port = int(server.stdout.readline())
        for flags, path, ended in (([], "/", "plain"), (["--deflate"], "/", "permessage-deflate"),
                                   (["--deflate"], "/binary", "permessage-deflate")):
            done = subprocess.run([probe, *flags, f"ws://127.0.0.1:{port}{path}"], text=True,
                                  stdout=subprocess.PIPE, timeout=CLIENT_TIMEOUT_S, check=True)
            lines = done.stdout.splitlines()
            lengths = [int(line.split()[2]) for line in lines if line.startswith("data ")]
            total = sum(len(text) for text in expected)
            check(lengths == [len(text) for text in expected],
                  f"ws, {ended}: every message of {path} came whole and in order")
            check(lines[-2].split()[:3] == ["sum", str(MESSAGES), str(total)], "none more")
            check(lines[-1].startswith("end peer_closed 4001") and ended in lines[-1],
                  f"ws, {ended}: {lines[-1]}")
    finally:
        server.kill()
        server.wait()


def main():
    built = install(HERE, "interop", ["package.json", "package-lock.json", "alpaca_v3.js",
                                        "alpaca_v4.js", "ws_server.js"])
    read_from_node(built)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        session = make_session(folder)
        ticks = ticks_of(session)

        venue = Venue(session, "--speed", "max", "--serve-key", "key", "--serve-secret", "secret")
        compare(ticks, events_of(built, "alpaca_v4.js", venue.url + "/v2/sip"), 4)
        check(venue.wait(30) == 0, "qta-replay ends well")

        certificate, key = make_certificate(folder)
        venue = Venue(session, "--speed", "max", "--tls-cert", certificate, "--tls-key", key)
        events = events_of(built, "alpaca_v3.js", venue.url.replace("wss://", "https://"),
                           NODE_EXTRA_CA_CERTS=str(certificate))
        compare(ticks, events, 3)
        check(venue.wait(30) == 0, "qta-replay ends well")


main()

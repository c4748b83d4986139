#!/usr/bin/python3
"""SIGHUP: a recorder takes over another configuration while it records.

The venue is a scripted Alpaca, played by an independent WebSocket server. It sends a trade of each
subscribed symbol all the time and writes down who connected and what was asked for.
"""
import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import children

try:
    import websockets
except ImportError:
    print("skipped: no websockets for Python")
    sys.exit(77)

SOURCE = os.environ.get("QTA_SOURCE_DIR") or os.path.abspath(__file__ + "/../../..")
BINARY = os.environ.get("QTA_BINARY_DIR") or os.path.join(SOURCE, "build/dev")
RECORD = os.path.join(BINARY, "bin/qta-record")
SESSION = os.path.join(BINARY, "bin/qta-session")
TIMEOUT_S = 60
HANGUPS = int(os.environ.get("QTA_HANGUPS", "1000"))


class Failure(Exception):
    pass


def check(condition, sentence, *details):
    if not condition:
        raise Failure(": ".join([sentence, *(str(detail) for detail in details)]))


def wait_until(is_so, sentence, *details):
    deadline = time.monotonic() + TIMEOUT_S
    while not is_so():
        check(time.monotonic() < deadline, "never: " + sentence, *details)
        time.sleep(0.01)


class Venue:
    """On a thread of its own. Refuses the symbol BAD; sends nothing of a symbol once it has
    acknowledged that this is not wanted any more."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.connections = 0
        self.requests = []
        self.subscribed = set()
        self.sent = {}  # symbol: trades
        self.is_open = True
        self.server = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()
        wait_until(lambda: self.server, "the venue listens")

    def run(self):
        asyncio.set_event_loop(self.loop)

        async def serve():
            self.server = await websockets.serve(self.play, "127.0.0.1", self.port)

        self.loop.run_until_complete(serve())
        self.loop.run_forever()

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(TIMEOUT_S)

    async def play(self, client, *_):
        self.connections += 1
        if not self.is_open:
            await client.close(1013)
            return
        self.client = client
        await client.send(json.dumps([{"T": "success", "msg": "connected"}]))
        await client.recv()
        await client.send(json.dumps([{"T": "success", "msg": "authenticated"}]))
        subscribed = set()
        sender = asyncio.ensure_future(self.send_trades(client, subscribed))
        try:
            async for text in client:
                request = json.loads(text)
                self.requests.append(request)
                wanted = set(request["trades"])
                if request["action"] == "subscribe":
                    subscribed |= wanted - {"BAD"}
                else:
                    subscribed -= wanted
                self.subscribed = set(subscribed)
                await client.send(json.dumps([{"T": "subscription", "trades": sorted(subscribed),
                                               "quotes": [], "bars": []}]))
        except websockets.ConnectionClosed:
            pass
        sender.cancel()

    async def send_trades(self, client, subscribed):
        while True:
            for symbol in sorted(subscribed):
                number = self.sent[symbol] = self.sent.get(symbol, 0) + 1
                await client.send(json.dumps([{
                    "T": "t", "i": number, "S": symbol, "x": "V", "p": 100.5, "s": 1, "c": ["@"],
                    "z": "C", "t": "2024-05-01T13:30:00.000000001Z"}]))
            await asyncio.sleep(0.002)

    async def disconnect(self):
        await self.client.close(1001)


def configure(venue, symbols, more=""):
    text = f"""\
streaming:
  provider: alpaca
  websocket_url: ws://127.0.0.1:{venue.port}/v2/iex
  api_key: key
  api_secret: secret
  symbols: [{", ".join(symbols)}]
  subscriptions: [trades]
  reconnect_delay: 50ms
  reconnect_delay_max: 200ms
  circuit_breaker: {{failure_threshold: 0}}
{more}recording:
  journal_chunk: 1MiB
"""
    with open("new.yaml", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename("new.yaml", "venue.yaml")


class Recorder:
    def __init__(self, *arguments, **options):
        self.log = open("log", "w+", encoding="utf-8")
        self.process = children.Popen([RECORD, "--config", "venue.yaml", *arguments],
                                      stderr=self.log, **options)

    def lines(self):
        with open("log", encoding="utf-8") as file:
            return file.read()

    def hang_up(self):
        """Sends SIGHUP and waits until it is done with it."""
        done = len(re.findall("was read again|was not taken over", self.lines()))
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(re.findall("was read again|was not taken over", self.lines())) > done,
                   "SIGHUP is answered", self.lines())

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        check(self.process.wait(TIMEOUT_S) == 0, "exit", self.process.returncode, self.lines())


def recorded():
    folders = os.listdir("sessions")
    check(len(folders) == 1, "one session", folders)
    done = subprocess.run([SESSION, "cat", "sessions/" + folders[0]], capture_output=True, text=True,
                          timeout=TIMEOUT_S, check=False)
    check(done.returncode == 0, "cat", done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def trades_of(records, symbol):
    return [int(record["id"]) for record in records
            if record["type"] == "trade" and record["symbol"] == symbol]


def symbols_come_and_go_without_a_reconnect():
    venue = Venue()
    configure(venue, ["STAYS", "GOES"])
    recorder = Recorder()
    wait_until(lambda: venue.sent.get("GOES", 0) > 20, "trades flow")
    configure(venue, ["STAYS", "COMES", "BAD"], "  buffer_size: 4096\n")
    recorder.hang_up()
    wait_until(lambda: venue.sent.get("COMES", 0) > 20, "the new one flows", venue.requests)
    check(venue.requests == [
        {"action": "subscribe", "trades": ["GOES", "STAYS"]},
        {"action": "unsubscribe", "trades": ["GOES"]},
        {"action": "subscribe", "trades": ["BAD", "COMES"]}], "asked for", venue.requests)
    goes = venue.sent["GOES"]
    time.sleep(0.2)
    recorder.end()
    check(venue.connections == 1, "connections", venue.connections)
    check(venue.sent["GOES"] == goes, "the venue has stopped it")
    records = recorded()
    check(trades_of(records, "GOES") == list(range(1, goes + 1)), "all until the end of it")
    for symbol in ("STAYS", "COMES"):
        ids = trades_of(records, symbol)
        check(len(ids) > 20 and ids == list(range(1, len(ids) + 1)), "no hole in", symbol)
    check(not [record for record in records if record["type"] == "gap"], "no gap")
    log = recorder.lines()
    check(len(re.findall("warning alpaca: subscription of 'BAD' to trade refused", log)) == 1,
          "a refusal is told", log)
    check(len(re.findall("takes effect at the next start", log)) == 1 and
          "warning config: streaming.buffer_size takes effect" in log, "what waits is told", log)


def a_thousand_hangups_change_nothing():
    venue = Venue()
    configure(venue, ["A", "B"], "  message_max: 1MiB\n")
    recorder = Recorder()
    wait_until(lambda: venue.sent.get("A", 0) > 20, "trades flow")
    for number in range(HANGUPS):
        if number % 100 == 50:  # and now and then there is something to do
            configure(venue, ["A", "B", f"S{number}"], "  message_max: 2MiB\n")
        recorder.process.send_signal(signal.SIGHUP)
        time.sleep(0.002)
    recorder.hang_up()
    last = f"S{(HANGUPS - 51) // 100 * 100 + 50}"
    wait_until(lambda: venue.subscribed == {"A", "B", last}, "the last one counts",
               venue.subscribed)
    wait_until(lambda: venue.sent.get(last, 0) > 20, "it flows")
    recorder.end()
    check(venue.connections == 1, "connections", venue.connections)
    records = recorded()
    for symbol in ("A", "B"):
        ids = trades_of(records, symbol)
        check(ids == list(range(1, len(ids) + 1)) and len(ids) > 20, "no hole in", symbol)
    waits = re.findall("config: streaming.message_max takes effect", recorder.lines())
    check(len(waits) == 1, "one warning", waits)


def in_an_outage_it_counts_from_the_next_connection():
    venue = Venue()
    configure(venue, ["A", "B"])
    recorder = Recorder()
    wait_until(lambda: venue.sent.get("A", 0) > 5, "trades flow")
    venue.is_open = False
    venue.call(venue.disconnect())
    wait_until(lambda: venue.connections > 2, "it tries again")
    configure(venue, ["B", "C"])
    recorder.hang_up()
    venue.is_open = True
    wait_until(lambda: venue.sent.get("C", 0) > 5, "the new one flows", recorder.lines())
    recorder.end()
    check(venue.requests == [{"action": "subscribe", "trades": ["A", "B"]},
                             {"action": "subscribe", "trades": ["B", "C"]}], venue.requests)


def a_file_with_errors_changes_nothing():
    venue = Venue()
    configure(venue, ["A"])
    recorder = Recorder()
    wait_until(lambda: venue.sent.get("A", 0) > 5, "trades flow")
    for broken, reason in (("  overflow: sometimes\n", "venue.yaml:11: .*sometimes"),
                           ("{{{\n", "not YAML")):
        configure(venue, ["B"], broken)
        recorder.hang_up()
        check(re.search(f"error config: .*{reason}", recorder.lines()), reason, recorder.lines())
    os.remove("venue.yaml")
    recorder.hang_up()
    check("error config: " in recorder.lines() and "No such file" in recorder.lines(),
          recorder.lines())
    check(recorder.lines().count("was not taken over: all stays as it was") == 3, recorder.lines())
    before = venue.sent["A"]
    wait_until(lambda: venue.sent["A"] > before + 5, "it goes on")
    recorder.end()
    check(len(venue.requests) == 1 and venue.connections == 1, venue.requests)


def at_the_end_a_hangup_is_no_matter():
    venue = Venue()
    for _ in range(5):
        configure(venue, ["A"])
        recorder = Recorder()
        count = len(venue.requests)
        wait_until(lambda count=count: len(venue.requests) > count, "it is there")
        configure(venue, ["B"])
        recorder.process.send_signal(signal.SIGTERM)
        while recorder.process.poll() is None:
            recorder.process.send_signal(signal.SIGHUP)
            time.sleep(0.001)
        check(recorder.process.returncode == 0, "exit", recorder.process.returncode,
              recorder.lines())


def systemd_hears_when_it_begins_and_when_it_is_done():
    venue = Venue()
    configure(venue, ["A"])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("notify")
        manager.settimeout(TIMEOUT_S)

        def hear():
            """The next thing that is not how it stands, or its watchdog."""
            while (text := manager.recv(4096).decode()).startswith("STATUS="):
                pass
            return text

        recorder = Recorder(env=dict(os.environ, NOTIFY_SOCKET=os.path.abspath("notify")))
        check(hear() == "READY=1", "ready")
        for symbols, more in ((["B"], ""), (["B"], ""), (["B"], "{{{\n")):
            configure(venue, symbols, more)
            since = time.monotonic_ns() // 1000
            recorder.process.send_signal(signal.SIGHUP)
            text = hear()
            told = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", text)
            check(told and since <= int(told[1]) <= time.monotonic_ns() // 1000, "reloading", text)
            check(hear() == "READY=1", "ready again")
        recorder.end()
        check(hear().startswith("STOPPING=1"), "stopping")


CASES = [
    symbols_come_and_go_without_a_reconnect,
    a_thousand_hangups_change_nothing,
    in_an_outage_it_counts_from_the_next_connection,
    a_file_with_errors_changes_nothing,
    at_the_end_a_hangup_is_no_matter,
    systemd_hears_when_it_begins_and_when_it_is_done,
]


def main():
    chosen = [case for case in CASES if case.__name__ in sys.argv[1:]] or CASES
    failed = 0
    for case in chosen:
        with tempfile.TemporaryDirectory(prefix="qta-reload-") as folder:
            os.chdir(folder)
            try:
                case()
                print(f"ok      {case.__name__}")
            except (Failure, subprocess.TimeoutExpired) as failure:
                failed += 1
                print(f"FAILED  {case.__name__}: {failure}")
            os.chdir("/")
    print(f"{len(chosen) - failed} passed, {failed} failed")
    sys.stdout.flush()
    os._exit(failed > 0)  # the venues' threads end with us


main()

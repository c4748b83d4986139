#!/usr/bin/python3
"""qta-record with `lines: 2` against a venue that kills one line after the other.

An independent WebSocket server plays Alpaca and sends the same ticks over both lines, each in frames
and at a pace of its own: real trades and quotes, of which many are equal to their neighbours and
none has an id (without the real ones, made-up ones of the same kind). What is in the session must be
what was sent: nothing missing, nothing double, in order, no GAP. A day long it would be a line
every 3 s; here it goes faster, with QTA_CAMPAIGN set it goes on for minutes."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import urllib.request

try:
    import websockets
except ImportError:
    sys.exit(77)

BIN = os.path.join(os.environ["QTA_BINARY_DIR"], "bin")
DATA = os.path.join(os.environ.get("QTA_SOURCE_DIR", "."), "..", "shared", "data", "ticks")
IS_CAMPAIGN = "QTA_CAMPAIGN" in os.environ
KILL_EVERY_S = 3 if IS_CAMPAIGN else 0.6
KILLS = 40 if IS_CAMPAIGN else 4
TICKS_A_SECOND = 3000
SEED = int(os.environ.get("QTA_SEED", "1"))


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def clock(milliseconds):
    seconds, rest = divmod(milliseconds, 1000)
    return (f"2013-10-08T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
            f".{rest:03d}000000Z")


def rows(name, skip, count):
    """Lines of a published file, or None."""
    path = os.path.join(DATA, name)
    if not os.path.exists(path):
        return None
    text = subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout
    return [line.split(",") for line in text.decode().splitlines()[skip:skip + count]]


def decimal(ten_thousandths):
    value = int(ten_thousandths)
    return value / 10000


def trades(count):
    real = rows("lean_equity_spy_20131008_trade.csv.zst", 100000, count)
    if real is None:
        chance = random.Random(SEED)
        real, time = [], 34200000
        while len(real) < count:
            time += chance.choice([0, 0, 0, 1, 7])
            real.append([time, 1660000 + chance.randrange(3) * 100, 100 * chance.randrange(1, 3),
                         chance.choice("PQ"), "0"])
    return [{"T": "t", "S": "SPY", "x": row[3], "p": decimal(row[1]), "s": int(row[2]),
             "c": [row[4]], "z": "B", "t": clock(int(row[0]))} for row in real]


def quotes(count):
    real = rows("lean_equity_aig_20131007_quote.csv.zst", 300000, count)
    if real is None:
        chance = random.Random(SEED + 1)
        real, time = [], 34200000
        while len(real) < count:
            time += chance.choice([0, 0, 0, 0, 5])
            side = [490000 + chance.randrange(2) * 100, 3]
            real.append([time, *side, 0, 0, "P"] if chance.randrange(2) else
                        [time, 0, 0, *side, "P"])
    return [{"T": "q", "S": "AIG", "bx": row[5], "bp": decimal(row[1]), "bs": int(row[2]),
             "ax": row[5], "ap": decimal(row[3]), "as": int(row[4]), "c": ["R"], "z": "A",
             "t": clock(int(row[0]))} for row in real]


class Line:
    """One connection that is subscribed: what it still has to be sent, at its own pace."""

    def __init__(self, socket, chance):
        self.socket = socket
        self.chance = chance
        self.delay_s = chance.random() * 0.02
        self.waiting = asyncio.Queue()

    async def run(self):
        while True:
            ticks = [await self.waiting.get()]
            await asyncio.sleep(self.delay_s)
            while not self.waiting.empty():
                ticks.append(self.waiting.get_nowait())
            while ticks:
                frame = self.chance.randrange(1, 60)
                await self.socket.send(json.dumps(ticks[:frame]))
                del ticks[:frame]


class Venue:
    def __init__(self, ticks):
        self.ticks = ticks
        self.sent = []
        self.lines = []
        self.connections = 0
        self.kills = 0
        self.chance = random.Random(SEED)
        self.problems = []

    async def play(self, socket):
        self.connections += 1
        await socket.send('[{"T":"success","msg":"connected"}]')
        await socket.recv()
        await socket.send('[{"T":"success","msg":"authenticated"}]')
        request = json.loads(await socket.recv())
        if request.get("action") != "subscribe":
            self.problems.append(f"request: {request}")
        line = Line(socket, self.chance)
        await socket.send(json.dumps([{"T": "subscription", "trades": request.get("trades", []),
                                       "quotes": request.get("quotes", []), "bars": []}]))
        self.lines.append(line)
        try:
            await line.run()
        except websockets.ConnectionClosed:
            pass
        finally:
            self.lines.remove(line)

    async def broadcast(self):
        """Every tick to every line that is there now."""
        for start in range(0, len(self.ticks), 30):
            for tick in self.ticks[start:start + 30]:
                self.sent.append(tick)
                for line in self.lines:
                    line.waiting.put_nowait(tick)
            await asyncio.sleep(30 / TICKS_A_SECOND)

    async def kill_in_turn(self):
        """The line that has been there for longer; at times without a word."""
        while self.kills < KILLS:
            await asyncio.sleep(KILL_EVERY_S)
            check(len(self.lines) == 2, f"{len(self.lines)} lines before kill {self.kills}")
            victim = self.lines[0].socket
            self.kills += 1
            if self.kills % 2:
                victim.transport.abort()
            else:
                await victim.close(1001, "going away")

    async def wait_for_lines(self):
        for _ in range(200):
            if len(self.lines) == 2:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("the lines did not come")

    async def empty(self):
        """Until everything has been sent, and read."""
        for line in list(self.lines):
            while not line.waiting.empty():
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        for line in list(self.lines):
            await (await line.socket.ping())


def write_config(folder, port):
    path = os.path.join(folder, "lines.yaml")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"""
streaming:
  providers:
    - name: alpaca
      websocket_url: ws://127.0.0.1:{port}/v2/test
      subscriptions: [trades, quotes]
      symbols: [SPY, AIG]
      lines: 2
      circuit_breaker: {{failure_threshold: 0}}
      rate_limit: {{connects_per_minute: 0}}
  reconnect_delay: 30ms
  reconnect_delay_max: 60ms
streaming_health:
  metrics: {{enabled: true, host: 127.0.0.1, port: 0}}
recording:
  directory: {folder}/sessions
""")
    return path


async def read_talk(recorder, talk):
    while True:
        line = await recorder.stderr.readline()
        if not line:
            return
        talk.append(line.decode())


def metrics_of(talk):
    for line in talk:
        at = line.find("http://127.0.0.1:")
        if at >= 0:
            url = line[at:].split()[0].split("/metrics")[0].rstrip("/.,'\"")
            with urllib.request.urlopen(url + "/metrics", timeout=10) as answer:
                return answer.read().decode()
    return ""


async def run_venue(venue, folder):
    server = await websockets.serve(venue.play, "127.0.0.1", 0, compression=None)
    config = write_config(folder, server.sockets[0].getsockname()[1])
    environment = dict(os.environ, ALPACA_API_KEY="AK", ALPACA_API_SECRET="SK")
    recorder = await asyncio.create_subprocess_exec(
        os.path.join(BIN, "qta-record"), "--config", config, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    talk = []
    reader = asyncio.ensure_future(read_talk(recorder, talk))
    try:
        await venue.wait_for_lines()
        await asyncio.gather(venue.broadcast(), venue.kill_in_turn())
        await venue.empty()
        metrics = await asyncio.get_running_loop().run_in_executor(None, metrics_of, talk)
        recorder.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(recorder.wait(), 30)
        await reader
    finally:
        if recorder.returncode is None:
            recorder.kill()
            await recorder.wait()
        server.close()
        if sys.exc_info()[0]:
            print("".join(talk)[-4000:], file=sys.stderr)
    return code, "".join(talk), metrics


def read_session(folder):
    days = os.listdir(os.path.join(folder, "sessions"))
    check(len(days) == 1, f"sessions: {days}")
    path = os.path.join(folder, "sessions", days[0])
    out = subprocess.run([os.path.join(BIN, "qta-session"), "cat", "--format", "ndjson", path],
                         check=True, capture_output=True, text=True).stdout
    verify = subprocess.run([os.path.join(BIN, "qta-session"), "verify", path],
                            capture_output=True, text=True)
    check(verify.returncode == 0, f"verify: {verify.stdout}{verify.stderr}")
    return [json.loads(line) for line in out.splitlines()]


def key_of_sent(tick):
    if tick["T"] == "t":
        return (tick["t"], tick["p"], tick["s"], tick["x"], tuple(tick["c"]))
    return (tick["t"], tick["bp"], tick["bs"], tick["ap"], tick["as"], tick["bx"])


def key_of_recorded(tick):
    if tick["type"] == "trade":
        return (tick["ts_event"], tick["price"], tick["size"], tick["exchange"],
                tuple(tick["conditions"]))
    side = {name: tick.get(name, 0) for name in ("bid_price", "bid_size", "ask_price", "ask_size")}
    return (tick["ts_event"], *side.values(), tick["bid_exchange"])


def check_stream(name, sent, recorded):
    for number, (ours, theirs) in enumerate(zip(recorded, sent)):
        check(ours == theirs, f"{name} {number}: recorded {ours}, sent {theirs}")
    check(len(recorded) == len(sent), f"{name}: {len(recorded)} recorded, {len(sent)} sent")


def count_metric(metrics, name, label):
    return sum(float(line.split()[-1]) for line in metrics.splitlines()
               if line.startswith(name) and label in line)


def main():
    for program in ("qta-record", "qta-session"):
        if not os.path.exists(os.path.join(BIN, program)):
            sys.exit(77)
    count = int(TICKS_A_SECOND * KILL_EVERY_S * (KILLS + 1))
    ticks = [tick for pair in zip(trades(count // 2), quotes(count // 2)) for tick in pair]
    keys = [key_of_sent(tick) for tick in ticks]
    equal = sum(a == b for a, b in zip(keys, keys[2:]))
    check(equal > len(keys) / 50, "too few equal neighbours to prove anything")
    venue = Venue(ticks)
    with tempfile.TemporaryDirectory() as folder:
        code, talk, metrics = asyncio.run(run_venue(venue, folder))
        try:
            check(not venue.problems, f"venue: {venue.problems}")
            check(code == 0, f"exit code {code}")
            records = read_session(folder)
            check([r for r in records if r["type"] in ("gap", "drop")] == [], "gaps or drops")
            lost = [r for r in records if r["type"] == "conn" and r["state"] == "disconnected"]
            check(len(lost) == venue.kills, f"{len(lost)} disconnects, {venue.kills} kills")
            for kind, letter in (("trade", "t"), ("quote", "q")):
                check_stream(kind, [key_of_sent(t) for t in venue.sent if t["T"] == letter],
                             [key_of_recorded(r) for r in records if r["type"] == kind])
            first = count_metric(metrics, "qta_line_ticks_total", 'outcome="first"')
            double = count_metric(metrics, "qta_line_ticks_total", 'outcome="duplicate"')
            check(first == len(venue.sent), f"metrics: {first} first copies")
            check(double > first / 2, f"metrics: {double} duplicates")
        except AssertionError:
            print(talk[-4000:], file=sys.stderr)
            raise
    print(f"{len(venue.sent)} ticks, {equal} of them equal to their neighbour, {venue.kills} lines "
          f"killed: all there, {double:.0f} duplicates recognized")


if __name__ == "__main__":
    main()

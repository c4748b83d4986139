"""What the tests of health and metrics share: a venue, a recorder, its pages."""

import asyncio
import datetime
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

try:
    import websockets
except ImportError:
    print("skipped: python3-websockets is missing")
    sys.exit(77)

BIN = os.path.join(os.environ["QTA_BINARY_DIR"], "bin")
SOURCE = os.environ["QTA_SOURCE_DIR"]
KEY = "AK-CANARY-5d41402a"
SECRET = "SK-CANARY-7d793037"
PATIENCE_S = 60


def check(condition, sentence, *details):
    if not condition:
        raise AssertionError(": ".join([sentence, *(str(detail) for detail in details)]))


def wait_until(condition, sentence):
    """Until condition() gives something true, which is returned."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        result = condition()
        if result:
            return result
        check(time.monotonic() < deadline, "waited in vain", sentence)
        time.sleep(0.05)


class Venue:
    """Speaks Alpaca's protocol on a thread of its own; sends what it is told to everybody."""

    def __init__(self):
        self.clients = set()
        self.trades = 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.server = self.call(self.listen(0))
        self.port = self.server.sockets[0].getsockname()[1]

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(PATIENCE_S)

    async def listen(self, port):
        return await websockets.serve(self.serve, "127.0.0.1", port, close_timeout=1)

    async def serve(self, client, _path=None):
        try:
            await self.talk(client)
        except websockets.ConnectionClosed:
            pass

    async def talk(self, client):
        await client.send('[{"T":"success","msg":"connected"}]')
        async for text in client:
            message = json.loads(text)
            if message["action"] == "auth":
                await client.send('[{"T":"success","msg":"authenticated"}]')
            elif message["action"] == "subscribe":
                answer = {"T": "subscription", "trades": message.get("trades", [])}
                await client.send(json.dumps([answer]))
                self.clients.add(client)

    async def send_all(self, text):
        for client in list(self.clients):
            try:
                await client.send(text)
            except websockets.ConnectionClosed:
                self.clients.discard(client)

    def send(self, text):
        self.call(self.send_all(text))

    def send_trades(self, symbols, age_ms=0):
        at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(milliseconds=age_ms)
        stamp = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        trades = []
        for symbol in symbols:
            self.trades += 1
            trades.append({"T": "t", "i": self.trades, "S": symbol, "x": "V", "p": 1.5, "s": 1,
                           "c": ["@"], "z": "C", "t": stamp})
        self.send(json.dumps(trades))

    async def close_all(self):
        for client in list(self.clients):
            await client.close(1011, "bad day")
        self.clients.clear()

    def drop_clients(self):
        self.call(self.close_all())

    async def go_away(self):
        self.server.close()
        await self.server.wait_closed()

    def stop(self):
        self.call(self.close_all())
        self.call(self.go_away())

    def start(self):
        self.server = self.call(self.listen(self.port))


class Recorder:
    """qta-record with this configuration (JSON is YAML); serves on a port of its choice."""

    def __init__(self, config, *arguments, **options):
        with open("config.yaml", "w", encoding="utf-8") as file:
            json.dump(config, file)
        environment = dict(os.environ, ALPACA_API_KEY=KEY, ALPACA_API_SECRET=SECRET)
        self.log = open("log.txt", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [os.path.join(BIN, "qta-record"), "--config", "config.yaml", "--quiet", *arguments],
            stderr=self.log, env=environment, **{"stdout": subprocess.DEVNULL, **options})
        self.port = None

    def read_log(self):
        with open("log.txt", encoding="utf-8") as file:
            return file.read()

    def wait_for_port(self):
        found = wait_until(lambda: re.search(r"serving http://127\.0\.0\.1:(\d+)/",
                                             self.read_log()) or self.process.poll(),
                           "it serves: " + self.read_log())
        check(self.process.poll() is None, "it runs", self.read_log())
        self.port = int(found.group(1))
        return self

    def get(self, path, method="GET", headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        return response.status, response.headers, body

    def metrics(self):
        """{'name{labels}': value}; a page is up to a second old."""
        status, _headers, body = self.get("/metrics")
        check(status == 200, "metrics", status)
        values = {}
        for line in body.splitlines():
            if not line.startswith("#"):
                name, _space, value = line.rpartition(" ")
                check(name not in values, "a series is there once", name)
                values[name] = float(value)
        return values

    def wait_for_metric(self, name, least):
        return wait_until(lambda: self.metrics().get(name, -1) >= least, f"{name} >= {least}")

    def status(self):
        return json.loads(self.get("/status")[2])

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        check(code in (0, 3), "it ends well", code, self.read_log())
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()


def alpaca_config(venue, **health):
    return {
        "streaming": {
            "symbols": ["AAPL", "MSFT", "SPY"],
            "providers": [{"name": "alpaca", "websocket_url": f"ws://127.0.0.1:{venue.port}/v2/iex",
                           "subscriptions": ["trades"],
                           "circuit_breaker": {"failure_threshold": 5, "timeout": "200ms"}}],
            "health_check_interval": "1s",
            "reconnect_delay": "20ms",
            "reconnect_delay_max": "100ms",
        },
        "recording": {"directory": "sessions", "journal_chunk": "64KiB"},
        "streaming_health": {"metrics": {"enabled": True, "port": 0}, **health},
    }

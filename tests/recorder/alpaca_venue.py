#!/usr/bin/python3
"""qta-record against a scripted Alpaca, played by an independent WebSocket server.

The venue has a bad day: it closes, refuses, answers 429, sends garbage, resets the connection, and is
good again. The recorder must come back each time with a full resubscription and record every tick
that was sent whole, in order and digit by digit, with the outages and their causes on record.
Over ws:// and, with a private CA, over wss://; in JSON and in MessagePack."""

import asyncio
import concurrent.futures
import datetime
import decimal
import http
import json
import logging
import os
import signal
import ssl
import subprocess
import sys
import tempfile

try:
    import msgpack
    import websockets
except ImportError:
    sys.exit(77)

BIN = os.path.join(os.environ["QTA_BINARY_DIR"], "bin")
KEY = "AK-CANARY-5d41402a"
SECRET = "SK-CANARY-7d793037"
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class Raw:
    """A message that is sent as it stands."""

    def __init__(self, data):
        self.data = data


def timestamp(number):
    return f"2024-05-01T13:30:{number % 60:02d}.{number:09d}Z"


def trade(number):
    return {"T": "t", "i": number, "S": "AAPL", "x": "V", "p": 190 + number % 100 / 100,
            "s": number % 7 + 1, "c": ["@", "I"], "z": "C", "t": timestamp(number)}


def quote(number):
    return {"T": "q", "S": "MSFT", "bx": "K", "bp": 410.5, "bs": number % 5, "ax": "V",
            "ap": 410.25 + number % 4, "as": 2, "c": ["R"], "z": "C", "t": timestamp(number)}


def to_msgpack(value):
    """Times as the timestamp extension, everything else as it is."""
    if isinstance(value, dict):
        out = {}
        for key, item in value.items():
            if key == "t" and isinstance(item, str):
                whole = datetime.datetime.fromisoformat(item[:19]).replace(
                    tzinfo=datetime.timezone.utc)
                out[key] = msgpack.Timestamp(int((whole - EPOCH).total_seconds()),
                                             int(item[20:29]))
            else:
                out[key] = to_msgpack(item)
        return out
    if isinstance(value, list):
        return [to_msgpack(item) for item in value]
    return value


class Venue:
    def __init__(self):
        self.connections = 0
        self.sent = []  # ticks that the recorder must have
        self.requests = []  # what each connection asked for
        self.number = 0
        self.done = asyncio.Event()
        self.problems = []

    # what goes over the wire

    async def send(self, socket, messages):
        if isinstance(messages, Raw):
            await socket.send(messages.data)
        elif socket.is_msgpack:
            await socket.send(msgpack.packb(to_msgpack(messages)))
        else:
            await socket.send(json.dumps(messages))

    async def receive(self, socket):
        data = await socket.recv()
        return msgpack.unpackb(data) if socket.is_msgpack else json.loads(data)

    async def ticks(self, socket, frames, a_frame):
        for _ in range(frames):
            batch = []
            for _ in range(a_frame):
                self.number += 1
                batch.append(trade(self.number) if self.number % 3 else quote(self.number))
            self.sent += batch
            await self.send(socket, batch)

    async def log_in(self, socket):
        await self.send(socket, [{"T": "success", "msg": "connected"}])
        login = await self.receive(socket)
        if login != {"action": "auth", "key": KEY, "secret": SECRET}:
            self.problems.append(f"login was {login}")
        await self.send(socket, [{"T": "success", "msg": "authenticated"}])

    async def acknowledge(self, socket):
        request = await self.receive(socket)
        self.requests.append(request)
        await self.send(socket, [{"T": "subscription", "trades": request.get("trades", []),
                                  "quotes": request.get("quotes", []), "bars": []}])

    # the acts, one a connection

    async def act_1_data_then_close(self, socket):
        await self.log_in(socket)
        await self.acknowledge(socket)
        await self.ticks(socket, 40, 25)
        await socket.close(1001, "going away")

    async def act_2_connection_limit(self, socket):
        await self.send(socket, [{"T": "success", "msg": "connected"}])
        await self.receive(socket)
        await self.send(socket, [{"T": "error", "code": 406, "msg": "connection limit exceeded"}])
        await socket.close(1000)

    async def act_3_garbage(self, socket):
        await self.log_in(socket)
        await self.acknowledge(socket)
        await self.ticks(socket, 2, 5)
        garbage = [b"\xc1\xc1", b"", b"\x91", b"\xdd\xff\xff\xff\xff", b"\x91" * 5000,
                   msgpack.packb([{"T": "t", "S": "AAPL"}]),
                   msgpack.packb([{"T": "zzz", "S": "AAPL"}])]
        if not socket.is_msgpack:
            garbage = ["not json", "", "[", '[{"T":"t","S":"AA', "[" * 5000, "{}", "[1,null,[]]",
                       '[{"T":"t","S":"AAPL"}]', '[{"T":"zzz","S":"AAPL"}]',
                       '[{"T":"t","S":"AAPL","p":"abc","s":1,"t":"2024-05-01T13:30:00Z"}]']
        for data in garbage:
            await self.send(socket, Raw(data))
            await self.ticks(socket, 1, 3)
        await (await socket.ping())  # what is behind a reset would be lost, and rightly so
        socket.transport.abort()

    async def act_4_slow_client(self, socket):
        await self.log_in(socket)
        await self.acknowledge(socket)
        await self.ticks(socket, 3, 100)
        await self.send(socket, [{"T": "error", "code": 407, "msg": "slow client"}])
        await socket.wait_closed()

    async def act_6_good_again(self, socket):
        await self.log_in(socket)
        await self.acknowledge(socket)
        await self.ticks(socket, 200, 50)
        await (await socket.ping())  # answered in turn: everything before it has been read
        self.done.set()
        await socket.wait_closed()

    async def refuse(self, path, headers):
        """The fifth connection does not get as far as WebSocket."""
        if self.connections == 4 and "/v2/" in path:
            self.connections += 1
            return (http.HTTPStatus.TOO_MANY_REQUESTS, [("Retry-After", "1")], b"later\n")
        return None

    async def play(self, socket):
        self.connections += 1
        socket.is_msgpack = socket.request_headers.get("Content-Type") == "application/msgpack"
        acts = {1: self.act_1_data_then_close, 2: self.act_2_connection_limit,
                3: self.act_3_garbage, 4: self.act_4_slow_client, 6: self.act_6_good_again}
        try:
            await acts[self.connections](socket)
        except (websockets.ConnectionClosed, KeyError) as error:
            self.problems.append(f"connection {self.connections}: {error!r}")
            self.done.set()


class Refuser(Venue):
    """A venue that does not want the key: by its own error, or by the status of the upgrade."""

    def __init__(self, status):
        super().__init__()
        self.status = status

    async def refuse(self, path, headers):
        if self.status:
            self.connections += 1
            return (self.status, [], b"no\n")
        return None

    async def play(self, socket):
        self.connections += 1
        socket.is_msgpack = False
        await self.send(socket, [{"T": "success", "msg": "connected"}])
        await self.receive(socket)
        await self.send(socket, [{"T": "error", "code": 402, "msg": "auth failed"}])
        await socket.wait_closed()


def make_certificates(folder):
    """A CA of our own and a certificate for 127.0.0.1."""

    def run(*arguments):
        subprocess.run(["openssl", *arguments], check=True, cwd=folder, capture_output=True)

    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
        "-days", "2", "-subj", "/CN=Test CA")
    run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr",
        "-subj", "/CN=127.0.0.1")
    with open(os.path.join(folder, "san.txt"), "w", encoding="ascii") as file:
        file.write("subjectAltName=IP:127.0.0.1\n")
    run("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
        "-CAcreateserial", "-out", "server.pem", "-days", "2", "-extfile", "san.txt")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "server.pem"),
                            os.path.join(folder, "server.key"))
    return context


def write_config(folder, url, encoding, is_tls):
    path = os.path.join(folder, "venue.yaml")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"""
streaming:
  providers:
    - name: alpaca
      websocket_url: {url}
      encoding: {encoding}
      subscriptions: [trades, quotes]
      symbols: [AAPL, MSFT]
      circuit_breaker: {{failure_threshold: 0}}
""")
        if is_tls:
            file.write(f"      tls: {{ca_file: {folder}/ca.pem}}\n")
        file.write(f"""
  reconnect_delay: 50ms
  reconnect_delay_max: 200ms
recording:
  directory: {folder}/sessions
""")
    return path


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def is_same_number(recorded, sent, encoding):
    """JSON digit by digit; MessagePack has no digits, only the value."""
    if encoding == "json":
        return str(recorded) == json.dumps(sent)
    return decimal.Decimal(recorded) == decimal.Decimal(repr(sent))


def read_session(folder):
    days = os.listdir(os.path.join(folder, "sessions"))
    check(len(days) == 1, f"sessions: {days}")
    path = os.path.join(folder, "sessions", days[0])
    out = subprocess.run([os.path.join(BIN, "qta-session"), "cat", "--format", "ndjson", path],
                         check=True, capture_output=True, text=True).stdout
    return path, [json.loads(line, parse_float=str) for line in out.splitlines()]


def check_ticks(venue, ticks, encoding):
    check(len(ticks) == len(venue.sent), f"{len(ticks)} ticks recorded, {len(venue.sent)} sent")
    for tick, sent in zip(ticks, venue.sent):
        check(tick["symbol"] == sent["S"], f"{tick} is not {sent}")
        check(tick["ts_event"] == sent["t"], f"{tick} is not {sent}")
        if sent["T"] == "t":
            check(tick["type"] == "trade" and tick["id"] == sent["i"], f"{tick} is not {sent}")
            check(is_same_number(tick["price"], sent["p"], encoding), f"{tick} is not {sent}")
            check(is_same_number(tick["size"], sent["s"], encoding), f"{tick} is not {sent}")
            check(tick["conditions"] == sent["c"], f"{tick} is not {sent}")
        else:
            check(tick["type"] == "quote", f"{tick} is not {sent}")
            check(is_same_number(tick["bid_price"], sent["bp"], encoding), f"{tick} is not {sent}")
            check(is_same_number(tick["ask_price"], sent["ap"], encoding), f"{tick} is not {sent}")


def check_secrets(folder):
    for root, _, names in os.walk(os.path.join(folder, "sessions")):
        for name in names:
            with open(os.path.join(root, name), "rb") as file:
                data = file.read()
            check(KEY.encode() not in data and SECRET.encode() not in data,
                  f"a secret is in {name}")


def check_story(records):
    """Each act ends as it should, and the next one that gives data closes the gap."""
    losses = [(record["cause"], record.get("code", 0)) for record in records
              if record["type"] == "conn" and record["state"] == "disconnected"]
    check([cause for cause, _ in losses] ==
          ["peer_closed", "provider", "lost", "provider", "http"], f"losses: {losses}")
    check([code for _, code in losses] == [1001, 406, 0, 407, 429], f"losses: {losses}")
    gaps = [record for record in records if record["type"] == "gap"]
    check([gap["scope"] for gap in gaps] == ["provider"] * 3, f"gaps: {gaps}")
    check([gap["cause"] for gap in gaps] == ["peer_closed", "lost", "provider"], f"gaps: {gaps}")
    check([record["seq"] for record in records] == list(range(1, len(records) + 1)), "seq")


async def play(venue, folder, encoding, is_tls):
    """Until the venue is done, or the recorder ends by itself."""
    context = make_certificates(folder) if is_tls else None
    server = await websockets.serve(venue.play, "127.0.0.1", 0, ssl=context,
                                    process_request=venue.refuse, compression=None)
    port = server.sockets[0].getsockname()[1]
    scheme = "wss" if is_tls else "ws"
    config = write_config(folder, f"{scheme}://127.0.0.1:{port}/v2/test", encoding, is_tls)
    environment = dict(os.environ, ALPACA_API_KEY=KEY, ALPACA_API_SECRET=SECRET)
    recorder = await asyncio.create_subprocess_exec(
        os.path.join(BIN, "qta-record"), "--config", config, "--log-level", "debug",
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        talk = asyncio.ensure_future(recorder.communicate())
        done = asyncio.ensure_future(venue.done.wait())
        await asyncio.wait({talk, done}, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        if not talk.done():
            recorder.send_signal(signal.SIGTERM)
        done.cancel()
        stdout, stderr = await asyncio.wait_for(talk, 30)
    finally:
        if recorder.returncode is None:
            recorder.kill()
            await recorder.wait()
        server.close()
        await server.wait_closed()
    return recorder.returncode, stdout.decode(), stderr.decode()


def run(encoding, is_tls):
    with tempfile.TemporaryDirectory() as folder:
        venue = Venue()
        code, stdout, stderr = asyncio.run(play(venue, folder, encoding, is_tls))
        try:
            check(not venue.problems, f"venue: {venue.problems}")
            check(code == 3, f"exit code {code}")  # recorded, but messages were unreadable
            check(stdout == "", f"stdout: {stdout}")
            check(KEY not in stderr and SECRET not in stderr, "a secret is in the log")
            check_secrets(folder)
            check(len(venue.requests) == 4, f"requests: {venue.requests}")
            for request in venue.requests:
                check(request.get("action") == "subscribe" and
                      request.get("trades") == ["AAPL", "MSFT"] and
                      request.get("quotes") == ["AAPL", "MSFT"], f"request: {request}")
            path, records = read_session(folder)
            check_ticks(venue, [record for record in records
                                if record["type"] in ("trade", "quote")], encoding)
            check_story(records)
            verify = subprocess.run([os.path.join(BIN, "qta-session"), "verify", path],
                                    capture_output=True, text=True)
            check(verify.returncode == 0, f"verify: {verify.stdout}{verify.stderr}")
        except AssertionError:
            print(stderr[-4000:], file=sys.stderr)
            raise
        print(f"{encoding} over {'wss' if is_tls else 'ws'}: {len(venue.sent)} ticks, "
              f"{venue.connections} connections")


def run_refused(status, attempts, sentence):
    """Trying again will not help: exit 2, one error line that says what to do, no hammering."""
    with tempfile.TemporaryDirectory() as folder:
        venue = Refuser(status)
        code, _, stderr = asyncio.run(play(venue, folder, "json", False))
        try:
            check(code == 2, f"exit code {code}")
            check(venue.connections == attempts, f"{venue.connections} connections")
            check(stderr.count(sentence) >= 1, f"not said: {sentence}")
            check(KEY not in stderr and SECRET not in stderr, "a secret is in the log")
            _, records = read_session(folder)
            states = [record["state"] for record in records if record["type"] == "conn"]
            check(states[-2:] == ["blocked", "run_ended"], f"states: {states}")
        except AssertionError:
            print(stderr[-4000:], file=sys.stderr)
            raise
        print(f"refused with {status.value if status else 402}: given up after {attempts}")


if __name__ == "__main__":
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    for program in ("qta-record", "qta-session"):
        if not os.path.exists(os.path.join(BIN, program)):
            sys.exit(77)
    # most of the time is waiting for venues that ask for patience
    with concurrent.futures.ThreadPoolExecutor() as pool:
        plays = [pool.submit(run, encoding, is_tls)
                 for encoding in ("json", "msgpack") for is_tls in (False, True)]
        plays.append(pool.submit(run_refused, None, 1, "402"))
        plays.append(pool.submit(run_refused, http.HTTPStatus.UNAUTHORIZED, 3, "three times"))
        plays.append(pool.submit(run_refused, http.HTTPStatus.FORBIDDEN, 3, "three times"))
    for finished in plays:
        finished.result()

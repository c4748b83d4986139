#!/usr/bin/python3
"""Keys that look like nothing else, put in by every source and shown in every way, to a venue that sends
back all that it is told. Afterwards they are in no log, page, tick, frame, session, argument,
environment or core dump, in none of the spellings that they may come back in."""

import asyncio
import base64
import concurrent.futures
import http
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

try:
    import websockets
except ImportError:
    print("skipped: python3-websockets is missing")
    sys.exit(77)

sys.path.insert(0, os.path.join(os.environ["QTA_SOURCE_DIR"], "tests", "cli"))
import children  # noqa: E402

BIN = os.path.join(os.environ["QTA_BINARY_DIR"], "bin")
KEY = "AK-CANARY/5d41+402a"
NEW_KEY = "AK-CANARY/new8+77"
SECRET = "SK-CANARY\"7d79\\3037="
WORDS = [b"CANARY", base64.b64encode(KEY.encode())[:12], base64.b64encode(SECRET.encode())[:12],
         base64.b64encode(f"{KEY}:{SECRET}".encode())[:12]]
URL_TOKEN = "UT-9d5ed678"  # in the URL: hidden like the others, but in memory like a URL
MAPPING_MAX = 1 << 28
PATIENCE_S = 60


def check(condition, sentence, *details):
    if not condition:
        raise AssertionError(": ".join([sentence, *(str(detail) for detail in details)]))


def spellings(secrets):
    """What a venue might make of them."""
    percent = [urllib.parse.quote(text, safe="") for text in secrets]
    encoded = [base64.b64encode(text.encode()).decode() for text in [*secrets, ":".join(secrets)]]
    return [*secrets, *percent, *encoded]


class Venue:
    """Alpaca's protocol. One that is `nosy` puts the keys that it gets wherever it can: into messages, into
    the reason for closing the first connection, into the answer that refuses the second, into the
    errors that end those after it, but not the last."""

    def __init__(self, is_nosy, secrets):
        self.is_nosy = is_nosy
        self.secrets = secrets
        self.spellings = spellings(secrets)
        self.last = 3 + len(self.spellings) if is_nosy else 1  # connection
        self.connections = 0
        self.logins = []
        self.clients = []
        self.loop = asyncio.get_running_loop()
        self.port = None

    async def start(self):
        server = await websockets.serve(self.serve, "127.0.0.1", 0, close_timeout=1,
                                        process_request=self.on_request)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def on_request(self, _path, headers):
        self.connections += 1
        shown = [headers.get("APCA-API-KEY-ID"), headers.get("Authorization")]
        self.logins += [text for text in shown if text]
        if self.is_nosy and self.connections == 2:
            return (http.HTTPStatus.BAD_GATEWAY, [("X-Key", KEY)],
                    f"who are {' '.join(self.spellings)}?".encode())
        return None

    async def serve(self, client, _path=None):
        try:
            await self.talk(client)
        except websockets.ConnectionClosed:
            pass

    def drop_client(self):
        """From another thread."""
        asyncio.run_coroutine_threadsafe(self.clients[-1].close(1011), self.loop).result(PATIENCE_S)

    async def talk(self, client):
        number = self.connections
        self.clients.append(client)
        is_known = "Authorization" in client.request_headers or \
            "APCA-API-KEY-ID" in client.request_headers
        await client.send('[{"T":"success","msg":"connected"}]')
        if is_known:
            await client.send('[{"T":"success","msg":"authenticated"}]')
        async for text in client:
            message = json.loads(text)
            if message["action"] == "auth":
                self.logins.append(message["key"] if message["key"] != "oauth" else
                                   message["secret"])
                await client.send('[{"T":"success","msg":"authenticated"}]')
            elif message["action"] == "subscribe":
                answer = {"T": "subscription", "trades": message.get("trades", [])}
                await client.send(json.dumps([answer]))
                if self.is_nosy:
                    await self.tell_all(client)
                if self.is_nosy and number == 1:
                    await client.close(1011, f"no {' '.join(self.secrets)}")
                elif number < self.last:
                    text = self.spellings[number - 3]
                    await client.send(json.dumps([{"T": "error", "code": 500, "msg": text}]))
                else:
                    await client.send(json.dumps([trade(1, "AAPL")]))

    async def tell_all(self, client):
        for number, text in enumerate(self.spellings):
            await client.send(json.dumps([trade(number, text)]))
            await client.send(json.dumps([{"T": text, "msg": text}]))
            await client.send(f'[{{"T":"success","msg":"{text}')
        for slash in ("/", "\\/"):  # JSON has both
            both = json.dumps(" ".join(self.secrets)).replace("/", slash)
            await client.send(f'[{{"T":"success","msg":{both}}}]')


def trade(number, symbol):
    return {"T": "t", "i": number, "S": symbol, "x": "V", "p": 1.5, "s": 1, "c": ["@"], "z": "C",
            "t": "2024-05-01T13:30:00.000000001Z"}


# ---- looking ---------------------------------------------------------------------------------------


def search(data, where, words=(*WORDS, URL_TOKEN.encode())):
    """The test itself: none of the words is in these bytes."""
    for word in words:
        at = data.find(word)
        check(at < 0, f"a key is in {where}", data[max(at - 80, 0):at + 40])


def is_sanitized():
    """A sanitizer keeps a copy of the environment to itself."""
    libraries = subprocess.run(["ldd", os.path.join(BIN, "qta-record")], capture_output=True,
                               text=True, check=False).stdout
    return re.search(r"lib([atm]|ub)san", libraries) is not None


def search_memory(pid):
    """What a core dump would have: the mappings that are not left out of it."""
    if is_sanitized():
        return
    keeps = []
    with open(f"/proc/{pid}/smaps", encoding="utf-8") as file:
        for line in file:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)", line)
            if head:
                mapping = (int(head[1], 16), int(head[2], 16), head[3], head[4].strip())
            elif line.startswith("VmFlags:") and " dd" not in line:
                keeps.append(mapping)
    searched = 0
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for first, last, rights, name in keeps:
            if "r" not in rights or last - first > MAPPING_MAX or name in ("[vvar]", "[vsyscall]"):
                continue
            try:
                memory.seek(first)
                data = memory.read(last - first)
            except OSError:
                continue
            searched += len(data)
            search(data, f"memory, {name or 'anonymous'}", WORDS)
    check(searched > 1 << 20, "there was memory to search", searched)


def search_core(pid, folder):
    """By the real thing, where it is there and may look."""
    if is_sanitized():
        return
    if not shutil.which("gcore"):
        print("gcore is missing: only /proc/PID/mem was searched")
        return
    done = subprocess.run(["gcore", "-o", str(folder / "core"), str(pid)], capture_output=True,
                          check=False)
    if done.returncode != 0:
        print("gcore failed: only /proc/PID/mem was searched")
        return
    for core in folder.glob("core.*"):
        search(core.read_bytes(), "the core dump", WORDS)
        core.unlink()


def search_process(pid):
    for name in ("cmdline", "environ"):
        search(pathlib.Path(f"/proc/{pid}/{name}").read_bytes(), name)


def search_pages(log):
    found = re.search(r"serving http://127\.0\.0\.1:(\d+)/", log.read_text(encoding="utf-8"))
    check(found, "pages are served", log.read_text(encoding="utf-8"))
    for page in ("metrics", "status", "healthz", "readyz", "nothing"):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/{page}",
                                        timeout=PATIENCE_S) as answer:
                search(answer.read() + str(answer.headers).encode(), f"/{page}")
        except urllib.error.HTTPError as answer:
            search(answer.read() + str(answer.headers).encode(), f"/{page}")


def search_session(folder):
    for path in sorted((folder / "sessions").rglob("*")):
        if path.is_file():
            search(path.read_bytes(), path)
    session = str(next(iter(sorted((folder / "sessions").iterdir()))))
    for command in (["cat"], ["frames"], ["info"], ["gaps"], ["verify"]):
        done = subprocess.run([os.path.join(BIN, "qta-session"), *command, session],
                              capture_output=True, check=False)
        check(done.returncode in (0, 1, 3), f"qta-session {command} runs", done.stderr)
        search(done.stdout + done.stderr, f"qta-session {command}")
        if command == ["frames"]:
            check(len(done.stdout) > 200, "there are frames")


# ---- running ---------------------------------------------------------------------------------------


class Case:
    """One source of keys, one way to show them."""

    def __init__(self, name, method="api_key", log_format="text", is_nosy=True, keys=None,
                 variables=None, arguments=(), prepare=None):
        self.name = name
        self.log_format = log_format
        self.is_nosy = is_nosy
        self.keys = {"auth_method": method, **(keys or {})}
        self.variables = variables or {}
        self.arguments = arguments
        self.prepare = prepare


def write_secret(path, text, mode=0o600):
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return str(path)


def with_files(folder, case):
    case.keys["api_key_file"] = write_secret(folder / "key", KEY + "\n")
    case.keys["api_secret_file"] = write_secret(folder / "secret", SECRET)


def with_systemd(folder, case):
    credentials = folder / "credentials"
    credentials.mkdir()
    write_secret(credentials / "alpaca_api_key", KEY)
    write_secret(credentials / "alpaca_api_secret", SECRET)
    case.variables["CREDENTIALS_DIRECTORY"] = str(credentials)


def with_command(folder, case):
    case.keys["token_command"] = ["/bin/cat", write_secret(folder / "token", KEY + "\n")]


ENVIRONMENT = {"ALPACA_API_KEY": KEY, "ALPACA_API_SECRET": SECRET}
CASES = [
    Case("environment", variables=ENVIRONMENT),
    Case("environment, quiet", variables=ENVIRONMENT, is_nosy=False),
    Case("own variables", "headers", "json",
         variables={"APCA_API_KEY_ID": KEY, "APCA_API_SECRET_KEY": SECRET}),
    Case("configuration", keys={"api_key": KEY, "api_secret": SECRET}, log_format="json"),
    Case("configuration, quiet", "headers", keys={"api_key": KEY, "api_secret": SECRET},
         is_nosy=False),
    Case("references", "message", keys={"api_key": "${MY_KEY}", "api_secret": "${MY_SECRET}"},
         variables={"MY_KEY": KEY, "MY_SECRET": SECRET}),
    Case("arguments", arguments=["--set", f"streaming.providers.alpaca.api_key={KEY}", "--set",
                                 f"streaming.providers.alpaca.api_secret={SECRET}"],
         is_nosy=False),
    Case("files", "headers", prepare=with_files),
    Case("files, replaced", prepare=with_files, is_nosy=False),
    Case("systemd", prepare=with_systemd),
    Case("command", "bearer", "json", prepare=with_command),
    Case("command, quiet", "bearer", is_nosy=False, prepare=with_command),
]


def config_of(case, port):
    return {
        "streaming": {
            "symbols": ["AAPL"],
            "providers": [{"name": "alpaca", "subscriptions": ["trades"],
                           "rate_limit": {"connects_per_minute": 0},
                           "circuit_breaker": {"failure_threshold": 0},
                           "websocket_url": f"ws://127.0.0.1:{port}/v2/iex?token={URL_TOKEN}",
                           **case.keys}],
            "reconnect_delay": "10ms",
            "reconnect_delay_max": "20ms",
        },
        "recording": {"directory": "sessions", "journal_chunk": "64KiB", "raw_frames": True},
        "streaming_health": {"metrics": {"enabled": True, "port": 0}},
    }


def environment_of(case):
    kept = {name: value for name, value in os.environ.items() if "API_" not in name}
    return {**kept, **case.variables}


async def run_case(case, folder):
    venue = Venue(case.is_nosy, [KEY] if case.keys["auth_method"] == "bearer" else [KEY, SECRET])
    server = await venue.start()
    try:
        await asyncio.get_event_loop().run_in_executor(None, record, case, folder, venue)
    finally:
        server.close()
        await server.wait_closed()
    check(any(KEY in login for login in venue.logins), "the venue was shown the key", case.name)


def wait_until(condition, process, log, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        check(process.poll() is None, "it runs", what, log.read_text(encoding="utf-8"))
        check(time.monotonic() < deadline, "it happens", what, log.read_text(encoding="utf-8"))
        time.sleep(0.02)


def replace_key(folder, venue, process, log):
    """New keys are for the next login; the connection stays."""
    write_secret(folder / "key", NEW_KEY + "\n")
    process.send_signal(signal.SIGHUP)
    wait_until(lambda: b"new keys: used from the next login on" in log.read_bytes(), process, log,
               "new keys are noticed")
    check(venue.connections == 1, "the connection stays", venue.connections)
    venue.drop_client()
    wait_until(lambda: venue.logins[-1] == NEW_KEY, process, log, "the new key is used")


def record(case, folder, venue):
    if case.prepare:
        case.prepare(folder, case)
    config = folder / "config.yaml"
    config.write_text(json.dumps(config_of(case, venue.port)), encoding="utf-8")
    command = [os.path.join(BIN, "qta-record"), "--config", "config.yaml", *case.arguments]
    checked = subprocess.run([*command, "--check-config"], cwd=folder, env=environment_of(case),
                             capture_output=True, check=False)
    check(checked.returncode == 0, "the configuration is good", case.name, checked.stderr)
    search(checked.stdout + checked.stderr, f"--check-config ({case.name})")
    log = folder / "log"
    ticks = folder / "ticks"
    with open(log, "wb") as err, open(ticks, "wb") as out:
        process = children.Popen([*command, "--log-level", "debug", "--log-format",
                                  case.log_format, "--format", "ndjson"],
                                 cwd=folder, env=environment_of(case), stdout=out, stderr=err)
    try:
        wait_until(lambda: venue.connections >= venue.last and b'"AAPL"' in ticks.read_bytes(),
                   process, log, f"{case.name}: ticks come")
        if case.name == "files, replaced":
            replace_key(folder, venue, process, log)
        search_process(process.pid)
        search_pages(log)
        if not case.is_nosy:
            search_memory(process.pid)
        if case.name == "environment, quiet":
            search_core(process.pid, folder)
    finally:
        process.terminate()
        code = process.wait(PATIENCE_S)
    search(log.read_bytes(), f"the log ({case.name})")
    search(ticks.read_bytes(), f"the ticks ({case.name})")
    check(code in (0, 3), "it ends well", case.name, code, log.read_bytes())
    search_session(folder)


# ---- mistakes --------------------------------------------------------------------------------------


def with_open_file(folder, case):
    case.keys["api_key_file"] = write_secret(folder / "key", KEY, 0o644)


def with_two_lines(folder, case):
    case.keys["api_key_file"] = write_secret(folder / "key", f"{KEY}\n{SECRET}\n")


MISTAKES = [
    Case("one of two", variables={"ALPACA_API_KEY": KEY}),
    Case("no such way", "cookie", variables=ENVIRONMENT),
    Case("a list", keys={"api_key": [KEY], "api_secret": {"x": SECRET}}),
    Case("control characters", keys={"api_key": f"{KEY}\x01", "api_secret": SECRET}),
    Case("two lines", variables={**ENVIRONMENT, "ALPACA_API_KEY": f"{KEY}\n{KEY}"}),
    Case("an open file", prepare=with_open_file),
    Case("a file of two lines", prepare=with_two_lines),
    Case("a command that fails", "bearer",
         keys={"token_command": ["/bin/sh", "-c", "printenv MY_KEY; exit 3"]},
         variables={"MY_KEY": KEY}),
    Case("an unknown key", keys={"api_kei": KEY}, variables=ENVIRONMENT,
         arguments=["--set", f"streaming.providers.alpaca.api_kei={KEY}"]),
    Case("an argument that is none", arguments=["--set", f"streaming.api_key:{KEY}"]),
]


def make_mistake(case, folder):
    if case.prepare:
        case.prepare(folder, case)
    config = folder / "config.yaml"
    config.write_text(json.dumps(config_of(case, 1)), encoding="utf-8")
    for extra in ([], ["--check-config"], ["--log-format", "json", "--log-level", "debug"]):
        done = subprocess.run([os.path.join(BIN, "qta-record"), "--config", "config.yaml",
                               *case.arguments, *extra], cwd=folder, env=environment_of(case),
                              capture_output=True, check=False)
        output = done.stdout + done.stderr
        search(output, f"what is said about {case.name}")
        check(done.returncode in (1, 2) and done.stderr, "it is an error", case.name, output)
        errors = [line for line in done.stderr.splitlines()
                  if b"warning" not in line and b"\"debug\"" not in line]
        check(len(errors) <= 2, "one clear error", case.name, output)


def main():
    with tempfile.TemporaryDirectory() as scratch:
        folders = iter(range(1000))

        def new_folder():
            folder = pathlib.Path(scratch) / str(next(folders))
            folder.mkdir()
            return folder

        def run(case):
            asyncio.run(run_case(case, new_folder()))
            print(f"{case.name}: nothing is seen")

        for case in MISTAKES:
            make_mistake(case, new_folder())
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(run, CASES))


if __name__ == "__main__":
    main()

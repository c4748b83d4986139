#!/usr/bin/python3
"""What anybody can do to the health pages while ticks flow: slow and idle connections, pipelining,
endless URIs, bodies, upgrades, garbage, many scrapes. And what a feed can do with names: hundreds of
thousands of symbols, names that are paths, SQL, formats. The table of cases is in README.md."""
import asyncio
import json
import os
import re
import resource
import subprocess
import sys
import time

import chaos
from chaos import IS_CAMPAIGN, Failure, Provider, Recorder, check
from venue import TEXT, Venue, frame, good

SLOW_CONNECTIONS = 1000
SYMBOLS = 1000000 if IS_CAMPAIGN else 20000 if chaos.IS_SANITIZED else 100000
SYMBOLS_MAX = 100
HEALTH = {"monitoring": {"enabled": True, "check_interval": "200ms"},
          "thresholds": {"max_latency_ms": 0},
          "metrics": {"enabled": True, "host": "127.0.0.1", "port": 0, "max_symbols": SYMBOLS_MAX}}


async def port_of(recorder):
    def look():
        return re.search(r"127\.0\.0\.1:(\d+)/metrics|http://127\.0\.0\.1:(\d+)", recorder.log())
    await chaos.until(lambda: recorder.ends() or look(), "the pages are served")
    found = look()
    return int(found.group(1) or found.group(2))


# ---- abuse ----

async def say(port, data, answer_bytes=1 << 20, limit_s=20):
    """Sends this, and reads until the server ends it or falls silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = b""
    try:
        writer.write(data)
        while len(got) < answer_bytes:
            part = await asyncio.wait_for(reader.read(65536), limit_s)
            if not part:
                break
            got += part
    except (ConnectionError, asyncio.TimeoutError):
        pass
    finally:
        writer.transport.abort()
    return got


async def get(port, path):
    got = await say(port, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    head, _, body = got.partition(b"\r\n\r\n")
    return int(head.split()[1]) if head else 0, body.decode(errors="replace")


async def slow_connections(port, until):
    """A thousand that say a byte now and then, and come again when they are thrown out."""
    async def one(index):
        request = b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-Slow: "
        while not until.is_set():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                for byte in request if index % 2 else b"":
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0.25)
                    if until.is_set():
                        break
                else:
                    await asyncio.sleep(2)
                writer.transport.abort()
            except OSError:
                await asyncio.sleep(0.5)
    await asyncio.gather(*[one(index) for index in range(SLOW_CONNECTIONS)])


async def abuse(port, is_crowded):
    """Each answered by a refusal or an end, none by a page that was not asked for. Where it is
    crowded, connections may be ended at once."""
    nothing = (b"",) if is_crowded else ()
    head = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"
    got = await say(port, b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", limit_s=8)
    check(b" 200 " not in got[:20], "a huge URI", got[:60])
    got = await say(port, b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" +
                    b"x" * 1000000, limit_s=8)
    check(b" 405 " in got[:20] or got == b"", "a body", got[:60])
    got = await say(port, head + b"Content-Length: 10\r\n\r\n0123456789", limit_s=3)
    check(b" 413 " in got[:20] or got in nothing, "a GET with a body", got[:60])
    got = await say(port, head + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "
                    b"dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", limit_s=3)
    check(b" 101 " not in got[:20], "an upgrade", got[:60])
    got = await say(port, head + b"X: " + b"y" * 200000 + b"\r\n\r\n", limit_s=8)
    check(b" 200 " not in got[:20], "huge headers", got[:60])
    for noise in (b"\x16\x03\x01\x02\x00\x01" * 50, b"\0" * 1000, b"GET\r\n\r\n",
                  b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n" * 500,
                  b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"):
        got = await say(port, noise, limit_s=3)
        check(b" 200 " not in got[:20] and b"root:" not in got, "noise", noise[:20], got[:60])
    got = await say(port, (head + b"\r\n") * 50, answer_bytes=1 << 22, limit_s=2)
    check(got.count(b"HTTP/1.1 ") <= 50, "pipelining", got.count(b"HTTP/1.1 "))


async def abuse_of_pages():
    """All of it at once, with ticks flowing: none is lost, pages still come, descriptors are few."""
    venue = Venue()
    providers = [Provider(f"feed-{i}", [good], []) for i in range(3)]
    venue.tick_interval_s = 0.005
    figures = {}

    async def attack(recorder):
        port = await port_of(recorder)
        await abuse(port, is_crowded=False)
        over = asyncio.Event()
        slow = asyncio.ensure_future(slow_connections(port, over))
        await asyncio.sleep(1)
        figures["fds"] = recorder.fds()
        try:
            await abuse(port, is_crowded=True)
        finally:
            figures["fds"] = max(figures["fds"], recorder.fds())
            over.set()
            await slow
        await chaos.until(lambda: recorder.fds() < 80, "connections are let go of", 30)
        end = time.monotonic() + 1
        pages = 0
        while time.monotonic() < end:
            status, body = await get(port, "/metrics")
            check(status == 200 and "qta_build_info" in body, "a page", status)
            pages += 1
        figures["pages"] = pages
        check(figures["fds"] < 200, "descriptors are bounded", figures["fds"])
    attacks = []
    failed = await chaos.play(
        providers, venue, streaming_health=HEALTH, delay_s=0.5, is_done=lambda: attacks[0].done(),
        on_start=lambda recorder: attacks.append(asyncio.ensure_future(attack(recorder))))
    if attacks[0].done():
        attacks[0].result()
    else:
        attacks[0].cancel()
    print(f"     at most {figures.get('fds')} descriptors, {figures.get('pages')} pages a second")
    return failed


# ---- names ----

HOSTILE = ["../../etc/passwd", "a'; DROP TABLE symbols;--", "%n%n%s%x", "${HOME}", "a\nb", "tab\there",
           "\u202egnp.exe", "nul\x00inside", "\\", '"quoted"', "{}", "é" * 40, "-rf", "*", " ", "a" * 300,
           "x" * 5000, "\x7f", "\x1b[31m", "<script>", "AAPL", "aapl", "\U0001f4a9"]


def tick_of(number, symbol):
    return {"T": "t", "i": number, "S": symbol, "x": "V", "p": 1.25, "s": 1, "c": ["@"], "z": "C",
            "t": "2024-05-01T13:30:00Z"}


async def many_names(peer):
    await peer.begin()
    symbols = HOSTILE + [f"SYM{i}" for i in range(SYMBOLS)]
    for at in range(0, len(symbols), 500):
        batch = [tick_of(number, symbol) for number, symbol in
                 zip(peer.venue.numbers(500), symbols[at:at + 500])]
        peer.venue.symbols.update((tick["i"], tick["S"]) for tick in batch)
        peer.entry.sent += [tick["i"] for tick in batch]
        peer.write(frame(TEXT, json.dumps(batch)))
        await peer.drain()
    await peer.arrival()
    peer.entry.is_quiet = True
    await peer.departure()


async def names_are_data():
    """As many symbols as a feed likes: series stay few, the session tells them all, no file is made
    that has a name of theirs."""
    venue = Venue()
    venue.symbols = {}
    await venue.start()
    provider = Provider("names", [many_names], [])
    venue.acts["names"] = provider.acts
    recorder = Recorder(chaos.config([provider], f"ws://127.0.0.1:{venue.port}", "@FOLDER@",
                                     streaming_health=HEALTH))
    try:
        port = await port_of(recorder)
        await chaos.until(lambda: recorder.ends() or not chaos.unfinished([provider], venue) and
                          not chaos.talking([provider], venue), "all is read", 600)
        _, body = await get(port, "/metrics")
        series = len(re.findall(r"^websocket_messages_total\{", body, re.M))
        check(SYMBOLS_MAX // 2 < series <= SYMBOLS_MAX + 1, "series are bounded", series)
        check('symbol="other"' in body, "what has no series of its own is 'other'")
        check(len(body) < 1 << 20, "a page is bounded", len(body))
        done = subprocess.run(["promtool", "check", "metrics"], input=body, text=True,
                              capture_output=True, check=False) if which("promtool") else None
        check(done is None or done.returncode == 0, "promtool", done and done.stderr)
        status, body = await get(port, "/status")
        check(status == 200 and json.loads(body), "/status is JSON")
        rss = recorder.rss_bytes()
        await recorder.stop()
        recorder.verify()
        records = recorder.records()
        recorded = {record["id"]: record["symbol"] for record in records
                    if record["type"] == "trade"}
        # names of more than 4 KiB, and no others, share one
        wrong = [(number, name) for number, name in recorded.items()
                 if name != ("(other)" if len(venue.symbols[number]) > 4096
                             else venue.symbols[number])]
        check(not wrong, "each name as it was sent", wrong[:3])
        missing = [name for number, name in venue.symbols.items() if number not in recorded]
        check(len(missing) <= len(HOSTILE) and not [name for name in missing
                                                    if re.fullmatch("[A-Za-z0-9.]{1,32}", name)],
              "all good names are recorded", len(missing), missing[:3])
        files = [name for _, _, names in os.walk(recorder.folder) for name in names]
        odd = [name for name in files
               if not re.fullmatch(r"session\.db(-wal|-shm)?|\d{6}\.q(seg|jrn)|log|config\.yaml|"
                                   r"[a-z.]*lock|journal.*", name)]
        check(not odd, "files have names of ours", odd)
        print(f"ok   names: {len(recorded)} symbols recorded, {len(missing)} refused, {series} "
              f"series, {rss >> 20} MiB")
    except Failure as failure:
        print(f"FAILED names: {failure}\n{recorder.log()[-2000:]}")
        return 1
    finally:
        recorder.remove()
        await venue.stop()
    return 0


def which(name):
    return any(os.access(os.path.join(folder, name), os.X_OK)
               for folder in os.environ.get("PATH", "").split(":"))


def main():
    chaos.need_programs()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096 and (hard == resource.RLIM_INFINITY or hard >= 4096):
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    only = sys.argv[1:]
    failed = 0
    if not only or "pages" in only:
        failed += asyncio.run(abuse_of_pages())
    if not only or "names" in only:
        failed += asyncio.run(names_are_data())
    chaos.finish(failed)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Venues that say ten times as much as callbacks can take, and connections that are cut while nobody
listens. The table of cases is in README.md."""
import asyncio
import fcntl
import json
import struct
import subprocess
import sys
import termios
import time

import chaos
from chaos import Failure, Provider, Recorder, check
from venue import CLOSE, Venue, frame, good

TICKS_A_FRAME = 50
SLOW_BYTES_PER_S = 600000 if not chaos.IS_SANITIZED else 200000  # some 3,000 ticks
FLOOD_TICKS = 30000 if not chaos.IS_SANITIZED else 6000


async def flood(peer):
    """As fast as the recorder takes it."""
    await peer.begin()
    while len(peer.entry.sent) < FLOOD_TICKS:
        peer.tick(TICKS_A_FRAME)
        await peer.drain()
    await peer.arrival()
    peer.entry.is_quiet = True
    await peer.departure()


def delivered(peer):
    """How many bytes the recorder's kernel has."""
    sock = peer.writer.get_extra_info("socket")
    waiting = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
    return peer.written - waiting - peer.writer.transport.get_write_buffer_size()


async def stuff_and_cut(peer):
    """Fills all buffers of a recorder that does not read any more, then RST: what its kernel has by
    then counts."""
    await peer.begin()
    before = -1
    while delivered(peer) != before:
        before = delivered(peer)
        for _ in range(200):
            peer.tick(TICKS_A_FRAME)
        await asyncio.sleep(0.5)
    before = delivered(peer)
    peer.entry.certain = max([count for offset, count in peer.entry.offsets if offset <= before],
                             default=0)
    del peer.entry.sent[peer.entry.certain:]
    peer.entry.is_quiet = True
    peer.reset()


async def stuff_and_close(peer):
    """Likewise, but in good order: what fits, a close frame, and the end."""
    await peer.begin()
    before = -1
    while delivered(peer) != before:
        before = delivered(peer)
        peer.tick(TICKS_A_FRAME)
        await asyncio.sleep(0.01)
        if peer.written - before > 100000:
            break
    peer.write(frame(CLOSE, struct.pack(">H", 1001)))
    peer.all_certain()
    peer.entry.is_quiet = True
    await peer.departure()


class SlowReader:
    """Reads what the recorder prints, at its own pace: so slow are the callbacks."""

    def __init__(self):
        self.is_slow = True
        self.is_stuck = False
        self.bytes = 0
        self.ticks = self.drops = 0
        self.rest = b""

    async def read(self, stream):
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=4096)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), stream)
        while True:
            while self.is_stuck:
                await asyncio.sleep(0.05)
            data = await reader.read(4096)
            if not data:
                return
            self.bytes += len(data)
            lines = (self.rest + data).split(b"\n")
            self.rest = lines.pop()
            for line in lines:
                record = json.loads(line)
                self.ticks += record["type"] == "trade"
                self.drops += record.get("count", 0) if record["type"] == "drop" else 0
            if self.is_slow:
                await asyncio.sleep(len(data) / SLOW_BYTES_PER_S)


async def run(name, acts, losses, overflow, is_stuck=False):
    venue = Venue()
    await venue.start()
    provider = Provider(name, acts, losses)
    venue.acts[name] = acts
    control = Provider(chaos.CONTROL, [good])
    venue.acts[chaos.CONTROL] = [good]
    recorder = Recorder(chaos.config([provider, control], f"ws://127.0.0.1:{venue.port}",
                                     "@FOLDER@", buffer_size=4096, overflow=overflow,
                                     health_check_interval="2s"),
                        "--format", "ndjson", stdout=subprocess.PIPE)
    reader = SlowReader()
    reader.is_stuck = is_stuck
    reading = asyncio.ensure_future(reader.read(recorder.process.stdout))
    began = time.monotonic()
    failed = 0
    try:
        everyone = [provider, control]
        if is_stuck:  # until the first connection has done its worst
            await chaos.until(lambda: recorder.ends() or any(
                entry.is_quiet for entry in venue.entries(name)), "all buffers are full")
            reader.is_stuck = reader.is_slow = False
        await chaos.until(lambda: recorder.ends() or not chaos.unfinished([provider], venue) and
                          (venue.entries(name)[-1].is_quiet or len(acts) > 1), "the flood is over")
        rss = recorder.rss_bytes()
        venue.is_quiet, reader.is_slow = True, False
        await chaos.until(lambda: not chaos.talking(everyone, venue), "all is read")
        seconds = time.monotonic() - began
        await recorder.stop()
        await asyncio.wait_for(reading, 30)
        recorder.verify()
        records = recorder.records()
        failed += chaos.judge(everyone, records, venue, chaos.check_provider)
        dropped = sum(record["count"] for record in records if record["type"] == "drop")
        recorded = sum(record["type"] == "trade" for record in records)
        check(rss < (400 if chaos.IS_SANITIZED else 64) << 20, "memory is bounded", rss >> 20)
        if overflow == "block":
            check(dropped == 0 and reader.ticks == recorded, "nothing is dropped", dropped,
                  reader.ticks, recorded)
        else:
            check(dropped > 0 and reader.ticks < recorded, "drops are told", dropped)
            seen = reader.ticks + dropped
            others = sum(record["type"] not in ("trade", "drop") for record in records)
            check(recorded <= seen <= recorded + others, "and are what was not seen", seen,
                  recorded)
        print(f"     {recorded} recorded, {reader.ticks} seen, {dropped} dropped in "
              f"{seconds:.1f} s; {rss >> 20} MiB")
    except Failure as failure:
        print(f"FAILED {name}: {failure}\n{recorder.log()[-2000:]}")
        failed += 1
    finally:
        reading.cancel()
        recorder.remove()
        await venue.stop()
    return failed


async def all_runs():
    runs = [
        ("flood-block", [flood], [], "block"),
        ("flood-drop-oldest", [flood], [], "drop_oldest"),
        ("flood-drop-newest", [flood], [], "drop_newest"),
        ("cut-while-paused", [stuff_and_cut, good], ["lost 0"], "block", True),
        ("closed-while-paused", [stuff_and_close, good], ["peer_closed 1001"], "block", True),
    ]
    only = sys.argv[1:]
    return sum(await asyncio.gather(*[run(*one) for one in runs if not only or one[0] in only]))


def main():
    chaos.need_programs()
    chaos.finish(asyncio.run(all_runs()))


if __name__ == "__main__":
    main()

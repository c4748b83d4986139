#!/usr/bin/python3
"""Minutes or hours at full rate under mixed faults: is everything there, is nothing growing?

    soak.py MINUTES [--rate TICKS_PER_S] [--seed N] [--every SECONDS] [--valgrind] [--append]

Four providers share the rate; every few seconds one of them is closed, reset, ended, muted, refused,
stalled, or gets garbage. A fifth, behind fault_proxy.py, is cut at random bytes. Samples memory,
descriptors and CPU time of the recorder each second. --append adds a row to RESULTS.md.
Exits 1 if a tick is missing or doubled, if one was dropped, or if memory or descriptors grow.
"""
import argparse
import asyncio
import json
import pathlib
import random
import re
import subprocess
import sys
import time

import chaos
from chaos import Failure, Provider, Recorder, check
from chaos_tcp import Lane
from fault_proxy import Fault
from venue import TEXT, Venue, close_frame, frame

FEEDS = 4
TICKS_A_FRAME = 50
TICK = (b'{"T":"t","i":%d,"S":"SYM%d","x":"V","p":%d.%02d,"s":%d,"c":["@"],"z":"C",'
        b'"t":"2024-05-01T13:30:00.123456789Z"}')
GROWTH_BYTES_MAX = 1 << 20
WARM_UP_BYTES_MAX = 16 << 20  # of a run that is over before all buffers have been needed once


class Feed:
    """One provider at its share of the rate. What it sent and what must be on record of it."""

    def __init__(self, name, rate):
        self.name, self.interval_s = name, TICKS_A_FRAME / rate
        self.count = 0
        self.losses = []
        self.fault = None      # the next one to come
        self.refusals = 0      # connections that are yet to be refused

    async def act(self, peer):
        if self.refusals > 0:
            self.refusals -= 1
            self.losses.append("http 503")
            peer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            peer.end()
            return
        await peer.begin()
        due = time.monotonic()
        while not peer.venue.is_quiet:
            first = self.count + 1
            self.count += TICKS_A_FRAME
            peer.write(frame(TEXT, b"[" + b",".join(
                TICK % (i, i % 100, 100 + i % 50, i % 100, i % 900 + 1)
                for i in range(first, self.count + 1)) + b"]"))
            await peer.drain()
            due += self.interval_s
            pause_s = due - time.monotonic()
            if pause_s > 0:
                await asyncio.sleep(pause_s)
            elif pause_s < -1:  # this process was not given the time, or there was back-pressure
                due = time.monotonic()
            if self.fault:
                fault, self.fault = self.fault, None
                if await self.suffer(peer, fault):
                    return
        await peer.arrival()
        peer.entry.is_quiet = True
        await peer.departure()

    async def suffer(self, peer, fault):
        """True when that was the end of this connection. What was sent has arrived by then."""
        await peer.arrival()
        if fault == "stall":
            await asyncio.sleep(1)
            return False
        if fault == "mute":
            peer.answers_pings = False
            self.losses.append("silent 0")
        elif fault == "reset":
            self.losses.append("lost 0")
            peer.reset()
        elif fault == "fin":
            self.losses.append("lost 0")
            peer.end()
        elif fault == "garbage":
            self.losses.append("protocol 1002")
            peer.write(b"\xff" * 20)
        elif fault == "refuse":
            self.refusals = 3
            self.losses.append("peer_closed 1013")
            peer.write(close_frame(1013))
        else:
            self.losses.append("peer_closed 1001")
            peer.write(close_frame(1001))
        await peer.departure()
        return True


KINDS = ("close", "reset", "fin", "mute", "garbage", "refuse", "stall")


class Samples:
    """What the recorder used, each second."""

    def __init__(self):
        self.rss, self.fds, self.cpu = [], [], []

    def take(self, recorder):
        self.rss.append(recorder.rss_bytes())
        self.fds.append(recorder.fds())
        self.cpu.append(recorder.cpu_s())

    @staticmethod
    def growth(values):
        """Of the last quarter over the second one: the first is for filling buffers."""
        quarter = max(1, len(values) // 4)
        before, after = values[quarter:2 * quarter], values[-quarter:]
        return sum(after) / len(after) - sum(before) / len(before)

    @staticmethod
    def slope_per_hour(values):
        """Least squares over all but the first quarter."""
        late = values[len(values) // 4:]
        mean_at, mean = (len(late) - 1) / 2, sum(late) / len(late)
        below = sum((i - mean_at) ** 2 for i in range(len(late)))
        above = sum((i - mean_at) * (value - mean) for i, value in enumerate(late))
        return above / below * 3600 if below else 0.0


async def run(options, seed):
    chance = random.Random(seed)
    venue = Venue()
    await venue.start()
    feeds = [Feed(f"feed-{i}", options.rate / FEEDS) for i in range(FEEDS)]
    providers = [Provider(feed.name) for feed in feeds]
    for feed in feeds:
        venue.acts[feed.name] = [feed.act]
    lane = Lane("cut", [], act=slow_feed)
    lane.faults = RandomFaults(chance)
    venue.acts["cut"] = lane.acts
    await lane.start(venue)
    for provider in providers:
        provider.options["symbols"] = ["*"]
    document = chaos.config([*providers, lane], f"ws://127.0.0.1:{venue.port}", "@FOLDER@",
                            connects_per_minute=0, recording={"journal_chunk": "16MiB"},
                            reconnect_delay_max="200ms")
    prefix = ()
    if options.valgrind:
        prefix = ("valgrind", "-q", "--leak-check=full", "--errors-for-leak-kinds=definite",
                  "--error-exitcode=99")
    recorder = Recorder(document, prefix=prefix)
    samples = Samples()
    try:
        await chaos.until(lambda: recorder.ends() or all(venue.entries(feed.name) and
                                                         venue.entries(feed.name)[-1].flows
                                                         for feed in feeds), "all feeds flow", 120)
        end = time.monotonic() + options.minutes * 60
        next_fault = time.monotonic() + options.every
        begun = time.monotonic()
        while time.monotonic() < end:
            check(not recorder.ends(), "the recorder runs", recorder.log()[-2000:])
            samples.take(recorder)
            if time.monotonic() >= next_fault:
                next_fault += options.every
                chance.choice(feeds).fault = chance.choice(KINDS)
            await asyncio.sleep(1)
        seconds = time.monotonic() - begun
        lane.faults.is_over = True
        for feed in feeds:
            feed.fault = None
        await chaos.until(lambda: not recovering(venue, feeds), "all feeds flow again", 120)
        venue.is_quiet = True
        await chaos.until(lambda: not chaos.talking([*providers, lane], venue), "all is read", 120)
        idle_s = 0 if options.valgrind else await chaos.check_idle(recorder)
        await recorder.stop()
        recorder.verify()
        return judge(recorder, venue, feeds, lane, samples, seconds, idle_s)
    finally:
        recorder.remove()
        await venue.stop()
        await lane.proxy.stop()


def recovering(venue, feeds):
    lasts = [venue.entries(feed.name)[-1] for feed in feeds]
    return [entry.provider for entry in lasts
            if not entry.flows or entry.peer.writer.transport.is_closing()]


class RandomFaults:
    """A list without end: cut at a random byte, until it is over."""

    def __init__(self, chance):
        self.chance, self.is_over = chance, False

    def __len__(self):
        return 1 << 60

    def __getitem__(self, index):
        if self.is_over:
            return Fault()
        return Fault(self.chance.choice(("reset", "fin")), at=self.chance.randrange(1, 200000))


async def slow_feed(peer):
    await peer.begin()
    while not peer.venue.is_quiet:
        peer.tick(2)
        await peer.drain()
        await asyncio.sleep(0.01)
    await peer.arrival()
    peer.entry.is_quiet = True
    await peer.departure()


TRADE = re.compile(r'"type":"trade","provider":"(feed-\d+)".*?,"id":(\d+)')


def lines_of(recorder):
    command = [chaos.BIN / "qta-session", "cat", "--time-format", "ns", recorder.session()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            yield line
        check(process.wait() == 0, "the session can be read")


def judge(recorder, venue, feeds, lane, samples, seconds, idle_s):
    """Numbers against the ledger: of the feeds by count and order, of the one that is cut by id."""
    lasts = {}
    own = []
    drops = 0
    for line in lines_of(recorder):
        trade = TRADE.search(line)
        if trade:
            provider, number = trade.group(1), int(trade.group(2))
            check(number == lasts.get(provider, 0) + 1, "each tick once and in order", line,
                  lasts.get(provider))
            lasts[provider] = number
            continue
        record = json.loads(line)
        provider = record.get("provider")
        if record["type"] == "drop":
            drops += record["count"]
        elif provider == lane.name:
            own.append(record)
        elif record["type"] == "conn" and record["state"] == "disconnected":
            for feed in feeds:
                if feed.name == provider:
                    check(feed.losses and feed.losses.pop(0) ==
                          f"{record['cause']} {record.get('code', 0)}", "losses on record", record)
    for feed in feeds:
        check(lasts.get(feed.name) == feed.count, "all ticks", feed.name, lasts.get(feed.name),
              feed.count)
        check(not feed.losses, "all losses", feed.losses)
    check(drops == 0, "no drops", drops)
    lane.settle_accounts(venue)
    lane.losses = None
    chaos.check_ticks(lane, own, venue.entries(lane.name))
    gaps = chaos.check_gaps(lane, own)
    ticks = sum(lasts.values())
    rss_growth, fd_growth = Samples.growth(samples.rss), Samples.growth(samples.fds)
    row = {
        "ticks": ticks, "rate": round(ticks / seconds), "connections": len(venue.ledger),
        "cuts": gaps, "rss_mib": round(samples.rss[-1] / (1 << 20), 1),
        "rss_kib_per_hour": round(Samples.slope_per_hour(samples.rss) / 1024),
        "rss_growth_kib": round(rss_growth / 1024), "fds": samples.fds[-1],
        "fds_per_hour": round(Samples.slope_per_hour(samples.fds), 1), "drops": drops,
        "cpu_percent": round(100 * (samples.cpu[-1] - samples.cpu[0]) / seconds, 1),
        "idle_ms": round(idle_s * 1000, 1),
    }
    print(json.dumps(row, indent=1))
    most = GROWTH_BYTES_MAX if seconds > 240 else WARM_UP_BYTES_MAX
    check(chaos.IS_SANITIZED or rss_growth < most, "memory is flat",
          f"{rss_growth / 1024:.0f} KiB more")
    check(fd_growth < 3, "descriptors are flat", f"{fd_growth:.1f} more")
    return row


def append(options, seed, row):
    done = subprocess.run(["git", "-C", chaos.SOURCE, "log", "-1", "--format=%h"],
                          capture_output=True, text=True, check=False)
    kind = "valgrind" if options.valgrind else chaos.BINARY.name
    line = (f"| {time.strftime('%Y-%m-%d', time.gmtime())} | {done.stdout.strip()} | {kind} | {seed} "
            f"| {options.minutes:g} | {row['ticks']:,} at {row['rate']:,}/s | {row['connections']:,} "
            f"| {row['rss_mib']} MiB, {row['rss_kib_per_hour']:+d} KiB/h | {row['fds']}, "
            f"{row['fds_per_hour']:+g}/h | {row['drops']} | {row['cpu_percent']} % |\n")
    path = pathlib.Path(__file__).with_name("RESULTS.md")
    before, rule, after = path.read_text(encoding="utf-8").partition("|---|" + "---|" * 10 + "\n")
    path.write_text(before + rule + line + after, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("minutes", type=float)
    parser.add_argument("--rate", type=int, default=50000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--every", type=float, default=2.0, help="seconds between faults")
    parser.add_argument("--valgrind", action="store_true")
    parser.add_argument("--append", action="store_true")
    options = parser.parse_args()
    chaos.need_programs()
    print(f"seed {options.seed}", flush=True)
    try:
        row = asyncio.run(run(options, options.seed))
    except Failure as failure:
        print(f"FAILED {failure}")
        sys.exit(1)
    if options.append:
        append(options, options.seed, row)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Connections that are delayed, stalled, dripped, throttled, cut and forgotten by a proxy that counts
every byte: what the recorder's kernel got of a connection is what the session must hold of it, exactly.
The table of cases is in README.md.

    chaos_tcp.py [--seed N]
"""
import asyncio
import random
import socket
import sys
import time

import chaos
from chaos import IS_CAMPAIGN, Provider, check
from fault_proxy import Fault, FaultProxy, random_fault
from venue import Venue, good

LOST, SILENT = "lost 0", "silent 0"
BUSY_BYTES = 100000
SAID_BYTES = 290  # by the recorder, until ticks flow


async def busy(peer):
    """A good venue with a lot to say, until the bytes for faults are said."""
    await peer.begin()
    while not peer.venue.is_quiet:
        peer.tick(5)
        await peer.drain()
        await asyncio.sleep(0.01 if peer.written < BUSY_BYTES else 0.2)
    await peer.arrival()
    peer.entry.is_quiet = True
    await peer.departure()


class Lane(Provider):
    """A provider behind a proxy of its own, whose connections suffer these faults in turn."""

    def __init__(self, name, faults, losses=None, act=busy):
        super().__init__(name, [act], losses)
        self.faults = faults
        self.proxy = None
        self.count = 0  # connections at the proxy when the last one flowed

    async def start(self, venue):
        self.proxy = FaultProxy(venue.host, venue.port, lambda index: self.faults[index]
                                if index < len(self.faults) else Fault())
        await self.proxy.start()
        scheme = "wss" if venue.tls else "ws"
        self.url = f"{scheme}://127.0.0.1:{self.proxy.port}/{self.name}"

    def is_over(self, venue):
        if len(self.proxy.pipes) <= len(self.faults):
            return False
        last = self.proxy.pipes[-1].upstream_port
        return any(entry.port == last and entry.flows for entry in venue.entries(self.name))

    def pipe_of(self, entry):
        """A port may have served several, one after the other, and not all got as far as the ledger."""
        return max((pipe for pipe in self.proxy.pipes
                    if pipe.upstream_port == entry.port and pipe.connected_at <= entry.at),
                   key=lambda pipe: pipe.connected_at)

    def settle_accounts(self, venue):
        """What each connection's frames came to, by the bytes that the proxy let through."""
        for entry in venue.entries(self.name):
            pipe = self.pipe_of(entry)
            is_exact = pipe.is_dead and pipe.fault.kind in ("reset", "fin")
            whole = max([count for offset, count in entry.offsets if offset <= pipe.forwarded],
                        default=0)
            if is_exact and not venue.tls:
                entry.certain = whole
                del entry.sent[whole:]


def lanes():
    """One fault a lane, each with what must come of it."""
    return [
        Lane("latency-2s", [Fault("delay", seconds=2.0)] * 1, act=good),
        Lane("stall-1s", [Fault("stall", at=20000, seconds=1.0)]),
        Lane("stall-for-good", [Fault("hole", at=20000)], [SILENT]),
        Lane("drip", [Fault("drip", at=6000)], act=good),
        Lane("rate-60k", [Fault("rate", rate=60000)], act=good),
        Lane("hole-from-client", [Fault("hole", at=150, is_up=True)], [SILENT]),
        Lane("half-open", [Fault("half-open", at=5000)], [SILENT]),
        Lane("mute", [Fault("mute")], [SILENT]),
        Lane("mute-in-answer", [Fault("hole", at=60)], [SILENT]),
        Lane("mute-in-login", [Fault("hole", at=200)], [SILENT]),
        Lane("reset-in-frame", [Fault("reset", at=at) for at in range(5000, 5000 + 300, 7)],
             [LOST] * 43),
        Lane("fin-in-frame", [Fault("fin", at=at) for at in range(5000, 5000 + 300, 7)],
             [LOST] * 43),
        Lane("reset-of-much", [Fault("reset", at=at) for at in (50000, 70001, 90002)], [LOST] * 3),
        Lane("refused", [Fault("reset", at=0)] * 30, [(LOST, "connect 0")] * 30),
    ]


# those whose first connection is never lost are over at once; they go on with it to the end
UNHARMED = ("latency-2s", "stall-1s", "drip", "rate-60k")


def handshake_lanes(last, step, is_tls, count=12):
    """Cut at every byte of what the venue says until ticks flow, and of what the recorder says."""
    cuts = [Fault(kind, at=at) for kind in ("reset", "fin") for at in range(0, last, step)]
    cuts += [Fault(kind, at=at, is_up=True) for kind in ("reset", "fin")
             for at in range(1, min(last, SAID_BYTES), step)]
    choices = (LOST, "connect 0", "tls 0") if is_tls else (LOST, "connect 0")
    for lane in range(count):
        mine = cuts[lane::count]
        yield Lane(f"handshake-{lane}", mine, [choices] * len(mine))


def random_lanes(chance, connections, count=20):
    kinds = ("reset", "fin", "stall", "delay", "drip", "rate")
    for lane in range(count):
        faults = []
        for _ in range(connections):
            fault = random_fault(chance, kinds, 20000)
            if fault.kind in ("delay", "stall", "drip", "rate"):  # hurt, and cut later on
                fault = Fault("reset", fault.at)
            faults.append(fault)
        yield Lane(f"random-{lane}", faults, [(LOST, "connect 0")] * connections)


def check_lane(provider, records, venue):
    if isinstance(provider, Lane):
        provider.settle_accounts(venue)
        if provider.name in UNHARMED:
            check(not chaos.conns(records, provider.name, "disconnected"), "no loss")
        elif provider.losses is None:
            check(False, "losses are told", provider.name)
        attempts = len(chaos.conns(records, provider.name, "connecting"))
        check(attempts == len(provider.proxy.pipes), "each attempt is on record", attempts,
              len(provider.proxy.pipes))
    return chaos.check_provider(provider, records, venue, has_all_attempts=False)


async def run(providers, venue, **streaming):
    await venue.start()
    for provider in providers:
        await provider.start(venue)
    harmed = [provider for provider in providers if provider.name not in UNHARMED]
    unharmed = [provider for provider in providers if provider.name in UNHARMED]

    def is_done():
        return (all(provider.is_over(venue) for provider in harmed) and
                all(venue.entries(provider.name) and venue.entries(provider.name)[0].flows
                    for provider in unharmed))
    failed = await chaos.play(providers, venue, is_done=is_done, checks=check_lane, settle_s=1,
                              **streaming)
    for provider in providers:
        await provider.proxy.stop()
    return failed


async def dead_ends():
    """Where nobody listens, and where SYNs vanish: attempts stay few, their cause is told."""
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    clients = []
    for _ in range(4):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(full.getsockname())
        clients.append(client)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = free.getsockname()[1]
    providers = [
        Provider("nobody", url=f"ws://127.0.0.1:{nobody}/", losses=None),
        Provider("syn-vanishes", url=f"ws://127.0.0.1:{full.getsockname()[1]}/",
                 losses=["connect 0"]),
    ]
    start = time.monotonic()

    def checks(provider, records, venue):
        attempts = chaos.conns(records, provider.name, "connecting")
        if provider.name == "nobody":
            causes = {record["cause"] for record in chaos.conns(records, provider.name,
                                                                "disconnected")}
            check(causes == {"connect"}, "the cause is told", causes)
            check(len(attempts) > 10, "it is tried", len(attempts))
        return chaos.check_provider(provider, records, venue, has_all_attempts=False)
    try:
        return await chaos.play(providers, Venue(), checks=checks,
                                is_done=lambda: time.monotonic() - start > 11)
    finally:
        for client in [*clients, full]:
            client.close()


def main():
    chaos.need_programs()
    seed = int(sys.argv[2]) if sys.argv[1:2] == ["--seed"] else int(time.time())
    print(f"seed {seed}", flush=True)
    chance = random.Random(seed)
    fast = chaos.FAST

    async def all_runs():
        failed = sum(await asyncio.gather(run(lanes(), Venue(), health_check_interval="2s",
                                              connects_per_minute=0),
                                          dead_ends()))
        failed += await run(list(handshake_lanes(330, 1, False)), Venue(), **fast)
        failed += await run(list(random_lanes(chance, 500 if IS_CAMPAIGN else 8)), Venue(), **fast)
        return failed
    chaos.finish(asyncio.run(all_runs()))


if __name__ == "__main__":
    main()

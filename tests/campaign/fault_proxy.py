#!/usr/bin/python3
"""A TCP proxy that hurts what goes through it, to the byte: for the chaos suite, and by hand.

    fault_proxy.py [--seed N] [--listen PORT] [--faults KIND,...] [--reach BYTES] HOST:PORT

By hand it draws one fault a connection, prints the seed first and then a line a connection. Kinds:
delay, stall, drip, rate, reset, fin, hole, half-open, mute, none.
"""
import argparse
import asyncio
import fcntl
import random
import socket
import struct
import sys
import termios
import time

PIECE_BYTES = 65536
NEVER = 1 << 62


class Fault:
    """What happens to one connection. Byte positions count what went towards the client, or, where
    is_up is set, what came from it."""

    def __init__(self, kind="none", at=NEVER, seconds=0.0, rate=0, is_up=False):
        self.kind, self.at, self.seconds, self.rate, self.is_up = kind, at, seconds, rate, is_up

    def __str__(self):
        words = [self.kind]
        if self.at != NEVER:
            words.append(f"at byte {self.at}{' from the client' if self.is_up else ''}")
        if self.seconds:
            words.append(f"{self.seconds:.3f} s")
        if self.rate:
            words.append(f"{self.rate} bytes/s")
        return " ".join(words)


def random_fault(chance, kinds, reach=100000):
    """One that ends or delays a connection within so many bytes."""
    kind = chance.choice(kinds)
    at = chance.randrange(reach)
    is_up = kind in ("reset", "fin", "hole") and chance.random() < 0.1
    if is_up:
        at = chance.randrange(300)
    seconds = chance.uniform(0.001, 2.0) if kind in ("delay", "stall") else 0.0
    rate = chance.choice((20000, 100000, 1000000)) if kind == "rate" else 0
    return Fault(kind, at, seconds, rate, is_up)


class Pipe:
    """One connection through the proxy."""

    def __init__(self, fault, reader, writer):
        self.fault = fault
        self.client = reader, writer
        self.server = None
        self.upstream_port = 0
        self.connected_at = 0.0  # upstream, monotonic
        self.forwarded = 0      # bytes handed to the client's kernel
        self.taken = 0          # bytes from the client
        self.is_dead = False    # nothing more goes through, in either direction
        self.is_by_client = False  # the client has ended it

    async def flushed(self):
        """Waits until the client's kernel has every byte."""
        writer = self.client[1]
        await writer.drain()
        sock = writer.get_extra_info("socket")
        while not writer.transport.is_closing():
            waiting = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
            if writer.transport.get_write_buffer_size() == 0 and waiting == 0:
                return
            await asyncio.sleep(0.0005)

    async def strike(self):
        """The fault, once its byte has come."""
        self.is_dead = True
        writer = self.client[1]
        if self.fault.kind == "reset":
            await self.flushed()
            sock = writer.get_extra_info("socket")
            if sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        elif self.fault.kind == "fin":
            await self.flushed()
            writer.close()
        if self.server and self.fault.kind in ("reset", "fin", "half-open"):
            self.server[1].transport.abort()

    async def down(self):
        """Towards the client."""
        fault, writer = self.fault, self.client[1]
        is_ending = fault.kind in ("reset", "fin", "hole", "half-open") and not fault.is_up
        while not self.is_dead:
            data = await self.server[0].read(PIECE_BYTES)
            if not data or self.is_dead:
                break
            if fault.kind == "delay":
                await asyncio.sleep(0)
                self.later(data)
                continue
            if fault.kind == "stall" and self.forwarded + len(data) > fault.at:
                await asyncio.sleep(fault.seconds)
                fault.at = NEVER
            if is_ending and self.forwarded + len(data) >= fault.at:
                await self.put(data[:max(0, fault.at - self.forwarded)])
                await self.strike()
                return
            await self.put(data)
        if not self.is_dead:
            await self.flushed()
            writer.close()

    def later(self, data):
        """As it is, but so much later; in order, since the delay is the same for all."""
        def go():
            if not self.client[1].transport.is_closing():
                self.forwarded += len(data)
                self.client[1].write(data)
        asyncio.get_running_loop().call_later(self.fault.seconds, go)

    async def put(self, data):
        fault, writer = self.fault, self.client[1]
        step = len(data) or 1
        if fault.kind == "drip" and self.forwarded < fault.at:
            step = 1
        elif fault.kind == "rate":
            step = max(1, fault.rate // 50)
        for at in range(0, len(data), step):
            piece = data[at:at + step]
            writer.write(piece)
            self.forwarded += len(piece)
            if fault.kind == "drip":
                await self.flushed()
            elif fault.kind == "rate":
                await asyncio.sleep(len(piece) / fault.rate)
        await writer.drain()

    async def up(self):
        """From the client."""
        fault = self.fault
        is_ending = fault.kind in ("reset", "fin", "hole") and fault.is_up
        while True:
            data = await self.client[0].read(PIECE_BYTES)
            if not data:
                break
            self.taken += len(data)
            if self.is_dead:
                continue
            if is_ending and self.taken >= fault.at:
                self.server[1].write(data[:len(data) - (self.taken - fault.at)])
                await self.strike()
                return
            self.server[1].write(data)
            await self.server[1].drain()
        self.is_by_client = not self.is_dead
        self.server[1].close()


class FaultProxy:
    """Listens, and leads to one address. faults(index) gives each connection's fault."""

    def __init__(self, host, port, faults):
        self.host, self.target, self.faults = host, port, faults
        self.pipes = []
        self.port = 0
        self.server = None
        self.tasks = set()

    async def start(self, port=0):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", port, backlog=256)
        self.port = self.server.sockets[0].getsockname()[1]

    async def stop(self):
        self.server.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def serve(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        pipe = Pipe(self.faults(len(self.pipes)), reader, writer)
        self.pipes.append(pipe)
        try:
            await self.run(pipe)
        except (ConnectionError, asyncio.CancelledError, RuntimeError):
            pass
        finally:
            self.tasks.discard(asyncio.current_task())
            if pipe.server:
                pipe.server[1].transport.abort()
            writer.close()

    async def run(self, pipe):
        fault = pipe.fault
        if fault.kind == "mute":  # accepted, and that is all
            while await pipe.client[0].read(PIECE_BYTES):
                pass
            return
        if fault.kind in ("reset", "fin") and fault.at == 0 and not fault.is_up:
            await pipe.strike()
            return
        pipe.server = await asyncio.open_connection(self.host, self.target)
        pipe.connected_at = time.monotonic()
        pipe.upstream_port = pipe.server[1].get_extra_info("sockname")[1]
        await asyncio.gather(self.calm(pipe.down(), pipe), self.calm(pipe.up(), pipe))

    @staticmethod
    async def calm(work, pipe):
        try:
            await work
        except ConnectionError:
            pipe.client[1].transport.abort()
            pipe.server[1].transport.abort()


async def by_hand(options):
    seed = options.seed if options.seed is not None else int(time.time())
    chance = random.Random(seed)
    kinds = options.faults.split(",")
    host, _, port = options.target.rpartition(":")
    print(f"seed {seed}", flush=True)

    def draw(index):
        fault = random_fault(chance, kinds, options.reach)
        print(f"connection {index}: {fault}", flush=True)
        return fault
    proxy = FaultProxy(host, int(port), draw)
    await proxy.start(options.listen)
    print(f"listening on 127.0.0.1:{proxy.port}", flush=True)
    await asyncio.Event().wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int)
    parser.add_argument("--listen", type=int, default=0)
    parser.add_argument("--faults", default="none,delay,stall,drip,rate,reset,fin,hole,half-open")
    parser.add_argument("--reach", type=int, default=100000, help="bytes within which it happens")
    parser.add_argument("target")
    try:
        asyncio.run(by_hand(parser.parse_args()))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()

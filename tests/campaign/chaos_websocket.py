#!/usr/bin/python3
"""WebSocket peers that do what RFC 6455 forbids, and what it allows but nobody expects. The table of
cases is in README.md."""
import asyncio
import os
import random
import sys
import time
import zlib

import chaos
from chaos import IS_CAMPAIGN, Provider
from venue import BINARY, CLOSE, PING, PONG, TEXT, Gone, Venue, close_frame, frame, good, trade

LOST, CLEAN = "lost 0", "peer_closed 1000"


def then(*steps):
    """An act: a good beginning, some ticks that arrive, then these steps."""
    async def act(peer):
        await peer.begin()
        peer.tick(3)
        await peer.arrival()
        for step in steps:
            await step(peer)
        await peer.departure()
    return act


def raw(*pieces):
    async def step(peer):
        peer.answers_pings = False  # nothing of ours between these bytes
        for piece in pieces:
            peer.write(piece)
        await peer.drain()
    return step


# ---- what is allowed: nothing may be lost ----

async def one_byte_writes(peer):
    await peer.begin()
    peer.answers_pings = False  # nothing else between these bytes
    for byte in frame(TEXT, peer.tick_bytes(3)) + frame(TEXT, peer.tick_bytes(2)):
        peer.write(bytes([byte]))
        await peer.flushed()
    peer.answers_pings = True
    await peer.arrival()
    peer.write(close_frame(1000))
    await peer.departure()


async def coalesced(peer):
    """Answer, welcome and all else in as few writes as can be."""
    peer.write(peer.answer() + frame(TEXT, '[{"T":"success","msg":"connected"}]'))
    peer.open()
    await peer.receive()
    peer.write(frame(TEXT, '[{"T":"success","msg":"authenticated"}]'))
    await peer.acknowledge()
    peer.write(b"".join(frame(TEXT, peer.tick_bytes(7)) for _ in range(200)) + close_frame(1000))
    peer.all_certain()
    await peer.departure()


async def fragments(peer):
    """Each byte a fragment, with pings, pongs and empty fragments between them."""
    await peer.begin()
    text = peer.tick_bytes(2)
    peer.write(frame(TEXT, b"", fin=False))
    for i, byte in enumerate(text):
        peer.write(frame(0, bytes([byte]), fin=i == len(text) - 1))
        if i < len(text) - 1:
            peer.write(frame(PING, b"p") + frame(PONG, b"unasked") + frame(0, b"", fin=False))
    await peer.arrival()
    peer.write(close_frame(1000))
    await peer.departure()


async def ping_flood(peer):
    """More pings than pongs can be kept, as nobody takes those: the last one must be answered."""
    await peer.begin()
    peer.writer.transport.pause_reading()
    for _ in range(200):
        peer.write(frame(PING, b"x" * 125) * 400)
        peer.tick()
        await peer.drain()
    last = asyncio.ensure_future(peer.arrival())
    await peer.flushed()
    peer.writer.transport.resume_reading()
    while not last.done():  # to be heard while all those pongs are read
        peer.tick()
        await asyncio.sleep(0.1)
    await peer.arrival()
    peer.write(close_frame(1000))
    await peer.departure()


async def close_behind_data(peer):
    """The close frame and what nobody may look at come with the last ticks in one write."""
    await peer.begin()
    peer.write(frame(TEXT, peer.tick_bytes(50)) + close_frame(4000, b"enough") +
               frame(TEXT, "[" + trade(10**15, "AAPL") + "]") * 10)
    peer.all_certain()
    await peer.departure()


async def silent_pongs(peer):
    """Answers pings, and says nothing else for a while: alive."""
    await peer.begin()
    await asyncio.sleep(3.5)
    peer.tick()
    await peer.arrival()
    peer.write(close_frame(1000))
    await peer.departure()


async def mute(peer):
    """Answers nothing, not even pings."""
    await peer.begin()
    peer.tick(5)
    await peer.arrival()
    peer.answers_pings = False
    await peer.departure()


async def mute_drip(peer):
    """Answers no ping, but sends: alive all the same."""
    await peer.begin()
    peer.answers_pings = False
    for _ in range(35):
        peer.tick()
        await asyncio.sleep(0.1)
    await peer.arrival()
    peer.write(close_frame(1000))
    await peer.departure()


async def endless_fragments(peer):
    await peer.begin()
    peer.tick()
    await peer.arrival()
    peer.write(frame(TEXT, b"[", fin=False))
    while True:
        peer.write(frame(0, b" " * 10000, fin=False))
        await peer.drain()
        await asyncio.sleep(0)


async def deflate_not_asked(peer):
    await peer.upgrade("Sec-WebSocket-Extensions: permessage-deflate\r\n")
    await peer.departure()


async def ignores_close(peer):
    """Goes on sending when it is told that it broke the protocol."""
    await peer.begin()
    peer.tick()
    await peer.arrival()
    peer.write(frame(3, b"?"))
    try:
        while True:
            peer.write(frame(TEXT, "[" + trade(10**15, "AAPL") + "]") * 20)
            await peer.drain()
            await asyncio.sleep(0.01)
    except Gone:
        pass


async def double_answer(peer):
    """Two answers to one upgrade: the second one is read as a frame, and is none."""
    peer.write(peer.answer() * 2)
    peer.open()
    await peer.departure()


def cases():
    protocol = ("protocol 1002",)
    rows = [
        Provider("one-byte-writes", [one_byte_writes, good], [CLEAN]),
        Provider("coalesced", [coalesced, good], [CLEAN]),
        Provider("byte-fragments", [fragments, good], [CLEAN]),
        Provider("ping-flood", [ping_flood, good], [CLEAN]),
        Provider("close-behind-data", [close_behind_data, good], ["peer_closed 4000"]),
        Provider("pongs-only", [silent_pongs, good], [CLEAN]),
        Provider("mute", [mute, good], ["silent 0"]),
        Provider("no-pongs-but-data", [mute_drip, good], [CLEAN]),
        Provider("endless-fragments", [endless_fragments, good], ["protocol 1009"]),
        Provider("deflate-not-asked", [deflate_not_asked, good], ["protocol 0"]),
        Provider("ignores-close", [ignores_close, good], [protocol]),
        Provider("two-answers", [double_answer, good], [("protocol 1002", LOST)]),
        Provider("length-2-62", [then(raw(frame(TEXT, b"[", length=1 << 62))), good],
                 ["protocol 1009"]),
        Provider("length-2-63", [then(raw(frame(TEXT, b"[", length=1 << 63))), good],
                 [("protocol 1002", "protocol 1009")]),
        Provider("message-too-large", [then(raw(frame(TEXT, b" " * 100000))), good],
                 ["protocol 1009"]),
        Provider("masked", [then(raw(frame(TEXT, "[]", mask=b"abcd"))), good], [protocol]),
        Provider("text-within-fragments", [then(raw(frame(TEXT, "[", fin=False),
                                                    frame(TEXT, "[]"))), good], [protocol]),
        Provider("continuation-of-nothing", [then(raw(frame(0, "]"))), good], [protocol]),
        Provider("fragmented-ping", [then(raw(frame(PING, b"x", fin=False))), good], [protocol]),
        Provider("long-ping", [then(raw(frame(PING, b"x" * 126))), good], [protocol]),
        Provider("long-close", [then(raw(close_frame(1000, b"x" * 200))), good], [protocol]),
        Provider("close-of-one-byte", [then(raw(frame(CLOSE, b"\x03"))), good], [protocol]),
        Provider("close-without-code", [then(raw(close_frame())), good], ["peer_closed 0"]),
        Provider("close-not-utf8", [then(raw(close_frame(1000, b"\xff\xfe"))), good],
                 [("peer_closed 1000", "protocol 1007", "protocol 1002")]),
        Provider("garbage", [then(raw(b"\xff" * 64)), good], [protocol]),
        Provider("http-again", [then(raw(b"HTTP/1.1 200 OK\r\n\r\n")), good], [protocol, ]),
        Provider("binary-noise", [then(raw(frame(BINARY, bytes(range(256)))),
                                       raw(close_frame(1000))), good], [CLEAN]),
        Provider("empty-messages", [then(raw(frame(TEXT), frame(BINARY)), raw(close_frame(1000))),
                                    good], [CLEAN]),
        Provider("half-a-frame", [then(raw(frame(TEXT, "[]")[:2]), end), good], [LOST]),
        Provider("half-a-header", [then(raw(b"\x81"), reset), good], [LOST]),
    ]
    for bits in range(1, 8):
        rows.append(Provider(f"reserved-bits-{bits}",
                             [then(raw(frame(TEXT, "[]", reserved=bits))), good], [protocol]))
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        rows.append(Provider(f"opcode-{opcode}", [then(raw(frame(opcode, "x"))), good], [protocol]))
    return rows + compression_cases()


async def end(peer):
    peer.end()


async def reset(peer):
    await peer.flushed()
    peer.reset()


# ---- compression ----

COMPRESSED = 4  # the reserved bit that says so
EXTENSION = "Sec-WebSocket-Extensions: permessage-deflate\r\n"


def deflate(data, packer=None):
    packer = packer or zlib.compressobj(9, zlib.DEFLATED, -15)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


async def begin_compressed(peer):
    await peer.upgrade(EXTENSION)
    await peer.log_in()
    await peer.acknowledge()


async def mixed_compression(peer):
    """What made libwebsockets 4.1.6 repeat one callback for ever: messages that are not compressed,
    and pongs with a payload, once compression was agreed on."""
    await begin_compressed(peer)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    for i in range(60):
        text = peer.tick_bytes(3)
        if i % 3 == 0:
            peer.write(frame(TEXT, text))
        else:
            packed = deflate(text, packer)
            peer.write(frame(TEXT, packed[:7], fin=False, reserved=COMPRESSED))
            peer.write(frame(PING, b"between") + frame(PONG, b"unasked"))
            peer.write(frame(0, packed[7:]))
        peer.write(frame(PONG, b"with a payload"))
    await peer.arrival()
    await asyncio.sleep(1.2)  # pings and pongs go on
    peer.write(close_frame(1000))
    await peer.departure()


def then_packed(*pieces):
    async def act(peer):
        await begin_compressed(peer)
        peer.tick(3)
        await peer.arrival()
        await raw(*pieces)(peer)
        await peer.departure()
    return act


def compression_cases():
    """Each with `compression: true`; the venue that comes after agrees to none."""
    rows = {
        "deflate-mixed": (mixed_compression, CLEAN),
        "deflate-bomb": (then_packed(frame(TEXT, deflate(b" " * 30000000), reserved=COMPRESSED)),
                         "protocol 1009"),
        "deflate-garbage": (then_packed(frame(TEXT, b"\xff" * 50, reserved=COMPRESSED)),
                            ("protocol 1002", "protocol 1007")),
        "deflate-continuation": (then_packed(frame(TEXT, deflate(b"[")[:2], fin=False,
                                                   reserved=COMPRESSED),
                                             frame(0, b"x", reserved=COMPRESSED)), "protocol 1002"),
        "deflate-ping": (then_packed(frame(PING, b"x", reserved=COMPRESSED)), "protocol 1002"),
        "deflate-other-bit": (then_packed(frame(TEXT, b"x", reserved=2)), "protocol 1002"),
        "deflate-empty": (then_packed(frame(TEXT, b"\x00", reserved=COMPRESSED),
                                      frame(TEXT, b"", reserved=COMPRESSED), close_frame(1000)),
                          (CLEAN, "protocol 1002", "protocol 1007")),
        "deflate-unknown-parameter": (unknown_parameter, "protocol 0"),
    }
    return [Provider(name, [act, good], [loss], compression=True)
            for name, (act, loss) in rows.items()]


async def unknown_parameter(peer):
    await peer.upgrade("Sec-WebSocket-Extensions: permessage-deflate; x=1\r\n")
    await peer.departure()


# ---- frames by chance ----

def random_frames(chance):
    """An act: up to thirty frames whose every field is drawn, most of them as they should be."""
    def draw_frame():
        opcode = chance.choice((TEXT, BINARY, PING, PONG, 0, 0, CLOSE, chance.randrange(16)))
        size = chance.choice((0, 1, 2, 125, 126, 300, 65535, 65536)) if chance.random() < 0.9 else 0
        if opcode >= CLOSE:
            size = min(size, 125 if chance.random() < 0.95 else 1000)
        length = chance.choice((size + 1, 1 << 32, 1 << 63)) if chance.random() < 0.02 else None
        return frame(opcode, chance.randbytes(size), fin=chance.random() < 0.7,
                     reserved=chance.choice((0,) * 40 + tuple(range(8))),
                     mask=b"mask" if chance.random() < 0.02 else None, length=length)

    async def act(peer):
        await peer.begin()
        peer.tick(2)
        await peer.arrival()
        peer.answers_pings = False
        for _ in range(chance.randrange(1, 30)):
            peer.write(draw_frame())
            await peer.drain()
        peer.write(close_frame(1000))  # in case that it was all right, or hangs in the middle
        peer.end()
        await peer.departure()
    return act


def random_cases(seed, connections, lanes=10):
    for lane in range(lanes):
        acts = [random_frames(random.Random(f"{seed} {lane} {i}")) for i in range(connections)]
        yield Provider(f"random-frames-{lane}", [*acts, good], None)


# ---- close codes ----

def close_with(code):
    async def act(peer):
        await peer.begin()
        peer.tick()
        await peer.arrival()
        peer.write(close_frame(code, b"because"))
        await peer.departure()
    return act


def close_code_cases():
    """All of them as sent: also 1012 to 1014, which libwebsockets turned into 1002, and those that
    may not be sent at all."""
    codes = list(range(5001)) if IS_CAMPAIGN else [*range(0, 1030), 2999, 3000, 4000, 4999, 5000]
    lanes = 25
    for lane in range(lanes):
        mine = codes[lane::lanes]
        yield Provider(f"codes-{lane}", [*map(close_with, mine), good],
                       [loss_of(code) for code in mine])


def loss_of(code):
    """A code that nobody may send is told as well: what came is what is on record."""
    return f"peer_closed {code}", f"protocol {code}", *(("protocol 1002",) if code < 1000 else ())


def main():
    chaos.need_programs()
    seed = int(os.environ.get("QTA_CHAOS_SEED") or time.time())
    print(f"QTA_CHAOS_SEED={seed}", flush=True)
    only = sys.argv[1:]
    failed = 0
    providers = [provider for provider in cases() if not only or provider.name in only]
    if providers:
        failed += asyncio.run(chaos.play(providers, Venue(), message_max="64KiB"))
    if not only or "codes" in only:
        failed += asyncio.run(chaos.play(list(close_code_cases()), Venue(), **chaos.FAST))
    if not only or "random" in only:
        lanes = list(random_cases(seed, 1000 if IS_CAMPAIGN else 30))
        failed += asyncio.run(chaos.play(lanes, Venue(), message_max="1MiB", **chaos.FAST))
    chaos.finish(failed)


if __name__ == "__main__":
    main()

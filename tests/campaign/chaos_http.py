#!/usr/bin/python3
"""Venues that answer the upgrade with anything but 101, and Alpaca's own refusals. The table of cases
is in README.md."""
import asyncio
import email.utils
import sys
import time

import chaos
from chaos import Provider, check
from venue import TEXT, Venue, close_frame, frame, good

REFUSED = 3  # 401, 403: so often, then never again


def answer(status, *headers, body="no"):
    """An act: this status; the connection ends behind it."""
    async def act(peer):
        lines = [f"HTTP/1.1 {status} Because", f"Content-Length: {len(body)}", *headers, "", body]
        peer.write("\r\n".join(lines).replace("@PORT@", str(peer.venue.port)).encode())
        await peer.flushed()
        peer.end()
        await peer.departure()
    return act


def text(data, pause_s=0.0, step=0):
    """An act: these bytes, in pieces if need be."""
    async def act(peer):
        for at in range(0, len(data), step or max(1, len(data))):
            peer.write(data[at:at + (step or len(data))])
            await peer.flushed()
            await asyncio.sleep(pause_s)
        peer.end()
        await peer.departure()
    return act


async def retry_at_date(peer):
    date = email.utils.formatdate(time.time() + 3, usegmt=True)
    await answer(503, f"Retry-After: {date}")(peer)


def alpaca_error(code, wait_for_login=True):
    """An act: Alpaca's own error instead of a welcome, then the end."""
    async def act(peer):
        await peer.upgrade()
        peer.send([{"T": "success", "msg": "connected"}])
        if wait_for_login:
            await peer.receive()
        peer.write(frame(TEXT, f'[{{"T":"error","code":{code},"msg":"because"}}]') +
                   close_frame(1000))
        await peer.departure()
    return act


async def good_for_a_while(peer):
    await peer.begin()
    peer.tick(5)
    await peer.arrival()
    peer.reset()


async def never_answers(peer):
    """Takes the request, and that is all."""
    await peer.departure()


def plain(status, *headers):
    return Provider(f"status-{status}", [answer(status, *headers), good], [f"http {status}"])


def waiting(name, act, status, at_least_s, at_most_s):
    """A provider that must come back within this time, and no earlier."""
    provider = Provider(name, [act, good], [f"http {status}"])
    provider.wait_s = at_least_s, at_most_s
    return provider


def cases():
    moved = "Location: ws://127.0.0.1:@PORT@/elsewhere"
    broken = ["protocol 0"]
    rows = [plain(status, moved) for status in (301, 302, 303, 307, 308)]
    rows += [plain(status) for status in (200, 204, 400, 404, 406, 407, 418, 426, 500, 502, 504)]
    rows += [
        Provider("status-401", [answer(401)] * REFUSED, ["http 401"] * REFUSED, is_blocked=True),
        Provider("status-403", [answer(403)] * REFUSED, ["http 403"] * REFUSED, is_blocked=True),
        Provider("status-401-once", [answer(401), good], ["http 401"]),
        waiting("429-retry-after-2", answer(429, "Retry-After: 2"), 429, 2, 6),
        waiting("503-retry-after-date", retry_at_date, 503, 1.5, 8),
        waiting("429-retry-after-junk", answer(429, "Retry-After: soon"), 429, 0, 5),
        waiting("429-retry-after-negative", answer(429, "Retry-After: -5"), 429, 0, 5),
        waiting("429-retry-after-past", answer(429, "Retry-After: Wed, 01 May 2024 13:30:00 GMT"),
                429, 0, 5),
        waiting("429-without", answer(429), 429, 0, 5),
        Provider("429-retry-after-1e9", [answer(429, "Retry-After: 1000000000")], ["http 429"]),
        Provider("garbage", [text(b"\x00\xff" * 100 + b"\r\n\r\n"), good], broken),
        Provider("another-protocol", [text(b"220 mail ESMTP\r\n\r\n"), good], broken),
        Provider("headers-100k", [text(b"HTTP/1.1 101 x\r\nX: " + b"y" * 100000 + b"\r\n\r\n"),
                                  good], broken),
        Provider("headers-many", [text(b"HTTP/1.1 101 x\r\n" + b"X: y\r\n" * 20000 + b"\r\n"),
                                  good], broken),
        Provider("wrong-accept", [text(b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: "
                                       b"Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n"), good],
                 broken),
        Provider("no-answer", [text(b""), good], ["lost 0"]),
        Provider("half-an-answer", [text(b"HTTP/1.1 101 Swi"), good], ["lost 0"]),
        Provider("slow-headers", [text(b"HTTP/1.1 101 x\r\nX: " + b"y" * 400, 0.1, 1), good],
                 ["silent 0"]),
        Provider("silence", [never_answers, good], ["silent 0"]),
        Provider("slow-refusal", [text(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 0.01, 1),
                                  good], ["http 503"]),
        Provider("alpaca-402", [alpaca_error(402)], ["auth 402"], is_blocked=True),
        Provider("406-after-reconnect", [good_for_a_while, alpaca_error(406), alpaca_error(406),
                                         good], ["lost 0", "provider 406", "provider 406"]),
        Provider("429-after-reconnect", [good_for_a_while, answer(429, "Retry-After: 1"),
                                         answer(503, "Retry-After: 1"), good],
                 ["lost 0", "http 429", "http 503"]),
    ]
    return rows


def check_case(provider, records, venue):
    entries = venue.entries(provider.name)
    if hasattr(provider, "wait_s"):
        at_least_s, at_most_s = provider.wait_s
        waited_s = entries[1].at - entries[0].at
        check(at_least_s <= waited_s <= at_most_s * (5 if chaos.IS_SANITIZED else 1),
              "Retry-After is heeded", f"{waited_s:.2f} s")
    if provider.name == "406-after-reconnect":
        for before, after in zip(entries[1:], entries[2:]):
            check(after.at - before.at >= 4.9, "a venue that counts connections is given time",
                  after.at - before.at)
    check(len(conns_to_elsewhere(venue)) == 0, "redirects are not followed")
    return chaos.check_provider(provider, records, venue)


def conns_to_elsewhere(venue):
    return [request for request in venue.strangers if b"elsewhere" in request]


def main():
    chaos.need_programs()
    venue = Venue()
    only = sys.argv[1:]
    providers = [provider for provider in cases() if not only or provider.name in only]

    def is_done():
        waits = chaos.unfinished(providers, venue)
        return not [name for name in waits if name != "429-retry-after-1e9"]
    chaos.finish(asyncio.run(chaos.play(providers, venue, is_done=is_done, checks=check_case,
                                  connects_per_minute=600)))


if __name__ == "__main__":
    main()

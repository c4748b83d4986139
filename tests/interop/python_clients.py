#!/usr/bin/python3
"""python3-websockets, in JSON and in msgpack, against qta-replay --serve: every tick, in order, with
the digits that were recorded."""
import asyncio
import datetime
import json
import tempfile

from served_session import check, make_session, ticks_of
from programs import Venue, skip

try:
    import msgpack
    import websockets
except ImportError as missing:
    skip(f"{missing}: apt-get install python3-websockets python3-msgpack")

AUTH = {"action": "auth", "key": "key", "secret": "secret"}
CHANNELS = {"trades": ["*"], "quotes": ["*"]}


class Client:
    """One connection in either encoding."""

    def __init__(self, socket, is_msgpack):
        self.socket = socket
        self.is_msgpack = is_msgpack

    async def send(self, message):
        await self.socket.send(msgpack.packb(message) if self.is_msgpack else json.dumps(message))

    async def receive(self):
        frame = await self.socket.recv()
        check_quietly(isinstance(frame, bytes) == self.is_msgpack, "frames have the right opcode")
        if self.is_msgpack:
            return msgpack.unpackb(frame)
        return json.loads(frame, parse_float=str, parse_int=str)


def check_quietly(condition, sentence):
    if not condition:
        check(False, sentence)


async def connect(url, is_msgpack, **options):
    headers = {"Content-Type": "application/msgpack"} if is_msgpack else {}
    return await websockets.connect(url, extra_headers=headers, **options)


async def receive_all(url, is_msgpack):
    socket = await connect(url + "/v2/sip", is_msgpack)
    client = Client(socket, is_msgpack)
    check(await client.receive() == [{"T": "success", "msg": "connected"}], "welcomed")
    await client.send(AUTH)
    check(await client.receive() == [{"T": "success", "msg": "authenticated"}], "authenticated")
    await client.send({"action": "subscribe", **CHANNELS})
    answer = (await client.receive())[0]
    check(answer["T"] == "subscription" and answer["trades"] == ["*"] and answer["bars"] == [],
          "the subscription is confirmed with the complete set")
    messages = []
    try:
        while True:
            messages += await client.receive()
    except websockets.ConnectionClosedOK as closed:
        check(closed.code == 1000, "the stream ends with a normal close")
    return messages


def nanoseconds(text):
    whole, _, fraction = text.rstrip("Z").partition(".")
    moment = datetime.datetime.fromisoformat(whole + "+00:00")
    return int(moment.timestamp()) * 10**9 + int(fraction.ljust(9, "0") or 0)


def as_number(value):
    """Printed digits by value: msgpack has floats and integers only."""
    return float(value) if "." in value else int(value)


def expected_message(tick, is_msgpack):
    """The message that this tick must be, as that client sees it."""
    keys = {
        "trade": {"price": "p", "size": "s", "id": "i", "exchange": "x", "conditions": "c",
                  "tape": "z"},
        "quote": {"bid_price": "bp", "bid_size": "bs", "bid_exchange": "bx", "ask_price": "ap",
                  "ask_size": "as", "ask_exchange": "ax", "conditions": "c", "tape": "z"},
    }[tick["type"]]
    numbers = {"price", "size", "id", "bid_price", "bid_size", "ask_price", "ask_size"}
    message = {"T": tick["type"][0], "S": tick["symbol"], "t": nanoseconds(tick["ts_event"])}
    for name, key in keys.items():
        if name in tick:
            value = tick[name]
            message[key] = as_number(value) if is_msgpack and name in numbers else value
    if "side" in tick:
        message["tks"] = {"buy": "B", "sell": "S"}[tick["side"]]
    return message


def seen_message(message, is_msgpack):
    seen = dict(message)
    seen["t"] = seen["t"].to_unix_nano() if is_msgpack else nanoseconds(seen["t"])
    return seen


def compare(ticks, messages, is_msgpack):
    name = "msgpack" if is_msgpack else "JSON"
    check(len(messages) == len(ticks), f"{name}: as many messages as ticks ({len(messages)})")
    for tick, message in zip(ticks, messages):
        expected, seen = expected_message(tick, is_msgpack), seen_message(message, is_msgpack)
        check_quietly(expected == seen, f"{name}: sent {expected}, received {seen}")
        check_quietly(next(iter(message)) == "T", f"{name}: T is the first key")
    check(True, f"{name}: every message is its tick, in order, digit by digit")


def test_whole_stream(session, ticks, is_msgpack):
    venue = Venue(session, "--speed", "max")
    messages = asyncio.run(receive_all(venue.url, is_msgpack))
    check(venue.wait(30) == 0, "qta-replay ends well when its client is done")
    compare(ticks, messages, is_msgpack)


async def speak_out_of_turn(url):
    """What a client of bad manners gets to hear."""
    socket = await connect(url + "/v2/iex", False)
    await socket.send("not json")
    await socket.send(json.dumps({"action": "subscribe", **CHANNELS}))
    await socket.send(json.dumps(AUTH)[:20])
    await socket.send([json.dumps(AUTH)[:9], json.dumps(AUTH)[9:]])  # in two fragments
    await socket.send(json.dumps(AUTH))
    await socket.send(json.dumps({"action": "subscribe", "orderbooks": ["BTC/USD"]}))
    heard = [json.loads(await socket.recv())[0] for _ in range(7)]
    codes = [message.get("code", message.get("msg")) for message in heard]
    check(codes == ["connected", 400, 401, 400, "authenticated", 403, 410],
          f"errors by their codes, in order: {codes}")
    pong = await socket.ping()
    await asyncio.wait_for(pong, 10)
    check(True, "pings are answered")
    await socket.close()


def test_manners(session):
    venue = Venue(session, "--speed", "max")
    asyncio.run(speak_out_of_turn(venue.url))
    venue.process.terminate()
    check(venue.wait(30) == 0, "SIGTERM ends a server that waits for a subscription")


async def present(url, headers, message):
    socket = await websockets.connect(url + "/v2/iex", extra_headers=headers)
    await socket.recv()
    if message:
        await socket.send(json.dumps(message))
    answer = json.loads(await socket.recv())[0]
    await socket.close()
    return answer.get("code", answer.get("msg"))


def test_credentials(session):
    venue = Venue(session, "--serve-key", "key", "--serve-secret", "secret")
    cases = [
        ({}, AUTH, "authenticated"),
        ({}, {**AUTH, "secret": "guess"}, 402),
        ({"APCA-API-KEY-ID": "key", "APCA-API-SECRET-KEY": "secret"}, None, "authenticated"),
        ({"APCA-API-KEY-ID": "key", "APCA-API-SECRET-KEY": "guess"}, None, 402),
        ({"Authorization": "Bearer guess"}, None, 402),
    ]
    for headers, message, expected in cases:
        answer = asyncio.run(present(venue.url, headers, message))
        check(answer == expected, f"credentials {headers or message} are answered by {expected}")
    venue.process.terminate()
    check(venue.wait(30) == 0, "it ends well")


def main():
    with tempfile.TemporaryDirectory() as folder:
        session = make_session(folder)
        ticks = ticks_of(session)
        test_whole_stream(session, ticks, is_msgpack=False)
        test_whole_stream(session, ticks, is_msgpack=True)
        test_manners(session)
        test_credentials(session)


main()

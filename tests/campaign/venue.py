"""A venue that can do anything to a connection: it speaks HTTP, WebSocket and Alpaca's messages byte
by byte, keeps a ledger of every tick that it sends, and plays one act after another.

An act is a coroutine function that gets a Peer. One provider of the recorder has its own path, and
so its own acts: the first connection plays the first act, the second one the second; the last act
stays for all later ones.
"""
import asyncio
import base64
import fcntl
import hashlib
import json
import re
import socket
import struct
import termios
import time

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
LIMIT_BYTES = 1 << 22
HTTP_UPGRADE = ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Accept: %s\r\n%s\r\n")


def frame(opcode, payload=b"", fin=True, reserved=0, mask=None, length=None):
    """The bytes of one frame; length, where it is to lie."""
    if isinstance(payload, str):
        payload = payload.encode()
    length = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | reserved << 4 | opcode])
    bit = 0x80 if mask else 0
    if length < 126:
        head += bytes([bit | length])
    elif length < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", length)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", length)
    if mask:
        payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        head += mask
    return head + payload


def close_frame(code=None, reason=b""):
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


def accept_key(key):
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return base64.b64encode(digest).decode()


def upgrade_answer(key, extra=""):
    return (HTTP_UPGRADE % (accept_key(key), extra)).encode()


def trade(number, symbol):
    seconds, nanoseconds = number // 1000 % 60, number % 1000000000
    return (f'{{"T":"t","i":{number},"S":"{symbol}","x":"V","p":{number % 9000 + 1}.25,"s":1,'
            f'"c":["@"],"z":"C","t":"2024-05-01T13:30:{seconds:02d}.{nanoseconds:09d}Z"}}')


class Gone(Exception):
    """The recorder has left this connection."""


class Entry:
    """What one connection did: the ledger's line."""

    def __init__(self, provider, index, act):
        self.provider, self.index, self.act = provider, index, act
        self.at = time.monotonic()
        self.peer = None      # the other side
        self.request = b""
        self.port = 0         # of the other side
        self.offsets = []     # of each frame with ticks: (bytes written up to its end, ticks so far)
        self.is_open = False  # upgraded
        self.flows = False    # subscriptions acknowledged, or ticks sent
        self.times_ns = {}    # when each was sent, by number; of live() only
        self.sent = []        # numbers of trades, in order
        self.certain = 0      # so many of them have reached the recorder for sure
        self.is_quiet = False  # has said all, and the recorder has read it
        self.close_code = None
        self.close_at = None
        self.pings = 0


class Peer:
    """One connection of the recorder."""

    def __init__(self, venue, reader, writer, entry):
        self.venue, self.reader, self.writer, self.entry = venue, reader, writer, entry
        self.messages = asyncio.Queue()
        self.pongs = {}
        self.answers_pings = True
        self.listener = None
        self.written = 0

    # the transport

    def write(self, data):
        if self.writer.transport.is_closing():
            raise Gone
        self.written += len(data)
        self.writer.write(data)

    async def drain(self):
        try:
            await self.writer.drain()
        except ConnectionError as error:
            raise Gone from error

    async def flushed(self):
        """Waits until the recorder's kernel has every byte."""
        await self.drain()
        sock = self.writer.get_extra_info("socket")
        while not self.writer.transport.is_closing():
            waiting = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
            if (self.writer.transport.get_write_buffer_size() == 0 and
                    struct.unpack("i", waiting)[0] == 0):
                return
            await asyncio.sleep(0.001)
        raise Gone

    def reset(self):
        """RST: what is still queued here is thrown away."""
        sock = self.writer.get_extra_info("socket")
        if sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def end(self):
        """FIN behind what is queued."""
        self.writer.close()

    def all_certain(self):
        self.entry.certain = len(self.entry.sent)

    # WebSocket

    async def upgrade(self, extra=""):
        self.write(self.answer(extra))
        self.open()

    def answer(self, extra=""):
        key = re.search(rb"(?i)Sec-WebSocket-Key: (\S+)", self.entry.request)
        return upgrade_answer(key.group(1), extra)

    def open(self):
        self.entry.is_open = True
        self.listener = self.venue.track(self.listen())

    async def listen(self):
        """Takes the recorder's frames until it leaves."""
        try:
            while True:
                opcode, payload = await self.read_frame()
                if opcode == PING:
                    self.entry.pings += 1
                    if self.answers_pings:
                        self.write(frame(PONG, payload))
                elif opcode == PONG and payload in self.pongs:
                    self.pongs.pop(payload)()
                elif opcode == CLOSE:
                    self.entry.close_at = time.monotonic()
                    self.entry.close_code = (struct.unpack(">H", payload[:2])[0]
                                             if len(payload) >= 2 else 0)
                elif opcode in (TEXT, BINARY):
                    self.messages.put_nowait(payload)
        except (asyncio.IncompleteReadError, ConnectionError, Gone):
            self.messages.put_nowait(None)

    async def read_frame(self):
        first, second = await self.reader.readexactly(2)
        length = second & 0x7F
        if length == 126:
            length = struct.unpack(">H", await self.reader.readexactly(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", await self.reader.readexactly(8))[0]
        mask = await self.reader.readexactly(4) if second & 0x80 else bytes(4)
        payload = await self.reader.readexactly(length)
        return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))

    def send(self, message):
        self.write(frame(TEXT, message if isinstance(message, (str, bytes))
                         else json.dumps(message)))

    async def receive(self):
        message = await self.messages.get()
        if message is None:
            self.messages.put_nowait(None)
            raise Gone
        return json.loads(message)

    async def arrival(self):
        """Waits until the recorder has read all that was sent: it answers pings in turn."""
        payload = b"%d" % self.written
        answered = asyncio.Event()
        count = len(self.entry.sent)

        def on_pong():
            self.entry.certain = max(self.entry.certain, count)
            answered.set()
        self.pongs[payload] = on_pong
        self.write(frame(PING, payload))
        await answered.wait()

    async def departure(self):
        """Waits until the recorder is gone."""
        if self.listener:
            await self.listener
        else:
            while await self.reader.read(65536):
                pass

    # Alpaca

    async def log_in(self):
        self.send([{"T": "success", "msg": "connected"}])
        await self.receive()
        self.send([{"T": "success", "msg": "authenticated"}])

    async def acknowledge(self):
        request = await self.receive()
        self.entry.flows = True
        self.send([{"T": "subscription", "trades": request.get("trades", []), "quotes": [],
                    "bars": []}])

    async def begin(self):
        """Everything up to where ticks can flow."""
        await self.upgrade()
        await self.log_in()
        await self.acknowledge()

    def tick_bytes(self, count):
        """A message with so many trades, which count as sent."""
        numbers = self.venue.numbers(count)
        self.entry.sent += numbers
        return ("[" + ",".join(trade(number, "AAPL") for number in numbers) + "]").encode()

    def tick(self, count=1):
        self.write(frame(TEXT, self.tick_bytes(count)))
        self.entry.offsets.append((self.written, len(self.entry.sent)))

    async def live(self):
        """A good venue for as long as the recorder wants it."""
        await self.begin()
        while not self.venue.is_quiet:
            self.tick()
            self.entry.times_ns[self.entry.sent[-1]] = time.time_ns()
            await asyncio.sleep(self.venue.tick_interval_s)
        await self.arrival()
        self.entry.is_quiet = True
        await self.departure()


async def good(peer):
    await peer.live()


class Venue:
    """Listens on one port of the loopback, with TLS if a context is given."""

    def __init__(self, tls=None, host="127.0.0.1", port=0):
        self.tls, self.host, self.port = tls, host, port
        self.acts = {}     # by path: what each connection gets
        self.raw_act = None  # for connections that say nothing readable
        self.ledger = []
        self.strangers = []  # requests for paths that nobody has
        self.failures = []   # of acts, in words
        self.number = 0
        self.is_quiet = False
        self.tick_interval_s = 0.05
        self.tasks = set()
        self.server = None
        self.others = []

    def numbers(self, count):
        self.number += count
        return list(range(self.number - count + 1, self.number + 1))

    def entries(self, provider):
        return [entry for entry in self.ledger if entry.provider == provider]

    def track(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def start(self):
        self.server = await asyncio.start_server(self.serve, self.host, self.port, ssl=self.tls,
                                                 limit=LIMIT_BYTES, backlog=512)
        self.port = self.server.sockets[0].getsockname()[1]

    async def listen(self, tls):
        """One more port, with a certificate of its own."""
        server = await asyncio.start_server(self.serve, self.host, 0, ssl=tls, limit=LIMIT_BYTES)
        self.others.append(server)
        return server.sockets[0].getsockname()[1]

    async def stop(self):
        for server in [self.server, *self.others]:
            if server:
                server.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def serve(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        try:
            await self.play(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, Gone,
                asyncio.CancelledError):
            pass
        except Exception as error:  # pylint: disable=broad-except
            self.failures.append(repr(error))
        finally:
            self.tasks.discard(asyncio.current_task())
            writer.close()

    async def play(self, reader, writer):
        request = await reader.readexactly(1)
        if request == b"\x16" and not self.tls:  # TLS where none is spoken
            writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            return
        request += await reader.readuntil(b"\r\n\r\n")
        path = request.split(b" ", 2)[1].decode().strip("/")
        if path not in self.acts:
            self.strangers.append(request)
            return
        acts = self.acts[path]
        index = len(self.entries(path))
        act = acts[min(index, len(acts) - 1)]
        entry = Entry(path, index, act)
        entry.request = request
        entry.port = writer.get_extra_info("peername")[1]
        self.ledger.append(entry)
        entry.peer = Peer(self, reader, writer, entry)
        await act(entry.peer)

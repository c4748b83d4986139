#!/usr/bin/python3
"""The transport against servers that are not ours: python3-websockets, OpenSSL in Python, and scripts
that answer badly. Each scenario is a row: a server, the probe's arguments, the lines it must print.

    transport_interop.py [NAME-PART]      runs those whose name has this part
"""
import asyncio
import base64
import hashlib
import logging
import os
import re
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import warnings
import zlib

try:
    import websockets
    from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
except ImportError:
    print("skipped: no python3-websockets")
    sys.exit(77)

PROBE = os.path.join(os.environ["QTA_BINARY_DIR"], "tests-bin", "transport_probe")
LIMIT_S = 60
DATES = {"past": ("20200101000000Z", "20200201000000Z"),
         "future": ("20900101000000Z", "20910101000000Z"),
         "now": ("20200101000000Z", "20900101000000Z")}


# ---- certificates ----

class Certificates:
    """A private authority and what it signs, made by openssl in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        with open(self.path("ca.conf"), "w") as file:
            file.write("[ca]\ndefault_ca = here\n[here]\nnew_certs_dir = .\ndatabase = index\n"
                       "serial = serial\npolicy = any\ndefault_md = sha256\n"
                       "copy_extensions = copy\nunique_subject = no\n[any]\ncommonName = supplied\n")
        open(self.path("index"), "w").close()
        with open(self.path("serial"), "w") as file:
            file.write("1000\n")
        self.openssl("req", "-x509", *self.new_key("ca"), "-subj", "/CN=qta test authority",
                     "-days", "3650", "-out", "ca.pem")
        names = "DNS:localhost,IP:127.0.0.1,IP:::1"
        self.sign("good", names, "now")
        self.sign("wrong", "DNS:somewhere.example", "now")
        self.sign("expired", names, "past")
        self.sign("early", names, "future")
        self.openssl("req", "-x509", *self.new_key("self"), "-subj", "/CN=localhost", "-addext",
                     "subjectAltName=" + names, "-days", "3650", "-out", "self.pem")
        with open(self.path("garbage.pem"), "w") as file:
            file.write("this is no certificate\n")

    def path(self, name):
        return os.path.join(self.folder, name)

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    @staticmethod
    def new_key(name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                name + ".key"]

    def sign(self, name, names, when):
        self.openssl("req", *self.new_key(name), "-subj", "/CN=" + name, "-addext",
                     "subjectAltName=" + names, "-out", name + ".csr")
        start, end = DATES[when]
        self.openssl("ca", "-batch", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key",
                     "-startdate", start, "-enddate", end, "-in", name + ".csr", "-out",
                     name + ".pem")

    def server(self, name):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(name + ".pem"), self.path(name + ".key"))
        return context

    def tls_1_2_server(self):
        context = self.server("good")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context

    def old_server(self):
        context = self.server("good")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        return context


# ---- servers ----

class Server:
    """Something that listens on a loopback port. `seen` is what it learned about its client."""

    def __init__(self, host="127.0.0.1"):
        self.host = host
        self.seen = []
        self.busy = 0  # clients that are being served

    async def serve(self, work):
        """Serves one client."""
        self.busy += 1
        try:
            await work
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError,
                websockets.ConnectionClosed):
            pass
        finally:
            self.busy -= 1

    async def settle(self):
        """Waits until all that can be seen of the clients is seen."""
        for _ in range(500):
            if self.busy == 0:
                break
            await asyncio.sleep(0.01)

    async def start(self):
        raise NotImplementedError

    async def stop(self):
        pass


class WebSocketServer(Server):
    """python3-websockets with this handler."""

    def __init__(self, handler, tls=None, host="127.0.0.1", **options):
        super().__init__(host)
        self.handler, self.tls, self.options = handler, tls, options

    async def start(self):
        async def handle(client):
            await self.serve(self.handler(self, client))
            await client.close()
            self.seen.append(("close", client.close_code, client.close_reason))

        async def count(client):
            await self.serve(handle(client))
        self.server = await websockets.serve(count, self.host, 0, ssl=self.tls, compression=None,
                                             max_size=None, **self.options)
        return self.server.sockets[0].getsockname()[1]

    async def stop(self):
        self.server.close()
        await self.server.wait_closed()


class ByteServer(Server):
    """A TCP or TLS server with this handler, which reads and writes bytes."""

    def __init__(self, handler, tls=None, host="127.0.0.1"):
        super().__init__(host)
        self.handler, self.tls = handler, tls

    async def start(self):
        async def handle(reader, writer):
            await self.serve(self.handler(self, reader, writer))
            writer.close()
        self.server = await asyncio.start_server(handle, self.host, 0, ssl=self.tls,
                                                 limit=1 << 20)
        return self.server.sockets[0].getsockname()[1]

    async def stop(self):
        self.server.close()
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()


class Nobody(Server):
    """A port on which nobody listens."""

    async def start(self):
        with socket.socket() as free:
            free.bind((self.host, 0))
            return free.getsockname()[1]


class FullBacklog(Server):
    """A listener whose queue is full: the kernel drops what else wants to connect."""

    async def start(self):
        self.sockets = [socket.socket()]
        self.sockets[0].bind((self.host, 0))
        self.sockets[0].listen(0)
        for _ in range(4):
            client = socket.socket()
            client.setblocking(False)
            client.connect_ex(self.sockets[0].getsockname())
            self.sockets.append(client)
        await asyncio.sleep(0.05)
        return self.sockets[0].getsockname()[1]

    async def stop(self):
        for one in self.sockets:
            one.close()


# ---- what WebSocket handlers do ----

async def greet(server, client):
    await client.send("hello")
    await client.send(b"\x00\x01bin")
    await client.send("")
    await client.send(["frag", "ment", "ed"])
    await client.send([b"a" * 70000, b"b" * 70000])
    await client.close(1000)


async def echo(server, client):
    async for message in client:
        await client.send(message)
        if isinstance(message, str) and message.startswith("bye"):
            return


async def measure(server, client):
    """Says how long and how sound the first message was."""
    message = await client.recv()
    sound = all(letter == chr(ord("a") + i % 26) for i, letter in enumerate(message))
    await client.send(f"{len(message)} {sound}")


async def ping_client(server, client):
    for payload in ("", "x", "y" * 125):
        await asyncio.wait_for(await client.ping(payload), 10)
    await client.send("three pongs")


async def idle_then_speak(server, client):
    await asyncio.sleep(1.5)
    await client.send("still here")


async def stay(server, client):
    async for _ in client:
        pass


async def tell_header(server, client):
    headers = client.request_headers
    await client.send("%s %s %s" % (headers["X-Key"], headers["Host"].split(":")[0],
                                    headers.get("Sec-WebSocket-Extensions")))


async def tell_extensions(server, client):
    await client.send(client.request_headers.get("Sec-WebSocket-Extensions", "none"))


async def tell_session(server, client):
    tls = client.transport.get_extra_info("ssl_object")
    await client.send(f"{'resumed' if tls.session_reused else 'new'} "
                      f"{tls.selected_alpn_protocol()}")


def packable(number):
    return b'{"T":"t","S":"AAPL","p":%d.25,"s":100}' % number * (number % 9)


async def send_packable(server, client):
    for i in range(3000):
        text = packable(i)
        await client.send([text[:7].decode(), text[7:].decode()] if i % 5 == 4 else text.decode())


async def tell_path(server, client):
    await client.send(client.path)


def send_large(length):
    async def handler(server, client):
        await client.send("z" * length)
        await client.wait_closed()
    return handler


def send_many(count, length):
    async def handler(server, client):
        for i in range(count):
            await client.send("%08d" % i + "." * (length - 8))
    return handler


def close_with(code, reason=""):
    async def handler(server, client):
        await client.send("last words")
        await client.close(code, reason)
    return handler


async def abort(server, client):
    await client.send("last words")
    await asyncio.sleep(0.1)
    client.transport.abort()


# ---- what byte handlers do ----

async def read_request(reader):
    return await reader.readuntil(b"\r\n\r\n")


def answer(text, pause=0):
    """Answers the upgrade with this, then ends."""
    async def handler(server, reader, writer):
        await read_request(reader)
        writer.write(text if isinstance(text, bytes) else text.encode())
        await asyncio.sleep(pause)
    return handler


async def upgrade(reader, writer, extra=""):
    request = await read_request(reader)
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", request).group(1)
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                 b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + base64.b64encode(digest) +
                 b"\r\n" + extra.encode() + b"\r\n")


def frames(*parts, linger=0.2, extra="", pieces=0):
    """Upgrades and sends these bytes as they are, in pieces of that size if any."""
    async def handler(server, reader, writer):
        await upgrade(reader, writer, extra)
        for part in parts:
            step = pieces or max(1, len(part))
            for at in range(0, len(part), step):
                writer.write(part[at:at + step])
                if pieces:
                    await writer.drain()
                    await asyncio.sleep(0)
        await writer.drain()
        try:
            received = await asyncio.wait_for(reader.read(1000), linger)
            server.seen.append(("raw", unmask(received)))
        except asyncio.TimeoutError:
            pass
    return handler


def unmask(frame):
    """The opcode and payload of a short frame of the client."""
    if len(frame) < 6:
        return None
    length, mask = frame[1] & 0x7F, frame[2:6]
    return frame[0] & 0x0F, bytes(b ^ mask[i % 4] for i, b in enumerate(frame[6:6 + length]))


async def answer_pings(server, reader, writer):
    """Three pings, each answered after pongs that answer nothing, and once more than it should."""
    await upgrade(reader, writer)
    for _ in range(3):
        head = await reader.readexactly(2)
        _, payload = unmask(head + await reader.readexactly(4 + (head[1] & 0x7F)))
        pong = bytes([0x8A, len(payload)]) + payload
        writer.write(b"\x8a\x00" + b"\x8a\x08nonsense" + pong + pong)
        await writer.drain()
    writer.write(b"\x88\x02\x03\xe8")
    await writer.drain()
    await reader.read(1000)


async def endless_fragments(server, reader, writer):
    await upgrade(reader, writer)
    writer.write(b"\x01\x01a")
    while not reader.at_eof():
        writer.write(b"\x00\x00" * 1000)
        await writer.drain()
        await asyncio.sleep(0)


async def ping_flood(server, reader, writer):
    """Many pings, and nobody reads the pongs for a while."""
    await upgrade(reader, writer)
    for _ in range(200):
        writer.write(b"\x89\x7d" + b"p" * 125)
        writer.write(b"\x89\x00" * 200)
        await writer.drain()
    writer.write(b"\x81\x04done\x88\x02\x03\xe8")
    await writer.drain()
    while await reader.read(65536):
        pass


async def never_close(server, reader, writer):
    """Upgrades, sends one message, ignores the close frame."""
    await upgrade(reader, writer)
    writer.write(b"\x81\x02hi")
    while await reader.read(1000):
        pass


async def deaf(server, reader, writer):
    """Upgrades, then answers nothing, pings neither."""
    await upgrade(reader, writer)
    await asyncio.sleep(LIMIT_S)


async def silent(server, reader, writer):
    await asyncio.sleep(LIMIT_S)


async def hang_up(server, reader, writer):
    await reader.read(1)


async def slow_headers(server, reader, writer):
    await read_request(reader)
    for letter in "HTTP/1.1 101 Switching Protocols\r\nX-Slow: " + "x" * 1000:
        writer.write(letter.encode())
        await writer.drain()
        await asyncio.sleep(0.05)


async def send_lines(server, reader, writer):
    """10,000 lines of 10 bytes in odd pieces."""
    text = b"".join(b"line %04d\n" % i for i in range(10000))
    for at in range(0, len(text), 777):
        writer.write(text[at:at + 777])
        await writer.drain()
    await asyncio.sleep(0.5)


async def echo_bytes(server, reader, writer):
    writer.write(await reader.readexactly(5))


async def greet_and_wait(server, reader, writer):
    """Speaks first, and only once."""
    writer.write(b"hello")
    await writer.drain()
    await asyncio.sleep(0.3)


async def send_one_long_line(server, reader, writer):
    writer.write(b"x" * 300000)
    await writer.drain()
    await reader.read(1)


# ---- scenarios ----

def scenarios(certificates):
    c = certificates
    ca = ["--ca", c.path("ca.pem")]
    crc = crc32c
    hello = [r"open", r"data TEXT 5 9a71bb4c hello"]
    rows = []

    def row(name, server, arguments, expected, url="ws://{host}:{port}/", seen=None, cpu_s=None):
        rows.append((name, server, arguments, expected, url, seen, cpu_s))

    # messages
    row("text, binary, empty, fragmented and large messages come whole",
        WebSocketServer(greet), [],
        hello + [r"data BINARY 5 .* \.\.bin", r"data TEXT 0 00000000 ",
                 r"data TEXT 10 .* fragmented",
                 r"data BINARY 140000 %08x a+" % crc(b"a" * 70000 + b"b" * 70000),
                 r"sum .*", r"end peer_closed 1000 0 - closed by the venue: 1000"])
    row("a message of ours arrives", WebSocketServer(echo), ["--send", "bye bye"],
        [r"open", r"data TEXT 7 .* bye bye", r"sum .*", r"end peer_closed 1000 .*"])
    for length in (1, 125, 126, 65535, 65536, 200000, 3000000):
        row(f"a message of ours of {length} bytes arrives whole", WebSocketServer(measure),
            ["--send-length", str(length)],
            [r"open", rf"data TEXT \d+ .* {length} True", r"sum .*", r"end peer_closed 1000 .*"])
    row("many messages come in order", WebSocketServer(send_many(20000, 150)), ["--quiet"],
        [r"open", r"sum 20000 3000000 %08x" %
         crc(b"".join(b"%08d" % i + b"." * 142 for i in range(20000))),
         r"end peer_closed 1000 .*"])
    row("a pause loses nothing", WebSocketServer(send_many(5000, 1000)),
        ["--quiet", "--pause-at", "7", "--pause-ms", "300"],
        [r"open", r"paused", r"resumed", r"sum 5000 5000000 %08x" %
         crc(b"".join(b"%08d" % i + b"." * 992 for i in range(5000))),
         r"end peer_closed 1000 .*"])
    row("headers and host arrive, compression is not offered", WebSocketServer(tell_header),
        ["--header", "X-Key: abc"],
        [r"open", r"data TEXT .* abc 127.0.0.1 None", r"sum .*", r"end peer_closed 1000 .*"])
    row("compression is offered where it is wanted", WebSocketServer(tell_extensions),
        ["--deflate"], [r"open", r"data TEXT 18 .* permessage-deflate", r"sum .*", r"end .*"])
    compressed = crc(b"".join(packable(i) for i in range(3000)))
    for takeover in (False, True):
        row("compressed messages come as they were, " +
            ("each by itself" if takeover else "referring to those before"),
            WebSocketServer(send_packable, extensions=[
                ServerPerMessageDeflateFactory(server_no_context_takeover=takeover)]),
            ["--deflate", "--quiet"],
            [r"open", rf"sum 3000 {sum(len(packable(i)) for i in range(3000))} {compressed:08x}",
             r"end peer_closed 1000 .*"])
    row("a small window is no hindrance",
        WebSocketServer(send_packable, extensions=[
            ServerPerMessageDeflateFactory(server_max_window_bits=9)]),
        ["--deflate", "--quiet"], [r"open", rf"sum 3000 \d+ {compressed:08x}", r"end .*"])
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = bomb.compress(b"0" * 100_000_000) + bomb.flush(zlib.Z_SYNC_FLUSH)[:-4]
    header = b"\xc1\x7f" + len(bomb).to_bytes(8, "big")
    row("a hundred megabytes that come as a hundred kilobytes are too large",
        ByteServer(frames(header + bomb, extra="Sec-WebSocket-Extensions: permessage-deflate\r\n")),
        ["--deflate"], [r"open", r"sum 0 0 .*",
                        r"end protocol 1009 0 - a message is larger than allowed"])
    row("path and query arrive", WebSocketServer(tell_path), [],
        [r"open", r"data TEXT .* /a/b\?c=d%20e", r"sum .*", r"end .*"],
        url="ws://{host}:{port}/a/b?c=d%20e")
    row("a host name is resolved", WebSocketServer(greet), [], hello + [".*"] * 5 +
        [r"end peer_closed 1000 .*"], url="ws://localhost:{port}/")
    row("IPv6 works", WebSocketServer(greet, host="::1"), [], hello + [".*"] * 5 +
        [r"end peer_closed 1000 .*"], url="ws://[::1]:{port}/")
    row("fifty links at once", WebSocketServer(close_with(1001)),
        ["--links", "50", "--quiet"],
        sorted(["open"] * 50 + [r"sum 1 10 .*"] * 50 + [r"end peer_closed 1001 .*"] * 50))

    # pings
    row("pings are answered", WebSocketServer(ping_client, ping_interval=None), [],
        [r"open", r"data TEXT .* three pongs", r"sum .*", r"end peer_closed 1000 .*"])
    row("a quiet venue that answers pings stays connected, and costs nothing",
        WebSocketServer(idle_then_speak), ["--ping-ms", "200"],
        [r"open", r"data TEXT .* still here", r"sum .*", r"end peer_closed 1000 .*"], cpu_s=0.5)
    row("the answer to a ping tells the round trip, any other pong nothing",
        ByteServer(answer_pings), ["--ping-ms", "100", "--pongs"],
        [r"open"] + [r"pong"] * 3 + [r"sum .*", r"end peer_closed 1000 .*"])
    row("a venue that answers no ping is silent", ByteServer(deaf), ["--ping-ms", "200"],
        [r"open", r"sum .*", r"end silent 0 0 - no answer to a ping within 400 ms"])
    row("a flood of pings does no harm", ByteServer(ping_flood), ["--quiet"],
        [r"open", r"sum 1 4 .*", r"end peer_closed 1000 .*"])

    # ends
    for code in (1000, 1001, 1008, 1011, 1012, 1013, 1014, 3000, 4001):
        row(f"close code {code} comes through", WebSocketServer(close_with(code, "why not")), [],
            [r"open", r"data .* last words", r"sum .*",
             rf"end peer_closed {code} 0 - closed by the venue: {code} why not"],
            seen=[("close", code, "")])
    row("a close without a code", ByteServer(frames(b"\x88\x00")), [],
        [r"open", r"sum .*", r"end peer_closed 0 0 - closed by the venue without a code"],
        seen=[("raw", (8, b""))])
    row("a close code that cannot be is reported, and not echoed",
        ByteServer(frames(b"\x88\x02\x03\xee")), [],
        [r"open", r"sum .*", r"end peer_closed 1006 .*"], seen=[("raw", (8, b"\x03\xea"))])
    row("a close reason cannot move a terminal's cursor",
        ByteServer(frames(b"\x88\x06\x03\xe8\x1b[2J")), [],
        [r"open", r"sum .*", r"end peer_closed 1000 0 - closed by the venue: 1000 \?\[2J"])
    row("an abort is a loss", WebSocketServer(abort), [],
        [r"open", r"data .* last words", r"sum .*", r"end lost 0 0 - (connection lost: Connection "
         r"reset by peer|the venue ended the connection without a close frame)"])
    row("an end without a close frame is a loss", ByteServer(frames(b"\x81\x02hi", linger=0)), [],
        [r"open", r"data TEXT 2 .* hi", r"sum .*",
         r"end lost 0 0 - the venue ended the connection without a close frame"])
    row("what came before the end is delivered after a pause",
        ByteServer(frames(b"".join(b"\x81\x04%04d" % i for i in range(100)), linger=0)),
        ["--quiet", "--pause-at", "1", "--pause-ms", "300"],
        [r"open", r"paused", r"resumed", r"sum 100 400 .*", r"end lost .*"])
    row("the same over TLS",
        ByteServer(frames(b"".join(b"\x81\x04%04d" % i for i in range(100)), linger=0),
                   tls=c.server("good")),
        ["--quiet", "--pause-at", "1", "--pause-ms", "300", *ca],
        [r"open", r"paused", r"resumed", r"sum 100 400 .*", r"end lost .*"],
        url="wss://{host}:{port}/")
    row("we close, the venue agrees", WebSocketServer(stay), ["--close-after", "0"],
        [r"open", r"sum .*", r"end stop 1000 0 - closed by us"], seen=[("close", 1000, "")])
    row("we close with another code", WebSocketServer(stay),
        ["--close-after", "0", "--close-code", "1001"],
        [r"open", r"sum .*", r"end stop 1001 0 - closed by us"], seen=[("close", 1001, "")])
    row("what was sent before a close arrives", WebSocketServer(measure),
        ["--send-length", "1000000", "--close-after", "1"],
        [r"open", r"data TEXT .* 1000000 True", r"sum .*", r"end (stop|peer_closed) 1000 .*"])
    row("no message comes after we closed", WebSocketServer(send_many(1000, 100)),
        ["--quiet", "--close-after", "10"], [r"open", r"sum 10 1000 .*", r"end stop 1000 .*"])
    row("a venue that ignores our close does not keep us", ByteServer(never_close),
        ["--close-after", "1"],
        [r"open", r"data TEXT 2 .* hi", r"sum .*", r"end stop 1000 0 - closed by us"])

    # hostile frames
    row("a message over the limit ends it with 1009", WebSocketServer(send_large(5000000)),
        ["--max", "1048576"],
        [r"open", r"sum 0 .*", r"end protocol 1009 0 - a message is larger than allowed"],
        seen=[("close", 1009, "")])
    row("a message at the limit is fine", WebSocketServer(send_large(1048576)),
        ["--quiet", "--close-after", "1"], [r"open", r"sum 1 1048576 .*", r"end stop .*"])
    row("endless fragments end with 1009", ByteServer(endless_fragments), [],
        [r"open", r"sum 0 .*", r"end protocol 1009 .*"])
    row("a frame of 2^62 bytes ends with 1009",
        ByteServer(frames(b"\x82\x7f\x40" + bytes(7) + b"xx")), [],
        [r"open", r"sum 0 .*", r"end protocol 1009 .*"], seen=[("raw", (8, b"\x03\xf1"))])
    for name, bad in (("reserved bits", b"\xc1\x01x"), ("a mask", b"\x81\x81abcd\x00"),
                      ("an unknown opcode", b"\x83\x01x"),
                      ("a stray continuation", b"\x80\x01x"),
                      ("a message within a message", b"\x01\x01x\x81\x01y"),
                      ("a fragmented ping", b"\x09\x01x"), ("a long ping", b"\x89\x7e\x00\x80")):
        row(f"{name} from the server ends it with 1002", ByteServer(frames(bad)), [],
            [r"open", r"sum 0 .*", r"end protocol 1002 .*"], seen=[("raw", (8, b"\x03\xea"))])
    row("frames in single bytes are the same frames",
        ByteServer(frames(b"\x01\x02he\x89\x01p\x80\x03llo\x82\x7e\x00\x03abc\x88\x02\x03\xe8",
                          pieces=1)), [],
        hello + [r"data BINARY 3 .* abc", r"sum .*", r"end peer_closed 1000 .*"])
    row("text that is not UTF-8 is delivered as it is", ByteServer(frames(b"\x81\x02\xff\xfe")),
        [], [r"open", r"data TEXT 2 .* \.\.", r"sum .*", r"end lost .*"])
    row("frames right behind the answer are read", ByteServer(frames(b"\x81\x05hello")), [],
        hello + [r"sum .*", r"end lost .*"])

    # HTTP
    refused = "HTTP/1.1 %s\r\n%s\r\n"
    for status, headers, code, wait in (
            ("401 Unauthorized", "", 401, 0), ("403 Forbidden", "", 403, 0),
            ("404 Not Found", "", 404, 0), ("407 Proxy Authentication Required", "", 407, 0),
            ("418 I'm a teapot", "", 418, 0), ("500 Oops", "", 500, 0),
            ("429 Too Many Requests", "Retry-After: 7\r\n", 429, 7),
            ("503 Busy", "Retry-After: Fri, 01 Jan 2100 00:00:00 GMT\r\n", 503, 1000000000),
            ("503 Busy", "Retry-After: 1000000000\r\n", 503, 1000000000),
            ("503 Busy", "Retry-After: junk\r\n", 503, 0), ("200 OK", "", 200, 0)):
        row(f"status {status} {headers.strip()}", ByteServer(answer(refused % (status, headers))),
            [], [r"sum 0 .*", rf"end http {code} {wait} - the upgrade was refused: {re.escape(status)}"])
    for code in (301, 302, 307):
        row(f"a redirect is not followed ({code})",
            ByteServer(answer(refused % (f"{code} Moved", "Location: ws://127.0.0.1:1/x\r\n"))), [],
            [r"sum 0 .*", rf"end http {code} 0 - .*redirects are not followed.*"])
    for name, text, reason in (
            ("garbage", "\x00\x01\x02garbage\r\n\r\n", "not HTTP"),
            ("another protocol", "220 smtp.example.com ESMTP\r\n", "not HTTP"),
            ("too many headers", "HTTP/1.1 101 x\r\nX: " + "y" * 100000 + "\r\n\r\n", "64 KiB"),
            ("an answer without accept",
             "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "fit its key")):
        row(f"{name} instead of an answer", ByteServer(answer(text, pause=0.2)), [],
            [r"sum 0 .*", rf"end protocol 0 0 - .*{reason}.*"])
    row("an extension that was not offered is refused",
        ByteServer(frames(b"", extra="Sec-WebSocket-Extensions: permessage-deflate\r\n")), [],
        [r"sum 0 .*", r"end protocol 0 0 - .*extension.*"])
    row("no answer, but the end", ByteServer(answer("")), [],
        [r"sum 0 .*", r"end lost 0 0 - '127.0.0.1' ended the connection without an answer.*"])
    row("accepted, then silence", ByteServer(silent), ["--timeout-ms", "400"],
        [r"sum 0 .*", r"end silent 0 0 - timed out after 400 ms, waiting for the upgrade's .*"],
        cpu_s=0.5)
    row("headers that never end", ByteServer(slow_headers), ["--timeout-ms", "400"],
        [r"sum 0 .*", r"end silent .*"])

    # no connection
    row("nobody listens", Nobody(), [],
        [r"sum 0 .*", r"end connect 0 0 - cannot connect to '127.0.0.1' port \d+: Connection refused"])
    row("nobody listens on any address of a name", Nobody(), [],
        [r"sum 0 .*", r"end connect 0 0 - cannot connect to 'localhost' port \d+: Connection refused"],
        url="ws://localhost:{port}/")
    row("a name that does not exist", Nobody(), [],
        [r"sum 0 .*", r"end resolve 0 0 - cannot resolve 'no\.\.where': \S.*"],
        url="ws://no..where:{port}/")
    row("packets that vanish", FullBacklog(), ["--timeout-ms", "400"],
        [r"sum 0 .*", r"end connect 0 0 - (timed out after 400 ms, connecting to .*|cannot connect "
         r"to .*: timed out)"])
    row("a URL that can never work", Nobody(), [], [r"refused configuration a URL must begin .*"],
        url="http://{host}:{port}/")
    row("a header that would smuggle another", Nobody(), ["--header", "X: a\nY: b"],
        [r"refused configuration the value of header 'X' has control characters"])

    # TLS
    row("a private authority is trusted when named", WebSocketServer(greet, tls=c.server("good")),
        ca, hello + [".*"] * 5 + [r"end peer_closed 1000 .*"], url="wss://localhost:{port}/")
    row("an address in the certificate is as good", WebSocketServer(greet, tls=c.server("good")),
        ca, hello + [".*"] * 5 + [r"end peer_closed 1000 .*"], url="wss://127.0.0.1:{port}/")
    row("IPv6 with TLS", WebSocketServer(greet, tls=c.server("good"), host="::1"),
        ca, hello + [".*"] * 5 + [r"end peer_closed 1000 .*"], url="wss://[::1]:{port}/")
    row("many messages over TLS", WebSocketServer(send_many(20000, 150), tls=c.server("good")),
        [*ca, "--quiet"], [r"open", r"sum 20000 3000000 .*", r"end peer_closed 1000 .*"],
        url="wss://localhost:{port}/")
    row("a pause over TLS loses nothing",
        WebSocketServer(send_many(5000, 1000), tls=c.server("good")),
        [*ca, "--quiet", "--pause-at", "7", "--pause-ms", "300"],
        [r"open", r"paused", r"resumed", r"sum 5000 5000000 .*", r"end peer_closed 1000 .*"],
        url="wss://localhost:{port}/")
    row("a large message of ours over TLS", WebSocketServer(measure, tls=c.server("good")),
        [*ca, "--send-length", "3000000"],
        [r"open", r"data TEXT .* 3000000 True", r"sum .*", r"end peer_closed 1000 .*"],
        url="wss://localhost:{port}/")
    for name, certificate, arguments, reason in (
            ("an unknown authority", "good", [], "unable to get local issuer certificate"),
            ("a self-signed certificate", "self", ca, "self-signed certificate"),
            ("an expired certificate", "expired", ca, "certificate has expired"),
            ("a certificate from the future", "early", ca, "certificate is not yet valid"),
            ("a certificate for another host", "wrong", ca, "[Hh]ostname mismatch")):
        row(f"{name} is refused", WebSocketServer(greet, tls=c.server(certificate)), arguments,
            [r"sum 0 .*", rf"end tls 0 0 certificate the certificate of 'localhost' was not "
             rf"accepted: {reason}.*"], url="wss://localhost:{port}/")
    row("a certificate for another address is refused",
        WebSocketServer(greet, tls=c.server("wrong")), ca,
        [r"sum 0 .*", r"end tls 0 0 certificate .*IP address mismatch.*"],
        url="wss://127.0.0.1:{port}/")
    for certificate in ("self", "expired", "wrong"):
        row(f"insecure accepts it and says so ({certificate})",
            WebSocketServer(close_with(1000), tls=c.server(certificate)), ["--insecure"],
            [r"warning: tls: the certificate of 'localhost' is NOT checked.*", r"open",
             r"data .*", r"sum .*", r"end peer_closed 1000 .*"], url="wss://localhost:{port}/")
    for name, tls in (("1.2", c.tls_1_2_server()), ("1.3", c.server("good"))):
        tls.set_alpn_protocols(["h2", "http/1.1"])
        row(f"a TLS {name} session is taken up again, and HTTP/1.1 is asked for",
            WebSocketServer(tell_session, tls=tls), ["--times", "3", *ca],
            [r"open", r"data TEXT .* new http/1.1", r"sum .*", r"end peer_closed 1000 .*",
             r"open", r"data TEXT .* resumed http/1.1", r"sum .*", r"end peer_closed 1000 .*",
             r"open", r"data TEXT .* resumed http/1.1", r"sum .*", r"end peer_closed 1000 .*"],
            url="wss://localhost:{port}/")
    row("old versions of TLS are refused", WebSocketServer(greet, tls=c.old_server()), ca,
        [r"sum 0 .*", r"end tls 0 0 - (the TLS handshake failed: \S.*|.* TLS 1.2 or later.*)"],
        url="wss://localhost:{port}/")
    row("no TLS on the other side", WebSocketServer(greet), ca,
        [r"sum 0 .*", r"end tls 0 0 - the TLS handshake failed: the other side does not speak TLS.*"],
        url="wss://localhost:{port}/")
    row("TLS where none was asked for", WebSocketServer(greet, tls=c.server("good")), [],
        [r"sum 0 .*", r"end (protocol|lost) .*"], url="ws://localhost:{port}/")
    row("silence within the handshake", ByteServer(silent), ["--timeout-ms", "400"],
        [r"sum 0 .*", r"end silent 0 0 - timed out after 400 ms, the TLS handshake with .*"],
        url="wss://localhost:{port}/")
    row("an end within the handshake", ByteServer(hang_up), [],
        [r"sum 0 .*", r"end tls 0 0 - 'localhost' ended the connection within the TLS handshake.*|"
         r"end tls 0 0 - the TLS handshake failed: Connection reset by peer"],
        url="wss://localhost:{port}/")
    row("an abort over TLS is a loss", WebSocketServer(abort, tls=c.server("good")), ca,
        [r"open", r"data .* last words", r"sum .*", r"end lost .*"], url="wss://localhost:{port}/")
    row("no such file of authorities", Nobody(), ["--ca", c.path("none.pem")],
        [r"refused configuration cannot read certificate authorities from '.*none.pem': No such .*"],
        url="wss://localhost:{port}/")
    row("a file of authorities without any", Nobody(), ["--ca", c.path("garbage.pem")],
        [r"refused configuration no certificate authority in '.*garbage.pem'.*"],
        url="wss://localhost:{port}/")

    # TCP
    lines = b"".join(b"line %04d\n" % i for i in range(10000))
    for scheme, tls in (("tcp", None), ("tls", c.server("good"))):
        row(f"{scheme}: lines come whole", ByteServer(send_lines, tls=tls),
            [*ca, "--quiet", "--line", "10"],
            [r"open", r"sum \d+ 100000 %08x" % crc(lines),
             r"end lost 0 0 - the venue ended the connection"], url=scheme + "://localhost:{port}")
        row(f"{scheme}: a pause loses nothing", ByteServer(send_lines, tls=tls),
            [*ca, "--quiet", "--line", "10", "--pause-at", "1", "--pause-ms", "200"],
            [r"open", r"paused", r"resumed", r"sum \d+ 100000 %08x" % crc(lines), r"end lost .*"],
            url=scheme + "://localhost:{port}")
        row(f"{scheme}: bytes of ours arrive", ByteServer(echo_bytes, tls=tls),
            [*ca, "--send", "hello"], [r"open", r"data BINARY 5 9a71bb4c hello", r"sum .*",
                                       r"end lost .*"], url=scheme + "://localhost:{port}")
        row(f"{scheme}: a message over the limit ends it", ByteServer(send_one_long_line, tls=tls),
            [*ca, "--quiet", "--line", "1000000", "--max", "100000"],
            [r"open", r"sum \d+ 0 .*", r"end protocol 0 0 - a message is larger than 100000 bytes"],
            url=scheme + "://localhost:{port}")
        row(f"{scheme}: we close", ByteServer(silent, tls=tls),
            [*ca, "--close-after", "0"], [r"open", r"sum .*", r"end stop 1000 0 - closed by us"],
            url=scheme + "://localhost:{port}")
    for name, tls in (("1.2", c.tls_1_2_server()), ("1.3", c.server("good"))):
        row(f"a greeting right behind the handshake of TLS {name} is read",
            ByteServer(greet_and_wait, tls=tls), ca,
            [r"open", r"data BINARY 5 9a71bb4c hello", r"sum .*", r"end lost .*"],
            url="tls://localhost:{port}")
        row(f"WebSocket over TLS {name}", WebSocketServer(greet, tls=tls), ca,
            hello + [".*"] * 5 + [r"end peer_closed 1000 .*"], url="wss://localhost:{port}/")
    return rows


def crc32c(data, crc=0):
    """CRC-32C, which Python does not have."""
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC_TABLE = crc_table()


# ---- running them ----

async def run(server, arguments, url, is_seen):
    """Starts the server and the probe; returns exit code, lines of log and output, CPU seconds."""
    port = await server.start()
    command = [PROBE, *arguments, url.format(host=server.host, port=port)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    proxies = {name: "http://127.0.0.1:1" for name in ("http_proxy", "https_proxy", "all_proxy")}
    probe = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE,
                                                 stderr=asyncio.subprocess.PIPE,
                                                 env={**os.environ, **proxies})  # not heeded
    try:
        out, log = await asyncio.wait_for(probe.communicate(), LIMIT_S)
    except asyncio.TimeoutError:
        probe.kill()
        out, log = await probe.communicate()
        log += b"killed: it did not end\n"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if is_seen:
        await server.settle()
    await server.stop()
    text = log.decode(errors="replace") + out.decode(errors="replace")
    return probe.returncode, text.splitlines(), (after.ru_utime + after.ru_stime -
                                                 before.ru_utime - before.ru_stime)


def fault(code, lines, cpu, server, expected, seen, cpu_s):
    """What is wrong, as a sentence; None when all is well."""
    if code != 0:
        return f"exit code {code}"
    if len(lines) != len(expected):
        return f"{len(lines)} lines instead of {len(expected)}"
    for line, pattern in zip(lines, expected):
        if not re.fullmatch(pattern, line):
            return f"'{line}' is not '{pattern}'"
    if seen is not None and server.seen != seen:
        return f"the server saw {server.seen} instead of {seen}"
    if cpu_s is not None and cpu > cpu_s:
        return f"it took {cpu:.2f} s of CPU time, {cpu_s} allowed"
    return None


def main():
    logging.disable()  # servers complain about the clients that we play
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    folder = tempfile.mkdtemp(prefix="qta-interop-")
    failures = 0
    try:
        for name, server, arguments, expected, url, seen, cpu_s in scenarios(Certificates(folder)):
            if part not in name:
                continue
            code, lines, cpu = asyncio.run(run(server, arguments, url, seen is not None))
            if "--links" in arguments:
                lines.sort()
                expected = sorted(expected)
            wrong = fault(code, lines, cpu, server, expected, seen, cpu_s)
            print("ok  " if wrong is None else "FAIL", name, flush=True)
            if wrong is not None:
                failures += 1
                print("    " + wrong)
                for line in lines[:20]:
                    print("    | " + line[:200])
    finally:
        shutil.rmtree(folder)
    print(f"{failures} failed" if failures else "all passed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

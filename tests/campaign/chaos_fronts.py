#!/usr/bin/python3
"""Debian's haproxy, nginx and stunnel, with TLS, between the recorder and its venue: their reloads,
restarts and deaths, and venues that are gone behind them. Those that are not installed are left out;
without any of them the test is skipped. The table of cases is in README.md."""
import asyncio
import os
import pathlib
import shutil
import signal
import socket
import sys
import tempfile

import chaos
from chaos import Failure, Provider, check, children
from venue import Venue

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "recorder"))
try:
    from transport_interop import Certificates
except ImportError:
    chaos.skip("no python3-websockets")

HAPROXY = """
global
    hard-stop-after 500ms
defaults
    mode http
    retries 0
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    timeout tunnel 1h
frontend front
    bind 127.0.0.1:{port} ssl crt {folder}/front.pem
    default_backend venue
backend venue
    server venue 127.0.0.1:{venue}
"""
NGINX = """
daemon off;
user root;
worker_processes 1;
worker_shutdown_timeout 500ms;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/good.pem;
        ssl_certificate_key {folder}/good.key;
        location / {{
            proxy_pass http://127.0.0.1:{venue};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection upgrade;
            proxy_read_timeout 1h;
        }}
    }}
}}
"""
STUNNEL = """
foreground = yes
pid =
output = {folder}/stunnel.log
[front]
accept = 127.0.0.1:{port}
connect = 127.0.0.1:{venue}
cert = {folder}/good.pem
key = {folder}/good.key
TIMEOUTclose = 0
"""


async def busy(peer):
    """A good venue with a lot to say, which makes sure now and then of what has arrived."""
    await peer.begin()
    while not peer.venue.is_quiet:
        peer.tick(20)
        await peer.arrival()
        await asyncio.sleep(0.01)
    peer.entry.is_quiet = True
    await peer.departure()


class Front:
    """One of them, on a port of its own."""

    def __init__(self, name, program, arguments, text, reload_signal):
        self.name, self.program, self.arguments = name, program, arguments
        self.text, self.reload_signal = text, reload_signal
        self.process = self.path = self.log = None
        self.port = 0

    def prepare(self, folder, venue_port):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.path = os.path.join(folder, self.name + ".conf")
        self.log = open(os.path.join(folder, self.name + ".out"), "w", encoding="utf-8")
        pathlib.Path(self.path).write_text(
            self.text.format(port=self.port, folder=folder, venue=venue_port), encoding="utf-8")

    async def start(self):
        command = [self.program, *[word.format(path=self.path) for word in self.arguments]]
        self.process = children.Popen(command, stdout=self.log, stderr=self.log,
                                      start_new_session=True)
        await chaos.until(self.is_listening, f"{self.name} listens", 15)

    def is_listening(self):
        check(self.process.poll() is None, f"{self.name} runs")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def reload(self):
        self.process.send_signal(self.reload_signal)

    def end(self, how):
        """It and its workers, which have its group."""
        if self.process and self.process.poll() is None:
            try:
                os.killpg(self.process.pid, how)
            except ProcessLookupError:
                pass
            self.process.wait()


def fronts():
    known = [
        Front("haproxy", "haproxy", ["-W", "-db", "-f", "{path}"], HAPROXY, signal.SIGUSR2),
        Front("nginx", "nginx", ["-c", "{path}"], NGINX, signal.SIGHUP),
        Front("stunnel", "stunnel4", ["{path}"], STUNNEL, signal.SIGHUP),
    ]
    found = [front for front in known if shutil.which(front.program)]
    for front in known:
        if front not in found:
            print(f"{front.name} is not installed: left out")
    return found


async def hurt(front, venue):
    """One front's bad day. Between any two acts ticks flow."""
    def flowing(since):
        entries = venue.entries(front.name)
        return len(entries) > since and entries[-1].certain > 100
    await chaos.until(lambda: flowing(0), f"ticks flow through {front.name}", 30)
    for step in ("reload", "reload", "restart", "kill", "kill"):
        count = len(venue.entries(front.name))
        if step == "reload":
            front.reload()
            await asyncio.sleep(1.2)  # old workers have had their time
            lasts = venue.entries(front.name)[-1].certain
            await chaos.until(lambda: len(venue.entries(front.name)) > count or
                              venue.entries(front.name)[-1].certain > lasts + 100,
                              f"ticks go on after the reload of {front.name}", 30)
            count = len(venue.entries(front.name)) - 1
        else:
            front.end(signal.SIGTERM if step == "restart" else signal.SIGKILL)
            await asyncio.sleep(0.3)
            await front.start()
        await chaos.until(lambda: flowing(count), f"ticks flow after {step} of {front.name}", 30)


STATUSES = {"haproxy": {503}, "nginx": {502}, "stunnel": set()}  # while the venue is gone


async def venue_away(venue, found, recorder):
    """The venue itself goes, and its port answers nothing: fronts say 502 or 503, or just end."""
    venue.server.close()
    counts = {front.name: len(venue.entries(front.name)) for front in found}
    for entry in venue.ledger:
        if entry.provider != chaos.CONTROL and entry.peer:
            entry.peer.reset()
    await chaos.until(lambda: all(f"{front.name}: the upgrade was refused: {status}" in
                                  recorder.log() for front in found
                                  for status in STATUSES[front.name]), "fronts say so", 30)
    venue.server = None
    await venue.start()
    for front in found:
        await chaos.until(lambda name=front.name: len(venue.entries(name)) > counts[name] and
                          venue.entries(name)[-1].certain > 100,
                          f"ticks flow through {front.name} again", 30)


CAUSES = {"lost", "http", "tls", "connect", "peer_closed"}


def check_case(provider, records, venue):
    losses = chaos.conns(records, provider.name, "disconnected")
    causes = {record["cause"] for record in losses}
    if provider.name != chaos.CONTROL:
        check(causes <= CAUSES, "causes", causes)
        opened = chaos.conns(records, provider.name, "open")
        check(len(opened) == len(venue.entries(provider.name)), "what opened is what the venue saw",
              len(opened), len(venue.entries(provider.name)))
        statuses = {record["code"] for record in losses if record["cause"] == "http"}
        check(statuses == STATUSES[provider.name], "statuses while the venue was gone", statuses)
    return chaos.check_provider(provider, records, venue, has_all_attempts=False)


async def run(found, folder, made):
    venue = Venue()
    await venue.start()
    providers = []
    days = []
    for front in found:
        front.prepare(folder, venue.port)
        await front.start()
        providers.append(Provider(front.name, [busy], None,
                                  url=f"wss://localhost:{front.port}/{front.name}",
                                  tls={"ca_file": made.path("ca.pem")}))

    async def day(recorder):
        await asyncio.gather(*[hurt(front, venue) for front in found])
        await venue_away(venue, found, recorder)

    def is_done():
        if days[0].done():
            days[0].result()
        return days[0].done()
    try:
        return await chaos.play(
            providers, venue, is_done=is_done, checks=check_case, connects_per_minute=0,
            on_start=lambda recorder: days.append(asyncio.ensure_future(day(recorder))))
    finally:
        for task in days:
            task.cancel()
        for front in found:
            front.end(signal.SIGKILL)


def main():
    chaos.need_programs()
    found = fronts()
    if not found:
        chaos.skip("haproxy, nginx and stunnel4 are missing")
    folder = tempfile.mkdtemp(prefix="qta-chaos-fronts-")
    os.chmod(folder, 0o755)
    try:
        made = Certificates(folder)
        pair = [pathlib.Path(made.path("good" + end)).read_text() for end in (".pem", ".key")]
        pathlib.Path(made.path("front.pem")).write_text("".join(pair))
        failed = asyncio.run(run(found, folder, made))
    except Failure as failure:
        print(f"FAILED {failure}")
        failed = 1
    finally:
        shutil.rmtree(folder)
    chaos.finish(failed)


if __name__ == "__main__":
    main()

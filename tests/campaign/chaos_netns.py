#!/usr/bin/python3
"""Names that do not resolve and packets that vanish, in a network namespace of its own: a DNS server of
ours behind its own resolv.conf, iptables, and tc's token bucket. Skipped where namespaces or these
tools are not allowed. The table of cases is in README.md."""
import asyncio
import os
import random
import shutil
import struct
import subprocess
import sys
import time

import chaos
import chaos_tcp
from chaos import Provider, check
from venue import Venue, good

RESOLVER = "127.0.0.53"
A, AAAA = 1, 28
MARK = "QTA_CHAOS_NAMESPACE"


# ---- names ----

class Names(asyncio.DatagramProtocol):
    """A DNS server: each name has a function that gives its addresses, "nxdomain", "servfail" or
    None for silence."""

    def __init__(self, zone):
        self.zone = zone
        self.asked = {}
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        at, labels = 12, []
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode())
            at += data[at] + 1
        name, kind = ".".join(labels), struct.unpack(">H", data[at + 1:at + 3])[0]
        self.asked[name] = self.asked.get(name, 0) + 1
        answer = self.zone[name](kind) if name in self.zone else "nxdomain"
        if answer is None:
            return
        code = {"nxdomain": 3, "servfail": 2}.get(answer, 0) if isinstance(answer, str) else 0
        records = [] if code else answer
        reply = data[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, len(records), 0, 0)
        reply += data[12:at + 5]
        for record in records:
            reply += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(record)) + record
        self.transport.sendto(reply, address)


def addresses(*texts):
    packed = [bytes(int(part) for part in text.split(".")) for text in texts]
    return lambda kind: packed if kind == A else []


def only_ipv6(kind):
    return [bytes(15) + b"\x01"] if kind == AAAA else []


def shuffled(count):
    """Many addresses, of which only a few lead anywhere."""
    packed = [bytes((127, 0, 1, i)) for i in range(1, count)] + [bytes((127, 0, 0, 1))] * 3

    def answer(kind):
        return random.sample(packed, len(packed)) if kind == A else []
    return answer


class Switch:
    """Answers in one way until it is told to answer in the other."""

    def __init__(self, first, then):
        self.answer, self.then = first, then

    def __call__(self, kind):
        return self.answer(kind)

    def turn(self):
        self.answer = self.then


def run_tool(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        chaos.skip(f"'{' '.join(command)}' is not possible here: {done.stderr.strip()}")


# ---- packets ----

def rules(action, port, *target):
    for end in ("--sport", "--dport"):
        run_tool("iptables", action, "INPUT", "-i", "lo", "-p", "tcp", end, str(port), *target)



async def cut_later(port, entries, *target, after_s, for_s):
    """Once ticks flow, the port is cut off for a while."""
    await chaos.until(lambda: entries() and entries()[-1].flows, "ticks flow")
    await asyncio.sleep(after_s)
    rules("-A", port, *target)
    await asyncio.sleep(for_s)
    rules("-D", port, *target)


async def names_and_packets():
    venue = Venue()
    await venue.start()
    venue6 = await asyncio.start_server(venue.serve, "::1", venue.port)
    here = addresses("127.0.0.1")
    silence = Switch(lambda kind: None, here)
    missing = Switch(lambda kind: "nxdomain", here)
    failing = Switch(lambda kind: "servfail", here)
    zone = {"silent.test": silence, "missing.test": missing, "failing.test": failing,
            "many.test": shuffled(17), "dead-first.test": addresses("127.0.9.9", "127.0.0.1"),
            "six.test": only_ipv6}
    _, names = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Names(zone), local_addr=(RESOLVER, 53))
    # SYNs to one of two addresses vanish
    run_tool("iptables", "-A", "INPUT", "-i", "lo", "-p", "tcp", "-d", "127.0.9.9", "-j", "DROP")
    ports = {name: await venue.listen(None) for name in ("half-open", "syn-lost", "loss-3-percent")}
    rules("-A", ports["syn-lost"], "-j", "DROP")
    rules("-A", ports["loss-3-percent"], "-m", "statistic", "--mode", "random", "--probability",
          "0.03", "-j", "DROP")
    by_name = [("dns-silent", "silent.test", None), ("dns-nxdomain", "missing.test", None),
               ("dns-servfail", "failing.test", None), ("dns-many-addresses", "many.test", None),
               ("dns-first-address-dead", "dead-first.test", []), ("dns-ipv6-only", "six.test", [])]
    providers = [Provider(name, [good], losses, url=f"ws://{host}:{venue.port}/{name}")
                 for name, host, losses in by_name]
    providers += [Provider(name, [good], losses, url=f"ws://127.0.0.1:{ports[name]}/{name}")
                  for name, losses in (("half-open", ["silent 0"]), ("syn-lost", ["connect 0"]),
                                       ("loss-3-percent", []))]
    begin = time.monotonic()

    async def direct():
        cut = asyncio.ensure_future(cut_later(ports["half-open"], lambda: venue.entries("half-open"),
                                              "-j", "DROP", after_s=1, for_s=4.5))
        await asyncio.sleep(11)  # an attempt has ten seconds
        for switch in (silence, missing, failing):
            switch.turn()
        rules("-D", ports["syn-lost"], "-j", "DROP")
        await cut
    work = asyncio.ensure_future(direct())

    def is_done():
        if work.done():
            work.result()
        return work.done() and all(venue.entries(provider.name) and
                                   venue.entries(provider.name)[-1].flows for provider in providers)
    longest = 0.5

    def checks(provider, records, venue):
        losses = chaos.conns(records, provider.name, "disconnected")
        causes = {record["cause"] for record in losses}
        if provider.name == "dns-silent":
            check(causes == {"resolve"} and len(losses) <= 3, "resolving takes its ten seconds",
                  causes, len(losses))
        elif provider.name in ("dns-nxdomain", "dns-servfail"):
            check(causes == {"resolve"}, "the cause", causes)
        elif provider.name == "dns-many-addresses":
            check(causes <= {"connect"}, "the cause", causes)
        return chaos.check_provider(provider, records, venue, has_all_attempts=False)
    failed = await chaos.play(providers, venue, is_done=is_done, checks=checks, delay_s=longest)
    print(f"{time.monotonic() - begin:.0f} s; lookups by name: {names.asked}")
    venue6.close()
    return failed


async def narrow_road():
    """A link that takes a fifth of what the venues have to say, and drops what its queue cannot hold:
    the venues feel it, nothing is lost."""
    run_tool("iptables", "-F")
    run_tool("tc", "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "4mbit", "burst", "64k",
             "latency", "100ms")
    venue = Venue()
    providers = [Provider(f"narrow-{i}", [chaos_tcp.busy], []) for i in range(5)]
    begin = time.monotonic()
    try:
        return await chaos.play(providers, venue, delay_s=5, health_check_interval="3s",
                                is_done=lambda: time.monotonic() - begin > 4)
    finally:
        run_tool("tc", "qdisc", "del", "dev", "lo", "root")


def enter_namespace():
    """Becomes the same script in a network and a mount namespace."""
    for tool in ("unshare", "ip", "iptables", "tc", "mount"):
        if not shutil.which(tool):
            chaos.skip(f"no {tool}")
    command = ["unshare", "--net", "--mount"]
    if os.geteuid() != 0:
        command.append("--map-root-user")
    done = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        chaos.skip(f"no namespaces here: {done.stderr.strip()}")
    os.environ[MARK] = "1"
    os.execvp(command[0], [*command, sys.executable, *sys.argv])


def main():
    chaos.need_programs()
    if not os.environ.get(MARK):
        enter_namespace()
    run_tool("ip", "link", "set", "lo", "up")
    folder = os.path.join("/tmp", f"qta-chaos-{os.getpid()}.resolv.conf")
    with open(folder, "w", encoding="ascii") as file:
        file.write(f"nameserver {RESOLVER}\noptions timeout:5 attempts:2\n")
    try:
        run_tool("mount", "--bind", folder, "/etc/resolv.conf")
        failed = asyncio.run(names_and_packets())
        failed += asyncio.run(narrow_road())
    finally:
        os.unlink(folder)
    chaos.finish(failed)


if __name__ == "__main__":
    main()

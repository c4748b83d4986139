#!/usr/bin/python3
"""TLS that must be refused, with a reason that a person understands, and TLS that breaks off. The table
of cases is in README.md."""
import asyncio
import logging
import pathlib
import shutil
import ssl
import sys
import tempfile

import chaos
import chaos_tcp
from chaos import IS_CAMPAIGN, Provider, check
from fault_proxy import Fault
from venue import Venue, good

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "recorder"))
try:
    from transport_interop import Certificates
except ImportError:
    chaos.skip("no python3-websockets")

REFUSED = 3
# what the venue's own side says of handshakes that the recorder ended is of no interest
logging.getLogger("asyncio").setLevel(logging.CRITICAL)


class Moody(Certificates):
    """An authority with weak certificates, and servers that change their certificate."""

    def weak(self):
        self.openssl("req", "-newkey", "rsa:1024", "-nodes", "-keyout", "weak.key", "-subj",
                     "/CN=weak", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out",
                     "weak.csr")
        self.openssl("ca", "-batch", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key",
                     "-startdate", "20200101000000Z", "-enddate", "20900101000000Z", "-in",
                     "weak.csr", "-out", "weak.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.load_cert_chain(self.path("weak.pem"), self.path("weak.key"))
        return context

    def renewed(self, bad, times):
        """A bad certificate so many times, then a good one."""
        context, good_one, seen = self.server(bad), self.server("good"), []

        def choose(connection, _name, _context):
            seen.append(1)
            if len(seen) > times:
                connection.context = good_one
        context.sni_callback = choose
        return context


def refused(name, context, says, **options):
    """Three times, and then never again: a person must act. The reason is told."""
    provider = Provider(name, [], ["tls 0"] * REFUSED, is_blocked=True, **options)
    provider.context, provider.says, provider.acts_later = context, says, []
    return provider


def tried(name, context, says, acts=(), losses=None, **options):
    """It may get better: tried for as long as it takes."""
    provider = Provider(name, [], losses, **options)
    provider.context, provider.says, provider.acts_later = context, says, list(acts)
    return provider


def cases(made):
    ca = {"tls": {"ca_file": made.path("ca.pem")}}
    accepted = "was not accepted: "
    old = made.old_server()
    return [
        refused("self-signed", made.server("self"), accepted + "self-signed", **ca),
        refused("unknown-authority", made.server("good"),
                accepted + "unable to get local issuer certificate"),
        refused("expired", made.server("expired"), accepted + "certificate has expired", **ca),
        refused("not-yet-valid", made.server("early"), accepted + "certificate is not yet", **ca),
        refused("wrong-host", made.server("wrong"), accepted + "hostname mismatch", **ca),
        refused("weak-key", made.weak(), accepted + "EE certificate key too weak", **ca),
        tried("tls-1-1-only", old, "TLS", **ca),
        tried("plain-on-tls-port", None, "does not speak TLS", **ca),
        tried("tls-on-plain-port", made.server("good"), "", **ca),
        tried("renewed-in-time", made.renewed("expired", 2), accepted + "certificate has expired",
              [good], ["tls 0"] * 2, **ca),
        tried("insecure", made.server("self"), "INSECURE", [good], [], tls={"insecure": True}),
    ]


CAUSES = {"tls-on-plain-port": {"protocol", "lost"}}


def check_case(provider, records, venue):
    if provider.name == chaos.CONTROL:
        return chaos.check_provider(provider, records, venue)
    causes = {record["cause"] for record in chaos.conns(records, provider.name, "disconnected")}
    if provider.losses is None:
        check(causes and causes <= CAUSES.get(provider.name, {"tls"}), "the cause", causes)
    if not provider.acts_later:
        check(not chaos.conns(records, provider.name, "open"), "it never opens")
        check(not venue.entries(provider.name), "not a byte of the request goes out")
    return chaos.check_provider(provider, records, venue, has_all_attempts=False)


async def certificates(made):
    venue = Venue()
    await venue.start()
    providers = cases(made)
    for provider in providers:
        port = await venue.listen(provider.context)
        scheme = "ws" if provider.name == "tls-on-plain-port" else "wss"
        provider.url = f"{scheme}://localhost:{port}/{provider.name}"
        if provider.acts_later:
            venue.acts[provider.name] = provider.acts_later

    def is_done():
        return all(venue.entries(provider.name) and venue.entries(provider.name)[-1].flows
                   for provider in providers if provider.acts_later)

    async def read_log(recorder):
        log = recorder.log()
        for provider in providers:
            lines = [line for line in log.splitlines() if f" {provider.name}: " in line]
            check(any(provider.says.lower() in line.lower() for line in lines),
                  "the reason is told", provider.name, provider.says, lines)
    return await chaos.play(providers, venue, is_done=is_done, settle_s=2, checks=check_case,
                            on_quiet=read_log)


async def broken_handshakes(made):
    """RST and FIN at bytes of the server's flight and of what follows it, in both directions."""
    venue = Venue(tls=made.server("good"))
    step = 1 if IS_CAMPAIGN else 41
    lanes = list(chaos_tcp.handshake_lanes(3000, step, True))
    for lane in lanes:
        lane.options["tls"] = {"ca_file": made.path("ca.pem")}
    # the end comes without close_notify wherever there were ticks already
    lanes.append(chaos_tcp.Lane("no-notify", [Fault("fin", at=at) for at in (20000, 30001)],
                                ["lost 0"] * 2))
    lanes[-1].options["tls"] = {"ca_file": made.path("ca.pem")}
    return await chaos_tcp.run(lanes, venue, **chaos.FAST,
                               control_options={"tls": {"ca_file": made.path("ca.pem")}})


def main():
    chaos.need_programs()
    folder = tempfile.mkdtemp(prefix="qta-chaos-tls-")
    try:
        made = Moody(folder)
        failed = asyncio.run(certificates(made))
        failed += asyncio.run(broken_handshakes(made))
    finally:
        shutil.rmtree(folder)
    chaos.finish(failed)


if __name__ == "__main__":
    main()

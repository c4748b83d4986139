"""What the scripts of the chaos suite share: a recorder with one provider a case, and the oracle that
holds the session against what the venue's ledger and the script say."""
import asyncio
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
import children  # noqa: E402

SOURCE = pathlib.Path(os.environ.get("QTA_SOURCE_DIR") or
                      pathlib.Path(__file__).resolve().parent.parent.parent)
BINARY = pathlib.Path(os.environ.get("QTA_BINARY_DIR") or SOURCE / "build/dev")
BIN = BINARY / "bin"
os.environ.update(QTA_SOURCE_DIR=str(SOURCE), QTA_BINARY_DIR=str(BINARY))
IS_CAMPAIGN = bool(os.environ.get("QTA_CAMPAIGN"))
IS_SANITIZED = BINARY.name in ("asan", "tsan")
FAST = {"connects_per_minute": 0, "reconnect_delay": "1ms", "reconnect_delay_max": "4ms"}
SKIPPED = 77
CONNECTS_PER_MINUTE = 30  # the default
LIMIT_S = 1800 if IS_CAMPAIGN else 240 if IS_SANITIZED else 60
# within a second in which nothing happens
IDLE_CPU_S = 0.5 if IS_SANITIZED else 0.1
KEY, SECRET = "AK-CHAOS-0b9c2a", "SK-CHAOS-77ab3f"


class Failure(Exception):
    """Something does not hold."""


def check(condition, sentence, *details):
    if not condition:
        raise Failure(": ".join([sentence, *(str(detail)[:1500] for detail in details)]))


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


async def until(condition, sentence, limit_s=LIMIT_S):
    deadline = time.monotonic() + limit_s
    while not condition():
        check(time.monotonic() < deadline, f"waited {limit_s} s in vain",
              sentence() if callable(sentence) else sentence)
        await asyncio.sleep(0.02)


class Provider:
    """One case: what the recorder is told of it, what its venue does, and what must come of it.

    losses: the causes in the order of the session, each "cause code", or a tuple of the ones that
    are possible. None stands for whatever comes, e.g. where the count is a matter of time."""

    def __init__(self, name, acts=(), losses=(), is_blocked=False, url=None, **options):
        self.name, self.acts, self.losses = name, list(acts), losses
        self.is_blocked, self.url, self.options = is_blocked, url, options


def config(providers, url, folder, connects_per_minute=CONNECTS_PER_MINUTE, **streaming):
    """A configuration with all of them; JSON is YAML, too."""
    for provider in providers:
        provider.connects_per_minute = connects_per_minute
    entries = [{"name": provider.name, "adapter": "alpaca",
                "websocket_url": provider.url or f"{url}/{provider.name}",
                "api_key": KEY, "api_secret": SECRET, "subscriptions": ["trades"],
                "symbols": ["AAPL"], "circuit_breaker": {"failure_threshold": 0},
                "rate_limit": {"connects_per_minute": connects_per_minute},
                **provider.options} for provider in providers]
    recording = {"directory": f"{folder}/sessions", "journal_chunk": "1MiB",
                 "timezone": zone_of_today(), **streaming.pop("recording", {})}
    health = streaming.pop("streaming_health", None)
    document = {"streaming": {"providers": entries, "reconnect_delay": "40ms",
                              "reconnect_delay_max": "300ms", "health_check_interval": "1s",
                              **streaming},
                "recording": recording}
    if health:
        document["streaming_health"] = health
    return document


def zone_of_today():
    """A zone whose midnight is far away, so that there is one session."""
    return "UTC" if 1 <= time.gmtime().tm_hour < 22 else "Etc/GMT-6"


class Recorder:
    """qta-record in a folder of its own, which goes with it."""

    def __init__(self, document, *arguments, stdout=subprocess.DEVNULL, prefix=(), folder=None):
        self.folder = folder or tempfile.mkdtemp(prefix="qta-chaos-")
        self.log_path = os.path.join(self.folder, "log")
        path = os.path.join(self.folder, "config.yaml")
        text = json.dumps(document, indent=1).replace("@FOLDER@", self.folder)
        pathlib.Path(path).write_text(text, encoding="utf-8")
        with open(self.log_path, "w", encoding="utf-8") as log:
            self.process = children.Popen(
                [*prefix, str(BIN / "qta-record"), "--config", path, *arguments],
                stdout=stdout, stderr=log)

    def log(self):
        return pathlib.Path(self.log_path).read_text(encoding="utf-8", errors="replace")

    def cpu_s(self):
        """CPU time of all its threads so far."""
        total = 0
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                total += int((task / "schedstat").read_text().split()[0])
            except (OSError, ValueError):
                pass  # that thread has just ended
        return total / 1e9

    def figure(self, name):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
        raise Failure(f"no {name} in /proc")

    def rss_bytes(self):
        """Memory of its own: without the journal, which is mapped."""
        return self.figure("RssAnon") * 1024

    def fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def ends(self):
        return self.process.poll() is not None

    async def stop(self, codes=(0, 3)):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        await until(self.ends, "the recorder ends")
        log = self.log()
        check(self.process.returncode in codes, "the recorder's exit code",
              self.process.returncode, log[-1500:])
        check("Sanitizer" not in log, "a sanitizer complains", log)
        check(KEY not in log and SECRET not in log, "a secret is in the log")

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def session(self):
        days = os.listdir(os.path.join(self.folder, "sessions"))
        check(len(days) == 1, "one session", days)
        return os.path.join(self.folder, "sessions", days[0])

    def verify(self):
        done = subprocess.run([BIN / "qta-session", "verify", self.session()],
                              capture_output=True, text=True, check=False)
        check(done.returncode == 0, "the session is sound", done.stdout, done.stderr)

    def records(self):
        done = subprocess.run([BIN / "qta-session", "cat", "--time-format", "ns", "--format",
                               "ndjson", self.session()], capture_output=True, text=True,
                              check=False)
        check(done.returncode == 0, "the session can be read", done.stderr)
        records = [json.loads(line) for line in done.stdout.splitlines()]
        check([record["seq"] for record in records] == list(range(1, len(records) + 1)),
              "records are numbered without a hole")
        return records


# ---- the oracle ----

def conns(records, provider, state):
    return [record for record in records if record["type"] == "conn" and
            record.get("provider") == provider and record["state"] == state]


def check_losses(provider, records):
    """CONN records tell each loss with its cause and code, in order."""
    losses = [f"{record['cause']} {record.get('code', 0)}"
              for record in conns(records, provider.name, "disconnected")]
    if provider.losses is None:
        return
    wanted = [(loss,) if isinstance(loss, str) else loss for loss in provider.losses]
    check(len(losses) == len(wanted) and
          all(loss in choices for loss, choices in zip(losses, wanted)),
          "losses on record", losses, "wanted", wanted)


def check_attempts(provider, records, entries, has_all_attempts):
    """Each attempt that the venue saw is on record, and no more of them opened."""
    connecting = len(conns(records, provider.name, "connecting"))
    opened = len(conns(records, provider.name, "open"))
    if has_all_attempts:
        check(connecting == len(entries), "attempts on record", connecting, len(entries))
    else:
        check(connecting >= len(entries), "attempts on record", connecting, len(entries))
    check_connect_rate(provider, records)
    check(opened <= sum(entry.is_open for entry in entries), "no connection opened that was not")


def check_connect_rate(provider, records):
    """In no minute more attempts than are configured."""
    most = provider.connects_per_minute
    times = [record["ts_recv"] for record in conns(records, provider.name, "connecting")]
    check(most == 0 or all(later - earlier > 60e9 for earlier, later in zip(times, times[most:])),
          "attempts in a minute", len(times), most)


def check_ticks(provider, records, entries):
    """Of each connection's ticks a beginning is on record, as long as is certain at least, in order,
    each once, and nothing else."""
    recorded = [record["id"] for record in records
                if record["type"] == "trade" and record["provider"] == provider.name]
    at = 0
    for entry in entries:
        taken = 0
        while taken < len(entry.sent) and at < len(recorded) and recorded[at] == entry.sent[taken]:
            at += 1
            taken += 1
        check(taken >= entry.certain, "what arrived is recorded", f"connection {entry.index}",
              f"{taken} of {entry.certain} (sent {len(entry.sent)})")
    check(at == len(recorded), "nothing else is recorded", recorded[at:at + 5])
    return len(recorded)


def check_gaps(provider, records):
    """After data has flowed, each outage is one GAP record, with the cause of its beginning and the
    times between which nothing came."""
    own = [record for record in records if record.get("provider") == provider.name]
    has_flowed, cause, last_ns = False, None, None
    for before, record in zip([{}, *own], own):
        check(cause is None or before.get("state") != "subscribed" or record["type"] == "gap",
              "an outage ends with a GAP record", before, record)
        if record["type"] == "conn" and record["state"] == "disconnected":
            if has_flowed and cause is None:
                cause = record["cause"]
        elif record["type"] == "gap":
            check(cause is not None, "a gap only where there was an outage", record)
            check(record["cause"] == cause and record["scope"] == "provider", "a gap's cause",
                  record, cause)
            check(record["last_good"] <= record["first_good"], "a gap's times", record)
            check(last_ns is None or record["last_good"] >= last_ns, "a gap begins behind the last "
                  "tick", record, last_ns)
            cause = None
        elif record["type"] == "trade":
            check(cause is None, "no tick within an outage", record)
            has_flowed, last_ns = True, record["ts_recv"]
        elif record["type"] == "conn" and record["state"] == "subscribed":
            has_flowed = True
    return sum(record["type"] == "gap" for record in own)


def check_end(provider, records):
    states = [record["state"] for record in records
              if record["type"] == "conn" and record.get("provider") == provider.name]
    wanted = "blocked" if provider.is_blocked else "stopped"
    check(states and states[-1] == wanted, "how it ends", states[-3:], wanted)


def check_provider(provider, records, venue, has_all_attempts=True):
    entries = venue.entries(provider.name)
    check_losses(provider, records)
    check_attempts(provider, records, entries, has_all_attempts)
    count = check_ticks(provider, records, entries)
    gaps = check_gaps(provider, records)
    check_end(provider, records)
    return count, gaps


def check_delay(records, venue, limit_s):
    """The ticks of the provider that nothing is done to are taken when they come."""
    sent_ns = {number: time_ns for entry in venue.entries(CONTROL)
               for number, time_ns in entry.times_ns.items()}
    delays_s = [(record["ts_recv"] - sent_ns[record["id"]]) / 1e9 for record in records
                if record["type"] == "trade" and record["provider"] == CONTROL]
    check(len(delays_s) > 10, "the undisturbed provider's ticks", len(delays_s))
    check(max(delays_s) < limit_s, "nobody delays the others", f"{max(delays_s):.3f} s")
    return max(delays_s)


async def check_idle(recorder):
    """With nothing to do it does nothing. The best of a few looks: others use this machine, too."""
    for _ in range(5):
        before = recorder.cpu_s()
        await asyncio.sleep(1)
        used = recorder.cpu_s() - before
        if used < IDLE_CPU_S:
            return used
    raise Failure(f"idle, but {used:.3f} s of CPU time in a second")


# ---- playing ----

CONTROL = "control"  # the provider that nothing is done to


async def play(providers, venue, is_done=None, settle_s=0, arguments=(), checks=check_provider,
               delay_s=1.0, on_start=None, on_quiet=None, control_options=None, **streaming):
    """One recorder plays all cases side by side, with a provider between them that nothing is done
    to. Returns how many cases failed."""
    from venue import good  # pylint: disable=import-outside-toplevel
    control = Provider(CONTROL, [good], **(control_options or {}))
    everyone = [*providers, control]
    for provider in everyone:
        if provider.acts:
            venue.acts[provider.name] = provider.acts
    if not venue.server:
        await venue.start()
    scheme = "wss" if venue.tls else "ws"
    recorder = Recorder(config(everyone, f"{scheme}://{venue.host}:{venue.port}", "@FOLDER@",
                               **streaming), *arguments)
    failed = 0
    try:
        if on_start:
            on_start(recorder)
        if is_done:
            await until(lambda: recorder.ends() or is_done(), "the play is over")
        else:
            await until(lambda: recorder.ends() or not unfinished(providers, venue),
                        lambda: f"unfinished: {unfinished(providers, venue)}")
        check(not recorder.ends(), "the recorder goes on", recorder.log()[-1500:])
        await until(lambda: sum(len(entry.sent) for entry in venue.entries(CONTROL)) > 12,
                    "the undisturbed provider's ticks flow")
        await asyncio.sleep(settle_s)
        venue.is_quiet = True
        await until(lambda: not talking(everyone, venue),
                    lambda: f"what was sent is not read: {talking(everyone, venue)}")
        if on_quiet:
            await on_quiet(recorder)
        used = await check_idle(recorder)
        fds, rss = recorder.fds(), recorder.rss_bytes()
        check(fds < 40 + len(everyone) + 16, "descriptors are let go of", fds)
        await recorder.stop()
        recorder.verify()
        records = recorder.records()
        longest_s = check_delay(records, venue, delay_s * (5 if IS_SANITIZED else 1))
        failed += judge(everyone, records, venue, checks)
        check(not venue.failures, "the venue's own failures", venue.failures)
        print(f"{len(records)} records; longest delay of the undisturbed provider "
              f"{longest_s * 1000:.0f} ms; idle {used * 1000:.1f} ms CPU a second; {fds} "
              f"descriptors, {rss >> 20} MiB")
    except Failure as failure:
        print(f"FAILED {failure}\n{recorder.log()[-3000:]}")
        failed += 1
    finally:
        recorder.remove()
        await venue.stop()
    return failed


def talking(providers, venue):
    """Those that have said something which the recorder may not have read."""
    lasts = [entries[-1] for entries in (venue.entries(provider.name) for provider in providers)
             if entries]
    return [entry.provider for entry in lasts if entry.flows and not entry.is_quiet]


def unfinished(providers, venue):
    """Those that are not yet with their last act, or get no ticks in it."""
    def is_over(provider):
        entries = venue.entries(provider.name)
        return len(entries) >= len(provider.acts) and (provider.is_blocked or entries[-1].flows)
    return [provider.name for provider in providers if provider.acts and not is_over(provider)]


def judge(providers, records, venue, checks):
    failed = 0
    for provider in providers:
        try:
            count, gaps = checks(provider, records, venue)
            print(f"ok   {provider.name}: {count} ticks, {gaps} gaps, "
                  f"{len(venue.entries(provider.name))} connections")
        except Failure as failure:
            failed += 1
            print(f"FAIL {provider.name}: {failure}")
    return failed


def finish(failed):
    print(f"{failed} failed" if failed else "all passed")
    sys.exit(1 if failed else 0)


def need_programs():
    for name in ("qta-record", "qta-session"):
        if not (BIN / name).exists():
            skip(f"{name} is not built")

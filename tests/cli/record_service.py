#!/usr/bin/python3
"""qta-record as a service: this test is systemd, with a socket to be told things on.

The network thread is made to hang by a debugger's means: it alone is held, all others go on.
"""
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import children

SOURCE = os.environ.get("QTA_SOURCE_DIR") or os.path.abspath(__file__ + "/../../..")
BINARY = os.environ.get("QTA_BINARY_DIR") or os.path.join(SOURCE, "build/dev")
RECORD = os.path.join(BINARY, "bin/qta-record")
TIMEOUT_S = 60
WATCHDOG_S = 2
EXPOSURE_MAX = 2.0

CONFIG = """\
streaming:
  provider: synthetic
  symbols: [AAPL, MSFT]
  subscriptions: [trades, quotes]
  rate: 500
recording:
  journal_chunk: 1MiB
"""


class Failure(Exception):
    pass


def check(condition, sentence, *details):
    if not condition:
        raise Failure(": ".join([sentence, *(str(detail) for detail in details)]))


class Manager:
    """What systemd does of the protocol: listens, remembers."""

    def __init__(self, is_abstract=False):
        self.path = f"\0qta-record-service-{os.getpid()}" if is_abstract else "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.heard = []  # (time, assignment)

    def environment(self, watchdog_s=None):
        place = "@" + self.path[1:] if self.path[0] == "\0" else os.path.abspath(self.path)
        environment = dict(os.environ, NOTIFY_SOCKET=place)
        if watchdog_s:
            environment["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))
        return environment

    def listen(self, seconds):
        """Hears everything that comes within this time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                text = self.socket.recv(4096).decode()
            except TimeoutError:
                return
            self.heard += [(time.monotonic(), line) for line in text.split("\n")]

    def wait_for(self, pattern, process=None):
        """The first assignment from here on that the pattern matches."""
        seen = len(self.heard)
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            self.listen(0.05)
            for _, line in self.heard[seen:]:
                if re.match(pattern, line):
                    return line
            if process and process.poll() is not None:
                self.listen(0.05)
                break
        raise Failure(f"the manager never heard {pattern}: {self.heard}")

    def count(self, assignment, since=0.0):
        return sum(line == assignment and when >= since for when, line in self.heard)


def start(*arguments, environment=None):
    return children.Popen([RECORD, "--config", "market.yaml", *arguments], text=True,
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def end(process):
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=TIMEOUT_S)
    check(process.returncode == 0, "exit", process.returncode, errors)
    return output, errors


def it_is_ready_when_it_records_and_says_when_it_ends():
    manager = Manager()
    process = start(environment=manager.environment())
    manager.wait_for("STATUS=recording: [0-9,]+ ticks, 1 connected, ", process)
    check(len(os.listdir("sessions")) == 1, "it has a session")
    end(process)
    manager.listen(0.2)
    said = [line for _, line in manager.heard if not line.startswith("STATUS=recording")]
    check(said == ["STATUS=opening the session", "READY=1", "STOPPING=1",
                   "STATUS=sealing the session"], "in this order", manager.heard)


def an_end_of_its_own_is_told_too():
    manager = Manager(is_abstract=True)
    process = start("--max-ticks", "50", "--quiet", environment=manager.environment())
    check(process.wait(TIMEOUT_S) == 0, "exit", process.returncode)
    manager.listen(0.2)
    check(manager.count("STOPPING=1") == 1, "told once", manager.heard)


def it_is_not_ready_with_a_wrong_configuration():
    with open("market.yaml", "a", encoding="utf-8") as file:
        file.write("nonsense: 1\n")
    manager = Manager()
    process = start("--set", "streaming.rate=never", environment=manager.environment())
    check(process.wait(TIMEOUT_S) == 2, "exit", process.returncode)
    manager.listen(0.2)
    check(manager.heard == [], "nothing is told", manager.heard)


LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17


def ptrace(request, thread):
    if LIBC.ptrace(request, thread, None, None) != 0:
        error = ctypes.get_errno()
        if error in (1, 38):  # EPERM, ENOSYS
            print("skipped: threads cannot be held here")
            return False
        raise OSError(error, os.strerror(error))
    return True


def thread_named(process, name):
    for thread in os.listdir(f"/proc/{process.pid}/task"):
        with open(f"/proc/{process.pid}/task/{thread}/comm", encoding="utf-8") as file:
            if file.read() == name + "\n":
                return int(thread)
    raise Failure(f"no thread {name}")


def the_watchdog_hears_no_more_when_the_network_thread_hangs():
    manager = Manager()
    process = start("--quiet", environment=manager.environment(WATCHDOG_S))
    manager.wait_for("WATCHDOG=1", process)
    for _ in range(2):
        manager.wait_for("WATCHDOG=1", process)

    thread = thread_named(process, "qta-network")
    if not ptrace(PTRACE_SEIZE, thread) or not ptrace(PTRACE_INTERRUPT, thread):
        process.kill()
        return
    os.waitpid(thread, 0x40000000)  # __WALL: it stands still
    manager.listen(WATCHDOG_S / 2)  # a turn that was under way earns one more
    since = time.monotonic()
    manager.listen(max(WATCHDOG_S, 5.5))  # by then there is a new status
    check(manager.count("WATCHDOG=1", since) == 0, "pings of a thread that hangs", manager.heard)
    check(any(line.startswith("STATUS=") for when, line in manager.heard if when > since),
          "the others go on", manager.heard)
    ptrace(PTRACE_DETACH, thread)
    manager.wait_for("WATCHDOG=1", process)
    process.send_signal(signal.SIGABRT)  # what systemd does
    check(process.wait(TIMEOUT_S) == -signal.SIGABRT, "exit", process.returncode)
    process = start("--max-ticks", "5", "--quiet")
    check(process.wait(TIMEOUT_S) == 0, "the next start goes on", process.returncode)


def sigusr1_tells_how_everything_stands():
    for form in ("text", "json"):
        process = start("--log-format", form, "--log-level", "error", "--quiet")
        time.sleep(0.5)
        lines = []
        for _ in range(5):  # however often it is asked
            process.send_signal(signal.SIGUSR1)
            line = ""
            while "alerts" not in line:
                line = process.stderr.readline()
                check(line, "it answers", lines)
                lines.append(line)
        end(process)
        if form == "json":
            texts = [json.loads(line)["message"] for line in lines]
        else:
            texts = [line.split(" status: ", 1)[1] for line in lines]
        members = [text.split(" ", 1)[0] for text in texts]
        once = ["version", "ready", "reasons", "connections", "session", "subscribers", "clock",
                "alerts"]
        check([name for name in members if name in once] == once * 5, "all of it", members)
        values = {text.split(" ", 1)[0]: json.loads(text.split(" ", 1)[1]) for text in texts}
        check(values["connections"]["name"] == "synthetic", values)
        check(values["subscribers"]["capacity"] > 0, values)
        check(values["session"]["path"].startswith("sessions/"), values)


def max_ticks_are_shown_exactly():
    for count in (1, 7, 1000):
        process = start("--max-ticks", str(count), "--format", "ndjson", "--set",
                        "streaming.rate=50000")
        output, errors = process.communicate(timeout=TIMEOUT_S)
        check(process.returncode == 0, "exit", process.returncode, errors)
        market = [line for line in output.splitlines()
                  if json.loads(line)["type"] in ("trade", "quote")]
        check(len(market) == count, "shown", len(market), count)
        total = int(re.search(r"^qta-record: ([\d,]+) ticks in ", errors, re.M)[1].replace(",", ""))
        told = re.search(r"^qta-record: shown: ([\d,]+), as asked for", errors, re.M)
        check((told is not None) == (total > count), "says what else there is", errors)
        check(not told or int(told[1].replace(",", "")) == count, "says", errors)


def a_duration_is_kept():
    began = time.monotonic()
    process = start("--duration", "1500ms", "--quiet")
    check(process.wait(TIMEOUT_S) == 0, "exit", process.returncode)
    passed = time.monotonic() - began
    check(passed >= 1.5, "not before its time", passed)


def is_sanitized():
    with open(RECORD, "rb") as program:
        text = program.read()
    return b"__asan_init" in text or b"__tsan_init" in text


def short_memory_is_one_clear_error_or_a_start():
    if is_sanitized():
        print("skipped: sanitizers need address space without end")
        return
    results = set()
    for megabytes in (8, 16, 24, 40, 60, 80, 100, 130, 400):
        shutil.rmtree("sessions", ignore_errors=True)
        limited = ["bash", "-c", f'ulimit -v {megabytes * 1024}; exec "$@"', "bash"]
        done = subprocess.run([*limited, RECORD, "--config", "market.yaml", "--max-ticks", "5",
                               "--quiet", "--log-level", "error"], capture_output=True, text=True,
                              timeout=TIMEOUT_S, check=False)
        lines = done.stderr.splitlines()
        if done.returncode == 127:
            continue  # not even the program could be loaded
        check(done.returncode in (0, 1) and len(lines) == (1 if done.returncode else 0),
              f"with {megabytes} MB", done.returncode, done.stderr)
        check(not lines or lines[0].startswith("qta-record: "), f"with {megabytes} MB", lines)
        results.add(done.returncode)
    check(results == {0, 1}, "both were seen", results)


def installed_unit():
    path = os.path.join(BINARY, "qta-record@.service")
    with open(path, encoding="utf-8") as file:
        return file.read()


def the_unit_says_what_systemd_understands():
    if not shutil.which("systemd-analyze"):
        print("skipped: no systemd-analyze")
        return
    unit = re.sub(r"^ExecStart=\S+", "ExecStart=" + RECORD, installed_unit(), flags=re.M)
    unit = re.sub(r"^Documentation=.*\n", "", unit, flags=re.M)
    with open("qta-record@test.service", "w", encoding="utf-8") as file:
        file.write(unit)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "./qta-record@test.service"],
                          capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    complaints = [line for line in done.stderr.splitlines() if "qta-record@test" in line]
    check(not complaints, "complaints", *complaints)
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager",
                           "./qta-record@test.service"],
                          capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    if not exposure:
        print("skipped: this systemd-analyze judges no unit that is not running", done.stderr)
        return
    check(float(exposure[1]) <= EXPOSURE_MAX, "exposure", exposure[0])


def the_unit_allows_the_calls_that_are_made():
    """The filter of system calls, held against those of a run."""
    if not shutil.which("systemd-analyze") or not shutil.which("strace"):
        print("skipped: no systemd-analyze or no strace")
        return
    if is_sanitized():
        print("skipped: sanitizers make calls of their own")
        return

    def group(name):
        done = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True,
                              text=True, check=True, timeout=TIMEOUT_S)
        words = [line.strip() for line in done.stdout.splitlines()[1:]]
        words = [word for word in words if word and not word.startswith("#")]
        nested = [call for word in words if word.startswith("@") for call in group(word)]
        return {*nested, *(word for word in words if not word.startswith("@"))}

    allowed = set()
    for value in re.findall(r"^SystemCallFilter=(.*)$", installed_unit(), re.M):
        is_added = not value.startswith("~")
        calls = set()
        for word in value.lstrip("~").split():
            calls |= group(word) if word.startswith("@") else {word}
        allowed = allowed | calls if is_added else allowed - calls
    allowed |= group("@default")
    done = subprocess.run(["strace", "-f", "-qq", "-o", "trace", RECORD, "--config", "market.yaml",
                           "--duration", "500ms", "--quiet"], capture_output=True, text=True,
                          check=False, timeout=TIMEOUT_S)
    if done.returncode != 0:
        print("skipped: nothing can be traced here")
        return
    with open("trace", encoding="utf-8", errors="replace") as file:
        made = set(re.findall(r"^\d+ +(?:<\.\.\. )?([a-z]\w*)[( ]", file.read(), re.M))
    forbidden = made - allowed - {"fchown"}  # SQLite's, as root only
    check(len(made) > 20 and not forbidden, "forbidden", forbidden, made)


CASES = [
    it_is_ready_when_it_records_and_says_when_it_ends,
    an_end_of_its_own_is_told_too,
    it_is_not_ready_with_a_wrong_configuration,
    the_watchdog_hears_no_more_when_the_network_thread_hangs,
    sigusr1_tells_how_everything_stands,
    max_ticks_are_shown_exactly,
    a_duration_is_kept,
    short_memory_is_one_clear_error_or_a_start,
    the_unit_says_what_systemd_understands,
    the_unit_allows_the_calls_that_are_made,
]


def main():
    chosen = [case for case in CASES if case.__name__ in sys.argv[1:]] or CASES
    failed = 0
    for case in chosen:
        with tempfile.TemporaryDirectory(prefix="qta-service-") as folder:
            os.chdir(folder)
            with open("market.yaml", "w", encoding="utf-8") as file:
                file.write(CONFIG)
            try:
                case()
                print(f"ok      {case.__name__}")
            except (Failure, subprocess.TimeoutExpired) as failure:
                failed += 1
                print(f"FAILED  {case.__name__}: {failure}")
            os.chdir("/")
    print(f"{len(chosen) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


main()

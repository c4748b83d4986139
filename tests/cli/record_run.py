#!/usr/bin/python3
"""qta-record at work, on a made-up market: how it ends, and what is in the session then.

Every case holds what was printed against the session: a tick that was shown is in it, and is the
same.
"""
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

import children

SOURCE = os.environ.get("QTA_SOURCE_DIR") or os.path.abspath(__file__ + "/../../..")
BINARY = os.environ.get("QTA_BINARY_DIR") or os.path.join(SOURCE, "build/dev")
RECORD = os.path.join(BINARY, "bin/qta-record")
SESSION = os.path.join(BINARY, "bin/qta-session")
TIMEOUT_S = 60

# a zone whose midnight is far away: all runs of a case go into one session
ZONE = "UTC" if 1 <= time.gmtime().tm_hour < 23 else "Etc/GMT-6"
CONFIG = f"""\
streaming:
  provider: synthetic
  symbols: [AAPL, MSFT, SPY]
  subscriptions: [trades, quotes]
  rate: 5000
recording:
  journal_chunk: 1MiB
  timezone: {ZONE}
"""


class Failure(Exception):
    pass


def check(condition, sentence, *details):
    if not condition:
        raise Failure(": ".join([sentence, *(str(detail) for detail in details)]))


def command(*arguments):
    return [RECORD, "--config", "market.yaml", *arguments]


def run(*arguments, **options):
    options = {"capture_output": True, "text": True, "timeout": TIMEOUT_S, "check": False} | options
    return subprocess.run(command(*arguments), **options)


def session_path():
    folders = os.listdir("sessions")
    check(len(folders) == 1, "one session", folders)
    return os.path.join("sessions", folders[0])


def info():
    done = subprocess.run([SESSION, "info", "--json", session_path()], capture_output=True,
                          text=True, timeout=TIMEOUT_S, check=False)
    check(done.returncode == 0, "info", done.stderr)
    return json.loads(done.stdout)


def recorded():
    done = subprocess.run([SESSION, "cat", session_path()], capture_output=True, text=True,
                          timeout=TIMEOUT_S, check=False)
    check(done.returncode == 0, "cat", done.stderr)
    return done.stdout.splitlines()


def whole_lines(text):
    """Without a last line that was cut off."""
    return text[:text.rfind("\n") + 1].splitlines()


def check_shown(shown):
    """What was shown is in the session, the same bytes in the same order, without a hole."""
    lines = recorded()
    places = {json.loads(line)["seq"]: line for line in lines}
    check(sorted(places) == list(range(1, len(lines) + 1)), "the session has no hole")
    for line in shown:
        tick = json.loads(line)
        check(places.get(tick["seq"]) == line, "shown but not recorded", line)
    numbers = [json.loads(line)["seq"] for line in shown]
    check(numbers == list(range(numbers[0], numbers[0] + len(numbers))), "shown in order")
    return lines


def runs():
    return [line for line in recorded() if '"run_started"' in line]


def check_ended():
    """The last run was closed, not cut off, and everything is sealed."""
    last = json.loads(recorded()[-1])
    check(last["type"] == "conn" and last["state"] == "run_ended", "closed", last)
    check(info()["sealed"] and info()["runs"] == len(runs()), "sealed", info())


def market(lines):
    return [line for line in lines if json.loads(line)["type"] in ("trade", "quote")]


def start_printing():
    """A recorder that has printed its first ticks."""
    output = open("out.ndjson", "w+", encoding="utf-8")
    process = children.Popen(command("--format", "ndjson", "--quiet"), stdout=output,
                               stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + TIMEOUT_S
    while os.path.getsize("out.ndjson") < 20000:
        check(process.poll() is None and time.monotonic() < deadline, "ticks come")
        time.sleep(0.01)
    return process


def shown_lines():
    with open("out.ndjson", encoding="utf-8") as file:
        return whole_lines(file.read())


def max_ticks_ends_it_cleanly():
    done = run("--max-ticks", "500", "--format", "ndjson")
    check(done.returncode == 0, "exit", done.returncode, done.stderr)
    lines = check_shown(done.stdout.splitlines())
    ticks = len(market(lines))
    check(ticks >= 500 and len(market(done.stdout.splitlines())) == 500, "ticks", ticks)
    facts = info()
    check(facts["ticks"] == ticks, "counted", facts)
    check_ended()
    check(re.search(rf"^qta-record: {ticks:,} ticks in .*\(trade [\d,]+, quote [\d,]+\), latency ",
                    done.stderr, re.M), "summary", done.stderr)
    check(f"qta-record: session: {session_path()}\n" in done.stderr, "session", done.stderr)


def duration_ends_it_cleanly():
    done = run("--duration", "300ms", "--quiet", "--log-level", "error")
    check((done.returncode, done.stdout, done.stderr) == (0, "", ""), "silence", done)
    check(info()["ticks"] > 0, "recorded", info())
    check_ended()


def the_first_signal_ends_it_cleanly():
    for number in (signal.SIGINT, signal.SIGTERM):
        process = start_printing()
        process.send_signal(number)
        check(process.wait(TIMEOUT_S) == 0, "exit", process.returncode, process.stderr.read())
        check_shown(shown_lines())
        check_ended()
    check(len(runs()) == 2, "two runs in one session", runs())


def a_kill_loses_nothing_that_was_shown():
    for _ in range(3):
        process = start_printing()
        process.kill()
        process.wait(TIMEOUT_S)
        check_shown(shown_lines())
    done = run("--max-ticks", "10", "--quiet")
    check(done.returncode == 0, "exit", done.returncode, done.stderr)
    check(len(runs()) == 4, "the next start goes on", runs())
    check_ended()
    cut = [line for line in recorded() if '"run_cut"' in line]
    check(len(cut) == 3, "each cut is on record", cut)


def unread_bytes(pipe):
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"))[0]


def a_second_signal_leaves_at_once():
    # the first signal waits for a reader that never reads; the second must not
    with open(RECORD, "rb") as program:
        if b"__tsan_init" in program.read():
            print("skipped: ThreadSanitizer holds signals back while a write waits")
            return
    process = children.Popen(command("--format", "ndjson", "--quiet"), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    waiting = 0
    while waiting == 0 or waiting != unread_bytes(process.stdout):  # until the pipe is full
        waiting = unread_bytes(process.stdout)
        check(process.poll() is None, "ticks come")
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    check(process.poll() is None, "waits for its reader")
    process.send_signal(signal.SIGINT)
    check(process.wait(TIMEOUT_S) == 1, "exit", process.returncode)
    check_shown(whole_lines(process.stdout.read().decode()))


def a_reader_that_leaves_does_not_end_the_recording():
    process = children.Popen(command("--format", "ndjson", "--max-ticks", "5000"),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    check(process.wait(TIMEOUT_S) == 0, "exit", process.returncode, errors)
    check("warning output: nobody reads the ticks any more; recording goes on" in errors, errors)
    check(info()["ticks"] >= 5000, "recorded", info())


def a_full_disk_behind_stdout_is_an_error_of_its_own():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = run("--format", "ndjson", "--max-ticks", "500", capture_output=False, stdout=full,
                   stderr=subprocess.PIPE)
    check(done.returncode == 1, "exit", done.returncode)
    check("qta-record: cannot write to standard output: No space left on device\n" in done.stderr,
          "error", done.stderr)
    check(info()["ticks"] >= 500, "recorded", info())
    check_ended()


def a_full_disk_keeps_what_was_recorded():
    os.mkdir("sessions")
    small = "mount -t tmpfs -o size=2500k none sessions && touch sessions/mounted"
    probe = subprocess.run(["unshare", "-rm", "sh", "-c", small], capture_output=True, check=False)
    if probe.returncode != 0:
        print("skipped: no mounts here")
        return
    script = f"""set -e
{small}; rm sessions/mounted
set +e
"$@" > out.ndjson 2> errors
echo $? > status
cp -a sessions copy
"""
    subprocess.run(["unshare", "-rm", "bash", "-c", script, "bash",
                    *command("--format", "ndjson", "--quiet", "--log-level", "warning",
                             "--set", "streaming.rate=200000", "--set", "recording.on_full=stop")],
                   timeout=TIMEOUT_S, check=True)
    os.rmdir("sessions")
    os.rename("copy", "sessions")
    with open("errors", encoding="utf-8") as file:
        errors = file.read()
    with open("status", encoding="utf-8") as file:
        check(file.read() == "1\n", "exit", errors)
    check(len(re.findall(r"^qta-record: .*No space left on device", errors, re.M)) == 1,
          "one error", errors)
    lines = check_shown(shown_lines())
    check(len(lines) > 1000, "most of the disk was used", len(lines))


def a_limit_on_file_sizes_is_an_error():
    limited = subprocess.run(["bash", "-c", 'ulimit -f 100; "$@"', "bash", *command("--quiet")],
                             capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    check(limited.returncode == 1, "exit", limited.returncode, limited.stderr)
    check(re.search(r"^qta-record: .*: File too large$", limited.stderr, re.M), limited.stderr)


def one_session_has_one_recorder():
    process = start_printing()
    done = run()
    check(done.returncode == 1, "exit", done.returncode)
    check(str(process.pid) in done.stderr, "names the other one", done.stderr)
    process.send_signal(signal.SIGINT)
    check(process.wait(TIMEOUT_S) == 0, "the other one goes on", process.returncode)


def a_replay_is_shown_and_not_recorded_again():
    run("--max-ticks", "200", "--quiet")
    original = recorded()
    done = run("--format", "ndjson", "--set", "streaming.provider=replay", "--set",
               f"streaming.session={session_path()}", "--set", "streaming.speed=max", "--set",
               "streaming.symbols=", "--set", "recording.directory=again")
    check(done.returncode == 0, "exit", done.returncode, done.stderr)
    check(done.stdout.splitlines() == original, "the same ticks")
    check(not os.path.exists("again"), "recorded again")


def progress_is_for_terminals():
    leader, follower = pty.openpty()
    done = run("--duration", "1500ms", capture_output=False, stdout=subprocess.DEVNULL,
               stderr=follower, text=False, env=dict(os.environ, TERM="xterm"))
    os.close(follower)
    text = os.read(leader, 65536).decode()
    os.close(leader)
    check(done.returncode == 0, "exit", done.returncode, text)
    check(re.search(r"\r\x1b\[K[\d,]+ ticks, [\d,]+/s, 1 connected, [\d,]+ waiting", text), text)
    done = run("--duration", "1500ms")
    check("connected, " not in done.stderr, "no progress in a pipe", done.stderr)


def keys_are_nowhere_to_be_found():
    """Neither the one of an argument nor the one of the environment."""
    overrides = ["streaming.provider=alpaca", "streaming.websocket_url=ws://127.0.0.1:1/?t=CANARY1",
                 "streaming.api_key=CANARY2", "streaming.api_secret=${SECRET}",
                 "streaming.reconnect_delay=100ms", "streaming.reconnect_delay_max=100ms",
                 "streaming.reconnect_attempts=20",
                 "streaming.circuit_breaker.failure_threshold=0"]
    arguments = [part for override in overrides for part in ("--set", override)]
    process = children.Popen(command("--log-level", "debug", *arguments), text=True,
                               env=dict(os.environ, SECRET="CANARY3"), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    line = process.stderr.readline()
    while line and "Connection refused" not in line:
        check("CANARY" not in line, line)
        line = process.stderr.readline()
    check(line, "it tries to connect")
    with open(f"/proc/{process.pid}/cmdline", encoding="utf-8") as file:
        check("CANARY2" not in file.read(), "arguments")
    output, errors = process.communicate(timeout=TIMEOUT_S)
    check(process.returncode == 1, "exit", process.returncode, errors)
    check("CANARY" not in output + errors, errors)
    for folder, _, files in os.walk("sessions"):
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                check(b"CANARY" not in file.read(), "session", name)


CASES = [
    max_ticks_ends_it_cleanly,
    duration_ends_it_cleanly,
    the_first_signal_ends_it_cleanly,
    a_kill_loses_nothing_that_was_shown,
    a_second_signal_leaves_at_once,
    a_reader_that_leaves_does_not_end_the_recording,
    a_full_disk_behind_stdout_is_an_error_of_its_own,
    a_full_disk_keeps_what_was_recorded,
    a_limit_on_file_sizes_is_an_error,
    one_session_has_one_recorder,
    a_replay_is_shown_and_not_recorded_again,
    progress_is_for_terminals,
    keys_are_nowhere_to_be_found,
]


def main():
    chosen = [case for case in CASES if case.__name__ in sys.argv[1:]] or CASES
    failed = 0
    for case in chosen:
        with tempfile.TemporaryDirectory(prefix="qta-record-") as folder:
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

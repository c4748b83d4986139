#!/usr/bin/python3
"""Other programs look at a session while qta-record records it at full speed, while somebody holds
session.db, and while the recorder is killed and started again: a follower sees every tick once and
in order; info, verify, cat and replay just work. QTA_FOLLOW_KILLS sets how often it is killed,
QTA_FOLLOW_RATE the ticks a second."""
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

import children
from programs import check, program, run

CONFIG = """streaming:
  symbols: [AAPL, MSFT, SPY]
  providers:
    - name: synthetic
      subscriptions: [trades, quotes]
      rate: {rate}
recording:
  directory: {folder}/sessions
  journal_chunk: 1MiB
  timezone: UTC
"""
WAIT_S = 120


def start_recorder(config):
    return children.Popen([program("qta-record"), "--config", str(config), "--quiet", "--format",
                             "none"], stderr=subprocess.PIPE)


def wait_for(condition, sentence):
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    return check(False, sentence)


def session_in(folder):
    sessions = [path.parent for path in folder.glob("sessions/*/session.db")]
    return sessions[0] if sessions else None


def records(session):
    return json.loads(run("qta-session", "info", "--json", session))["records"]


def look_at(session, how):
    """Each must do its work, and see at least what was there before."""
    before = records(session)
    check(before > 0, f"info counts {before} records {how}")
    verdict = run("qta-session", "verify", session)
    check(True, f"verify finds nothing wrong {how}: {verdict.splitlines()[-1]}")
    lines = run("qta-session", "cat", "--limit", "1000", session).splitlines()
    numbers = [json.loads(line)["seq"] for line in lines]
    check(numbers == list(range(1, 1001)), f"cat begins with records 1 to 1000 {how}")
    run("qta-replay", "--speed", "max", "--format", "none", "--quiet", session)
    check(True, f"replay plays it {how}")
    tail = run("qta-session", "cat", "--types", "conn,trade", "--format", "csv", session)
    last = int(tail.splitlines()[-1].split(",")[0])
    check(last >= before * 9 // 10, f"cat comes near record {before}: {last} {how}")


def main():
    kills = int(os.environ.get("QTA_FOLLOW_KILLS", "2"))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        config = folder / "synthetic.yaml"
        config.write_text(CONFIG.format(rate=os.environ.get("QTA_FOLLOW_RATE", "20000"),
                                        folder=folder))
        recorder = start_recorder(config)
        session = wait_for(lambda: session_in(folder), "a session appears")
        wait_for(lambda: records(session) > 2000, "it grows")

        printed = folder / "followed.ndjson"
        with printed.open("wb") as out:
            cat = children.Popen([program("qta-session"), "cat", "--follow", str(session)],
                                   stdout=out, stderr=subprocess.PIPE)
        replay = children.Popen([program("qta-replay"), "--follow", "--digest", "--quiet",
                                   str(session)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        look_at(session, "while it is recorded")

        holder = sqlite3.connect(session / "session.db", isolation_level=None, timeout=WAIT_S)
        holder.execute("BEGIN EXCLUSIVE")
        look_at(session, "while SQLite is busy")
        holder.execute("ROLLBACK")
        holder.close()

        for _ in range(kills):
            recorder.send_signal(signal.SIGKILL)
            recorder.wait()
            recorder.stderr.close()
            time.sleep(0.2)
            check(cat.poll() is None and replay.poll() is None, "followers wait for the next run")
            before = records(session)
            recorder = start_recorder(config)
            wait_for(lambda: records(session) > before + 1000, "the next run records")
        # one more follower, which comes when there is much to catch up with, and is stopped
        late = children.Popen([program("qta-session"), "cat", "--follow", str(session)],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        first = [json.loads(late.stdout.readline())["seq"] for _ in range(10)]
        check(first == list(range(1, 11)), "a late follower begins at the beginning")
        late.send_signal(signal.SIGINT)
        rest, errors = late.communicate(timeout=WAIT_S)
        check(late.returncode == 0 and not errors and rest.endswith(b"\n"),
              "SIGINT ends a follower cleanly")

        recorder.send_signal(signal.SIGINT)
        _, errors = recorder.communicate(timeout=WAIT_S)
        check(recorder.returncode == 0, f"the recorder ends cleanly {errors.decode()[-300:]}")
        _, errors = cat.communicate(timeout=WAIT_S)
        check(cat.returncode == 0 and not errors,
              f"cat --follow ends with the recorder {errors.decode()[-300:]}")
        digest, errors = replay.communicate(timeout=WAIT_S)
        check(replay.returncode == 0 and not errors,
              f"qta-replay --follow ends with the recorder {errors.decode()[-300:]}")

        stored = run("qta-session", "cat", session).encode()
        followed = printed.read_bytes()
        check(stored == followed, f"cat --follow has printed all {stored.count(b'}')} records")
        check(digest.decode() == run("qta-replay", "--speed", "max", "--digest", "--quiet", session),
              "qta-replay --follow has played all of them")
        run("qta-session", "verify", session)
        check(True, "the session is whole")
    return 0


sys.exit(main())

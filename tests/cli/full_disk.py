#!/usr/bin/python3
"""qta-record on a disk that is really full: a small file system in memory, in a mount namespace of
our own. Both policies of recording.on_full; what is missing is counted to the record, and the rest
is whole. Skipped where no such namespace is to be had."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import children
from programs import SKIPPED, check, only_session, program, run

TIMEOUT_S = 60
DISK_KIB = 4096
CONFIG = """streaming:
  symbols: [AAPL, MSFT]
  providers:
    - name: synthetic
      subscriptions: [trades, quotes]
      rate: 20000
recording:
  directory: {folder}/disk/sessions
  journal_chunk: 256KiB
  timezone: {zone}
  on_full: {policy}
"""
# a zone whose midnight is far away
ZONE = "UTC" if 1 <= time.gmtime().tm_hour < 23 else "Etc/GMT-6"


def fill(folder):
    """Takes all the room that is left, however often some comes back."""
    with open(folder / "disk" / "ballast", "ab", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            pass


def wait_for(folder, sentence, recorder, each=lambda: None):
    deadline = time.monotonic() + TIMEOUT_S
    while sentence not in (folder / "talk").read_text():
        if time.monotonic() > deadline or recorder.poll() is not None:
            check(False, f"'{sentence}' comes in time: {(folder / 'talk').read_text()}")
        each()
        time.sleep(0.02)


def start(folder, policy):
    config = folder / "market.yaml"
    config.write_text(CONFIG.format(folder=folder, policy=policy, zone=ZONE))
    (folder / "talk").write_text("")
    with open(folder / "seen", "wb") as stdout, open(folder / "talk", "ab") as stderr:
        return children.Popen([program("qta-record"), "--config", str(config), "--format",
                                 "ndjson"], stdout=stdout, stderr=stderr)


def seen(folder):
    text = (folder / "seen").read_bytes()
    return [json.loads(line) for line in text[:text.rfind(b"\n") + 1].splitlines()]


def recorded(folder):
    text = run("qta-session", "cat", only_session(folder / "disk" / "sessions"))
    return [json.loads(line) for line in text.splitlines()]


def untold(records):
    return sum(record["count"] for record in records
               if record["type"] == "drop" and record["subscriber"] == "recording")


def compare(folder):
    """What was seen with a number is what is in the session; returns how many had none."""
    lines = seen(folder)
    records = recorded(folder)
    check([line for line in lines if line["seq"] > 0] == records, "seen and recorded are the same")
    check([record["seq"] for record in records] == list(range(1, len(records) + 1)),
          "the session has no hole")
    missing = len(lines) - len(records)
    check(untold(records) == missing, f"DROP records tell of {untold(records)}, not of {missing}")
    return missing


def stop(recorder):
    recorder.send_signal(signal.SIGINT)
    return recorder.wait(TIMEOUT_S)


def wait_for_session(folder, recorder):
    """The disk must not be full before there is anything on it."""
    deadline = time.monotonic() + TIMEOUT_S
    while not seen(folder):
        if time.monotonic() > deadline or recorder.poll() is not None:
            check(False, f"ticks come: {(folder / 'talk').read_text()}")
        time.sleep(0.02)


def room_comes_back(folder):
    recorder = start(folder, "keep_dispatching")
    wait_for_session(folder, recorder)
    for _ in range(2):
        (folder / "talk").write_text("") # the recorder appends: what comes now is new
        wait_for(folder, "recording has stopped", recorder, lambda: fill(folder))
        time.sleep(0.3)
        (folder / "disk" / "ballast").unlink()
        wait_for(folder, "recording goes on", recorder)
    code = stop(recorder)
    talk = (folder / "talk").read_text()
    check(code == 3, f"the exit code tells of a loss: {code}")
    missing = compare(folder)
    check(missing > 100, "ticks were seen while the disk was full")
    told = re.search(r"disk was full or failed: ([\d,]+) ticks and events, in \d+ outages", talk)
    check(told and int(told[1].replace(",", "")) == missing, "the summary says how much is missing")
    run("qta-session", "verify", only_session(folder / "disk" / "sessions"))


def room_stays_away(folder):
    recorder = start(folder, "keep_dispatching")
    wait_for_session(folder, recorder)
    wait_for(folder, "recording has stopped", recorder, lambda: fill(folder))
    fill(folder)
    time.sleep(0.3)
    code = stop(recorder)
    check(code in (1, 3), f"the exit code is {code}") # 1: not even sealing was possible
    check(compare(folder) > 100, "ticks were seen while the disk was full")
    last = recorded(folder)[-1]
    check(last["type"] == "conn" and last["state"] == "run_ended", "the session has an end")
    (folder / "disk" / "ballast").unlink()
    run("qta-record", "--config", folder / "market.yaml", "--max-ticks", "10", "--quiet")
    run("qta-session", "verify", only_session(folder / "disk" / "sessions"))


def stopping(folder):
    recorder = start(folder, "stop")
    wait_for_session(folder, recorder)
    deadline = time.monotonic() + TIMEOUT_S
    while recorder.poll() is None:
        if time.monotonic() > deadline:
            check(False, "it stops in time")
        fill(folder)
        time.sleep(0.02)
    talk = (folder / "talk").read_text()
    check(recorder.returncode == 1, f"it ends with exit code {recorder.returncode}")
    check("recording failed: " in talk and "No space left on device" in talk, "it says why")
    (folder / "disk" / "ballast").unlink()
    lines = seen(folder)
    check(recorded(folder)[:len(lines)] == lines, "everything that was seen is in the session")


def inside(folder):
    for case in (room_comes_back, room_stays_away, stopping):
        disk = folder / "disk"
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_KIB}k", "tmpfs", str(disk)],
                       check=True)
        case(folder)
        subprocess.run(["umount", str(disk)], check=True)
        print(f"passed: {case.__name__}")


def main():
    if len(sys.argv) > 1:
        inside(pathlib.Path(sys.argv[1]))
        return
    own = ["unshare", "--user", "--map-root-user", "--mount"]
    with tempfile.TemporaryDirectory() as name:
        disk = pathlib.Path(name) / "disk"
        disk.mkdir()
        probe = [*own, "mount", "-t", "tmpfs", "tmpfs", str(disk)]
        if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
            print("skipped: no mount namespace")
            sys.exit(SKIPPED)
        sys.exit(subprocess.run([*own, sys.executable, __file__, name], check=False).returncode)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""SIGKILL at random instants while qta-record records: every tick that its callback had printed is
in the session, and the next start just works. QTA_KILLS sets how often (default 50), QTA_SEED the
instants."""
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import children
from programs import check, only_session, program, run

CONFIG = """streaming:
  symbols: [AAPL, MSFT]
  providers:
    - name: synthetic
      subscriptions: [trades, quotes]
      rate: {rate}
recording:
  directory: {folder}/sessions
  journal_chunk: 1MiB
  timezone: UTC
"""


def whole_lines(path):
    """A line that the kill cut in half was not printed."""
    text = path.read_bytes()
    return text[:text.rfind(b"\n") + 1].splitlines()


def main():
    kills = int(os.environ.get("QTA_KILLS", "50"))
    seed = int(os.environ.get("QTA_SEED", str(random.randrange(1 << 32))))
    print(f"seed {seed}, {kills} kills", flush=True)
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        config = folder / "synthetic.yaml"
        config.write_text(CONFIG.format(rate=20000, folder=folder))
        start = time.monotonic()
        run("qta-record", "--config", config, "--max-ticks", "1", "--quiet")
        longest_s = 0.3 + 2 * (time.monotonic() - start) # slow builds and machines start slowly
        seen = []
        productive = 0
        for kill in range(kills):
            out = folder / f"seen{kill}"
            with out.open("wb") as stdout:
                recorder = children.Popen(
                    [program("qta-record"), "--config", str(config), "--format", "ndjson",
                     "--quiet"], stdout=stdout, stderr=subprocess.PIPE)
                time.sleep(dice.uniform(0.0, longest_s))
                is_alive = recorder.poll() is None
                recorder.send_signal(signal.SIGKILL)
                _, errors = recorder.communicate()
                if not is_alive:
                    check(False, f"start {kill} just works: {errors.decode()[-300:]}")
            lines = whole_lines(out)
            productive += len(lines) > 0
            seen += lines
            out.unlink()
        check(productive > kills // 10, f"{productive} of the runs recorded something")
        run("qta-record", "--config", config, "--max-ticks", "1000", "--quiet")
        session = only_session(folder / "sessions")
        recorded = set(run("qta-session", "cat", "--format", "ndjson", session)
                       .encode().splitlines())
        missing = [line for line in seen if line not in recorded]
        check(not missing, f"{len(seen)} ticks seen, {len(missing)} of them not in the session "
                           f"{missing[:1]}")
        run("qta-session", "verify", session)
        check(True, "the session is whole")
    return 0


sys.exit(main())

"""What the script tests share: finding the programs, running them, serving a session."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import children

SOURCE = pathlib.Path(os.environ["QTA_SOURCE_DIR"])
BIN = pathlib.Path(os.environ["QTA_BINARY_DIR"]) / "bin"
DATA = SOURCE.parent / "shared" / "data"
SKIPPED = 77


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def check(condition, sentence):
    """One line a proof, as in a test's name; ends the test when it does not hold."""
    print(("ok: " if condition else "FAILED: ") + sentence, flush=True)
    if not condition:
        sys.exit(1)


def program(name):
    return str(BIN / name)


def run(name, *arguments, status=0, **options):
    """Runs a program to its end and returns what it printed to stdout."""
    done = subprocess.run([program(name), *map(str, arguments)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="replace", **options)
    if done.returncode != status:
        print(done.stderr[-3000:], file=sys.stderr)
        check(False, f"{name} {' '.join(map(str, arguments))} exits {status}, not {done.returncode}")
    return done.stdout


class Venue:
    """A session served in Alpaca's protocol by qta-replay, on a free port."""

    def __init__(self, session, *arguments):
        self.log = tempfile.NamedTemporaryFile("w+", suffix=".log")
        self.process = children.Popen(
            [program("qta-replay"), "--serve", "127.0.0.1:0", *map(str, arguments), str(session)],
            stdout=subprocess.DEVNULL, stderr=self.log)
        self.url = None
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.url is None:
            found = re.search(r"wss?://127\.0\.0\.1:\d+", pathlib.Path(self.log.name).read_text())
            if found:
                self.url = found.group(0)
            elif self.process.poll() is not None:
                break
            else:
                time.sleep(0.02)
        check(self.url is not None, f"qta-replay --serve tells where it listens ({self.url})")

    def wait(self, timeout_s=300):
        return self.process.wait(timeout_s)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()


def alpaca_config(folder, url, sessions, encoding="json", path="/v2/sip"):
    """A configuration that records everything from that URL into sessions."""
    config = pathlib.Path(folder) / "alpaca.yaml"
    config.write_text(f"""streaming:
  symbols: ["*"]
  providers:
    - name: alpaca
      websocket_url: "{url}{path}"
      api_key: key
      api_secret: secret
      encoding: {encoding}
      subscriptions: [trades, quotes]
  reconnect_attempts: unlimited
recording:
  directory: {sessions}
""")
    return config


def only_session(folder):
    """The one day session in a recording directory."""
    sessions = sorted(path for path in pathlib.Path(folder).iterdir() if path.is_dir())
    check(len(sessions) == 1, f"one session in {folder}")
    return sessions[0]


def digests(session, *arguments):
    """(full, market) as qta-replay prints them."""
    lines = run("qta-replay", "--digest", "--format", "none", "--quiet", *arguments,
                session).split()
    return lines[1], lines[3]

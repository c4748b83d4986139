"""A session of seeded ticks, what it holds as text, and the server of it: for tests with clients of
other people."""
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(os.environ["QTA_SOURCE_DIR"]) / "tests" / "cli"))

from programs import check, only_session, run  # noqa: E402 (the path comes first)

TICKS = 20000


def make_session(folder):
    """Records a synthetic market of two stocks and a coin, as fast as it goes."""
    folder = pathlib.Path(folder)
    config = folder / "synthetic.yaml"
    config.write_text(f"""streaming:
  symbols: [AAPL, MSFT, BTC/USD]
  providers:
    - name: synthetic
      subscriptions: [trades, quotes]
      seed: 11
      count: {TICKS}
      rate: 5000
      start: 2024-05-01T13:30:00Z
recording:
  directory: {folder / "sessions"}
""")
    run("qta-record", "--config", config, "--quiet", "--max-ticks", TICKS)
    return only_session(folder / "sessions")


def ticks_of(session, *arguments):
    """The market ticks as qta-replay prints them, with numbers as text."""
    lines = run("qta-replay", "--speed", "max", "--quiet", "--types", "trade,quote", *arguments,
                session).splitlines()
    ticks = [json.loads(line, parse_float=str, parse_int=str) for line in lines]
    check(len(ticks) > 0, f"the session has ticks to serve ({len(ticks)})")
    return ticks

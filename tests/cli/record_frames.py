#!/usr/bin/python3
"""What a venue sent, stored beside its ticks: the ticks are the same with and without, each is
linked to the one message that has it, no key is in the session, and SIGKILL leaves both whole."""
import base64
import json
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "interop"))

import children  # noqa: E402
from programs import Venue, alpaca_config, check, digests, only_session, program, run  # noqa: E402
from served_session import TICKS, make_session  # noqa: E402 (the path comes first)

KEY = "PKFRAMES0123456789"
SECRET = "s3cr3t/of+the/fr4mes"


def record(folder, name, session, *arguments, encoding="json"):
    """Serves the session and records it; the new session."""
    target = folder / name
    venue = Venue(session, "--speed", "max")
    try:
        config = alpaca_config(folder, venue.url, target, encoding)
        run("qta-record", "--config", config, "--quiet", "--max-ticks", TICKS,
            "--set", f"streaming.providers.alpaca.api_key={KEY}",
            "--set", f"streaming.providers.alpaca.api_secret={SECRET}", *arguments)
    finally:
        venue.stop()
    return only_session(target)


def lines_of(text):
    return [json.loads(line, parse_float=str, parse_int=str) for line in text.splitlines()]


def info(session):
    return json.loads(run("qta-session", "info", "--json", session))


def linked(session):
    """(record, frame) for each market tick; None where no frame claims it."""
    ticks = lines_of(run("qta-session", "cat", "--types", "trade,quote", session))
    owner = {}
    for frame in lines_of(run("qta-session", "frames", session)):
        for seq in range(int(frame["first_seq"]), int(frame["first_seq"]) + int(frame["count"])):
            check_once = owner.setdefault(seq, frame)
            if check_once is not frame:
                check(False, f"record {seq} is in one frame only")
    return [(tick, owner.get(int(tick["seq"]))) for tick in ticks]


def says(frame, tick):
    """Whether a frame's bytes have what the tick has."""
    if frame["ts_recv"] != tick["ts_recv"] or frame["provider"] != tick["provider"]:
        return False
    names = ["price", "size"] if tick["type"] == "trade" else ["bid_price", "ask_price"]
    if "text" in frame:
        return all(value in frame["text"]
                   for value in [tick["symbol"], *(tick[name] for name in names)])
    return tick["symbol"].encode() in base64.b64decode(frame["base64"])


def prove_links(session, what):
    pairs = linked(session)
    wrong = [tick["seq"] for tick, frame in pairs if not frame or not says(frame, tick)]
    check(len(pairs) == TICKS and not wrong,
          f"each of {len(pairs)} ticks is in one frame that says it ({what}) {wrong[:3]}")


def prove_secrets(session):
    stored = run("qta-session", "frames", "--verbatim", session).encode()
    for path in session.rglob("*"):
        if path.is_file():
            stored += path.read_bytes()
    found = [text for text in (KEY, SECRET, SECRET.replace("/", "\\/"))
             if text.encode() in stored]
    check(not found, f"no key is in {len(stored)} bytes of the session")


def wait_for_ticks(target, count):
    deadline = time.monotonic() + 60
    ticks = 0
    while time.monotonic() < deadline and ticks < count:
        time.sleep(0.1)
        if any(target.glob("*/session.db")):
            ticks = info(next(iter(target.iterdir())))["ticks"]


def prove_redecoding(folder, session):
    """The decoder that made the ticks makes the same ones again."""
    again = folder / f"again-{session.parent.name}"
    run("qta-session", "redecode", "--output", again, session)
    check(digests(again) == digests(session), "redecoded ticks are the same in every field")
    run("qta-session", "verify", again)
    old = run("qta-session", "frames", session)
    check(run("qta-session", "frames", again) == old, "and so are the messages")


def prove_kill(folder, session):
    """Twice killed, then left in peace."""
    target = folder / "killed"
    venue = Venue(session, "--speed", "4x", "--loop")
    try:
        config = alpaca_config(folder, venue.url, target)
        options = ["--config", str(config), "--quiet", "--set", "recording.raw_frames=true",
                   "--set", "recording.journal_chunk=256KiB"]
        for _ in range(2):
            before = info(only_session(target))["ticks"] if target.exists() else 0
            recorder = children.Popen([program("qta-record"), *options])
            try:
                wait_for_ticks(target, before + 2000)
            finally:
                recorder.kill()
                recorder.wait()
            killed = only_session(target)
            run("qta-session", "verify", killed)
            check(info(killed)["ticks"] >= before + 2000, "a killed session verifies clean")
        run("qta-record", *options, "--max-ticks", 1000)
    finally:
        venue.stop()
    run("qta-session", "verify", killed)
    alone = [int(tick["seq"]) for tick, frame in linked(killed)
             if not frame or not says(frame, tick)]
    places = [seq for seq in alone if seq - 1 not in alone]
    check(len(places) <= 2, f"ticks without a frame are where a kill was ({places})")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        session = make_session(folder)
        market = digests(session)[1]
        plain = record(folder, "plain", session)
        stored = record(folder, "stored", session, "--set", "recording.raw_frames=true")
        packed = record(folder, "packed", session, "--set", "recording.raw_frames=true",
                        encoding="msgpack")
        check(digests(plain)[1] == market, "the ticks are those that were served")
        check(digests(stored)[1] == market, "they are the same with frames")
        check(digests(packed)[1] == market, "and from binary frames")
        check(info(plain)["raw_frames"] == 0, "nothing is stored unless it is asked for")
        for made in (stored, packed):
            facts = info(made)
            print(f"{facts['raw_frames']} frames, {facts['raw_bytes']} bytes as they came; the "
                  f"session has {facts['bytes']} bytes, {info(plain)['bytes']} without")
            run("qta-session", "verify", made)
            prove_links(made, made.parent.name)
            prove_secrets(made)
        control = lines_of(run("qta-session", "frames", "--no-ticks", stored))
        check([json.loads(frame["text"])[0]["T"] for frame in control[:2]]
              == ["success", "success"], "greeting and login are there")
        tick, frame = linked(stored)[TICKS // 2]
        check(lines_of(run("qta-session", "frames", "--record", tick["seq"], stored)) == [frame],
              "the frame of one record is found")
        prove_redecoding(folder, stored)
        prove_redecoding(folder, packed)
        prove_kill(folder, session)
    return 0


sys.exit(main())

#!/usr/bin/python3
"""qta-replay under signals and on a terminal: stops, pauses, progress."""
import array
import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
import unittest

import children

PROGRAMS = os.path.join(os.environ["QTA_BINARY_DIR"], "bin")
REPLAY = os.path.join(PROGRAMS, "qta-replay")
SESSION = "session"
WAIT_S = 30
FOLDER = tempfile.TemporaryDirectory(prefix="qta-replay-control-")


def setUpModule():
    """Twenty trades at once, and one an hour later: a replay in real time waits after the twenty."""
    rows = ["time,price"] + [f"2024-05-01T13:30:00.{i:03}Z,{i}.50" for i in range(20)]
    rows.append("2024-05-01T14:30:00Z,99.50")
    subprocess.run([os.path.join(PROGRAMS, "qta-session"), "import", "--quiet", "--type", "trade",
                    "--columns", "ts_event=time,price=price", "--symbol", "AAPL",
                    "--output", SESSION, "-"],
                   input="\n".join(rows) + "\n", text=True, cwd=FOLDER.name, check=True)


def start(*options, **streams):
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
               **streams}
    return children.Popen([REPLAY, *options, SESSION], cwd=FOLDER.name, **streams)


def read_lines(stream, count):
    """So many lines, as soon as they are there."""
    got, deadline = b"", time.monotonic() + WAIT_S
    while got.count(b"\n") < count and time.monotonic() < deadline:
        if select.select([stream], [], [], 0.1)[0]:
            piece = os.read(stream.fileno(), 65536)
            if not piece:
                break
            got += piece
    return got.decode().splitlines()


def is_silent(stream, seconds):
    return not select.select([stream], [], [], seconds)[0]


def fills_up(pipe):
    """Whether a pipe that nobody reads becomes full."""
    deadline, before = time.monotonic() + WAIT_S, 0
    while time.monotonic() < deadline:
        time.sleep(0.2)
        waiting = array.array("i", [0])
        fcntl.ioctl(pipe, termios.FIONREAD, waiting)
        if 0 < waiting[0] == before:
            return True
        before = waiting[0]
    return False


def take_terminal(fd):
    """In the child: a session of its own, which this terminal controls."""
    os.setsid()
    fcntl.ioctl(fd, termios.TIOCSCTTY, 0)


class Terminal:
    """A pseudo terminal, and what was written to it."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        self.text = ""

    def wait_for(self, text):
        deadline = time.monotonic() + WAIT_S
        while text not in self.text and time.monotonic() < deadline:
            if select.select([self.master], [], [], 0.1)[0]:
                self.text += os.read(self.master, 65536).decode()
        return text in self.text

    def close(self):
        os.close(self.slave)
        os.close(self.master)


class Control(unittest.TestCase):
    def finish(self, process):
        out, err = process.communicate(timeout=WAIT_S)
        return process.returncode, out.decode(), (err or b"").decode()

    def test_ticks_arrive_while_it_waits_for_the_next(self):
        process = start()
        self.assertEqual(len(read_lines(process.stdout, 20)), 20)
        process.terminate()
        status, out, err = self.finish(process)
        self.assertEqual((status, out), (0, ""))
        self.assertIn("20 ticks (20 of the market)", err)

    def test_sigint_and_sigterm_end_it_cleanly(self):
        for number in signal.SIGINT, signal.SIGTERM:
            process = start("--digest", "--format", "ndjson")
            self.assertEqual(len(read_lines(process.stdout, 20)), 20)
            process.send_signal(number)
            status, out, _ = self.finish(process)
            self.assertEqual(status, 0)
            self.assertRegex(out, r"\Afull [0-9a-f]{16}\nmarket [0-9a-f]{16}\n\Z")

    def test_a_second_signal_ends_it_at_once(self):
        with open(REPLAY, "rb") as file:
            if b"__tsan_init" in file.read():
                self.skipTest("the thread sanitizer holds signals back during a write")
        # nobody reads: the program hangs in a write that the first signal cannot end
        process = start("--speed", "max", "--loop")
        self.assertTrue(fills_up(process.stdout))
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(WAIT_S), -signal.SIGINT)
        process.communicate()

    def test_paused_waits_for_sigusr1(self):
        process = start("--paused", "--duration", "1s")
        self.assertIn(f"send SIGUSR1 to process {process.pid}", process.stderr.readline().decode())
        self.assertTrue(is_silent(process.stdout, 0.5))
        process.send_signal(signal.SIGUSR1)
        self.assertEqual(len(read_lines(process.stdout, 20)), 20)
        self.assertEqual(self.finish(process)[0], 0)

    def test_a_paused_replay_can_be_stopped(self):
        process = start("--paused")
        process.stderr.readline()
        process.terminate()
        status, out, _ = self.finish(process)
        self.assertEqual((status, out), (0, ""))

    def test_space_on_the_terminal_ends_the_pause(self):
        terminal = Terminal()
        process = start("--paused", "--duration", "1s", stdin=terminal.slave,
                        preexec_fn=lambda: take_terminal(terminal.slave))
        self.assertIn("press space", process.stderr.readline().decode())
        os.write(terminal.master, b"x")
        self.assertTrue(is_silent(process.stdout, 0.3))
        os.write(terminal.master, b" ")
        self.assertEqual(len(read_lines(process.stdout, 20)), 20)
        self.assertEqual(self.finish(process)[0], 0)
        terminal.close()

    def test_a_job_in_the_background_leaves_the_terminal_alone(self):
        terminal = Terminal()
        process = start("--paused", stdin=terminal.slave)
        self.assertNotIn("press space", process.stderr.readline().decode())
        process.terminate()
        self.assertEqual(self.finish(process)[0], 0)
        terminal.close()

    def test_progress_is_for_terminals(self):
        terminal = Terminal()
        environment = dict(os.environ, TERM="xterm")
        process = start("--format", "none", stderr=terminal.slave, env=environment)
        self.assertTrue(terminal.wait_for("20 ticks"), terminal.text)
        self.assertIn("2024-05-01T13:30:00", terminal.text)
        process.terminate()
        self.assertEqual(process.wait(WAIT_S), 0)
        process.stdout.close()
        terminal.close()

        process = start("--format", "none", "--duration", "1s")
        self.assertEqual(self.finish(process)[2].count("\n"), 1)

    def test_serving_tells_the_address_and_hides_the_key(self):
        process = start("--serve", "127.0.0.1:0", "--serve-key", "canary-key", "--serve-secret",
                        "canary-secret")
        self.assertRegex(process.stderr.readline().decode(), r"serving ws://127\.0\.0\.1:[1-9]")
        with open(f"/proc/{process.pid}/cmdline", "rb") as file:
            self.assertNotIn(b"canary", file.read())
        process.send_signal(signal.SIGINT)
        status, out, err = self.finish(process)
        self.assertEqual((status, out), (0, ""))
        self.assertNotIn("canary", err)

    def test_quiet_says_nothing(self):
        terminal = Terminal()
        environment = dict(os.environ, TERM="xterm")
        process = start("--quiet", "--duration", "1s", stderr=terminal.slave, env=environment)
        out, _ = process.communicate(timeout=WAIT_S)
        self.assertEqual(out.count(b"\n"), 20)
        self.assertEqual(select.select([terminal.master], [], [], 0)[0], [])
        terminal.close()


if __name__ == "__main__":
    sys.exit(unittest.main())

#!/usr/bin/python3
"""Runs transcripts: shell commands with the stdout, stderr and exit status that they must have.

    # what this part is about
    $ qta-session inof
    > 2>&1
    | a line of stdout
    ! a line of stderr
    = 2

A command goes on in lines that begin with '> '. '| ' is a line of stdout, '! ' one of stderr, '= '
the exit status (0 when it is not given). '{version}' stands for the project's version, '{*}' for
any text. All commands of a file run one after the other in one new folder, with the programs of
$QTA_BINARY_DIR/bin (build/dev when run by hand) in PATH. With --update the file gets what came out.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile

TIMEOUT_S = 60
SOURCE = os.environ.get("QTA_SOURCE_DIR") or os.path.abspath(__file__ + "/../../..")
BINARY = os.environ.get("QTA_BINARY_DIR") or os.path.join(SOURCE, "build/dev")


def read_steps(path):
    """[(lines as they stand before the command, command, stdout, stderr, status)]"""
    steps, before = [], []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            mark, text = line[:2], line[2:].rstrip("\n")
            if mark == "$ ":
                steps.append({"before": before, "line": number, "command": [text],
                              "out": [], "err": [], "status": 0})
                before = []
            elif line.strip() == "" or mark == "# ":
                before.append(line)
            elif mark.strip() in (">", "|", "!") and steps:
                kind = {">": "command", "|": "out", "!": "err"}[mark.strip()]
                steps[-1][kind].append(text)
            elif mark == "= " and steps:
                steps[-1]["status"] = int(text)
            else:
                sys.exit(f"{path}:{number}: not a line of a transcript: {line!r}")
    return steps, before


def read_version():
    with open(os.path.join(SOURCE, "include/qta/version.h"), encoding="utf-8") as file:
        return re.search(r'QTA_VERSION_TEXT "(.*)"', file.read()).group(1)


def split(output):
    text = output.decode("utf-8", "backslashreplace")
    lines = text.split("\n")
    if lines[-1] == "":
        return lines[:-1]
    return lines[:-1] + [lines[-1] + "\\ no newline"]


def matches(expected, lines, version):
    if len(expected) != len(lines):
        return False
    for want, got in zip(expected, lines):
        pattern = ".*".join(re.escape(part)
                            for part in want.replace("{version}", version).split("{*}"))
        if not re.fullmatch(pattern, got):
            return False
    return True


def run(step, folder, environment):
    with subprocess.Popen(["bash", "-c", "\n".join(step["command"])], cwd=folder, env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True) as process:
        try:
            out, err = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            err += f"transcript: still running after {TIMEOUT_S} s\n".encode()
    return split(out), split(err), process.returncode


def show(step, out, err, status):
    lines = ["$ " + step["command"][0]]
    lines += [("> " + line).rstrip() for line in step["command"][1:]]
    lines += [("| " + line).rstrip() for line in out]
    lines += [("! " + line).rstrip() for line in err]
    if status != 0:
        lines.append(f"= {status}")
    return "\n".join(lines) + "\n"


def main():
    is_update = sys.argv[1:2] == ["--update"]
    path = sys.argv[-1]
    version = read_version()
    steps, rest = read_steps(path)
    environment = dict(os.environ, LC_ALL="C.UTF-8", TZ="UTC", TERM="dumb")
    environment["PATH"] = os.path.join(BINARY, "bin") + ":" + os.environ["PATH"]
    faults, written = 0, ""
    with tempfile.TemporaryDirectory(prefix="qta-cli-") as folder:
        environment["HOME"] = folder
        for step in steps:
            out, err, status = run(step, folder, environment)
            is_same = (matches(step["out"], out, version) and matches(step["err"], err, version)
                       and status == step["status"])
            written += "".join(step["before"])
            if is_same:
                written += show(step, step["out"], step["err"], step["status"])
                continue
            written += show(step, out, err, status)
            faults += 1
            print(f"{path}:{step['line']}: expected\n"
                  + show(step, step["out"], step["err"], step["status"])
                  + "but got\n" + show(step, out, err, status))
    if is_update:
        with open(path, "w", encoding="utf-8") as file:
            file.write(written + "".join(rest))
        return
    print(f"{len(steps)} commands, {faults} with another outcome")
    sys.exit(faults > 0 or not steps)


main()

#!/usr/bin/python3
"""The manual pages are well-formed, and those of programs name exactly the options of --help."""
import glob
import os
import re
import shutil
import subprocess
import sys

SOURCE = os.environ["QTA_SOURCE_DIR"]
PROGRAMS = os.path.join(os.environ["QTA_BINARY_DIR"], "bin")


def help_of(*command):
    return subprocess.check_output([os.path.join(PROGRAMS, command[0]), *command[1:], "--help"],
                                   text=True)


def options_of_help(name):
    """Of the program and, when it has some, of its commands."""
    texts = [help_of(name)]
    commands = re.search(r"^Commands:\n((?:  .*\n)+)", texts[0], re.M)
    if commands:
        texts += [help_of(name, command)
                  for command in re.findall(r"^  ([a-z]+) ", commands.group(1), re.M)]
    return {option for text in texts for option in re.findall(r"^  --([a-z-]+)", text, re.M)}


def options_of_page(text):
    return set(re.findall(r"Fl -([a-z][a-z-]*)", text))


def check(path):
    faults = []
    lint = subprocess.run(["mandoc", "-Tlint", "-W", "warning", path], capture_output=True,
                          text=True, check=False)
    faults += lint.stdout.splitlines() + lint.stderr.splitlines()
    with open(path, encoding="utf-8") as file:
        text = file.read()
    name = os.path.basename(path)
    if name.endswith(".1"):
        page, program = options_of_page(text), options_of_help(name[:-2])
        faults += [f"{name}: '--{option}' is not in the page" for option in program - page]
        faults += [f"{name}: the program has no '--{option}'" for option in page - program]
    return faults


def main():
    if not shutil.which("mandoc"):
        print("skipped: mandoc is not installed")
        sys.exit(77)
    paths = sorted(glob.glob(os.path.join(SOURCE, "tools/man/*.[1-9]")))
    faults = [fault for path in paths for fault in check(path)]
    print("\n".join(faults + [f"{len(paths)} pages, {len(faults)} faults"]))
    sys.exit(bool(faults) or not paths)


main()

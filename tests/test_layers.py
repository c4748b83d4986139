#!/usr/bin/python3
"""The folders form layers, and each third-party library has one door.

include <- core <- config | adapters | storage (never each other) <- recorder | replay <- programs.
Reads every #include of the tree; also checks that file names are unique.
"""
import collections
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(os.environ.get("QTA_SOURCE_DIR", pathlib.Path(__file__).parents[1]))

MAY_USE = {
    "include": set(),
    "core": {"core"},
    "config": {"core", "config"},
    "adapters": {"core", "adapters"},
    "storage": {"core", "storage"},
    "replay": {"core", "adapters", "storage", "replay"},
    "recorder": {"core", "config", "adapters", "storage", "recorder"},
    "tools": {"tools"},
    "samples": set(),
}
# The gateway reaches the replay engine through the adapter interface; this is where it is wired.
WIRING = {("recorder/providers.c", "replay/replay_adapter.h")}

DOORS = {
    "yaml.h": {"config"},
    "zstd.h": {"storage"},
    "zlib.h": {"recorder", "storage"},
    "sqlite3.h": {"storage"},
    "sqlite3ext.h": {"storage"},
    "cjson/cJSON.h": {"adapters"},
    "libwebsockets.h": {"recorder", "replay"},
}
DOOR_FOLDERS = {"openssl/": {"recorder", "replay"}}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^">]+)[">]', re.MULTILINE)


def is_program(path):
    return path.parts[0] == "tools" or path.name.endswith("_main.c")


def faults_of(path):
    folder = path.parts[0]
    allowed = {"tools"} if is_program(path) else MAY_USE[folder]
    for quote, name in INCLUDE.findall((ROOT / path).read_text(encoding="utf-8")):
        if quote == '"':
            if name.split("/")[0] not in allowed and (str(path), name) not in WIRING:
                yield f"{path}: includes \"{name}\", which its layer does not know"
            elif "/" not in name:
                yield f"{path}: includes \"{name}\" without its folder"
            elif not (ROOT / name).is_file():
                yield f"{path}: includes \"{name}\", which does not exist"
            continue
        doors = DOORS.get(name)
        for prefix, folders in DOOR_FOLDERS.items():
            if name.startswith(prefix):
                doors = folders
        if doors is not None and (folder not in doors or is_program(path)):
            yield f"{path}: includes <{name}>, which comes in through {sorted(doors)} alone"
        if name.startswith("qta/") and not (ROOT / "include" / name).is_file():
            yield f"{path}: includes <{name}>, which does not exist"


def sources():
    for folder in MAY_USE:
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            yield path.relative_to(ROOT)


def repeated_names():
    places = collections.defaultdict(list)
    for folder in [*MAY_USE, "tests"]:
        for path in (ROOT / folder).rglob("*.[ch]"):
            if folder != "include":
                places[path.name].append(str(path.relative_to(ROOT)))
    for name, paths in sorted(places.items()):
        if len(paths) > 1:
            yield f"file name '{name}' is used more than once: {', '.join(paths)}"


def main():
    paths = list(sources())
    faults = [fault for path in paths for fault in faults_of(path)] + list(repeated_names())
    for fault in faults:
        print(fault)
    print(f"{len(paths)} files, {len(faults)} faults")
    return 1 if faults or len(paths) < 20 else 0


sys.exit(main())

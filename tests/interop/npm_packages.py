"""Packages of npm for a test: in the build folder, kept for the next run."""
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(os.environ["QTA_SOURCE_DIR"]) / "tests" / "cli"))

from programs import skip  # noqa: E402 (the path comes first)

INSTALL_TIMEOUT_S = 240


def install(source, name, files):
    """Copies files of the folder source, package.json and package-lock.json among them, to a folder
    of that name beside the programs, and installs there; returns it. Skips the test without npm."""
    built = pathlib.Path(os.environ["QTA_BINARY_DIR"]) / name
    if not shutil.which("npm") or not shutil.which("node"):
        skip("there is no npm here")
    built.mkdir(exist_ok=True)
    for file in files:
        shutil.copy(source / file, built)
    stamp = built / "node_modules" / ".installed"
    lock = (built / "package-lock.json").read_bytes()
    if stamp.exists() and stamp.read_bytes() == lock:
        return built
    try:
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund",
                               "--fetch-retries=1"], cwd=built, capture_output=True, text=True,
                              timeout=INSTALL_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        skip(f"npm got no packages in {INSTALL_TIMEOUT_S} s")
    if done.returncode != 0:
        skip("npm cannot get its packages: " + " ".join(done.stderr.split())[:300])
    stamp.write_bytes(lock)
    return built

"""Installs what a fresh Debian or Ubuntu lacks: system packages, `.venv`, the locked
Python packages. Written for older Pythons too, so that they get a clear message."""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "installed.json")
NEEDED = (3, 11)
POLICY = "/usr/sbin/policy-rc.d"


class Problem(Exception):
    """Something only a person can put right; the message says how."""


def say(text: str) -> None:
    print(text, flush=True)


def run(command: list[str]) -> None:
    """Run quietly; what it wrote is shown only when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        output = done.stdout.decode(errors="replace").strip()
        raise Problem(f"{output}\n{command[0]} failed, see above.")


# --- which Python ---


def version_of(python: str) -> tuple[int, int] | None:
    """The (major, minor) of an interpreter, or None when it does not run."""
    command = [python, "-c", "import sys; print(*sys.version_info[:2])"]
    try:
        answer = subprocess.check_output(command, stderr=subprocess.DEVNULL)
        major, minor = answer.split()
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None
    return int(major), int(minor)


def choose_python(*candidates: str) -> str:
    """The system's own Python when it is new enough: it is built with optimisation."""
    for candidate in candidates or ("/usr/bin/python3", "python3"):
        python = shutil.which(candidate)
        if python and (version_of(python) or (0, 0)) >= NEEDED:
            return python
    needed, found = (".".join(map(str, v)) for v in (NEEDED, sys.version_info[:3]))
    raise Problem(f"Python {needed} or newer is needed, this is {found}.")


# --- system packages ---


def has_library(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def has_program(*names: str) -> bool:
    return any(shutil.which(name) for name in names)


def has_postgres() -> bool:
    return bool(glob.glob("/usr/lib/postgresql/*/bin/initdb")) or has_program("initdb")


def missing_packages(python: str, *, dev: bool) -> list[str]:
    """Names of the Debian packages that are needed and not there."""
    missing = []
    if subprocess.call([python, "-c", "import ensurepip"], stderr=subprocess.DEVNULL):
        major, minor = version_of(python) or NEEDED
        is_system = python == "/usr/bin/python3"
        missing.append("python3-venv" if is_system else f"python{major}.{minor}-venv")
    for library, package in (
        ("libpango-1.0.so.0", "libpango-1.0-0"),
        ("libpangoft2-1.0.so.0", "libpangoft2-1.0-0"),
        ("libharfbuzz-subset.so.0", "libharfbuzz-subset0"),
    ):
        if not has_library(library):
            missing.append(package)
    if dev:
        if not has_postgres():
            missing.append("postgresql")
        if not has_program("redis-server", "valkey-server"):
            missing.append("redis-server")
        if not has_program("chromium", "chromium-browser", "google-chrome"):
            missing.append("chromium")
        if not has_program("pdftotext"):
            missing.append("poppler-utils")
    return missing


def install_system(packages: list[str]) -> None:
    names = " ".join(packages)
    if not has_program("apt-get"):
        raise Problem(f"Install these (Debian's names), then try again: {names}")
    sudo = ["sudo", "-n"]
    if os.geteuid() == 0:
        sudo = []
    elif not has_program("sudo") or subprocess.call(
        [*sudo, "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ):
        raise Problem(
            "System packages are missing. Run this, then try again:\n"
            f"  sudo apt-get install --no-install-recommends {names}"
        )
    say(f"Installing system packages: {names}…")
    # The policy keeps the packages from starting servers and from restarting any that
    # run already; one that the machine's owner has put there stays as it is.
    script = f"""
        set -e
        if [ ! -e {POLICY} ]; then
            trap 'rm -f {POLICY}' EXIT
            trap 'exit 130' HUP INT TERM
            printf '#!/bin/sh\\nexit 101\\n' > {POLICY}
            chmod 755 {POLICY}
        fi
        export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
        apt-get -qq -o DPkg::Lock::Timeout=300 update || true
        apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
    """
    run([*sudo, "sh", "-c", script, "sh", *packages])


# --- Python packages ---


def lock_path(name: str) -> str:
    return os.path.join(ROOT, "requirements", name + ".txt")


def lock_digest(sets: list[str]) -> str:
    """One digest over the lock files of these sets."""
    digest = hashlib.sha256()
    for name in sets:
        with open(lock_path(name), "rb") as lock:
            digest.update(lock.read())
    return digest.hexdigest()


def read_stamp() -> dict[str, Any]:
    """What the last complete installation wrote."""
    try:
        with open(STAMP) as stamp:
            return dict(json.load(stamp))
    except (OSError, ValueError):
        return {}


def wanted_sets(*, dev: bool) -> list[str]:
    """What to install; a development set that is there stays, or targets would swap."""
    return ["run", "dev"] if dev or "dev" in read_stamp().get("sets", []) else ["run"]


def is_installed(sets: list[str]) -> bool:
    stamp = read_stamp()
    return (
        os.access(PYTHON, os.X_OK)
        and stamp.get("sets") == sets
        and stamp.get("digest") == lock_digest(sets)
        and stamp.get("root") == ROOT  # a moved folder breaks the scripts in it
    )


def locked_requirement(name: str) -> str:
    """The pinned and hashed lines of one package from the development lock."""
    found: list[str] = []
    with open(lock_path("dev")) as lock:
        for line in lock:
            if found or line.startswith(f"{name}=="):
                found.append(line)
                if not line.rstrip().endswith("\\"):
                    return "".join(found)
    raise Problem(f"{name} is not in {lock_path('dev')}.")


def install_python(python: str, sets: list[str]) -> None:
    has_moved = read_stamp().get("root", ROOT) != ROOT
    if has_moved or version_of(PYTHON) != version_of(python):
        shutil.rmtree(VENV, ignore_errors=True)
        run([python, "-m", "venv", VENV])
    elif os.path.exists(STAMP):
        os.unlink(STAMP)  # an interrupted installation must not look complete
    locks = [lock_path(name) for name in sets]
    pip = [PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    pip.append("--require-hashes")
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as uv_lock:
            uv_lock.write(locked_requirement("uv"))
            uv_lock.flush()
            run([*pip, "-r", uv_lock.name])
        # The machine's own certificates, which pip uses too.
        sync = [PYTHON, "-m", "uv", "pip", "sync", "-q", "--system-certs"]
        run([*sync, "--python", PYTHON, "--require-hashes", *locks])
    except Problem:
        say("uv cannot be used here, installing with pip (a few minutes)…")
        run([*pip, *(part for lock in locks for part in ("-r", lock))])
    with open(STAMP, "w") as stamp:
        json.dump({"sets": sets, "digest": lock_digest(sets), "root": ROOT}, stamp)


def bootstrap(*, dev: bool) -> None:
    python = choose_python()
    packages = missing_packages(python, dev=dev)
    if packages:
        install_system(packages)
    sets = wanted_sets(dev=dev)
    if not is_installed(sets):
        first = "" if os.path.exists(VENV) else " (first run, about a minute)"
        say(f"Installing Python packages{first}…")
        install_python(python, sets)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also what the tests need")
    options = parser.parse_args()
    # Two `make` at once: the second waits here and finds everything installed.
    folder = os.open(ROOT, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        bootstrap(dev=options.dev)
    except Problem as problem:
        say(str(problem))
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        os.close(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The servers of a run: PostgreSQL on a folder that is kept, and the web."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from test import PYTHON, ROOT, Failure, postgres, server


def say(text: str) -> None:
    print(f"make bench: {text}", flush=True)


def fingerprint(options: argparse.Namespace) -> str:
    """Changes with the generator, what it rests on, and the size."""
    seen = hashlib.sha256(f"{options.incidents} {options.entries}".encode())
    for pattern in ("postmortem/generator/*.py", "postmortem/lib/bulk.py"):
        for path in sorted(ROOT.glob(pattern)):
            seen.update(path.read_bytes())
    return seen.hexdigest()[:16]


def cache_folder() -> Path:
    """`bench` in the data folder; beside it when the database's own user, who is not
    root, could not enter it."""
    folder = Path(os.environ.get("DATA_DIR", ROOT / "var")).resolve() / "bench"
    closed = [
        path for path in folder.parents if path.exists() and not path.stat().st_mode & 1
    ]
    if os.geteuid() == 0 and closed:
        folder = Path(tempfile.gettempdir()) / "postmortem-bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def kept_postgres(folder: Path) -> Iterator[str]:
    """PostgreSQL on a data folder that stays; yields the start of its URL."""
    (folder / "pg").mkdir(mode=0o755, parents=True, exist_ok=True)
    with postgres(
        folder / "pg",
        shared_buffers="256MB",
        maintenance_work_mem="256MB",
        max_wal_size="4GB",
        jit="off",
    ) as url:
        yield url


def sql(url: str, text: str, *, database: str = "postgres") -> str:
    done = subprocess.run(
        ["psql", f"{url}{database}", "-Atqc", text], capture_output=True, text=True
    )
    if done.returncode:
        raise Failure(done.stderr)
    return done.stdout.strip()


def manage(command: list[str], env: dict[str, str]) -> None:
    if subprocess.run([PYTHON, "manage.py", *command], cwd=ROOT, env=env).returncode:
        raise Failure(f"manage.py {command[0]} failed")


def generated(
    url: str, folder: Path, options: argparse.Namespace, env: dict[str, str]
) -> dict[str, str]:
    """The environment with the database `generated`: made now, or as it was made."""
    found = sql(url, "SELECT 1 FROM pg_database WHERE datname = 'generated'")
    env = env | {"DATABASE_URL": f"{url}{'generated' if found else 'making'}"}
    if found:
        say("the generated database of an earlier run is used again")
        manage(["migrate", "-v0"], env)
    else:
        sql(url, "DROP DATABASE IF EXISTS making")
        sql(url, "CREATE DATABASE making")
        start = time.monotonic()
        manage(["migrate", "-v0"], env)
        manage(
            [
                *("generate", "--seed", "7", "--incidents", str(options.incidents)),
                *("--entries", str(options.entries)),
                *("--processes", str(os.cpu_count() or 1)),
            ],
            env,
        )
        sql(url, "ALTER DATABASE making RENAME TO generated")
        say(f"generated in {time.monotonic() - start:.0f} s")
    env |= {
        "DATABASE_URL": f"{url}generated",
        "DJANGO_SETTINGS_MODULE": "bench_site.settings",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'scripts'}",
    }
    told("undo", str(folder / "marks.json"), env=env)
    # What autovacuum does in days: the planner knows nothing of an index just made, and
    # no page of a table just loaded is marked as visible to all.
    sql(url, "VACUUM ANALYZE", database="generated")
    return env


def told(name: str, *arguments: str, env: dict[str, str], given: Any = None) -> Any:
    """What a module of this package prints as JSON, run beside the web server."""
    done = subprocess.run(
        [PYTHON, "-m", f"bench_site.{name}", *arguments],
        cwd=ROOT,
        env=env,
        input=json.dumps(given),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise Failure(done.stderr[-3000:])
    lines = done.stdout.splitlines()
    return json.loads(lines[-1]) if lines else None


@contextlib.contextmanager
def web(env: dict[str, str], port: int, log: Path) -> Iterator[int]:
    """Two workers with the flags of production; yields the master's process id."""

    def answers() -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False

    pidfile = log.with_suffix(".pid")
    with server(
        "gunicorn",
        [
            *(PYTHON, "-m", "gunicorn", "postmortem.wsgi:application"),
            *(f"--bind=127.0.0.1:{port}", "--workers=2", "--threads=4", "--preload"),
            *("--no-control-socket", f"--pid={pidfile}", f"--chdir={ROOT}"),
            "--log-level=warning",
        ],
        log=log,
        is_ready=answers,
        user=None,
        stop_signal=signal.SIGTERM,
        env=env,
    ):
        yield int(pidfile.read_text())


def resident_mb(master: int) -> float:
    """The largest web worker."""
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    sizes = [0.0]
    for pid in children:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                sizes.append(int(line.split()[1]) / 1024)
    return max(sizes)

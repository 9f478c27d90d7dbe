"""`make bench`: what pages cost on much data, compared with a floor of the same run.

Its own PostgreSQL and Redis, two gunicorn workers with production settings, a generated
database that is kept for the next run. Exit code 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import http.client
import itertools
import json
import os
import pwd
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench_report import Row, markdown, table
from test import (
    PYTHON,
    ROOT,
    Failure,
    base_env,
    free_port,
    postgres_bin,
    private_redis,
    server,
    stop_on_term,
)

WARM, TURNS, CLIENTS, EACH = 5, 30, 8, 6
RSS_MB = 150
SLACK_MB = 100  # growth of the process that reads an export
# name: address in `prepare`, bar (times the floor) and queries at most
PAGES: dict[str, tuple[str, float | None, int]] = {
    "Incident list, 25 of all": ("list", 3, 12),
    "Search": ("search", 3, 12),
    "Overdue actions": ("overdue", 3, 12),
    "My work": ("work", None, 20),
    "Overview": ("overview", 4, 20),
    "Timeline of 2,000, first screen": ("timeline_large", 5, 20),
    "Timeline of 5,000, first screen": ("timeline_huge", 5, 20),
    "Findings of 2,000 entries": ("findings", None, 20),
    "Declare an incident": ("declare", 4, 0),
    "Add an entry": ("add", 3, 0),
}


def say(text: str) -> None:
    print(f"make bench: {text}", flush=True)


# --- the database that is kept ---


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
    programs = postgres_bin()
    user = "postgres" if os.geteuid() == 0 else None
    group = pwd.getpwnam(user).pw_gid if user else None
    data, password_file = folder / "pg" / "data", folder / "pg" / "password"
    if not data.exists():
        data.parent.mkdir(mode=0o755, parents=True)
        password_file.write_text(secrets.token_hex(16))
        if user:
            for path in (data.parent, password_file):
                os.chown(path, pwd.getpwnam(user).pw_uid, group or -1)
        password_file.chmod(0o600)
        made = subprocess.run(
            [
                *(str(programs / "initdb"), "-D", str(data), "-U", "postmortem"),
                *("--auth=scram-sha-256", f"--pwfile={password_file}", "--no-sync"),
                *("--encoding=UTF8", "--locale=C.UTF-8"),
            ],
            cwd=data.parent,
            user=user,
            group=group,
            extra_groups=[] if user else None,
            capture_output=True,
            text=True,
        )
        if made.returncode:
            raise Failure(f"initdb failed:\n{made.stdout}{made.stderr}")
    port = free_port()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(data.parent),
        "shared_buffers": "256MB",
        "maintenance_work_mem": "256MB",
        "max_wal_size": "4GB",
        "jit": "off",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
    }
    pidfile = data / "postmaster.pid"
    pidfile.unlink(missing_ok=True)
    with server(
        "PostgreSQL",
        [
            *(str(programs / "postgres"), "-D", str(data)),
            *(part for n, v in settings.items() for part in ("-c", f"{n}={v}")),
        ],
        log=folder / "pg" / "log",
        is_ready=lambda: pidfile.exists() and "ready" in pidfile.read_text(),
        user=user,
        stop_signal=signal.SIGINT,
    ):
        yield f"postgres://postmortem:{password_file.read_text()}@127.0.0.1:{port}/"


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


def generated(url: str, options: argparse.Namespace, env: dict[str, str]) -> None:
    """The database `generated`, made now if it is not there yet."""
    if sql(url, "SELECT 1 FROM pg_database WHERE datname = 'generated'"):
        say("the generated database of an earlier run is used again")
        manage(["migrate", "-v0"], env | {"DATABASE_URL": f"{url}generated"})
        # The planner knows nothing of an index that a migration has just made.
        sql(url, "ANALYZE", database="generated")
        return
    sql(url, "DROP DATABASE IF EXISTS making")
    sql(url, "CREATE DATABASE making")
    env = env | {"DATABASE_URL": f"{url}making"}
    start = time.monotonic()
    for command in (
        ["migrate", "-v0"],
        [
            *("generate", "--seed", "7", "--incidents", str(options.incidents)),
            *("--entries", str(options.entries)),
            *("--processes", str(os.cpu_count() or 1)),
        ],
    ):
        manage(command, env)
    sql(url, "ALTER DATABASE making RENAME TO generated")
    say(f"generated in {time.monotonic() - start:.0f} s")


# --- the web server and its clients ---


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


@dataclass
class Sample:
    """One answer: status, milliseconds as the client saw them, and what it cost."""

    status: int
    wall: float
    queries: int
    web: float
    database: float
    pid: int

    @property
    def cpu(self) -> float:
        return self.web + self.database


@dataclass
class Client:
    """A signed-in browser on one kept connection."""

    port: int
    targets: dict[str, Any]
    count: Iterator[int]
    connection: http.client.HTTPConnection = field(init=False)
    used: float = 0.0

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def floor(self) -> Sample:
        return self.ask(f"/bench/floor/?incident={self.targets['floor_incident']}")

    def page(self, name: str) -> Sample:
        address = self.targets["pages"][name]
        if name == "declare":
            form = {
                "title": f"Payouts stay pending ({next(self.count)})",
                "severity": "SEV3",
                "kind": "payout",
                "clock_zone": "UTC",
                "lanes": "payouts",
            }
            return self.ask(address, form)
        if name == "add":
            text = f"Queue at {next(self.count)} after the restart"
            return self.ask(address, {"at": "10:00", "text": text, "kind": "signal"})
        return self.ask(address)

    def ask(self, address: str, form: dict[str, str] | None = None) -> Sample:
        cookies = f"{self.targets['cookie']}={self.targets['session']}"
        headers = {"Cookie": cookies, "Accept-Encoding": "identity"}
        body = None
        if form is not None:
            token = "b" * 32
            headers["Cookie"] += f"; {self.targets['csrf']}={token}"
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode({**form, "csrfmiddlewaretoken": token})
        if time.perf_counter() - self.used > 1:  # the server lets it go after two
            self.connection.close()
        start = time.perf_counter()
        self.connection.request(
            "GET" if form is None else "POST", address, body, headers
        )
        answer = self.connection.getresponse()
        content = answer.read()
        self.used = time.perf_counter()
        wall = (self.used - start) * 1000
        told = (answer.getheader("X-Bench") or "0 0 0 0").split()
        queries, cpu, database, pid = (int(part) for part in told)
        good = (
            answer.status == 200 if form is None else answer.status in {204, 302, 303}
        )
        if not good and form is not None:
            good = answer.status == 200 and b"is-invalid" not in content
        return Sample(
            answer.status if good else -answer.status,
            wall,
            queries,
            cpu / 1e6,
            database / 1e6,
            pid,
        )


def measure(port: int, targets: dict[str, Any]) -> tuple[list[Row], dict[str, Any]]:
    count = itertools.count(1)
    one = Client(port, targets, count)
    for _ in range(WARM * 4):
        one.floor()
    rows: list[Row] = []
    floors: list[Sample] = []
    for name, (page, bar, queries) in PAGES.items():
        first = one.page(page)
        for _ in range(WARM * 2):
            one.page(page)
        pairs = [(one.page(page), one.floor()) for _ in range(TURNS)]
        crowd = _crowd(port, targets, page, count)
        alone, floor = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        floors += floor
        row = Row(
            name=name,
            bar=bar,
            most_queries=queries,
            p50=_quantile([s.wall for s in alone], 50),
            p95=_quantile([s.wall for s in alone], 95),
            crowd_p50=_quantile([s.wall for s in crowd], 50),
            crowd_p95=_quantile([s.wall for s in crowd], 95),
            web_cpu=statistics.median(s.web for s in alone),
            database_cpu=statistics.median(s.database for s in alone),
            queries=max(s.queries for s in alone),
            first=first.wall,
            first_queries=first.queries,
            cpu_ratio=statistics.median(s.cpu for s in alone)
            / statistics.median(s.cpu for s in floor),
            wall_ratio=statistics.median(s.wall for s in alone)
            / statistics.median(s.wall for s in floor),
            errors=sum(s.status < 0 for s in (*alone, *crowd)),
        )
        rows.append(row)
        say(row.line())
        bad = {s.status for s in (*alone, *crowd) if s.status < 0}
        if bad:
            say(f"  {name} was answered with {sorted(-s for s in bad)}")
    return rows, {
        "p50": _quantile([s.wall for s in floors], 50),
        "p95": _quantile([s.wall for s in floors], 95),
        "web_cpu": statistics.median(s.web for s in floors),
        "database_cpu": statistics.median(s.database for s in floors),
    }


def _crowd(
    port: int, targets: dict[str, Any], page: str, count: Iterator[int]
) -> list[Sample]:
    """Eight clients at once."""
    found: list[Sample] = []

    def work() -> None:
        client = Client(port, targets, count)
        found.extend(client.page(page) for _ in range(EACH))

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lost = CLIENTS * EACH - len(found)
    return found + [Sample(-599, 0.0, 0, 0.0, 0.0, 0)] * lost


def _quantile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def resident_mb(master: int) -> float:
    """The largest web worker."""
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    sizes = [0.0]
    for pid in children:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                sizes.append(int(line.split()[1]) / 1024)
    return max(sizes)


# --- all of it ---


def bench(options: argparse.Namespace) -> int:
    folder = cache_folder() / fingerprint(options)
    for other in folder.parent.iterdir():
        if other != folder and not options.keep:
            shutil.rmtree(other, ignore_errors=True)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    env = base_env(folder) | {"DATA_DIR": str(folder / "data")}
    env.pop("TMPDIR")
    # Compiled once and kept, as pip leaves packages: each worker else holds what
    # compiling took.
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env["PYTHONPYCACHEPREFIX"] = str(folder / "pyc")
    with private_redis() as broker, kept_postgres(folder) as url:
        env |= {"BROKER_URL": broker, "LOG_LEVEL": "WARNING"}
        generated(url, options, env)
        # A run writes: it gets a copy, so that the next one finds the same rows.
        sql(url, "DROP DATABASE IF EXISTS run")
        sql(url, "CREATE DATABASE run TEMPLATE generated STRATEGY file_copy")
        port = free_port()
        env |= {
            "DATABASE_URL": f"{url}run",
            "BASE_URL": f"http://127.0.0.1:{port}",
            "DJANGO_SETTINGS_MODULE": "bench_site.settings",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'scripts'}",
        }
        targets = _json(["-m", "bench_site.prepare"], env)
        say(f"{targets['incidents']:,} incidents, {targets['entries']:,} entries")
        with web(env, port, folder / "web.log") as master:
            rows, floor = measure(port, targets)
            memory = resident_mb(master)
        pdf = _json(["-m", "bench_site.pdf", str(targets["pdf_incident"])], env)
        who = [str(targets[name]) for name in ("slack_incident", "user")]
        slack = _json(["-m", "bench_site.slack", *who], env)
        sql(url, "DROP DATABASE run")
    rows.append(
        Row(
            name="One-pager, from rows to bytes",
            bar=2,
            most_queries=0,
            p50=pdf["wall"],
            web_cpu=pdf["cpu"],
            cpu_ratio=pdf["cpu"] / pdf["floor_cpu"],
            wall_ratio=pdf["wall"] / pdf["floor_wall"],
        )
    )
    misses = [miss for row in rows for miss in row.misses()]
    if memory > RSS_MB:
        misses.append(f"a web worker takes {memory:.0f} MB, {RSS_MB} are allowed")
    told = (
        f"A Slack export of {slack['added']:,} messages took {slack['wall']:.0f} s "
        f"({slack['cpu']:.0f} s of CPU) and {slack['growth']:.0f} MB"
    )
    if slack["growth"] > SLACK_MB:
        misses.append(f"{told}, {SLACK_MB} MB are allowed")
    print(table(rows, floor))
    say(told)
    say(f"a web worker takes {memory:.0f} MB at most")
    text = markdown(rows, floor, pdf, memory, targets, misses, told)
    (ROOT / "docs" / "benchmarks.md").write_text(text, encoding="utf-8")
    for miss in misses:
        say(f"MISSED: {miss}")
    say(f"{len(misses)} bars missed" if misses else "every bar held")
    return 1 if misses else 0


def _json(arguments: list[str], env: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [PYTHON, *arguments], cwd=ROOT, env=env, capture_output=True, text=True
    )
    if done.returncode:
        raise Failure(done.stderr[-3000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=10_000)
    parser.add_argument("--entries", type=int, default=500_000)
    parser.add_argument(
        "--keep", action="store_true", help="Keep databases of other sizes too."
    )
    signal.signal(signal.SIGTERM, stop_on_term)
    try:
        return bench(parser.parse_args())
    except Failure as failure:
        say(str(failure))
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return 130


if __name__ == "__main__":
    sys.exit(main())

"""`make bench`: what pages cost on much data, compared with a floor of the same run.

Its own PostgreSQL and Redis, two gunicorn workers with production settings, a generated
database that is kept for the next run. Exit code 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench_site.clients import measure, record
from bench_site.report import Row, markdown, table
from bench_site.servers import (
    cache_folder,
    fingerprint,
    generated,
    kept_postgres,
    resident_mb,
    say,
    told,
    web,
)
from test import ROOT, Failure, base_env, free_port, private_redis, stop_on_term

INCIDENTS, ENTRIES = 10_000, 500_000  # those of docs/benchmarks.md
RSS_MB = 150
SLACK_MB = 100  # growth of the process that reads an export
RECORD_SECONDS = 60
KEPT = (
    "nothing is lost, the numbers have no hole and no double, the order is right, and "
    "`verify` finds nothing"
)


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
        env = generated(url, folder, options, env)
        port = free_port()
        env["BASE_URL"] = f"http://127.0.0.1:{port}"
        targets = told("prepare", env=env)
        say(f"{targets['incidents']:,} incidents, {targets['entries']:,} entries")
        with web(env, port, folder / "web.log") as master:
            rows, floor = measure(port, targets)
            memory = resident_mb(master)
            crowd = record(port, targets, RECORD_SECONDS)
        open_one, user = str(targets["open_incident"]), str(targets["user"])
        stored = told("recorded", open_one, env=env, given=crowd["told"])
        pdf = told("pdf", str(targets["pdf_incident"]), env=env)
        slack = told("slack", open_one, user, env=env)
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
    notes = [
        f"The largest web worker took {memory:.0f} MB.",
        f"Eight people added {stored['lines']:,} lines to one timeline in "
        f"{RECORD_SECONDS} s (p50 {crowd['p50']:.0f} ms, p95 {crowd['p95']:.0f} ms, "
        f"{crowd['refused']} refused): {'; '.join(stored['faults']) or KEPT}.",
        f"A Slack export of {slack['added']:,} messages took {slack['wall']:.0f} s "
        f"({slack['cpu']:.0f} s of CPU) and {slack['growth']:.0f} MB.",
    ]
    misses = [miss for row in rows for miss in row.misses()]
    if memory > RSS_MB:
        misses.append(f"a web worker takes {memory:.0f} MB, {RSS_MB} are allowed")
    if slack["growth"] > SLACK_MB:
        misses.append(
            f"a Slack export takes {slack['growth']:.0f} MB, {SLACK_MB} are allowed"
        )
    misses += stored["faults"]
    if crowd["refused"]:
        misses.append(f"{crowd['refused']} lines of eight recorders were refused")
    print(table(rows, floor))
    for note in notes:
        say(note)
    text = markdown(rows, floor, pdf, targets, notes, misses)
    # Each other size has a file of its own.
    size = "" if options.incidents == INCIDENTS else f"-{options.incidents}"
    (ROOT / "docs" / f"benchmarks{size}.md").write_text(text, encoding="utf-8")
    for miss in misses:
        say(f"MISSED: {miss}")
    say(f"{len(misses)} bars missed" if misses else "every bar held")
    return 1 if misses else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--incidents", type=int, default=INCIDENTS)
    parser.add_argument("--entries", type=int, default=ENTRIES)
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

"""The figures of a benchmark as a table and as docs/benchmarks.md."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any


@dataclass
class Row:
    """One page or verb. Times in milliseconds; ratios to the floor of the same run."""

    name: str
    bar: float | None
    most_queries: int
    p50: float
    web_cpu: float
    cpu_ratio: float
    wall_ratio: float
    p95: float | None = None
    crowd_p50: float | None = None
    crowd_p95: float | None = None
    database_cpu: float = 0.0
    queries: int = 0
    first: float | None = None
    first_queries: int = 0
    errors: int = 0

    def misses(self) -> list[str]:
        """The bars that this row misses: CPU and wall ratio both have to hold."""
        found = []
        if self.bar and self.cpu_ratio > self.bar:
            found.append(
                f"{self.name}: {self.cpu_ratio:.1f}x the floor's CPU time, the bar is "
                f"{self.bar:g}x"
            )
        if self.bar and self.wall_ratio > self.bar:
            found.append(
                f"{self.name}: {self.wall_ratio:.1f}x the floor's time, the bar is "
                f"{self.bar:g}x"
            )
        if self.most_queries and self.queries > self.most_queries:
            found.append(
                f"{self.name}: {self.queries} queries, {self.most_queries} are allowed"
            )
        if self.errors:
            found.append(f"{self.name}: {self.errors} answers were errors")
        return found

    def cells(self) -> list[str]:
        return [
            self.name,
            _ms(self.p50),
            _ms(self.p95),
            _ms(self.crowd_p50),
            _ms(self.crowd_p95),
            _ms(self.web_cpu),
            _ms(self.database_cpu) if self.database_cpu else "",
            str(self.queries or ""),
            _ms(self.first),
            str(self.first_queries or ""),
            f"{self.cpu_ratio:.1f}x",
            f"{self.wall_ratio:.1f}x",
            f"{self.bar:g}x" if self.bar else "",
        ]

    def line(self) -> str:
        return (
            f"{self.name}: {self.web_cpu:.1f} + {self.database_cpu:.1f} ms CPU, "
            f"{self.queries} queries, {self.cpu_ratio:.1f}x CPU and "
            f"{self.wall_ratio:.1f}x time of the floor"
            + (f", bar {self.bar:g}x" if self.bar else "")
        )


HEAD = [
    *("", "p50", "p95", "p50 at 8", "p95 at 8", "web CPU", "database CPU"),
    *("queries", "first look", "queries then", "CPU ratio", "time ratio", "bar"),
]


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _floor(floor: dict[str, Any]) -> list[str]:
    return [
        "Floor",
        *(_ms(floor["p50"]), _ms(floor["p95"]), "", ""),
        *(_ms(floor["web_cpu"]), _ms(floor["database_cpu"]), "1", "", ""),
        *("1x", "1x", ""),
    ]


def table(rows: list[Row], floor: dict[str, Any]) -> str:
    lines = [HEAD, _floor(floor), *(row.cells() for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEAD))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def machine() -> str:
    """Cores and memory, and how busy they were: nothing else of the machine."""
    total = next(
        int(line.split()[1])
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemTotal")
    )
    load = os.getloadavg()[1]
    return (
        f"{os.cpu_count()} cores, {total / 1024 / 1024:.0f} GB of memory, load "
        f"{load:.1f} over the last five minutes"
    )


def markdown(
    rows: list[Row],
    floor: dict[str, Any],
    pdf: dict[str, Any],
    targets: dict[str, Any],
    notes: list[str],
    misses: list[str],
) -> str:
    lines = [HEAD, _floor(floor), *(row.cells() for row in rows)]
    ruled = [
        "| " + " | ".join(lines[0]) + " |",
        "|---|" + "---:|" * (len(HEAD) - 1),
        *("| " + " | ".join(line) + " |" for line in lines[1:]),
    ]
    told = [f"- {miss}" for miss in misses] or ["Every bar held."]
    paragraphs = [line for note in notes for line in (*wrap(note, 88), "")]
    sizes = targets["sizes"]
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "The last run of `make bench`, which writes this file. Milliseconds; the",
            f"machine has {machine()}.",
            "",
            f"{targets['incidents']:,} incidents with {targets['entries']:,} entries",
            "on PostgreSQL, two gunicorn workers of four threads with production",
            "settings, which is what `make run` starts. The overview is of an incident",
            f"with {sizes['usual']} entries, the timelines have {sizes['large']:,} and",
            f"{sizes['huge']:,}.",
            "",
            *ruled,
            "",
            *paragraphs,
            "## How to read it",
            "",
            "- The floor of pages is a view on the same server with no middleware, no",
            "  session and no user: one indexed read of 50 rows and a bare table of",
            "  them. It is asked in turns with each page: both see the same machine.",
            "- The floor of the one-pager is WeasyPrint on one A4 page with a table of",
            f"  30 rows: {pdf['floor_cpu']:.0f} ms.",
            "- CPU is that of the thread that answers and of its database process.",
            "- A bar holds when both ratios, of CPU and of time at one client, are",
            "  below it. Lists take at most 12 queries and other pages 20.",
            "- 8 clients ask at once, without an error.",
            "- Pages are asked again and again, as in an incident. Counts beside",
            "  lists are at most ten seconds old (FIGURES_SECONDS); what only the",
            "  record decides (rows of lists, tabs, overview, chart, approvals that",
            "  wait) is worked out once in each process for each state of it.",
            "- A run writes into the generated database; the next one takes that out",
            "  before it begins.",
            "- The first look is the first request of that page to a server that has",
            "  just started: nothing is kept yet, no template is compiled.",
            "",
            "## Bars that were missed",
            "",
            *told,
            "",
        ]
    )

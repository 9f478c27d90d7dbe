"""People who ask: one in turns with the floor, eight at once, eight who record."""

from __future__ import annotations

import http.client
import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from bench_site.report import Row
from bench_site.servers import say

WARM, TURNS, CLIENTS, EACH = 5, 30, 8, 6
# name: address in `prepare`, bar (times the floor) and queries at most
PAGES: dict[str, tuple[str, float | None, int]] = {
    "Incident list, 25 of all": ("list", 3, 12),
    "Search": ("search", 3, 12),
    "Overdue actions": ("overdue", 3, 12),
    "My work": ("work", None, 20),
    "Overview": ("overview", 4, 20),
    "Timeline of 2,000, first screen": ("timeline_large", 5, 20),
    "Timeline of 5,000, first screen": ("timeline_huge", 5, 20),
    "Timeline of 5,000, decisions only": ("filter_huge", None, 20),
    "Findings of 2,000 entries": ("findings", None, 20),
    "Declare an incident": ("declare", 4, 0),
    "Add an entry": ("add", 3, 0),
    "Add to 5,000 entries": ("add_huge", 3, 0),
}


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
    """A signed-in browser on one kept connection. session: of the person who asks."""

    port: int
    targets: dict[str, Any]
    count: Iterator[int]
    session: str
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
        if name.startswith("add"):
            return self.add(address, f"Queue at {next(self.count)} after the restart")
        return self.ask(address)

    def add(self, address: str, text: str) -> Sample:
        return self.ask(address, {"at": "10:00", "text": text, "kind": "signal"})

    def ask(self, address: str, form: dict[str, str] | None = None) -> Sample:
        cookies = f"{self.targets['cookie']}={self.session}"
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


def measure(port: int, targets: dict[str, Any]) -> tuple[list[Row], dict[str, float]]:
    """Every page, and the floor of the whole run."""
    session, count = targets["sessions"][0], itertools.count(1)

    def client() -> Client:
        return Client(port, targets, count, session)

    one = client()
    for _ in range(WARM * 4):
        one.floor()
    rows: list[Row] = []
    floors: list[Sample] = []
    for name, (page, bar, queries) in PAGES.items():
        first = one.page(page)
        for _ in range(WARM * 2):
            one.page(page)
        pairs = [(one.page(page), one.floor()) for _ in range(TURNS)]
        crowd = _crowd(client, page)
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


def _crowd(client: Callable[[], Client], page: str) -> list[Sample]:
    """Eight clients at once."""
    found: list[Sample] = []

    def ask(place: int) -> None:
        one = client()
        found.extend(one.page(page) for _ in range(EACH))

    _at_once(ask)
    lost = CLIENTS * EACH - len(found)
    return found + [Sample(-599, 0.0, 0, 0.0, 0.0, 0)] * lost


def record(port: int, targets: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Eight people record on one timeline for a while: what each was told is stored, by
    its place and turn, and how many answers were none of success."""
    told: list[tuple[int, int]] = []
    samples: list[Sample] = []

    def add(place: int) -> None:
        turns = itertools.count(1)
        one = Client(port, targets, turns, targets["sessions"][place])
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            turn = next(turns)
            sample = one.add(targets["pages"]["add"], recorded(place, turn))
            samples.append(sample)
            if sample.status > 0:
                told.append((place, turn))

    _at_once(add)
    return {
        "told": told,
        "refused": len(samples) - len(told),
        "p50": _quantile([s.wall for s in samples], 50),
        "p95": _quantile([s.wall for s in samples], 95),
    }


def recorded(place: int, turn: int) -> str:
    return f"Recorder {place} saw line {turn}"


def _at_once(work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(n,)) for n in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _quantile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]

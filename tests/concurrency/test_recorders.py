"""Eight people record at once, as in an outage: nothing is lost, the order is right,
and the chain of activity holds."""

from __future__ import annotations

import datetime as dt
import itertools
import random
import sys
import threading
import time

import pytest
from django.db import connection

from accounts.models import Role, User
from incidents import activity
from incidents.models import Incident
from tests.concurrency.test_close_race import real_server  # noqa: F401
from tests.conftest import person
from tests.factories import make_incident
from timeline import selectors
from timeline.models import Entry
from timeline.services import record_line

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

PEOPLE = 8
START = dt.datetime(2026, 3, 10, 13, 0, tzinfo=dt.UTC)


class Crowd:
    """Eight people with a clock each; what was acknowledged, and how long it took."""

    def __init__(self, incident: Incident) -> None:
        self.incident = incident
        self.people = [
            person(f"rec{n}", f"Recorder {n}", "Scribe", Role.RESPONDER)
            for n in range(PEOPLE)
        ]
        self.told: list[tuple[int, str, dt.datetime]] = []
        self.seconds: list[float] = []
        self.faults: list[Exception] = []

    def record(self, *, each: int | None = None, seconds: float = 0.0) -> None:
        """Each person adds `each` lines, or lines for so many seconds; every third line
        is sent twice, as after a lost answer."""
        start = threading.Barrier(PEOPLE)

        def work(place: int, person: User) -> None:
            dice = random.Random(place)
            try:
                start.wait(30)
                end = time.perf_counter() + seconds
                for turn in range(each) if each else itertools.count():
                    if seconds and time.perf_counter() >= end:
                        break
                    self._add(place, turn, person, dice.randrange(6 * 3600))
            except Exception as error:  # noqa: BLE001  # the test names it
                self.faults.append(error)
            finally:
                connection.close()

        threads = [
            threading.Thread(target=work, args=item) for item in enumerate(self.people)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds + 240)
        assert not any(thread.is_alive() for thread in threads)
        assert self.faults == []

    def _add(self, place: int, turn: int, person: User, second: int) -> None:
        at = START + dt.timedelta(seconds=second)
        words = f"Line {turn} of recorder {place}"
        for _ in range(2 if turn % 3 == 0 else 1):
            began = time.perf_counter()
            line = record_line(
                incident_id=self.incident.pk,
                actor=person,
                kind="signal",
                observed_signal=words,
                occurred_at=at,
                precision="second",
                key=f"{place}-{turn}",
            )
            self.seconds.append(time.perf_counter() - began)
        self.told.append((line.entry.number, words, at))

    def check(self) -> str:
        """That everything acknowledged is there, once, in order; figures in words."""
        rows = selectors.entries(self.incident)
        assert sorted((row.number, row.observed_signal) for row in rows) == sorted(
            (number, words) for number, words, _ in self.told
        )
        count = len(self.told)
        assert sorted(row.number for row in rows) == list(range(1, count + 1))
        assert [(row.occurred_at, row.number) for row in rows] == sorted(
            (at, number) for number, _, at in self.told
        )
        assert {row.recorded_by_id for row in rows} == {who.pk for who in self.people}
        self.incident.refresh_from_db()
        assert activity.verify(self.incident) == []
        added = self.incident.activity.filter(verb="timeline.entry_added").count()
        assert added == Entry.objects.count() == count
        slow = sorted(self.seconds)
        return (
            f"{PEOPLE} recorders: {count} entries, {len(slow)} sends, "
            f"p50 {slow[len(slow) // 2] * 1000:.0f} ms, "
            f"p95 {slow[len(slow) * 95 // 100] * 1000:.0f} ms, "
            f"slowest {slow[-1] * 1000:.0f} ms"
        )


@pytest.fixture
def crowd(commander: User) -> Crowd:
    return Crowd(make_incident(actor=commander))


class TestRecorders:
    def test_lose_nothing_and_keep_order_and_chain(self, crowd: Crowd) -> None:
        """R-TL-01, R-TL-02, R-TL-11"""
        crowd.record(each=12)
        crowd.check()
        assert len(crowd.told) == PEOPLE * 12

    @pytest.mark.faults
    def test_lose_nothing_in_sixty_seconds(
        self, crowd: Crowd, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """R-TL-01, R-TL-02, R-TL-11"""
        crowd.record(seconds=60)
        words = crowd.check()
        with capsys.disabled():
            sys.stdout.write(f"\n{words}\n")

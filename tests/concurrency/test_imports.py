"""Two people import the same log, or logs that overlap, at once: nothing is twice and
nothing is missing."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice

import pytest

from accounts.models import Role, User
from incidents import activity
from incidents.models import Evidence, Incident
from tests.concurrency.test_close_race import at_once, real_server  # noqa: F401
from tests.conftest import person
from tests.timeline.intake.logs import DAY, file
from timeline.models import Candidate, Import, LogReading
from timeline.services.intake import asking, candidates, worker
from timeline.services.intake.lines import Skipped
from timeline.services.intake.tidy import Found

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

LINES = [f"14:{number % 60:02} Anna: {number}\n" for number in range(2_000)]


@pytest.fixture
def people() -> list[User]:
    return [
        person(f"rec{n}", f"Recorder {n}", "Scribe", Role.RESPONDER) for n in (1, 2)
    ]


def import_at_once(incident: Incident, people: list[User], *logs: str) -> None:
    rows = [
        asking.take_log(
            incident_id=incident.pk,
            actor=actor,
            upload=file("ops.txt", log),
            reader="chat",
            day=DAY,
            makes=True,
        )
        for actor, log in zip(people, logs, strict=True)
    ]
    at_once(*(lambda pk=row.pk: worker.read_long(pk) for row in rows))
    # Neither had to wait for the other in vain, and be tried again.
    assert set(LogReading.objects.values_list("state", "attempts")) == {("done", 1)}
    incident.refresh_from_db()
    assert activity.verify(incident) == []


class TestImportsAtOnce:
    def test_of_the_same_file_make_one_artifact_and_each_line_once(
        self, incident: Incident, people: list[User]
    ) -> None:
        log = "".join(LINES)
        import_at_once(incident, people, log, log)

        assert Evidence.objects.count() == 1
        assert Candidate.objects.count() == len(LINES)
        added = LogReading.objects.values_list("made__added", flat=True)
        assert sum(filter(None, added)) == len(LINES)

    def test_of_overlapping_files_make_each_line_once(
        self,
        incident: Incident,
        people: list[User],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Each has stored lines that the other comes to later."""
        both = threading.Barrier(len(people))
        store = candidates._store

        def in_two_parts(made: Import, rows: Iterable[Found | Skipped]) -> None:
            left = iter(rows)
            store(made, islice(left, 600))
            with suppress(threading.BrokenBarrierError):  # the other is not let in
                both.wait(2)
            store(made, left)

        monkeypatch.setattr(candidates, "_store", in_two_parts)
        import_at_once(
            incident, people, "".join(LINES[:1_500]), "".join(LINES[:499:-1])
        )

        assert Evidence.objects.count() == 2
        assert sorted(map(int, Candidate.objects.values_list("text", flat=True))) == (
            list(range(len(LINES)))
        )

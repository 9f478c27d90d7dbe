"""Lines of logs become candidates: all or none, once, forgotten with their source."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from incidents.models import ActivityEntry, Incident
from incidents.selectors.results import content_hash
from incidents.services import redaction
from tests.timeline.conftest import Tape, at
from tests.timeline.intake.logs import (
    CHAT,
    accept,
    again,
    chat,
    dismiss,
    file,
    read,
    take,
    waiting,
    work,
)
from timeline import selectors
from timeline.models import Candidate, Entry, Import, LogReading
from timeline.services.intake import candidates, deciding, tidy, worker


class TestMakeCandidates:
    def test_makes_candidates_that_are_no_facts(self, tape: Tape) -> None:
        made = chat(tape)

        assert (made.read, made.added, made.known, made.skipped) == (3, 3, 0, 0)
        assert [
            (row.place, row.occurred_at, row.author, row.text, row.state, row.raw)
            for row in waiting(tape)
        ][:1] == [
            (
                "line 1",
                at("14:05"),
                "Anna Smith",
                "auth rate down",
                "waiting",
                "[14:05] Anna Smith: auth rate down",
            )
        ]
        assert not Entry.objects.exists()
        told = ActivityEntry.objects.filter(verb="timeline.log_imported").get()
        assert told.sentence == (
            "read 3 lines of EV-1 as candidates, 0 skipped, 0 known already"
        )

    def test_adds_nothing_the_second_time(self, tape: Tape) -> None:
        made = chat(tape)
        again = read(tape, made.evidence)

        assert (again.added, again.known) == (0, 3)
        assert Candidate.objects.count() == 3

    def test_adds_only_what_an_overlapping_log_has_more(self, tape: Tape) -> None:
        chat(tape)
        more = chat(tape, "[14:20] Anna Smith: rolled back\n[14:25] Bob: fine\n")

        assert (more.added, more.known) == (1, 1)

    def test_keeps_what_was_said_twice_twice(self, tape: Tape) -> None:
        """Three times “+1” in a minute are three lines, whoever wrote them."""
        chat(tape, "14:05 a: +1\n14:05 a: +1\n")
        chat(tape, "14:05 a: +1\n14:05 a: +1\n14:05 a: +1\n")

        assert Candidate.objects.count() == 3

    def test_brings_no_dismissed_line_back(self, tape: Tape) -> None:
        made = chat(tape)
        dismiss(tape, waiting(tape))
        read(tape, made.evidence)

        assert waiting(tape) == []

    def test_stores_what_no_field_holds_as_what_it_means(self, tape: Tape) -> None:
        odd = [
            {"ts": "1773151500.1", "user": "U\u0000 1", "text": "a\u0000b \ud800"},
            {"ts": "95617584000.0", "user": "U2", "text": "year 5000"},
            {"ts": "1773151501.1", "user": "U3", "text": "\u0000"},
            {"ts": "1773151502.1", "user": "U4", "text": "x" * 20_000},
        ]
        made = read(tape, take(tape, upload=file("odd.json", json.dumps(odd))))

        rows = {row.author: row for row in waiting(tape)}
        assert (made.read, made.skipped) == (3, 1)
        assert rows["U 1"].text == "ab ?"
        assert (rows["U2"].occurred_at, rows["U2"].at_text) == (None, "the year 5000")
        assert len(rows["U4"].text) == tidy.LONGEST
        accept(tape, waiting(tape))
        assert Entry.objects.count() == 3

    def test_leaves_nothing_when_the_incident_froze_meanwhile(
        self, tape: Tape, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        evidence = take(tape, text=CHAT)
        real = candidates._store

        def store_and_close(*args: Any) -> None:
            real(*args)
            Incident.objects.filter(pk=tape.incident.pk).update(status="closed")

        monkeypatch.setattr(candidates, "_store", store_and_close)
        row = work(again(tape, evidence, makes=True))

        assert (row.state, row.result) == ("failed", {})
        assert "frozen" in row.error
        assert not Candidate.objects.exists()
        assert not Import.objects.exists()

    def test_changes_no_content_hash(self, tape: Tape) -> None:
        row = take(tape, text=CHAT)
        before = content_hash(tape.incident)
        read(tape, row)

        assert content_hash(tape.incident, fresh=True) == before


def messages(numbers: list[int]) -> str:
    """A Slack file of these messages, in this order; every third says the same."""
    return json.dumps(
        [
            {
                "ts": f"{1773151500 + number // 3}.{number:06}",
                "user": f"U{number % 2}",
                "text": "ping" if number % 3 == 0 else f"message {number}",
            }
            for number in numbers
        ]
    )


class TestOverlappingImports:
    @settings(
        max_examples=12,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        parts=st.lists(
            st.lists(st.integers(0, 11), min_size=1, max_size=12, unique=True),
            min_size=1,
            max_size=4,
        ),
        seed=st.integers(0, 9),
    )
    def test_any_order_of_any_parts_gives_the_same_candidates(
        self, tape: Tape, parts: list[list[int]], seed: int
    ) -> None:
        def outcome(order: list[list[int]]) -> set[tuple[Any, ...]]:
            Candidate.objects.all().delete()
            for part in order:
                read(tape, take(tape, upload=file("a.json", messages(part))))
            return set(
                Candidate.objects.values_list(
                    "occurred_at", "author", "text", "fingerprint"
                )
            )

        first = outcome(parts)
        mixed = random.Random(seed)
        order = [mixed.sample(part, len(part)) for part in [*parts, *parts]]
        mixed.shuffle(order)

        assert outcome(order) == first


class TestRedaction:
    def test_leaves_no_preview_of_what_is_being_read(
        self,
        tape: Tape,
        administrator: User,
        commander: User,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        evidence = take(tape, text=CHAT)
        where = {"incident_id": tape.incident.pk, "number": evidence.number}
        real = worker.read_log

        def read_and_redact(*args: Any, **how: Any) -> Any:
            found = real(*args, **how)
            redaction.ask_redaction(**where, actor=administrator, reason="Names")
            redaction.confirm_redaction(**where, actor=commander)
            return found

        monkeypatch.setattr(worker, "read_log", read_and_redact)
        row = work(again(tape, evidence))

        assert (row.state, row.result) == ("failed", {})
        assert "no stored file" in row.error

    def test_leaves_no_preview_of_what_was_read_a_moment_before(
        self,
        tape: Tape,
        administrator: User,
        commander: User,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Between the last look at the artifact and the end of its reading."""
        evidence = take(tape, text=CHAT)
        where = {"incident_id": tape.incident.pk, "number": evidence.number}
        real = worker._read

        def read_then_redact(row: LogReading) -> None:
            real(row)
            redaction.ask_redaction(**where, actor=administrator, reason="Names")
            redaction.confirm_redaction(**where, actor=commander)

        monkeypatch.setattr(worker, "_read", read_then_redact)
        row = work(again(tape, evidence))

        row.refresh_from_db()
        assert (row.state, row.result) == ("failed", {})

    def test_takes_the_lines_along(
        self, tape: Tape, administrator: User, commander: User
    ) -> None:
        """Nothing of redacted content stays in what was copied from it."""
        made = chat(tape)
        accept(tape, waiting(tape)[:1])
        where = {
            "incident_id": tape.incident.pk,
            "number": made.evidence.number,
        }
        redaction.ask_redaction(**where, actor=administrator, reason="Names")

        assert waiting(tape) == []  # as closed as the file
        assert not selectors.readings(tape.incident, tape.actor).exists()
        assert selectors.readings(tape.incident, administrator).exists()
        assert selectors.candidates(tape.incident, administrator).count() == 3
        redaction.confirm_redaction(**where, actor=commander)

        row = LogReading.objects.get()
        assert (row.result, row.state) == ({}, "failed")

        assert set(Candidate.objects.values_list("state", "author", "text", "raw")) == {
            ("accepted", "", "(redacted)", ""),
            ("dismissed", "", "(redacted)", ""),
        }
        rows = list(Candidate.objects.filter(state="dismissed"))
        assert (
            deciding.restore_candidates(
                incident_id=tape.incident.pk,
                actor=tape.actor,
                ids=[row.pk for row in rows],
            )
            == 0
        )

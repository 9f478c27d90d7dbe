"""Long logs: set aside, read by a worker, and gone without a trace when refused."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from incidents.models import Evidence, StoredFile
from postmortem.lib.errors import DomainError
from tests.timeline.conftest import Tape
from tests.timeline.test_intake_readers import MESSAGES, USERS, archive
from tests.timeline.test_intake_services import CARD, CHAT, file, take
from tests.timeline.test_intake_views import page, text, url
from tests.timeline.test_services import set_status
from timeline import tasks
from timeline.models import Candidate, Import, LogReading
from timeline.services.intake import importing, reading

__all__ = ["page"]

DAY = dt.date(2026, 3, 10)
EXPORT = archive({"users.json": USERS, "ops/2026-03-10.json": MESSAGES})


@pytest.fixture(autouse=True)
def _all_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SHORT", 10)
    for path in waiting_files():
        path.unlink()


def aside(tape: Tape, name: str = "ops.zip", content: bytes = EXPORT) -> LogReading:
    return reading.take_long(
        incident_id=tape.incident.pk,
        actor=tape.actor,
        upload=file(name, content),
        day=DAY,
    )


def waiting_files() -> list[Path]:
    folder = Path(default_storage.path("waiting"))
    return list(folder.iterdir()) if folder.exists() else []


def nothing_is_stored() -> bool:
    stored = (Evidence, StoredFile, Candidate, Import)
    return not any(model.objects.exists() for model in stored)


class TestTakeLong:
    def test_is_no_evidence_before_it_was_read(self, tape: Tape) -> None:
        row = aside(tape)

        assert (row.state, len(waiting_files())) == ("waiting", 1)
        assert nothing_is_stored()

        reading.read_long(row.pk)

        row.refresh_from_db()
        assert row.evidence is not None
        assert (row.state, row.reader, row.evidence.title) == (
            "ready",
            "slack",
            "ops.zip",
        )
        assert waiting_files() == []
        assert not Candidate.objects.exists()

    def test_keeps_the_preview_as_it_was_read(self, tape: Tape) -> None:
        row = aside(tape)
        reading.read_long(row.pk)
        row.refresh_from_db()
        assert row.evidence is not None
        row.evidence.incident = tape.incident

        again = importing.read_stored(row.evidence, actor=tape.actor, day=DAY)

        assert reading.kept(row) == again

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("a.zip", archive({"../x/2026-03-10.json": MESSAGES}), "points outside"),
            (
                "a.zip",
                archive({"ops/2026-03-10.json": b" " * 20_000_000}),
                "times its size",
            ),
            ("a.png", b"<!doctype html><p>x</p>", "a web page (HTML)"),
            ("a.txt", f"14:05 Bob: {CARD}".encode(), "492912******9015"),
        ],
        ids=["outside", "bomb", "html", "card"],
    )
    def test_refuses_at_once_what_can_be_told_at_once(
        self, tape: Tape, name: str, content: bytes, words: str
    ) -> None:
        with pytest.raises(ValidationError, match=re.escape(words)):
            aside(tape, name, content)

        assert nothing_is_stored()
        assert not LogReading.objects.exists()
        assert waiting_files() == []

    def test_refuses_a_gigabyte(self, tape: Tape) -> None:
        large = file("a.json", "[]")
        large.size = 1024**3

        with pytest.raises(ValidationError, match="at most"):
            reading.take_long(
                incident_id=tape.incident.pk, actor=tape.actor, upload=large
            )
        assert not LogReading.objects.exists()

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            (
                "a.csv",
                "time,text\n14:05,größer\n".encode() + "14:06,größer".encode("cp1252"),
                "Line 3 of the CSV file is not UTF-8",
            ),
            ("a.csv", b"time,text\n14:05,=1+1\n", "holds a formula"),
            ("a.json", b"[" + b"{}," * 100_001 + b"{}]", "more than 100,000 lines"),
            (
                "a.zip",
                archive({"ops/2026-03-10.json": MESSAGES, "canvas.txt": CARD.encode()}),
                "492912******9015",
            ),
        ],
        ids=["encodings", "formula", "objects", "card"],
    )
    def test_refuses_in_a_sentence_and_leaves_nothing(
        self, tape: Tape, name: str, content: bytes, words: str
    ) -> None:
        row = aside(tape, name, content)
        reading.read_long(row.pk)

        row.refresh_from_db()
        assert row.state == "failed"
        assert words in row.error
        assert CARD not in row.error
        assert nothing_is_stored()
        assert waiting_files() == []

    def test_refuses_who_may_not_record(self, tape: Tape, viewer: User) -> None:
        with pytest.raises(PermissionDenied):
            reading.take_long(
                incident_id=tape.incident.pk, actor=viewer, upload=file("a.zip", EXPORT)
            )
        assert waiting_files() == []

    def test_stores_nothing_when_the_incident_froze_meanwhile(self, tape: Tape) -> None:
        row = aside(tape)
        set_status(incident_id=tape.incident.pk, actor=tape.actor, status="closed")
        reading.read_long(row.pk)

        row.refresh_from_db()
        assert (row.state, nothing_is_stored()) == ("failed", True)
        assert "frozen" in row.error


class TestAskReading:
    def ask(self, tape: Tape, evidence: Evidence, **how: Any) -> LogReading:
        return reading.ask_reading(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            evidence=evidence,
            day=DAY,
            **how,
        )

    def test_asks_once_and_makes_candidates_once(self, tape: Tape) -> None:
        evidence = take(tape, text=CHAT)
        row = self.ask(tape, evidence, reader="chat")
        assert self.ask(tape, evidence, reader="chat") == row
        reading.read_long(row.pk)
        assert not Candidate.objects.exists()

        made = self.ask(tape, evidence, reader="chat", makes=True)
        assert made == row
        assert reading.read_long(row.pk) is not None
        assert reading.read_long(row.pk) is None
        assert self.ask(tape, evidence, reader="chat", makes=True) == row

        row.refresh_from_db()
        assert row.made is not None
        assert (row.state, row.made.added, Candidate.objects.count()) == ("done", 3, 3)

    def test_refuses_a_withdrawn_artifact(self, tape: Tape) -> None:
        with pytest.raises(DomainError):
            self.ask(tape, tape.original)
        assert not LogReading.objects.exists()

    def test_forgets_what_was_redacted(self, tape: Tape) -> None:
        row = aside(tape)
        reading.read_long(row.pk)
        row.refresh_from_db()
        assert row.evidence is not None

        reading.forget_readings(tape.incident, row.evidence.sha256)

        row.refresh_from_db()
        assert (row.result, row.state) == ({}, "failed")


class TestReadLong:
    def test_is_done_by_one_worker_at_a_time(self, tape: Tape) -> None:
        row = aside(tape)
        taken = reading._claim(row.pk)

        assert taken is not None
        assert reading.read_long(row.pk) is None
        assert reading.waiting_readings() == []

    def test_gives_up_after_three_tries_and_keeps_nothing(
        self, tape: Tape, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def burst(*_: Any, **__: Any) -> None:
            raise MemoryError

        monkeypatch.setattr(importing, "take_source", burst)
        row = aside(tape)
        for _ in range(3):
            assert waiting_files() != []
            LogReading.objects.update(lease_until=None)
            reading.read_long(row.pk)

        row.refresh_from_db()
        assert (row.state, row.attempts) == ("failed", 3)
        assert "in three tries" in row.error
        assert waiting_files() == []

    def test_a_worker_that_was_killed_is_followed_by_another(self, tape: Tape) -> None:
        row = aside(tape)
        for _ in range(3):
            assert reading._claim(row.pk) is not None
            LogReading.objects.update(lease_until=None)

        assert reading.waiting_readings() == [row.pk]
        assert reading.read_long(row.pk) is None
        row.refresh_from_db()
        assert (row.state, waiting_files()) == ("failed", [])

    def test_the_task_reads_and_the_sweep_starts_what_nobody_took(
        self, tape: Tape, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = aside(tape)
        kicked: list[dict[str, Any]] = []
        monkeypatch.setattr(
            tasks.jobs, "kick", lambda name, **how: kicked.append({"name": name, **how})
        )

        tasks.sweep_readings()
        told = list(kicked)
        tasks.read_log(reading_id=row.pk)

        assert told == [{"name": "timeline.tasks.read_log", "reading_id": row.pk}]
        row.refresh_from_db()
        assert row.state == "ready"


class TestPages:
    def test_say_where_it_stands_and_lead_to_the_candidates(
        self, page: Client, tape: Tape
    ) -> None:
        sent = page.post(
            url(tape, "import/"),
            {"upload": file("ops.zip", EXPORT), "day": "2026-03-10"},
        )
        row = LogReading.objects.get()
        assert sent.url == row.get_absolute_url()
        shown = page.get(sent.url)
        assert "Waiting for a worker." in text(shown)
        assert f'hx-get="{sent.url}status/"' in shown.content.decode()
        assert "HX-Refresh" not in page.get(f"{sent.url}status/")

        reading._claim(row.pk)
        assert "Being read." in text(page.get(sent.url))
        LogReading.objects.update(lease_until=None)
        reading.read_long(row.pk)

        assert page.get(f"{sent.url}status/")["HX-Refresh"] == "true"
        assert "Make 2 candidates" in text(page.get(sent.url))
        form = {"reader": "slack", "day": "2026-03-10"}
        made = page.post(url(tape, "import/1/"), form)
        assert made.url == sent.url
        assert "Waiting for a worker." in text(page.get(sent.url))
        reading.read_long(row.pk)
        assert page.get(sent.url).url == url(tape, "candidates/?source=EV-1")
        assert Candidate.objects.count() == 2

    def test_read_the_file_once_however_often_they_are_looked_at(
        self, page: Client, tape: Tape, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = aside(tape)
        reading.read_long(row.pk)
        monkeypatch.setattr(importing, "read_log", None)
        page.get(row.get_absolute_url())

        with CaptureQueriesContext(connection) as queries:
            shown = page.get(row.get_absolute_url())

        assert "New candidates 2" in text(shown)
        assert len(queries) <= 20

    def test_show_why_it_was_refused(self, page: Client, tape: Tape) -> None:
        row = aside(tape, "a.json", json.dumps([{"type": "x"}]).encode())
        reading.read_long(row.pk)

        assert "Nothing in this source is a message" in text(
            page.get(row.get_absolute_url())
        )

    def test_are_closed_to_who_may_not_record(
        self, client: Client, tape: Tape, viewer: User
    ) -> None:
        row = aside(tape)
        client.force_login(viewer)

        assert client.get(row.get_absolute_url()).status_code == 403
        assert client.get(f"{row.get_absolute_url()}status/").status_code == 403

"""Logs are asked for: what can be told at once is refused at once, the rest waits for a
worker, and nobody reads it in the request."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.models import User
from incidents.models import Evidence
from incidents.services.core import retract_record
from postmortem.lib.errors import InvalidTransition
from tests import factories
from tests.timeline.conftest import Tape, set_status
from tests.timeline.intake.logs import (
    BAD_AS_IT_IS_READ,
    BAD_AT_ONCE,
    CARD,
    CHAT,
    EXPORT,
    again,
    ask,
    file,
    files_aside,
    nothing_is_stored,
    take,
    work,
)
from timeline.models import Candidate, LogReading
from timeline.services.intake import asking


class TestTakeLog:
    def test_sets_it_aside_as_no_evidence_yet(self, tape: Tape) -> None:
        row = ask(tape, upload=file("ops.zip", EXPORT))

        assert (row.state, row.filename, row.size) == (
            "waiting",
            "ops.zip",
            len(EXPORT),
        )
        assert [path.read_bytes() for path in files_aside()] == [EXPORT]
        assert not Evidence.objects.exists()

    @pytest.mark.parametrize(
        ("name", "content", "code", "words"), BAD_AT_ONCE.values(), ids=BAD_AT_ONCE
    )
    def test_refuses_at_once_what_can_be_told_at_once(
        self, tape: Tape, name: str, content: bytes, code: str, words: str
    ) -> None:
        with pytest.raises(ValidationError) as caught:
            ask(tape, upload=file(name, content))

        (fault,) = caught.value.error_dict["upload"]
        assert fault.code == code
        assert words in fault.messages[0]
        assert CARD not in fault.messages[0]
        assert not LogReading.objects.exists()
        assert nothing_is_stored()

    def test_refuses_a_gigabyte_before_it_reads(self, tape: Tape) -> None:
        large = file("a.json", "[]")
        large.size = 1024**3

        with pytest.raises(ValidationError, match=r"has 1024\.0 MB; at most 200\.0 MB"):
            ask(tape, upload=large)
        assert nothing_is_stored()

    def test_wants_a_file_or_a_text(self, tape: Tape) -> None:
        for sent, name in (
            ({"text": " "}, "upload"),
            ({"text": CHAT, "upload": file("a.txt", CHAT)}, "text"),
        ):
            with pytest.raises(ValidationError) as caught:
                ask(tape, **sent)
            assert set(caught.value.error_dict) == {name}

    def test_refuses_who_may_not_record_and_a_frozen_incident(
        self, tape: Tape, viewer: User
    ) -> None:
        with pytest.raises(PermissionDenied):
            ask(Tape(tape.incident, viewer), text=CHAT)
        set_status(incident_id=tape.incident.pk, actor=tape.actor, status="closed")
        with pytest.raises(InvalidTransition):
            ask(tape, text=CHAT)
        assert nothing_is_stored()


class TestTheArtifact:
    """What a log is once it was read."""

    def test_is_the_original_record_of_a_chat(self, tape: Tape) -> None:
        row = take(tape, upload=file("ops.txt", CHAT))

        assert (row.kind, row.title, row.is_original) == (
            Evidence.Kind.CHAT,
            "ops.txt",
            True,
        )
        assert not Candidate.objects.exists()
        assert files_aside() == []

    def test_is_a_later_summary_if_it_is_an_old_timeline(self, tape: Tape) -> None:
        row = take(tape, upload=file("old.md", "# Timeline\n- 14:05 UTC: rate down\n"))

        assert (row.kind, row.is_original) == (Evidence.Kind.NOTES, False)

    def test_is_what_the_person_says(self, tape: Tape) -> None:
        assert not take(tape, text=CHAT, is_original=False).is_original

    def test_is_one_for_the_same_bytes(self, tape: Tape) -> None:
        first = take(tape, upload=file("ops.txt", CHAT))
        again = take(tape, upload=file("copy.txt", CHAT), reader="chat")
        pasted = take(tape, text=CHAT)

        assert first.pk == again.pk == pasted.pk
        assert Evidence.objects.filter(incident=tape.incident).count() == 1

    @pytest.mark.parametrize(
        ("name", "content", "code", "words"),
        BAD_AS_IT_IS_READ.values(),
        ids=BAD_AS_IT_IS_READ,
    )
    def test_is_none_if_the_log_is_refused_as_it_is_read(
        self, tape: Tape, name: str, content: bytes, code: str, words: str
    ) -> None:
        row = work(ask(tape, upload=file(name, content), makes=True))

        assert row.state == "failed"
        assert words in row.error
        assert CARD not in row.error
        assert nothing_is_stored()

    def test_is_none_if_the_incident_froze_meanwhile(self, tape: Tape) -> None:
        row = ask(tape, upload=file("ops.zip", EXPORT))
        set_status(incident_id=tape.incident.pk, actor=tape.actor, status="closed")
        work(row)

        assert row.state == "failed"
        assert "frozen" in row.error
        assert nothing_is_stored()


class TestAskReading:
    def test_refuses_what_cannot_be_read(self, tape: Tape, commander: User) -> None:
        evidence = take(tape, text=CHAT)
        other = Tape(factories.make_incident(actor=commander), tape.actor)
        LogReading.objects.all().delete()

        with pytest.raises(InvalidTransition, match="no stored file"):
            again(tape, tape.original)
        with pytest.raises(ValidationError, match="belongs to another incident"):
            again(other, evidence)
        retract_record(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            model=Evidence,
            number=evidence.number,
            reason="Wrong channel",
            permission="evidence.add",
        )
        evidence.refresh_from_db()
        with pytest.raises(InvalidTransition, match="was withdrawn"):
            again(tape, evidence)
        assert not LogReading.objects.exists()


class TestAskCandidates:
    def make(self, tape: Tape, row: LogReading, **fields: Any) -> LogReading:
        who = {"incident_id": tape.incident.pk, "actor": tape.actor}
        return asking.ask_candidates(**{**who, **fields}, reading=row)

    def test_has_them_made_once_of_what_was_shown(self, tape: Tape) -> None:
        row = work(ask(tape, text=CHAT))
        assert (row.state, Candidate.objects.count()) == ("ready", 0)

        assert self.make(tape, row).state == "waiting"
        assert self.make(tape, row) == row  # a second click
        work(row)

        assert row.made is not None
        assert (row.state, row.made.added, Candidate.objects.count()) == ("done", 3, 3)
        assert self.make(tape, row).state == "done"

    def test_refuses_what_was_not_read(self, tape: Tape) -> None:
        row = ask(tape, text=CHAT)

        with pytest.raises(InvalidTransition, match="was not read yet"):
            self.make(tape, row)

    def test_refuses_who_may_not_record(self, tape: Tape, viewer: User) -> None:
        row = work(ask(tape, text=CHAT))

        with pytest.raises(PermissionDenied):
            self.make(tape, row, actor=viewer)
        row.refresh_from_db()
        assert row.state == "ready"

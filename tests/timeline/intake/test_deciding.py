"""A person decides: candidates become entries, are dismissed, or taken back."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.models import User
from incidents.activity import verify
from incidents.models import ActivityEntry, Evidence
from incidents.services.core import retract_record
from postmortem.lib.errors import InvalidTransition
from tests import factories
from tests.timeline.checks.conftest import UNTIL, WARNING, finding, found
from tests.timeline.conftest import Tape, at, set_status
from tests.timeline.intake.logs import (
    CARD,
    accept,
    ask,
    chat,
    dismiss,
    file,
    waiting,
    work,
)
from timeline.models import Entry
from timeline.selectors import CandidateChoice
from timeline.services.intake import deciding


class TestAcceptCandidates:
    def test_makes_entries_that_keep_their_source_line(self, tape: Tape) -> None:
        """R-EV-05"""
        chat(tape)
        lane = tape.incident.lanes.get(slug="checkout")

        rows = accept(tape, waiting(tape)[1:], kind="action", lane=lane)

        entry = rows[1].entry
        assert entry is not None
        entry.refresh_from_db()
        assert (entry.kind, entry.occurred_at, entry.precision, entry.lane) == (
            "action",
            at("14:20"),
            "minute",
            lane,
        )
        assert entry.action_taken == "Anna Smith: rolled back"
        assert not entry.is_provisional
        assert [
            (link.evidence.filename, link.note) for link in entry.evidence_links.all()
        ] == [("Pasted log.txt", "line 3")]
        assert [row.state for row in rows] == ["accepted", "accepted"]
        assert len(waiting(tape)) == 1

    def test_flags_what_rests_on_an_old_timeline_as_a_later_summary(
        self, tape: Tape
    ) -> None:
        """R-EV-04"""
        work(
            ask(
                tape,
                upload=file("old.md", "- about 14:05-14:20 UTC: slow\n"),
                makes=True,
            )
        )
        (row,) = accept(tape, waiting(tape), kind="signal")

        assert row.entry is not None
        assert row.entry.is_provisional
        assert (row.entry.precision, row.entry.occurred_until) == (
            "approx",
            at("14:20"),
        )
        assert found(tape.incident, "TL001") == [
            finding(
                "TL001",
                WARNING,
                "“slow” rests on a later summary only",
                row.entry.ref,
                UNTIL,
            )
        ]

    def test_takes_an_unknown_time_with_its_words(self, tape: Tape) -> None:
        chat(tape, "25:61 Bob: late\n14:05 Bob: x\n")
        rows = accept(tape, waiting(tape))

        entry = rows[1].entry
        assert entry is not None
        assert (entry.occurred_at, entry.precision, entry.at_text) == (
            None,
            "unknown",
            "25:61",
        )

    def test_makes_one_entry_from_two_tabs(self, tape: Tape) -> None:
        chat(tape)
        rows = waiting(tape)
        first = accept(tape, rows[:2])
        second = accept(tape, rows)

        assert Entry.objects.count() == 3
        assert second[0].entry == first[0].entry

    def test_takes_all_or_none_and_names_the_lines(self, tape: Tape) -> None:
        chat(tape, "2027-03-10 14:05 a: x\n2026-03-10 14:05 a: y\n")
        with pytest.raises(ValidationError) as caught:
            accept(tape, waiting(tape))

        (words,) = caught.value.message_dict["ids"]
        assert words.startswith("line 1: ")
        assert "lies in the future" in words
        assert not Entry.objects.exists()
        assert len(waiting(tape)) == 2

    def test_refuses_too_many_none_and_strangers(
        self, tape: Tape, commander: User
    ) -> None:
        chat(tape)
        other = Tape(factories.make_incident(actor=commander), tape.actor)
        for ids, code in (
            ([], "required"),
            (range(1, 202), "too_many"),
            ([waiting(tape)[0].pk], "unknown"),
        ):
            with pytest.raises(ValidationError) as caught:
                deciding.accept_candidates(
                    incident_id=other.incident.pk, actor=tape.actor, ids=list(ids)
                )
            assert caught.value.error_dict["ids"][0].code == code

    def test_refuses_the_lines_of_a_withdrawn_artifact(self, tape: Tape) -> None:
        made = chat(tape)
        retract_record(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            model=Evidence,
            number=made.evidence.number,
            reason="Wrong channel",
            permission="evidence.add",
        )
        with pytest.raises(ValidationError) as caught:
            accept(tape, waiting(tape)[:1])
        assert "was withdrawn" in caught.value.message_dict["ids"][0]

    def test_tells_it_once_and_the_chain_verifies(self, tape: Tape) -> None:
        chat(tape)
        accept(tape, waiting(tape))

        told = ActivityEntry.objects.filter(verb="timeline.candidates_accepted").get()
        assert told.sentence == "accepted 3 candidates from EV-1 as TL-1 to TL-3"
        assert told.data["places"] == {
            "TL-1": "line 1",
            "TL-2": "line 2",
            "TL-3": "line 3",
        }
        tape.incident.refresh_from_db()
        assert verify(tape.incident) == []


class TestAcceptEdited:
    def test_takes_the_words_of_the_person_and_keeps_the_source(
        self, tape: Tape
    ) -> None:
        chat(tape)
        row = waiting(tape)[0]
        fields: dict[str, Any] = {
            "incident_id": tape.incident.pk,
            "actor": tape.actor,
            "candidate_id": row.pk,
            "kind": "signal",
            "observed_signal": "Auth rate down to 61%",
            "occurred_at": at("14:04"),
            "evidence": [tape.original],
        }
        entry = deciding.accept_edited(**fields)
        again = deciding.accept_edited(**fields)

        assert entry == again
        assert Entry.objects.count() == 1
        assert {
            (link.evidence_id, link.note) for link in entry.evidence_links.all()
        } == {(tape.original.pk, ""), (row.source.evidence_id, "line 1")}
        row.refresh_from_db()
        assert (row.state, row.text) == ("accepted", "auth rate down")


class TestDismissCandidates:
    def test_keeps_them_with_who_and_why_until_they_are_taken_back(
        self, tape: Tape
    ) -> None:
        chat(tape)
        rows = waiting(tape)[:2]

        assert dismiss(tape, rows, reason="Lunch") == 2
        rows[0].refresh_from_db()
        assert (rows[0].state, rows[0].reason, rows[0].decided_by) == (
            "dismissed",
            "Lunch",
            tape.actor,
        )
        again = deciding.restore_candidates(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            ids=[row.pk for row in rows],
        )
        assert again == 2
        rows[0].refresh_from_db()
        assert (rows[0].state, rows[0].reason, rows[0].decided_by) == (
            "waiting",
            "",
            None,
        )
        sentences = ActivityEntry.objects.order_by("sequence").values_list(
            "sentence", flat=True
        )
        assert list(sentences)[-2:] == [
            "dismissed 2 candidates from EV-1",
            "took back 2 candidates from EV-1",
        ]

    def test_takes_every_waiting_one_that_a_filter_shows(self, tape: Tape) -> None:
        chat(tape)
        accept(tape, waiting(tape)[:1])

        count = deciding.dismiss_candidates(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            choice=CandidateChoice(words="anna"),
        )

        assert count == 1
        assert [row.author for row in waiting(tape)] == ["Bob"]

    def test_refuses_what_is_an_entry(self, tape: Tape) -> None:
        chat(tape)
        rows = waiting(tape)
        accept(tape, rows[:1])

        with pytest.raises(ValidationError, match="line 1: is TL-1 already"):
            dismiss(tape, rows)
        assert len(waiting(tape)) == 2

    def test_refuses_a_secret_in_the_reason(self, tape: Tape) -> None:
        chat(tape)
        with pytest.raises(ValidationError) as caught:
            dismiss(tape, waiting(tape), reason=CARD)
        assert caught.value.error_dict["reason"][0].code == "card_number"

    def test_says_nothing_when_nothing_changes(self, tape: Tape) -> None:
        chat(tape)
        rows = waiting(tape)
        dismiss(tape, rows)
        count = ActivityEntry.objects.count()

        assert dismiss(tape, rows) == 0
        assert ActivityEntry.objects.count() == count

    def test_is_refused_on_a_frozen_incident(self, tape: Tape) -> None:
        chat(tape)
        rows = waiting(tape)
        set_status(incident_id=tape.incident.pk, actor=tape.actor, status="closed")
        for verb in (accept, dismiss):
            with pytest.raises(InvalidTransition):
                verb(tape, rows)

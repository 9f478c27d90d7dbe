"""Write verbs of entries: time rules, versions, withdrawal, missing proof."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.models import User
from incidents import activity
from incidents.models import Evidence
from postmortem.lib.errors import InvalidTransition, StaleVersion
from tests import factories
from tests.conftest import NOW, codes
from tests.timeline.conftest import Tape, at, set_status
from timeline import services
from timeline.models import Entry, Milestone


class TestAddEntry:
    def test_keeps_who_what_when_and_evidence(self, tape: Tape) -> None:
        """R-TL-04"""
        lane = tape.incident.lanes.get(slug="checkout")

        entry = tape.add(
            "14:05",
            "Auth rate down to 61 %",
            action_taken="Opened the board",
            owner=tape.actor,
            lane=lane,
            evidence=[tape.original],
        )

        entry.refresh_from_db()
        assert entry.ref == "TL-1"
        assert entry.occurred_at == at("14:05")
        assert entry.recorded_at == NOW
        assert entry.owner == tape.actor
        assert entry.observed_signal == "Auth rate down to 61 %"
        assert entry.action_taken == "Opened the board"
        assert entry.lane == lane
        assert entry.evidence == [tape.original]
        assert not entry.is_provisional

    def test_is_provisional_until_an_original_is_linked(self, tape: Tape) -> None:
        """R-TL-03, R-EV-04"""
        entry = tape.add("14:05", evidence=[tape.later])
        assert entry.is_provisional
        assert entry.rests_on_later_summary

        services.link_entry_evidence(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            number=entry.number,
            evidence=[tape.original],
        )

        assert not Entry.objects.get(pk=entry.pk).is_provisional

    def test_writes_one_activity_that_covers_every_row(self, tape: Tape) -> None:
        before = tape.incident.activity.count()
        tape.original  # noqa: B018 - made first, so that its activity is counted apart
        made = tape.incident.activity.count()
        assert made == before + 1

        tape.add("14:05", evidence=[tape.original], milestone="first_alert")

        assert tape.incident.activity.count() == made + 1
        tape.incident.refresh_from_db()
        assert activity.verify(tape.incident) == []

    def test_refuses_more_than_five_minutes_in_the_future(self, tape: Tape) -> None:
        """R-TL-02"""
        with pytest.raises(ValidationError) as error:
            tape.add(text="x", occurred_at=NOW + dt.timedelta(minutes=6))
        assert codes(error.value) == {"occurred_at": ["future_time"]}

        assert tape.add(text="x", occurred_at=NOW + dt.timedelta(minutes=5)).pk

    def test_keeps_what_came_before_first_impact(self, tape: Tape) -> None:
        tape.proven("13:43", milestone="first_impact")
        assert tape.add(text="Upgrade", occurred_at=at("09:00", day=1)).pk

    def test_reads_a_bare_day_as_that_day_never_as_midnight(
        self, commander: User, responder: User
    ) -> None:
        """R-TL-02"""
        there = factories.make_incident(actor=commander, clock_zone="America/New_York")
        entry = Tape(there, responder).add(
            text="x", occurred_at=dt.date(2026, 3, 10), precision="day"
        )
        assert entry.occurred_at == dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
        assert entry.occurred_until == dt.datetime(2026, 3, 11, 4, tzinfo=dt.UTC)

    def test_knows_that_a_day_of_clock_change_has_23_hours(
        self, commander: User, responder: User
    ) -> None:
        there = factories.make_incident(actor=commander, clock_zone="America/New_York")
        entry = Tape(there, responder).add(
            text="x", occurred_at=dt.date(2026, 3, 8), precision="day"
        )
        assert entry.occurred_at
        assert entry.occurred_until
        assert entry.occurred_until - entry.occurred_at == dt.timedelta(hours=23)

    def test_takes_the_day_of_a_moment_on_the_incident_clock(
        self, commander: User, responder: User
    ) -> None:
        there = factories.make_incident(actor=commander, clock_zone="Asia/Tokyo")
        entry = Tape(there, responder).add(
            text="x", occurred_at=at("23:30", day=9), precision="day"
        )
        assert entry.occurred_at == at("15:00", day=9)  # 10 March in Tokyo

    def test_refuses_a_bare_day_with_another_precision(self, tape: Tape) -> None:
        with pytest.raises(ValidationError) as error:
            tape.add(text="x", occurred_at=dt.date(2026, 3, 10))
        assert codes(error.value) == {"occurred_at": ["bare_day"]}

    def test_asks_for_words_or_a_place_when_the_time_is_unknown(
        self, tape: Tape
    ) -> None:
        with pytest.raises(ValidationError) as error:
            tape.add(text="x", precision="unknown")
        assert codes(error.value) == {"at_text": ["required"]}

        first = tape.add("14:05")
        assert tape.add(text="x", precision="unknown", at_text="after 14:05").pk
        assert tape.add(text="x", precision="unknown", after=first).position == 1

    def test_refuses_a_time_with_the_precision_unknown(self, tape: Tape) -> None:
        with pytest.raises(ValidationError) as error:
            tape.add("14:05", precision="unknown", at_text="about then")
        assert codes(error.value) == {"precision": ["invalid"]}

    def test_refuses_an_end_before_the_start(self, tape: Tape) -> None:
        with pytest.raises(ValidationError) as error:
            tape.add("14:05", occurred_until=at("14:00"))
        assert codes(error.value) == {"occurred_until": ["invalid"]}

    def test_refuses_an_empty_entry(self, tape: Tape) -> None:
        with pytest.raises(ValidationError) as error:
            tape.add("14:05", observed_signal="  ")
        assert codes(error.value) == {"observed_signal": ["required"]}

    def test_keeps_a_decision_that_lacks_belief_and_why(self, tape: Tape) -> None:
        """R-TL-07"""
        entry = tape.add("14:22", "Hold releases", kind="decision")
        assert (entry.belief, entry.why) == ("", "")

    def test_refuses_rows_of_another_incident(
        self, tape: Tape, commander: User
    ) -> None:
        other = factories.make_incident(actor=commander, title="Another")
        with pytest.raises(ValidationError) as error:
            tape.add("14:05", lane=other.lanes.first())
        assert codes(error.value) == {"lane": ["invalid"]}

    def test_refuses_a_stated_gap_as_an_ordinary_entry(self, tape: Tape) -> None:
        with pytest.raises(ValidationError) as error:
            tape.add("14:05", kind="no_record")
        assert codes(error.value) == {"kind": ["stated_gap"]}

    def test_refuses_who_has_no_role_for_it(self, tape: Tape, viewer: User) -> None:
        tape.actor = viewer
        with pytest.raises(PermissionDenied):
            tape.add("14:05")
        assert not Entry.objects.exists()

    @pytest.mark.parametrize("status", ["closed", "cancelled"])
    def test_refuses_a_frozen_incident(
        self, tape: Tape, commander: User, status: str
    ) -> None:
        set_status(incident_id=tape.incident.pk, actor=commander, status=status)
        with pytest.raises(InvalidTransition) as error:
            tape.add("14:05")
        assert error.value.code == "frozen"


class TestEditEntry:
    def test_keeps_what_it_said_before_as_a_version(self, tape: Tape) -> None:
        """R-TL-11"""
        entry = tape.add("14:05", "Rate down")

        tape.edit(entry, observed_signal="Rate down to 61 %", version=1)

        rows = list(entry.history.order_by("history_id"))
        assert [row.observed_signal for row in rows] == [
            "Rate down",
            "Rate down to 61 %",
        ]
        entry.refresh_from_db()
        assert entry.version == 2
        last = tape.incident.activity.last()
        assert last is not None
        assert last.data["changes"] == {
            "observed_signal": ["Rate down", "Rate down to 61 %"]
        }

    def test_refuses_a_stale_version_and_shows_what_is_stored(self, tape: Tape) -> None:
        entry = tape.add("14:05", "One")
        tape.edit(entry, observed_signal="Two", version=1)
        with pytest.raises(StaleVersion) as error:
            tape.edit(entry, observed_signal="Three", version=1)
        assert error.value.current["observed_signal"] == "Two"

    def test_says_nothing_when_nothing_changed(self, tape: Tape) -> None:
        entry = tape.add("14:05", "One")
        before = tape.incident.activity.count()
        tape.edit(entry, observed_signal="One", version=1)
        assert tape.incident.activity.count() == before

    def test_holds_the_rules_of_time(self, tape: Tape) -> None:
        entry = tape.add("14:05")
        with pytest.raises(ValidationError) as error:
            tape.edit(entry, occurred_at=NOW + dt.timedelta(hours=1))
        assert codes(error.value) == {"occurred_at": ["future_time"]}

    def test_turns_a_time_into_a_day_and_back(self, tape: Tape) -> None:
        entry = tape.add("14:05")
        tape.edit(entry, precision="day")
        entry.refresh_from_db()
        assert (entry.occurred_at, entry.occurred_until) == (
            at("00:00"),
            at("00:00", day=11),
        )
        tape.edit(entry, precision="minute", occurred_at=at("14:06"))
        entry.refresh_from_db()
        assert (entry.occurred_at, entry.occurred_until) == (at("14:06"), None)

    def test_moves_a_day_to_another_day(self, tape: Tape) -> None:
        entry = tape.add(text="x", occurred_at=dt.date(2026, 3, 10), precision="day")
        tape.edit(entry, occurred_at=dt.date(2026, 3, 9))
        entry.refresh_from_db()
        assert entry.occurred_until == at("00:00")

    def test_forgets_the_time_that_is_not_known(self, tape: Tape) -> None:
        entry = tape.add("14:05")
        tape.edit(entry, precision="unknown", at_text="around two")
        entry.refresh_from_db()
        assert entry.occurred_at is None

    def test_does_not_stand_behind_itself(self, tape: Tape) -> None:
        entry = tape.add("14:05")
        with pytest.raises(ValidationError) as error:
            tape.edit(entry, after=entry)
        assert codes(error.value) == {"after": ["invalid"]}


class TestStateGap:
    def test_keeps_the_stretch_and_the_reason(self, tape: Tape) -> None:
        """R-EV-10"""
        entry = tape.gap("14:33", "15:20")
        assert (entry.kind, entry.observed_signal) == ("no_record", "Logs had rotated")
        assert (entry.occurred_at, entry.occurred_until) == (at("14:33"), at("15:20"))

    def test_asks_for_both_ends_and_a_reason(self, tape: Tape) -> None:
        who: dict[str, Any] = {"incident_id": tape.incident.pk, "actor": tape.actor}
        with pytest.raises(ValidationError) as error:
            services.state_gap(**who, occurred_at=None, occurred_until=None, reason="x")
        assert codes(error.value) == {
            "occurred_at": ["required"],
            "occurred_until": ["required"],
        }
        with pytest.raises(ValidationError) as error:
            tape.gap("14:33", "15:20", reason=" ")
        assert codes(error.value) == {"reason": ["required"]}
        with pytest.raises(ValidationError) as error:
            tape.gap("15:20", "14:33")
        assert codes(error.value) == {"occurred_until": ["invalid"]}


class TestRetractEntry:
    def test_stays_with_its_reason_and_takes_its_milestones(self, tape: Tape) -> None:
        entry = tape.proven("13:43", milestone="first_impact")

        services.retract_entry(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            number=entry.number,
            reason="Typed twice",
        )

        entry.refresh_from_db()
        assert entry.retraction_reason == "Typed twice"
        assert Milestone.objects.get().is_retracted
        tape.incident.refresh_from_db()
        assert activity.verify(tape.incident) == []

    def test_asks_for_a_reason(self, tape: Tape) -> None:
        entry = tape.add("14:05")
        with pytest.raises(ValidationError) as error:
            services.retract_entry(
                incident_id=tape.incident.pk, actor=tape.actor, number=1, reason=""
            )
        assert codes(error.value) == {"reason": ["required"]}
        entry.refresh_from_db()
        assert not entry.is_retracted


class TestLinkEntryEvidence:
    def link(self, tape: Tape, *evidence: Evidence) -> Entry:
        return services.link_entry_evidence(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            number=1,
            evidence=list(evidence),
        )

    def test_says_what_was_linked_and_says_it_once(self, tape: Tape) -> None:
        tape.add("14:05")
        assert self.link(tape, tape.original).evidence == [tape.original]
        told = tape.incident.activity.count()

        self.link(tape, tape.original)

        last = tape.incident.activity.last()
        assert last is not None
        assert last.sentence == f"linked {tape.original.ref} to TL-1"
        assert tape.incident.activity.count() == told

    def test_asks_for_an_artifact(self, tape: Tape) -> None:
        tape.add("14:05")
        with pytest.raises(ValidationError) as error:
            self.link(tape)
        assert codes(error.value) == {"evidence": ["required"]}


class TestUnlinkEntryEvidence:
    def test_asks_for_a_reason(self, tape: Tape) -> None:
        tape.proven("14:05")
        with pytest.raises(ValidationError) as error:
            services.unlink_entry_evidence(
                incident_id=tape.incident.pk,
                actor=tape.actor,
                number=1,
                evidence=tape.original,
                reason=" ",
            )
        assert codes(error.value) == {"reason": ["required"]}

    def test_makes_the_entry_provisional_again(self, tape: Tape) -> None:
        entry = tape.proven("14:05")
        services.unlink_entry_evidence(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            number=entry.number,
            evidence=tape.original,
            reason="Shows another day",
        )
        assert Entry.objects.get(pk=entry.pk).is_provisional
        tape.original.refresh_from_db()
        assert not tape.original.is_retracted


class TestNameMissingProof:
    def test_makes_a_known_unknown_of_a_provisional_entry(self, tape: Tape) -> None:
        """R-EV-10"""
        entry = tape.add("15:20", "Rollback completed")
        due = NOW + dt.timedelta(days=2)

        services.name_missing_proof(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            model=Entry,
            number=entry.number,
            question="When did the rollback end?",
            missing_check="deploy record",
            owner=tape.actor,
            due_at=due,
        )

        entry.refresh_from_db()
        assert entry.known_unknown is not None
        assert entry.known_unknown.missing_check == "deploy record"
        assert entry.known_unknown.due_at == due
        tape.incident.refresh_from_db()
        assert activity.verify(tape.incident) == []

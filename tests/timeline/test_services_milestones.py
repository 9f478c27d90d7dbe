"""Write verbs of milestones: which entry carries one, or why none does."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from tests.conftest import codes
from tests.timeline.conftest import Tape
from timeline import services


class TestAddMilestone:
    def test_refuses_the_same_entry_twice(self, tape: Tape) -> None:
        entry = tape.add("13:52")
        tape.mark(entry, "first_alert")
        with pytest.raises(ValidationError) as error:
            tape.mark(entry, "first_alert")
        assert codes(error.value) == {"entry": ["duplicate"]}

    def test_lets_a_kind_occur_again_with_one_marked(self, tape: Tape) -> None:
        """R-TL-06"""
        first = tape.mark(tape.add("14:31"), "rollback_or_failover", is_marked=True)
        second = tape.mark(tape.add("15:20"), "rollback_or_failover", is_marked=True)
        first.refresh_from_db()
        assert (first.is_marked, second.is_marked) == (False, True)

    def test_replaces_not_applicable(self, tape: Tape) -> None:
        skipped = tape.skip("rollback_or_failover")
        tape.mark(tape.add("14:31"), "rollback_or_failover")
        skipped.refresh_from_db()
        assert skipped.is_retracted
        assert skipped.retraction_reason == "TL-1 carries it."

    def test_refuses_a_stated_gap_and_a_withdrawn_entry(self, tape: Tape) -> None:
        with pytest.raises(ValidationError):
            tape.mark(tape.gap("14:33", "15:20"), "stabilized")
        entry = tape.add("14:31")
        services.retract_entry(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            number=entry.number,
            reason="x",
        )
        entry.refresh_from_db()
        with pytest.raises(ValidationError):
            tape.mark(entry, "stabilized")

    def test_asks_for_an_entry(self, tape: Tape) -> None:
        with pytest.raises(ValidationError) as error:
            services.add_milestone(
                incident_id=tape.incident.pk,
                actor=tape.actor,
                kind="stabilized",
                entry=None,
            )
        assert codes(error.value) == {"entry": ["required"]}


class TestMarkNotApplicable:
    def test_asks_for_a_reason(self, tape: Tape) -> None:
        """R-TL-06"""
        with pytest.raises(ValidationError) as error:
            tape.skip("rollback_or_failover", reason=" ")
        assert codes(error.value) == {"reason": ["required"]}

    def test_refuses_while_an_entry_carries_it(self, tape: Tape) -> None:
        tape.add("14:31", milestone="rollback_or_failover")
        with pytest.raises(ValidationError) as error:
            tape.skip("rollback_or_failover")
        assert codes(error.value) == {"kind": ["duplicate"]}

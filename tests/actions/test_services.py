"""Write verbs of action items."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.models import User
from actions import selectors
from actions.models import ActionItem, TestRun
from actions.services import items
from actions.services import tests as closure_tests
from incidents.models import ActivityEntry, Evidence, Incident, Waiver
from postmortem.lib.errors import InvalidTransition, StaleVersion
from rca.models import Cause
from rca.services import add_failure_mode, retract_cause
from tests.actions.conftest import RAN, Desk, put
from tests.conftest import NOW, codes
from tests.factories import make_incident

State = ActionItem.State


class TestAddAction:
    def test_is_always_a_draft(self, desk: Desk) -> None:
        """R-AI-01, R-AI-02, R-AI-03"""
        action = desk.add()

        assert (action.ref, action.state) == ("ACT-1", State.DRAFT)
        assert action.kind == ActionItem.Kind.REDUCE
        entry = ActivityEntry.objects.latest("sequence")
        assert (entry.verb, entry.subject_ref) == ("actions.action_added", "ACT-1")
        assert desk.breaches() == []

    def test_accepts_vague_wording_as_a_draft(self, desk: Desk) -> None:
        """R-AI-04: wording is advice, never a refusal of what was written."""
        assert desk.add(title="Monitor closely").state == State.DRAFT

    @pytest.mark.parametrize(
        ("field", "value", "code"),
        [
            ("title", "", "blank"),
            ("title", "x" * 201, "max_length"),
            ("title", "nul \x00", "control_characters"),
            ("title", "pay \u202eon", "direction_override"),
            ("kind", "punish", "invalid_choice"),
            ("tracker_url", "javascript:alert(1)", "invalid"),
        ],
    )
    def test_refuses_a_bad_field(
        self, desk: Desk, field: str, value: str, code: str
    ) -> None:
        with pytest.raises(ValidationError) as refused:
            desk.add(**{field: value})

        assert code in codes(refused.value)[field]
        assert not ActionItem.objects.exists()

    def test_refuses_a_cause_of_another_incident(
        self, desk: Desk, commander: User
    ) -> None:
        other = make_incident(actor=commander)
        foreign = put(
            Cause(incident=other, label="trigger", statement="x"), actor=commander
        )

        with pytest.raises(ValidationError, match="another incident"):
            desk.add(causes=[foreign])

    def test_answers_no_withdrawn_cause(self, desk: Desk) -> None:
        withdrawn = retract_cause(
            incident_id=desk.incident.pk,
            actor=desk.author,
            number=desk.cause().number,
            reason="Said twice",
        )

        with pytest.raises(ValidationError) as refused:
            desk.add(causes=[withdrawn])
        assert refused.value.message_dict == {
            "causes": [f"{withdrawn.ref} was withdrawn; choose another."]
        }

        assert not ActionItem.objects.exists()

    def test_is_refused_to_a_viewer(self, desk: Desk, viewer: User) -> None:
        desk.author = viewer

        with pytest.raises(PermissionDenied):
            desk.add()

    def test_is_refused_after_closing(self, desk: Desk) -> None:
        desk.status(Incident.Status.CLOSED)

        with pytest.raises(InvalidTransition) as refused:
            desk.add()

        assert refused.value.code == "frozen"


class TestOpenAction:
    def open(self, desk: Desk, action: ActionItem) -> ActionItem:
        return items.open_action(
            incident_id=desk.incident.pk, actor=desk.author, number=action.number
        )

    def test_names_everything_that_is_missing_by_field(self, desk: Desk) -> None:
        """R-AI-03"""
        action = desk.add(owner=None, due_at=None, proof_location="")

        with pytest.raises(ValidationError) as refused:
            self.open(desk, action)

        assert codes(refused.value) == {
            "owner": ["required"],
            "due_at": ["required"],
            "proof_location": ["required"],
            "closure_tests": ["required"],
        }
        action.refresh_from_db()
        assert action.state == State.DRAFT

    def test_needs_a_pass_condition(self, desk: Desk) -> None:
        """R-AI-03"""
        action = desk.add()
        desk.test(action, pass_condition="")

        with pytest.raises(ValidationError) as refused:
            self.open(desk, action)

        assert codes(refused.value) == {"closure_tests": ["required"]}

    def test_opens_what_is_complete_even_when_it_is_vague(self, desk: Desk) -> None:
        """R-AI-03, R-AI-04"""
        assert desk.opened(title="Improve monitoring").state == State.OPEN

    def test_refuses_what_is_no_draft(self, desk: Desk) -> None:
        action = desk.opened()

        with pytest.raises(InvalidTransition):
            self.open(desk, action)


class TestEditAction:
    def edit(self, desk: Desk, action: ActionItem, **fields: Any) -> ActionItem:
        return items.edit_action(
            incident_id=desk.incident.pk,
            actor=desk.author,
            number=action.number,
            **fields,
        )

    def test_changes_only_what_was_sent(self, desk: Desk) -> None:
        action = desk.add()

        changed = self.edit(desk, action, version=1, title="Reject stale deploys")

        assert (changed.title, changed.version) == ("Reject stale deploys", 2)
        assert changed.rollback_path == "Remove the gate label"
        assert desk.breaches() == []

    def test_refuses_a_stale_version_and_shows_what_is_stored(self, desk: Desk) -> None:
        action = desk.add()
        self.edit(desk, action, version=1, title="First")

        with pytest.raises(StaleVersion) as refused:
            self.edit(desk, action, version=1, title="Second")

        assert refused.value.current["title"] == "First"
        action.refresh_from_db()
        assert action.title == "First"

    def test_keeps_what_an_open_action_needed_to_open(self, desk: Desk) -> None:
        """R-AI-03"""
        action = desk.opened()

        with pytest.raises(ValidationError) as refused:
            self.edit(desk, action, owner=None, due_at=None)

        assert codes(refused.value) == {"owner": ["required"], "due_at": ["required"]}
        action.refresh_from_db()
        assert action.owner == desk.owner

    def test_sets_causes_exactly(self, desk: Desk, commander: User) -> None:
        """R-RC-11"""
        cause = desk.cause()
        action = desk.add(causes=[cause])
        number = action.number
        assert selectors.get_action(desk.incident, number).live_causes == [cause]

        self.edit(desk, action, causes=[])
        assert selectors.get_action(desk.incident, number).live_causes == []

        self.edit(desk, action, causes=[cause])
        assert selectors.get_action(desk.incident, number).live_causes == [cause]
        assert desk.breaches() == []

    def test_of_the_causes_is_another_version(
        self, desk: Desk, commander: User
    ) -> None:
        """Two people: the second does not undo unseen what the first has joined."""
        cause = desk.cause()
        mode = add_failure_mode(
            incident_id=desk.incident.pk, actor=commander, mode="other", name="Queue"
        )
        action = desk.add()

        self.edit(desk, action, version=1, causes=[cause])
        with pytest.raises(StaleVersion):
            self.edit(desk, action, version=1, causes=[])
        changed = self.edit(desk, action, version=2, failure_modes=[mode])

        assert changed.version == 3
        assert selectors.get_action(desk.incident, action.number).live_causes == [cause]
        told = ActivityEntry.objects.filter(verb="actions.action_edited")
        assert [entry.data["changes"] for entry in told.order_by("pk")] == [
            {"causes": [[], [cause.ref]]},
            {"failure_modes": [[], [mode.ref]]},
        ]
        assert desk.breaches() == []

    def test_without_a_change_writes_nothing(self, desk: Desk, commander: User) -> None:
        cause = desk.cause()
        action = desk.opened(causes=[cause])
        (test,) = selectors.get_action(desk.incident, action.number).live_tests
        count = ActivityEntry.objects.count()

        same = self.edit(desk, action, title=action.title, causes=[cause])
        same_test = closure_tests.edit_closure_test(
            incident_id=desk.incident.pk,
            actor=desk.author,
            number=test.number,
            procedure=test.procedure,
        )

        assert (same.version, same_test.version) == (action.version, test.version)
        assert ActivityEntry.objects.count() == count

    def test_refuses_a_cancelled_action(self, desk: Desk) -> None:
        action = desk.add()
        items.cancel_action(
            incident_id=desk.incident.pk,
            actor=desk.author,
            number=action.number,
            reason="The service is switched off.",
        )

        with pytest.raises(InvalidTransition):
            self.edit(desk, action, title="Other")


class TestCompleteAction:
    def complete(self, desk: Desk, action: ActionItem, **fields: Any) -> ActionItem:
        return items.complete_action(
            incident_id=desk.incident.pk,
            actor=desk.owner,
            number=action.number,
            **fields,
        )

    def test_is_refused_without_a_run(self, desk: Desk) -> None:
        """R-AI-09, R-CT-01"""
        action = desk.opened()

        with pytest.raises(ValidationError) as refused:
            self.complete(desk, action)

        assert codes(refused.value) == {"closure_tests": ["no_accepted_run"]}
        assert "CT-1 was never run" in str(refused.value)
        action.refresh_from_db()
        assert (action.state, action.completed_at) == (State.OPEN, None)

    def test_is_refused_while_the_artifact_is_missing(self, desk: Desk) -> None:
        """R-AI-09, R-CT-08"""
        action = desk.opened()
        desk.run(action)

        with pytest.raises(ValidationError, match="no original artifact"):
            self.complete(desk, action)

    def test_is_refused_on_procedure_text(self, desk: Desk) -> None:
        """R-CT-05"""
        action = desk.opened()
        runbook = desk.artifact(kind=Evidence.Kind.RUNBOOK, title="RB-12")
        desk.run(action, evidence=[runbook])

        with pytest.raises(ValidationError, match="only procedure text"):
            self.complete(desk, action)

    def test_is_refused_on_a_later_summary(self, desk: Desk) -> None:
        """R-CT-05, R-EV-04"""
        action = desk.opened()
        desk.run(action, evidence=[desk.artifact(is_original=False)])

        with pytest.raises(ValidationError, match="no original artifact"):
            self.complete(desk, action)

    def test_is_refused_when_a_later_run_failed(self, desk: Desk) -> None:
        action = desk.proven()
        later = RAN + dt.timedelta(hours=2)
        desk.run(action, outcome=TestRun.Outcome.FAILED, ran_at=later)

        with pytest.raises(ValidationError, match="RUN-2, is failed"):
            self.complete(desk, action)

    def test_needs_every_closure_test(self, desk: Desk) -> None:
        action = desk.proven()
        desk.test(action, procedure="Fail the provider connection")

        with pytest.raises(ValidationError, match="CT-2 was never run"):
            self.complete(desk, action)

    def test_needs_both_risks_in_writing(self, desk: Desk) -> None:
        """R-AI-05"""
        action = desk.proven(risk_removed="", risk_remaining="")

        with pytest.raises(ValidationError) as refused:
            self.complete(desk, action)
        assert codes(refused.value) == {
            "risk_removed": ["required"],
            "risk_remaining": ["required"],
        }

        done = self.complete(desk, action, risk_removed="Gone", risk_remaining="None")
        assert (done.state, done.completed_by) == (State.COMPLETED, desk.owner)
        assert done.completed_at == NOW
        assert desk.breaches() == []

    def test_accepts_a_missing_artifact_that_two_people_waived(
        self, desk: Desk, reviewer: User, finance: User
    ) -> None:
        """R-CT-08"""
        action = desk.opened()
        run = desk.run(action)
        test = selectors.get_action(desk.incident, action.number).live_tests[0]
        waiver = Waiver(
            incident=desk.incident,
            number=1,
            check_id="CT002",
            subject_ref=test.ref,
            finding_key=selectors.missing_artifact_key(test, run),
            finding_message="x",
            level="error",
            reason="The runner keeps no output.",
        )
        waiver.save()
        with pytest.raises(ValidationError):
            self.complete(desk, action)

        waiver.seconded_by, waiver.seconded_at = finance, NOW
        waiver.save()

        assert self.complete(desk, action).state == State.COMPLETED

    def test_goes_on_after_closing_for_scheduled_work_only(self, desk: Desk) -> None:
        """R-AP-01, decision 2"""
        scheduled = desk.proven(timing=ActionItem.Timing.SCHEDULED)
        mandatory = desk.proven()
        desk.status(Incident.Status.CLOSED)

        assert self.complete(desk, scheduled).state == State.COMPLETED
        with pytest.raises(InvalidTransition) as refused:
            self.complete(desk, mandatory)
        assert refused.value.code == "frozen"


class TestCancelAction:
    def test_needs_a_reason_and_keeps_it(self, desk: Desk) -> None:
        action = desk.opened()

        with pytest.raises(ValidationError) as refused:
            self.cancel(desk, action, "  ")
        assert codes(refused.value) == {"reason": ["required"]}

        assert self.cancel(desk, action, "Switched off").state == State.CANCELLED
        with pytest.raises(InvalidTransition):
            self.cancel(desk, action, "Again")

    def cancel(self, desk: Desk, action: ActionItem, reason: str) -> ActionItem:
        return items.cancel_action(
            incident_id=desk.incident.pk,
            actor=desk.author,
            number=action.number,
            reason=reason,
        )


class TestRetractAction:
    def test_keeps_the_row(self, desk: Desk) -> None:
        action = desk.add()

        items.retract_action(
            incident_id=desk.incident.pk,
            actor=desk.author,
            number=action.number,
            reason="Written twice",
        )

        assert selectors.actions(desk.incident) == []
        assert [a.retraction_reason for a in selectors.all_actions(desk.incident)] == [
            "Written twice"
        ]

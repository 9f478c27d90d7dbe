"""Checks of what the actions answer: causes, failure modes, recurrence."""

from __future__ import annotations

from actions.models import ActionItem
from postmortem.lib.findings import Level
from rca.models import Cause, FailureMode
from tests.actions.checks.conftest import SCHEDULED, finding, found
from tests.actions.conftest import Desk, put


class TestGapOnlyScheduled:
    def test_advises_for_a_systemic_cause(self, desk: Desk) -> None:
        """R-AI-06"""
        desk.opened(timing=SCHEDULED, causes=[desk.cause()])

        (only,) = found(desk, "AI013")
        assert (only.level, only.subject_ref) == (Level.INFO, "CA-1")

    def test_is_silent_when_a_mandatory_action_answers_it(self, desk: Desk) -> None:
        desk.opened(causes=[desk.cause()])
        assert found(desk, "AI013") == []


class TestNothingReducesRecurrence:
    def test_warns(self, desk: Desk) -> None:
        """R-AI-10, R-AI-02"""
        desk.opened(kind=ActionItem.Kind.RESTORE)
        assert found(desk, "AI016") == [
            finding(
                "AI016",
                "No action reduces recurrence: all of them stabilize or restore",
                "",
                Level.WARNING,
            )
        ]

    def test_passes_with_one_that_does(self, desk: Desk) -> None:
        desk.opened()
        assert found(desk, "AI016") == []


class TestControlWithoutAction:
    def mode(self, desk: Desk) -> FailureMode:
        row = FailureMode(
            incident=desk.incident,
            name="Provider stalls",
            control_to_validate="Failover to provider B",
        )
        return put(row, actor=desk.author)

    def test_warns(self, desk: Desk) -> None:
        """R-AI-11"""
        self.mode(desk)
        assert found(desk, "AI017") == [
            finding(
                "AI017",
                "Control to validate has no action: Failover to provider B",
                "FM-1",
                Level.WARNING,
            )
        ]

    def test_passes_with_an_action_that_answers_it(self, desk: Desk) -> None:
        desk.opened(failure_modes=[self.mode(desk)])
        assert found(desk, "AI017") == []


class TestCompletedOnUnclearCause:
    def test_warns(self, desk: Desk) -> None:
        """R-AI-09"""
        desk.completed(causes=[desk.cause()])
        assert found(desk, "AI018") == [
            finding(
                "AI018",
                "Completed while CA-1 is still provisional",
                level=Level.WARNING,
            )
        ]

    def test_passes_on_a_confirmed_one(self, desk: Desk) -> None:
        desk.completed(causes=[desk.cause(state=Cause.State.CONFIRMED)])
        assert found(desk, "AI018") == []


class TestCauseWithoutAction:
    def test_warns_and_leads_to_a_prefilled_form(self, desk: Desk) -> None:
        """R-RC-11"""
        desk.cause()

        (only,) = found(desk, "AI019")
        assert only == finding(
            "AI019",
            "No action answers this contributing cause, and no reason is given",
            "CA-1",
            Level.WARNING,
            tab="Root cause",
            hint="Add the action, or write on the cause why none is needed.",
        )
        assert only.url == "/incidents/INC-1/actions/add/?cause=1"

    def test_passes_with_an_action_or_a_reason(self, desk: Desk) -> None:
        desk.add(causes=[desk.cause()])
        desk.cause(no_action_reason="The provider has left the market.")
        desk.cause(state=Cause.State.RULED_OUT, ruled_out_reason="Replayed")
        assert found(desk, "AI019") == []

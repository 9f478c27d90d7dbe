"""Every check of the actions with a failing and a passing case."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from actions.models import ActionItem, TestRun
from actions.services import approvals, items
from incidents import activity
from incidents.models import Evidence, Incident, Lane
from incidents.services.core import add_record
from postmortem.lib.findings import REGISTRY, Case, Finding, Level, run_checks
from postmortem.lib.persistence import service
from rca.models import Cause, FailureMode
from tests.actions.conftest import RAN, Desk
from tests.conftest import NOW
from tests.factories import make_incident
from timeline.models import DependencyCheckpoint

SCHEDULED = ActionItem.Timing.SCHEDULED
OWNER = "Payments engineering lead"


@service
def put(row: Any, *, actor: User) -> Any:
    """A row of another app, without its service: it is not under test here."""
    row.incident = Incident.objects.get(pk=row.incident_id)
    add_record(row, actor=actor)
    activity.record(row.incident, actor=actor, verb="tests.put", sentence="put a row")
    return row


def found(desk: Desk, check_id: str, *, now: dt.datetime = NOW) -> list[Finding]:
    desk.incident.refresh_from_db()
    case = Case(desk.incident, now=now)
    return run_checks(case, only=lambda item: item.id == check_id)


def finding(
    check_id: str,
    message: str,
    ref: str = "ACT-1",
    level: Level = Level.ERROR,
    **more: Any,
) -> Finding:
    tab = more.pop("tab", "Actions")
    return Finding(
        id=check_id,
        level=level,
        message=message,
        subject_ref=ref,
        subject_label=f"{tab} · {ref}" if ref else tab,
        hint=more.pop("hint", ""),
        **more,
    )


def cause(desk: Desk, **fields: Any) -> Cause:
    fields.setdefault("label", Cause.Label.CONTRIBUTING)
    fields.setdefault("statement", "No contract test gates deploys")
    return put(Cause(incident=desk.incident, **fields), actor=desk.author)


class TestNoActions:
    def test_blocks_a_case_without_actions(self, desk: Desk) -> None:
        """R-DOC-01, R-DOC-04, R-CK-04"""
        (only,) = found(desk, "AI001")

        assert only == finding(
            "AI001",
            "No action items: nothing says what changes so that this does not repeat",
            "",
            hint="Add at least one preventive change with an owner, a date and a test.",
        )
        assert only.url == "/incidents/INC-1/actions/add/"

    def test_is_silent_with_one(self, desk: Desk) -> None:
        desk.add()
        assert found(desk, "AI001") == []


class TestOwnerAndDate:
    def test_block_what_has_left_draft(self, desk: Desk) -> None:
        """R-CK-04, R-AI-06"""
        action = desk.opened()
        # Only an import can bring in an open action like this.
        ActionItem.objects.filter(pk=action.pk).update(owner=None, due_at=None)
        title = "Block deploys when the contract test fails"

        assert found(desk, "AI002") == [
            finding("AI002", f"Mandatory action without owner: {title}")
        ]
        assert found(desk, "AI003") == [
            finding("AI003", f"Mandatory action without due date: {title}")
        ]

    def test_calls_a_completed_action_completed(self, desk: Desk) -> None:
        action = desk.opened(timing=SCHEDULED)
        ActionItem.objects.filter(pk=action.pk).update(
            owner=None, state=ActionItem.State.COMPLETED
        )
        (only,) = found(desk, "AI002")
        assert only.message.startswith("Completed action without owner: ")

    def test_are_silent_otherwise(self, desk: Desk) -> None:
        desk.opened()
        assert found(desk, "AI002") == found(desk, "AI003") == []


class TestVagueWording:
    def test_warns_and_names_the_words(self, desk: Desk) -> None:
        """R-AI-04, R-DOC-15"""
        desk.add(title="Monitor closely")

        (only,) = found(desk, "AI004")
        assert (only.level, only.subject_ref) == (Level.WARNING, "ACT-1")
        assert only.message.startswith("A reviewer could not tell when this is done: “")
        assert only.hint
        assert only.url == "/incidents/INC-1/actions/1/edit/"

    @pytest.mark.parametrize(
        "title",
        [
            "Run the failover simulation and attach its output",
            "Page when pending events stay above 500 for 3 min",
        ],
    )
    def test_leaves_an_exact_change_alone(self, desk: Desk, title: str) -> None:
        desk.add(title=title)
        assert found(desk, "AI004") == []


class TestDrafts:
    def test_block_and_name_what_they_lack(self, desk: Desk) -> None:
        """R-AI-03, R-CK-04"""
        desk.add(owner=None, due_at=None, proof_location="")

        assert found(desk, "AI005") == [
            finding(
                "AI005",
                "Still a draft: no owner, no date, no closure test, "
                "no place for the proof",
                hint="Complete and open it, or cancel it with a reason.",
            )
        ]

    def test_pass_once_open_or_cancelled(self, desk: Desk) -> None:
        desk.opened()
        given_up = desk.add()
        items.cancel_action(
            incident_id=desk.incident.pk,
            actor=desk.author,
            number=given_up.number,
            reason="Not needed",
        )
        assert found(desk, "AI005") == []


class TestMandatoryOpen:
    def test_blocks_and_says_how_late_it_is(self, desk: Desk) -> None:
        """R-AP-01, R-AP-03, R-AI-06"""
        desk.opened(due_at=NOW - dt.timedelta(days=1))

        assert found(desk, "AI006") == [
            finding(
                "AI006",
                "Mandatory action is not completed, due 16 Mar, 1 d overdue",
                hint="Complete it on an accepted run; until then keep the incident "
                "stabilized.",
            )
        ]

    def test_passes_when_completed_and_ignores_scheduled_work(self, desk: Desk) -> None:
        desk.completed()
        desk.opened(timing=SCHEDULED)
        assert found(desk, "AI006") == []


class TestPriorityLimit:
    def test_warns_about_a_date_after_the_limit(self, desk: Desk) -> None:
        """R-AI-07"""
        desk.opened(priority="4_weeks", due_at=NOW + dt.timedelta(days=40))

        assert found(desk, "AI007") == [
            finding(
                "AI007",
                "Due 26 Apr, after the 4-week limit of 14 Apr",
                level=Level.WARNING,
            )
        ]

    def test_warns_when_the_limit_has_passed(self, desk: Desk) -> None:
        """R-AI-07"""
        desk.opened(priority="8_weeks")
        late = NOW + dt.timedelta(weeks=8, days=1)

        (only,) = found(desk, "AI007", now=late)
        assert only.message == "The 8-week limit ended on 12 May and the action is open"

    def test_is_silent_inside_the_limit(self, desk: Desk) -> None:
        desk.opened(priority="4_weeks")
        desk.opened(due_at=NOW + dt.timedelta(days=400))
        assert found(desk, "AI007") == []


class TestFieldsOfAnAction:
    """R-AI-01, R-AI-05, R-AI-08"""

    def test_missing_ones_are_named(self, desk: Desk) -> None:
        action = desk.opened(
            tracker_url="", risk_removed="", trade_off="", rollback_path=""
        )
        ActionItem.objects.filter(pk=action.pk).update(proof_location="")

        assert found(desk, "AI008") == [
            finding(
                "AI008",
                "No tracker link: ACT-1",
                "",
                Level.INFO,
                hint="Link the work item, so that the change is planned and found.",
            )
        ]
        assert found(desk, "AI009") == [
            finding(
                "AI009",
                "Not written: the risk removed, the trade-off",
                level=Level.WARNING,
            )
        ]
        assert found(desk, "AI010") == [
            finding(
                "AI010",
                "No rollback path: what undoes this change if it harms?",
                level=Level.WARNING,
            )
        ]
        assert found(desk, "AI011") == [
            finding(
                "AI011",
                "Answers no cause and no failure mode",
                level=Level.WARNING,
                hint="Choose the cause or the failure mode that it makes less likely.",
            )
        ]
        assert found(desk, "AI014") == [
            finding("AI014", "Not said where the proof is stored", level=Level.INFO)
        ]

    def test_the_same_of_more_than_three_is_said_once(self, desk: Desk) -> None:
        for _ in range(4):
            desk.opened(rollback_path="")
        assert found(desk, "AI010") == [
            finding(
                "AI010",
                "In 4 actions (ACT-1, ACT-2, ACT-3 and 1 more): no rollback path: "
                "what undoes this change if it harms?",
                "",
                Level.WARNING,
            )
        ]

    def test_nothing_is_said_of_a_complete_one(self, desk: Desk) -> None:
        desk.opened(causes=[cause(desk)])
        ids = ("AI008", "AI009", "AI010", "AI011", "AI014")
        assert [f for check_id in ids for f in found(desk, check_id)] == []


class TestFinanceSide:
    def test_warns_when_no_action_touches_money_controls(self, desk: Desk) -> None:
        """R-AI-12, R-SC-16"""
        desk.opened()

        (only,) = found(desk, "AI012")
        assert only.level == Level.WARNING
        assert only.message.startswith("No action shows the finance side")

    def test_passes_with_one_that_finance_approves(self, desk: Desk) -> None:
        desk.opened(area=ActionItem.Area.SETTLEMENT)
        assert found(desk, "AI012") == []


class TestGapOnlyScheduled:
    def test_advises_for_a_systemic_cause(self, desk: Desk) -> None:
        """R-AI-06"""
        desk.opened(timing=SCHEDULED, causes=[cause(desk)])

        (only,) = found(desk, "AI013")
        assert (only.level, only.subject_ref) == (Level.INFO, "CA-1")

    def test_is_silent_when_a_mandatory_action_answers_it(self, desk: Desk) -> None:
        desk.opened(causes=[cause(desk)])
        assert found(desk, "AI013") == []


class TestOverdue:
    def test_warns_about_scheduled_work(self, desk: Desk) -> None:
        """R-MT-05"""
        desk.opened(timing=SCHEDULED, due_at=NOW - dt.timedelta(days=3))

        assert found(desk, "AI015") == [
            finding("AI015", "Due 14 Mar, 3 d overdue", level=Level.WARNING)
        ]

    def test_is_silent_before_the_date(self, desk: Desk) -> None:
        desk.opened(timing=SCHEDULED)
        assert found(desk, "AI015") == []


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
        desk.completed(causes=[cause(desk)])
        assert found(desk, "AI018") == [
            finding(
                "AI018",
                "Completed while CA-1 is still provisional",
                level=Level.WARNING,
            )
        ]

    def test_passes_on_a_confirmed_one(self, desk: Desk) -> None:
        desk.completed(causes=[cause(desk, state=Cause.State.CONFIRMED)])
        assert found(desk, "AI018") == []


class TestCauseWithoutAction:
    def test_warns_and_leads_to_a_prefilled_form(self, desk: Desk) -> None:
        """R-RC-11"""
        cause(desk)

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
        desk.add(causes=[cause(desk)])
        cause(desk, no_action_reason="The provider has left the market.")
        cause(desk, state=Cause.State.RULED_OUT, ruled_out_reason="Replayed")
        assert found(desk, "AI019") == []


class TestMandatoryCancelled:
    def test_warns_with_the_reason(self, desk: Desk) -> None:
        """R-AI-06"""
        action = desk.opened()
        items.cancel_action(
            incident_id=desk.incident.pk,
            actor=desk.author,
            number=action.number,
            reason="The route is gone",
        )
        assert found(desk, "AI020") == [
            finding(
                "AI020",
                "Mandatory action was cancelled: The route is gone",
                level=Level.WARNING,
            )
        ]

    def test_is_silent_otherwise(self, desk: Desk) -> None:
        desk.opened()
        assert found(desk, "AI020") == []


class TestBlame:
    def test_warns_about_a_person_named(self, desk: Desk) -> None:
        """R-BL-03, R-BL-04"""
        desk.add(title="Retrain Ida Clark, who caused the outage")

        (only,) = found(desk, "BL003")
        assert (only.level, only.subject_ref) == (Level.WARNING, "ACT-1")
        assert only.message.startswith("Reads as blame: “")

    def test_leaves_conditions_alone(self, desk: Desk) -> None:
        desk.opened(details="The owner is the finance controller. The job failed.")
        assert found(desk, "BL003") == []


class TestNoAcceptedRun:
    def test_blocks_without_a_run(self, desk: Desk) -> None:
        """R-CK-05, R-AP-01"""
        desk.opened()

        (only,) = found(desk, "CT001")
        assert only == finding(
            "CT001",
            "Closure test CT-1 has no run",
            hint="Record a run that passes, with its artifact.",
        )
        assert only.url == "/incidents/INC-1/actions/tests/1/runs/add/"
        assert not only.waivable

    def test_blocks_after_a_failure(self, desk: Desk) -> None:
        desk.run(desk.opened(), outcome=TestRun.Outcome.FAILED)
        (only,) = found(desk, "CT001")
        assert only.message == "Closure test CT-1 failed on 16 Mar (RUN-1)"

    def test_passes_with_an_accepted_run_and_ignores_scheduled(
        self, desk: Desk
    ) -> None:
        desk.proven()
        desk.opened(timing=SCHEDULED)
        assert found(desk, "CT001") == []


class TestRunWithoutArtifact:
    def test_blocks_and_can_be_waived_as_a_stated_gap(self, desk: Desk) -> None:
        """R-CT-08, R-EV-10"""
        desk.run(desk.opened())

        (only,) = found(desk, "CT002")
        assert only == finding(
            "CT002", "RUN-1 passed on 16 Mar, but its artifact is missing", "CT-1"
        )
        assert only.waivable
        assert only.url == "/incidents/INC-1/actions/runs/1/attach/"
        assert found(desk, "CT001") == []

    def test_passes_with_it(self, desk: Desk) -> None:
        desk.proven()
        assert found(desk, "CT002") == []


class TestInexactTest:
    def test_warns(self, desk: Desk) -> None:
        """R-CT-05"""
        action = desk.opened()
        desk.test(action, pass_condition="", environment="")
        assert found(desk, "CT003") == [
            finding(
                "CT003",
                "CT-2 has no pass condition and no environment",
                "CT-2",
                Level.WARNING,
            )
        ]

    def test_passes(self, desk: Desk) -> None:
        desk.opened()
        assert found(desk, "CT003") == []


class TestNoClosureTest:
    def test_blocks_an_imported_action(self, desk: Desk) -> None:
        """R-CK-04, R-AP-01"""
        action = desk.add()
        ActionItem.objects.filter(pk=action.pk).update(state="open")
        assert found(desk, "CT004") == [
            finding("CT004", "No closure test: nothing would prove that this works")
        ]

    def test_passes(self, desk: Desk) -> None:
        desk.opened()
        assert found(desk, "CT004") == []


class TestProcedureAsProof:
    def test_blocks_and_cannot_be_waived(self, desk: Desk) -> None:
        """R-CT-05, R-CK-05"""
        action = desk.opened()
        runbook = desk.artifact(kind=Evidence.Kind.RUNBOOK)
        desk.run(action, evidence=[runbook])

        (only,) = found(desk, "CT005")
        assert only == finding(
            "CT005",
            "RUN-1 rests on procedure text only (EV-1)",
            "CT-1",
            hint="Attach the output of the run itself.",
        )
        assert not only.waivable
        assert found(desk, "CT002") == []

    def test_passes_with_output(self, desk: Desk) -> None:
        desk.proven()
        assert found(desk, "CT005") == []


class TestBoundaryDrill:
    def party(self, desk: Desk) -> None:
        row = DependencyCheckpoint(
            incident=desk.incident,
            kind=DependencyCheckpoint.Kind.GATEWAY,
            name="Provider A",
        )
        put(row, actor=desk.author)

    def test_warns_for_a_third_party_in_the_path(self, desk: Desk) -> None:
        """R-CT-06"""
        self.party(desk)
        desk.opened()
        assert found(desk, "CT006") == [
            finding(
                "CT006",
                "Provider A was in the path, but no closure test drills the boundary "
                "to it",
                "DP-1",
                Level.WARNING,
                hint="Add a test that makes the interface fail, late or malformed "
                "answers included.",
            )
        ]

    def test_passes_with_a_drill(self, desk: Desk) -> None:
        self.party(desk)
        desk.test(desk.opened(), procedure="Time out the answers of Provider A")
        assert found(desk, "CT006") == []


class TestSandboxLimit:
    def test_warns_when_no_follow_up_stays_open(self, desk: Desk) -> None:
        """R-CT-07"""
        action = desk.opened()
        run = desk.run(action, sandbox_limit="Late redelivery")
        assert found(desk, "CT007") == []

        TestRun.objects.filter(pk=run.pk).update(known_unknown=None)
        assert found(desk, "CT007") == [
            finding(
                "CT007",
                "RUN-1 could not reproduce: Late redelivery; no follow-up stays open",
                "RUN-1",
                Level.WARNING,
                hint="Record it as a known unknown with owner and deadline.",
            )
        ]


class TestProofOfArea:
    @pytest.mark.parametrize(
        ("area", "kind", "words"),
        [
            (
                ActionItem.Area.CONTINUITY,
                Evidence.Kind.TEST_OUTPUT,
                "Continuity recovery: the runs lack test output with its timestamps",
            ),
            (
                ActionItem.Area.RISK_CONTROLS,
                Evidence.Kind.CONTROL_LOG,
                "Risk controls before money movement: the runs lack control logs or "
                "before/after samples",
            ),
            (
                ActionItem.Area.SETTLEMENT,
                Evidence.Kind.CONFIG_CHANGE,
                "Settlement path: the runs lack the config or change record",
            ),
        ],
    )
    def test_warns_until_its_kind_of_record_is_there(
        self, desk: Desk, area: str, kind: str, words: str
    ) -> None:
        """R-CT-02, R-CT-03, R-CT-04"""
        action = desk.opened(area=area)
        shot = desk.artifact(kind=Evidence.Kind.SCREENSHOT)
        desk.run(action, evidence=[shot])
        assert found(desk, "CT008") == [finding("CT008", words, level=Level.WARNING)]

        later = RAN + dt.timedelta(hours=1)
        desk.run(action, evidence=[desk.artifact(kind=kind)], ran_at=later)
        assert found(desk, "CT008") == []


class TestWebhookStatuses:
    def test_are_asked_for_where_events_were_affected(self, commander: User) -> None:
        """R-CT-09"""
        incident = make_incident(actor=commander, lanes=["webhooks"])
        assert Lane.objects.get().family == Lane.Family.EVENTS
        desk = Desk(incident, commander, commander)
        action = desk.opened()

        (only,) = found(desk, "CT009")
        assert only.level == Level.INFO
        assert "webhook statuses" in only.message

        desk.test(action, procedure="Replay; pending webhooks return to zero")
        assert found(desk, "CT009") == []


class TestTestOverdue:
    def test_warns(self, desk: Desk) -> None:
        """R-MT-05"""
        desk.test(desk.opened(), due_at=NOW - dt.timedelta(days=2))
        assert found(desk, "CT010") == [
            finding(
                "CT010",
                "Closure test was due 15 Mar, 2 d overdue",
                "CT-2",
                Level.WARNING,
            )
        ]

    def test_passes_once_proven(self, desk: Desk) -> None:
        action = desk.opened()
        test = desk.test(action, due_at=NOW - dt.timedelta(days=2))
        desk.run(action, closure_test=test, evidence=[desk.artifact()])
        assert found(desk, "CT010") == []


class TestOtherEnvironment:
    def test_warns_about_a_fixture(self, desk: Desk) -> None:
        """R-CT-01"""
        desk.run(desk.opened(), environment="fixture", evidence=[desk.artifact()])
        assert found(desk, "CT011") == [
            finding(
                "CT011",
                "RUN-1 ran in “fixture”, the test asks for “staging”",
                "CT-1",
                Level.WARNING,
            )
        ]

    def test_passes_in_the_named_one(self, desk: Desk) -> None:
        desk.proven()
        assert found(desk, "CT011") == []


class TestApprovals:
    def test_a_completed_action_waits_for_its_approval(
        self, desk: Desk, reviewer: User
    ) -> None:
        """R-AP-01, R-AP-02"""
        action = desk.completed()
        (only,) = found(desk, "AP001")
        assert only == finding("AP001", "Completed, but its approval is missing")
        assert not only.waivable
        assert only.url == "/incidents/INC-1/actions/1/approve/"

        desk.approve(action, reviewer)
        assert found(desk, "AP001") == []

        items.edit_action(
            incident_id=desk.incident.pk, actor=desk.author, number=1, title="Other"
        )
        assert found(desk, "AP001") == [
            finding(
                "AP001",
                "Approval by Engineering manager is stale: the action changed after it",
            )
        ]

    def test_a_scheduled_action_needs_an_approved_deferral(
        self, desk: Desk, reviewer: User
    ) -> None:
        """R-AP-01"""
        action = desk.opened(timing=SCHEDULED)
        (only,) = found(desk, "AP002")
        assert only == finding("AP002", "Scheduled, but its deferral is not approved")
        assert not only.waivable

        approvals.approve_deferral(
            incident_id=desk.incident.pk, actor=reviewer, number=action.number
        )
        assert found(desk, "AP002") == []

    def test_asks_for_no_agreement_to_a_plan_that_is_not_there(
        self, desk: Desk
    ) -> None:
        action = desk.opened(timing=SCHEDULED)
        ActionItem.objects.filter(pk=action.pk).update(due_at=None)
        assert found(desk, "AP002") == []
        assert [row.is_blocking for row in found(desk, "AI003")] == [True]
        assert not REGISTRY["AI002"].waivable
        assert not REGISTRY["AI003"].waivable
        assert not REGISTRY["CT004"].waivable

    def test_finance_looks_where_money_moves(
        self, desk: Desk, reviewer: User, finance: User
    ) -> None:
        """R-AI-12, R-CT-03"""
        action = desk.completed(area=ActionItem.Area.RISK_CONTROLS)
        desk.approve(action, reviewer)
        assert found(desk, "AP001") == []
        assert found(desk, "AP003") == [
            finding("AP003", "Approval of its effect on money is missing")
        ]

        desk.approve(action, finance)
        assert found(desk, "AP003") == []


class TestCost:
    def test_does_not_grow_with_the_number_of_actions(self, desk: Desk) -> None:
        def queries() -> int:
            incident = Incident.objects.get(pk=desk.incident.pk)
            mine = [
                c.id for c in REGISTRY.values() if "actions." in c.function.__module__
            ]
            with CaptureQueriesContext(connection) as seen:
                run_checks(Case(incident, now=NOW), only=lambda c: c.id in mine)
            return len(seen)

        desk.proven()
        one = queries()
        for _ in range(4):
            action = desk.proven()
            desk.test(action)
            desk.run(action)

        assert queries() == one <= 14

"""Checks of closure tests and their runs."""

from __future__ import annotations

import datetime as dt

import pytest

from accounts.models import User
from actions.models import ActionItem, TestRun
from incidents.models import Evidence, Lane
from postmortem.lib.findings import Level
from tests.actions.checks.conftest import SCHEDULED, finding, found
from tests.actions.conftest import RAN, Desk, put
from tests.conftest import NOW
from tests.factories import make_incident
from timeline.models import DependencyCheckpoint


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

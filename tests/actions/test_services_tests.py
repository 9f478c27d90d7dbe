"""Write verbs of closure tests and their runs."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.base import ContentFile

from accounts.models import User
from actions import selectors
from actions.models import ActionItem, TestRun
from actions.services import tests as closure_tests
from incidents.models import Evidence, Incident, KnownUnknown
from postmortem.lib.errors import InvalidTransition
from tests.actions.conftest import RAN, Desk
from tests.conftest import NOW, codes
from tests.factories import make_incident


class TestClosureTests:
    def test_the_last_pass_condition_of_an_open_action_stays(self, desk: Desk) -> None:
        """R-AI-03"""
        action = desk.opened()
        test = action.closure_tests.get()
        who: dict[str, Any] = {"incident_id": desk.incident.pk, "actor": desk.author}

        with pytest.raises(ValidationError):
            closure_tests.retract_closure_test(
                **who, number=test.number, reason="Replaced"
            )
        with pytest.raises(ValidationError):
            closure_tests.edit_closure_test(
                **who, number=test.number, pass_condition=""
            )

        desk.test(action, procedure="The better one")
        closure_tests.retract_closure_test(**who, number=test.number, reason="Replaced")
        left = selectors.get_action(desk.incident, action.number).live_tests
        assert [item.ref for item in left] == ["CT-2"]
        assert desk.breaches() == []


class TestRecordRun:
    def test_stores_uploads_as_original_test_output(self, desk: Desk) -> None:
        """R-CT-01, R-CT-05"""
        action = desk.opened()

        run = desk.run(action, uploads=[ContentFile(b"PASS\n", name="run.log")])

        artifact = run.evidence[0]
        assert artifact.kind == Evidence.Kind.TEST_OUTPUT
        assert (artifact.is_original, artifact.captured_at) == (True, RAN)
        assert len(artifact.sha256) == 64
        assert run.is_accepted
        assert desk.breaches() == []

    def test_names_the_actor_as_tester_by_default(self, desk: Desk) -> None:
        assert desk.run(desk.opened()).tester == desk.owner

    def test_refuses_a_date_in_the_future(self, desk: Desk) -> None:
        """R-CT-05"""
        action = desk.opened()

        with pytest.raises(ValidationError) as refused:
            desk.run(action, ran_at=NOW + dt.timedelta(hours=1))

        assert codes(refused.value) == {"ran_at": ["future_time"]}

    def test_needs_environment_and_outcome(self, desk: Desk) -> None:
        """R-CT-05"""
        action = desk.opened()

        with pytest.raises(ValidationError) as refused:
            desk.run(action, environment="", outcome="great")

        assert codes(refused.value) == {
            "environment": ["blank"],
            "outcome": ["invalid_choice"],
        }

    def test_leaves_a_follow_up_for_what_the_sandbox_could_not_show(
        self, desk: Desk
    ) -> None:
        """R-CT-07"""
        action = desk.opened()

        run = desk.run(action, sandbox_limit="Provider retries after 3 days")

        unknown = KnownUnknown.objects.get()
        assert run.known_unknown == unknown
        assert "Provider retries after 3 days" in unknown.question
        assert (unknown.state, unknown.owner) == ("open", desk.owner)
        assert desk.breaches() == []

    def test_refuses_an_artifact_of_another_incident(
        self, desk: Desk, commander: User
    ) -> None:
        action = desk.opened()
        foreign = Desk(make_incident(actor=commander), commander, commander).artifact()

        with pytest.raises(ValidationError) as refused:
            desk.run(action, evidence=[foreign])

        assert codes(refused.value) == {"evidence": ["invalid"]}
        assert not TestRun.objects.exists()

    def test_goes_on_after_closing_for_scheduled_work_only(self, desk: Desk) -> None:
        """R-AP-01, decision 2"""
        scheduled = desk.opened(timing=ActionItem.Timing.SCHEDULED)
        mandatory = desk.opened()
        desk.status(Incident.Status.CLOSED)

        run = desk.run(scheduled, uploads=[ContentFile(b"ok", name="late.txt")])
        assert run.is_accepted
        with pytest.raises(InvalidTransition):
            desk.run(mandatory)
        with pytest.raises(InvalidTransition):
            closure_tests.retract_run(
                incident_id=desk.incident.pk,
                actor=desk.author,
                number=run.number,
                reason="x",
            )
        # The test forced the status; everything else is covered.
        assert [b.place for b in desk.breaches()] == [
            f"incidents.Incident {desk.incident.pk}"
        ]

    def test_is_refused_to_a_viewer(self, desk: Desk, viewer: User) -> None:
        action = desk.opened()

        with pytest.raises(PermissionDenied):
            desk.run(action, actor=viewer)


class TestAttachArtifact:
    def test_makes_a_passed_run_accepted(self, desk: Desk) -> None:
        """R-CT-08"""
        action = desk.opened()
        run = desk.run(action)
        assert not run.is_accepted

        run = closure_tests.attach_artifact(
            incident_id=desk.incident.pk,
            actor=desk.owner,
            number=run.number,
            evidence=[desk.artifact()],
        )

        assert run.is_accepted

    def test_needs_an_artifact(self, desk: Desk) -> None:
        run = desk.run(desk.opened())

        with pytest.raises(ValidationError) as refused:
            closure_tests.attach_artifact(
                incident_id=desk.incident.pk, actor=desk.owner, number=run.number
            )

        assert codes(refused.value) == {"evidence": ["required"]}

"""Approval of completion and deferral: two people, bound to the facts."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.models import Role, Team, User
from actions import selectors
from actions.models import ActionApproval, ActionItem
from actions.services import approvals, items
from incidents import activity
from incidents.models import Incident, Notification
from postmortem.lib.errors import InvalidTransition, SeparationOfDuties, StaleVersion
from postmortem.lib.persistence import service
from tests.actions.conftest import DUE, RAN, Desk
from tests.conftest import NOW, person

SCHEDULED = ActionItem.Timing.SCHEDULED
Purpose = ActionApproval.Purpose


def standing(desk: Desk, action: ActionItem, purpose: str = "") -> str:
    fresh = selectors.get_action(desk.incident, action.number)
    return selectors.approval_state(fresh, purpose).state


def lead_team(user: User, slug: str) -> None:
    Team.objects.create(slug=slug, name=slug, function="engineering", manager=user)
    user.__dict__.pop("managed_functions", None)


class TestApproveAction:
    def test_is_one_managers_word_on_the_facts(
        self, desk: Desk, reviewer: User
    ) -> None:
        """R-AP-02"""
        action = desk.completed()
        assert standing(desk, action) == "waiting"

        approval = desk.approve(action, reviewer, comment="Read the output")

        assert (approval.seat, approval.decision) == ("quality", "approved")
        assert standing(desk, action) == "approved"
        assert desk.breaches() == []

    def test_is_refused_to_the_owner(self, desk: Desk, reviewer: User) -> None:
        """R-AP-02"""
        action = desk.completed(owner=reviewer)

        with pytest.raises(SeparationOfDuties, match="owns it") as refused:
            desk.approve(action, reviewer)

        assert refused.value.status == 403
        assert not ActionApproval.objects.exists()

    def test_is_refused_to_who_owned_it_before(
        self, desk: Desk, reviewer: User, responder: User
    ) -> None:
        """R-AP-02: handing an action over makes nobody a second pair of eyes."""
        action = desk.completed(owner=reviewer)
        items.edit_action(
            incident_id=desk.incident.pk,
            actor=desk.author,
            number=action.number,
            owner=responder,
        )

        with pytest.raises(SeparationOfDuties, match="owned it before"):
            desk.approve(action, reviewer)

    def test_is_refused_to_who_imported_the_case(
        self, desk: Desk, reviewer: User
    ) -> None:
        """R-AP-02: who brings a case in could have written all of it."""
        action = desk.completed()

        @service
        def bring_in() -> None:
            activity.record(
                desk.incident,
                actor=reviewer,
                verb="incidents.case_imported",
                sentence="imported the case",
            )

        desk.incident.refresh_from_db()
        bring_in()

        with pytest.raises(SeparationOfDuties, match="imported the case"):
            desk.approve(action, reviewer)

    def test_is_refused_to_a_second_account_of_the_owner(
        self, desk: Desk, reviewer: User
    ) -> None:
        """R-AP-02"""
        twin = person("em2", "Eva M.", "Engineering manager", Role.REVIEWER)
        User.objects.filter(pk=twin.pk).update(person_id=reviewer.person_id)
        twin = User.objects.get(pk=twin.pk)
        lead_team(twin, "other")
        action = desk.completed(owner=reviewer)

        with pytest.raises(SeparationOfDuties, match="owns it"):
            desk.approve(action, twin)

    def test_is_refused_to_the_tester(self, desk: Desk, reviewer: User) -> None:
        """R-AP-02"""
        action = desk.opened()
        desk.run(action, tester=reviewer, evidence=[desk.artifact()])
        items.complete_action(
            incident_id=desk.incident.pk, actor=desk.owner, number=action.number
        )

        with pytest.raises(SeparationOfDuties, match="made RUN-1"):
            desk.approve(action, reviewer)

    def test_is_refused_to_the_author_of_the_run(
        self, desk: Desk, reviewer: User
    ) -> None:
        """R-AP-02"""
        action = desk.opened()
        desk.run(action, actor=reviewer, tester=desk.owner, evidence=[desk.artifact()])
        items.complete_action(
            incident_id=desk.incident.pk, actor=desk.owner, number=action.number
        )

        with pytest.raises(SeparationOfDuties, match="recorded RUN-1"):
            desk.approve(action, reviewer)

    def test_is_refused_to_the_author_of_the_action(
        self, desk: Desk, reviewer: User
    ) -> None:
        """R-AP-02"""
        desk.author = reviewer
        action = desk.completed()

        with pytest.raises(SeparationOfDuties, match="wrote it"):
            desk.approve(action, reviewer)

    def test_takes_a_manager(self, desk: Desk, db: None) -> None:
        """R-AP-02"""
        plain = person("r2", "Rae Poe", "Reviewer", Role.REVIEWER)
        action = desk.completed()

        with pytest.raises(PermissionDenied, match="manager of a team"):
            desk.approve(action, plain)

    @pytest.mark.parametrize("who", ["viewer", "outsider"])
    def test_is_refused_to_the_wrong_role(
        self, desk: Desk, who: str, request: pytest.FixtureRequest
    ) -> None:
        action = desk.completed()

        with pytest.raises(PermissionDenied):
            desk.approve(action, request.getfixturevalue(who))

    def test_opens_only_on_completion(self, desk: Desk, reviewer: User) -> None:
        """R-AP-01"""
        action = desk.proven()

        with pytest.raises(InvalidTransition, match="accepted run"):
            desk.approve(action, reviewer)

    def test_twice_is_refused(self, desk: Desk, reviewer: User) -> None:
        action = desk.completed()
        desk.approve(action, reviewer)

        with pytest.raises(InvalidTransition, match="approved already"):
            desk.approve(action, reviewer)

        assert ActionApproval.objects.count() == 1

    def test_refuses_what_was_not_read(self, desk: Desk, reviewer: User) -> None:
        action = desk.completed()
        read = selectors.approval_state(
            selectors.get_action(desk.incident, action.number)
        ).digest
        items.edit_action(
            incident_id=desk.incident.pk,
            actor=desk.author,
            number=action.number,
            title="Something else",
        )

        with pytest.raises(StaleVersion):
            desk.approve(action, reviewer, digest=read)

    @pytest.mark.parametrize(
        "change",
        [
            {"title": "Another change"},
            {"risk_remaining": "More than we thought"},
            {"due_at": DUE + dt.timedelta(days=9)},
            {"rollback_path": "None"},
        ],
    )
    def test_lapses_when_the_action_changes(
        self, desk: Desk, reviewer: User, change: dict[str, Any]
    ) -> None:
        """R-AP-02, R-EV-09"""
        action = desk.completed()
        desk.approve(action, reviewer)

        items.edit_action(
            incident_id=desk.incident.pk,
            actor=desk.author,
            number=action.number,
            **change,
        )

        assert standing(desk, action) == "stale"
        desk.approve(action, reviewer)
        assert standing(desk, action) == "approved"

    def test_lapses_with_a_new_run(self, desk: Desk, reviewer: User) -> None:
        action = desk.completed()
        desk.approve(action, reviewer)

        desk.run(action, outcome="failed", ran_at=RAN + dt.timedelta(hours=3))

        assert standing(desk, action) == "stale"

    def test_takes_finance_too_where_money_moves(
        self, desk: Desk, reviewer: User, finance: User
    ) -> None:
        """R-AI-12, R-CT-03, R-AP-02"""
        action = desk.completed(area=ActionItem.Area.RISK_CONTROLS)

        desk.approve(action, reviewer)
        assert standing(desk, action) == "waiting"
        approval = desk.approve(action, finance)

        assert approval.seat == "finance"
        assert standing(desk, action) == "approved"

    def test_fills_two_seats_with_two_people(self, desk: Desk, finance: User) -> None:
        """R-AI-12, R-AP-02"""
        action = desk.completed(area=ActionItem.Area.SETTLEMENT)
        desk.approve(action, finance)

        with pytest.raises(SeparationOfDuties, match="another person"):
            desk.approve(action, finance, seat="quality")

    def test_refuses_a_seat_that_the_role_does_not_have(
        self, desk: Desk, reviewer: User
    ) -> None:
        action = desk.completed(area=ActionItem.Area.SETTLEMENT)

        with pytest.raises(PermissionDenied, match="finance"):
            desk.approve(action, reviewer, seat="finance")

    def test_goes_on_after_closing_for_scheduled_work(
        self, desk: Desk, reviewer: User
    ) -> None:
        """Decision 2"""
        late = desk.completed(timing=SCHEDULED)
        mandatory = desk.completed()
        desk.status(Incident.Status.CLOSED)

        desk.approve(late, reviewer)
        with pytest.raises(InvalidTransition):
            desk.approve(mandatory, reviewer)

        assert standing(desk, late) == "approved"


class TestApproveDeferral:
    def defer(self, desk: Desk, action: ActionItem, actor: User) -> ActionApproval:
        return approvals.approve_deferral(
            incident_id=desk.incident.pk, actor=actor, number=action.number
        )

    def test_outlives_runs_but_not_a_new_plan(self, desk: Desk, reviewer: User) -> None:
        """R-AP-01"""
        action = desk.opened(timing=SCHEDULED)
        assert standing(desk, action) == "waiting"

        self.defer(desk, action, reviewer)
        desk.run(action, evidence=[desk.artifact()])
        assert standing(desk, action) == "approved"

        items.edit_action(
            incident_id=desk.incident.pk,
            actor=desk.author,
            number=action.number,
            due_at=DUE + dt.timedelta(days=60),
        )
        assert standing(desk, action) == "stale"

    def test_is_refused_to_the_owner(self, desk: Desk, reviewer: User) -> None:
        """R-AP-02"""
        action = desk.opened(timing=SCHEDULED, owner=reviewer)

        with pytest.raises(SeparationOfDuties):
            self.defer(desk, action, reviewer)

    def test_is_not_for_mandatory_work(self, desk: Desk, reviewer: User) -> None:
        """R-AI-06, R-AP-01"""
        with pytest.raises(InvalidTransition, match="mandatory now"):
            self.defer(desk, desk.opened(), reviewer)

    def test_is_not_for_drafts(self, desk: Desk, reviewer: User) -> None:
        with pytest.raises(InvalidTransition, match="only an open action"):
            self.defer(desk, desk.add(timing=SCHEDULED), reviewer)

    def test_needs_owner_date_and_test_on_an_imported_action(
        self, desk: Desk, reviewer: User
    ) -> None:
        """R-AP-01"""
        action = desk.add(timing=SCHEDULED, owner=None, due_at=None)
        ActionItem.objects.filter(pk=action.pk).update(state="open")

        with pytest.raises(ValidationError) as refused:
            self.defer(desk, action, reviewer)

        assert set(refused.value.error_dict) == {"owner", "due_at", "closure_tests"}


class TestRequestChanges:
    def ask(self, desk: Desk, action: ActionItem, actor: User, comment: str) -> Any:
        return approvals.request_changes(
            incident_id=desk.incident.pk,
            actor=actor,
            number=action.number,
            comment=comment,
        )

    def test_opens_a_completed_action_again_and_tells_the_owner(
        self, desk: Desk, reviewer: User
    ) -> None:
        action = desk.completed()

        self.ask(desk, action, reviewer, "Run it on live-shaped events.")

        action.refresh_from_db()
        assert (action.state, action.completed_at) == ("open", None)
        assert standing(desk, action) == "changes_requested"
        message = Notification.objects.get()
        assert message.recipient == desk.owner
        assert "live-shaped events" in message.body
        assert desk.breaches() == []

    def test_counts_by_a_clock_that_was_set_back(
        self, desk: Desk, reviewer: User
    ) -> None:
        action = desk.completed()
        desk.approve(action, reviewer)
        assert standing(desk, action) == "approved"

        with time_machine.travel(NOW - dt.timedelta(hours=1), tick=False):
            self.ask(desk, action, reviewer, "Run it on live-shaped events.")

        assert standing(desk, action) == "changes_requested"
        assert desk.breaches() == []

    def test_lapses_when_the_action_is_completed_anew(
        self, desk: Desk, reviewer: User
    ) -> None:
        action = desk.completed()
        self.ask(desk, action, reviewer, "Say what remains.")

        items.complete_action(
            incident_id=desk.incident.pk,
            actor=desk.owner,
            number=action.number,
            risk_remaining="Replays older than 3 days",
        )

        assert standing(desk, action) == "waiting"

    def test_says_what_has_to_change(self, desk: Desk, reviewer: User) -> None:
        action = desk.completed()

        with pytest.raises(ValidationError) as refused:
            self.ask(desk, action, reviewer, "")

        assert set(refused.value.error_dict) == {"comment"}
        action.refresh_from_db()
        assert action.state == "completed"

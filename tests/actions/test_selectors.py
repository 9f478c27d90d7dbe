"""Reads of the actions."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.test import Client

from accounts.models import User
from actions import selectors
from actions.models import ActionItem
from actions.services import items
from incidents.models import Incident
from rca import services as rca
from tests.actions.conftest import Desk
from tests.conftest import NOW


class TestFollowThrough:
    def test_counts_kind_state_lateness_proof_and_residual_risk(
        self, desk: Desk
    ) -> None:
        """R-MT-05"""
        desk.completed()
        gap = desk.completed(kind=ActionItem.Kind.RESTORE)
        desk.run(gap, outcome="failed", ran_at=NOW)
        late = desk.opened(due_at=NOW - dt.timedelta(days=1))
        desk.run(late, sandbox_limit="Late redelivery")
        desk.add(timing=ActionItem.Timing.SCHEDULED)

        figures = selectors.follow_through(selectors.actions(desk.incident), NOW)

        assert figures.by_kind["reduce_recurrence"] == {
            "draft": 1,
            "open": 1,
            "completed": 1,
            "cancelled": 0,
        }
        assert figures.by_kind["restore"]["completed"] == 1
        assert (figures.total, figures.overdue, figures.mandatory_open) == (4, 1, 1)
        assert figures.completed_with_artifact == 1
        assert figures.completed_without_artifact == 1
        assert figures.residual_risks == 3


class TestPendingActions:
    def test_cross_incidents_and_keep_to_what_the_person_may_see(
        self, desk: Desk, responder: User, client: Client
    ) -> None:
        """R-MT-05, decision 12"""
        desk.add(due_at=None)
        desk.opened()
        desk.completed()
        client.force_login(responder)

        found = client.get("/actions/").context["page"]
        assert [row.ref for row in found] == ["ACT-2", "ACT-1"]

        Incident.objects.update(is_restricted=True)
        assert client.get("/actions/").context["rows"] == []


class TestActionsByCause:
    def test_gives_each_cause_its_actions_in_one_query(
        self, desk: Desk, client: Client, django_assert_num_queries: Any
    ) -> None:
        """The page of causes names them; a withdrawn action answers nothing."""
        trigger, primary = (
            rca.add_cause(
                incident_id=desk.incident.pk,
                actor=desk.author,
                label=label,
                statement=f"The {label} condition",
                role="It produced the failure",
            )
            for label in ("trigger", "primary")
        )
        rca.edit_cause(
            incident_id=desk.incident.pk,
            actor=desk.author,
            number=trigger.number,
            leads_to=[primary],
        )
        first = desk.add(causes=[trigger, primary])
        mistake = desk.add(causes=[primary])
        items.retract_action(
            incident_id=desk.incident.pk,
            actor=desk.author,
            number=mistake.number,
            reason="Entered twice",
        )

        with django_assert_num_queries(1):
            found = selectors.actions_by_cause(desk.incident)

        assert found == {trigger.pk: [first], primary.pk: [first]}

        client.force_login(desk.author)
        page = client.get(f"/incidents/{desk.incident.key}/causes/").content.decode()
        assert page.count(f'href="{first.get_absolute_url()}">ACT-1</a>') == 2
        assert page.count("leads-to-primary") == 1


class TestLoadFacts:
    def test_says_of_an_action_what_reading_it_alone_says(
        self, desk: Desk, commander: User, reviewer: User, finance: User
    ) -> None:
        """R-AP-02: what an approval covers, where it stands and who had a part."""
        mode = rca.add_failure_mode(
            incident_id=desk.incident.pk, actor=commander, mode="other", name="Queue"
        )
        action = desk.completed(
            owner=commander,
            area=ActionItem.Area.SETTLEMENT,
            causes=[desk.cause(), desk.cause()],
            failure_modes=[mode],
        )
        items.edit_action(
            incident_id=desk.incident.pk,
            actor=commander,
            number=action.number,
            owner=desk.owner,
        )
        desk.approve(action, reviewer)
        alone = selectors.get_action(desk.incident, action.number)

        (loaded,) = ActionItem.objects.filter(pk=action.pk)
        people = selectors.load_facts([loaded], besides=[finance.pk])

        assert people[finance.pk].is_manager
        for purpose in ("completion", "deferral"):
            found = selectors.approval_state(loaded, purpose)
            known = selectors.approval_state(alone, purpose)
            assert found.digest == known.digest
            assert [seat.state for seat in found.seats] == [
                seat.state for seat in known.seats
            ]
            for who in (commander, desk.owner, reviewer, finance):
                assert selectors.conflicts(loaded, who, purpose) == (
                    selectors.conflicts(alone, who, purpose)
                )

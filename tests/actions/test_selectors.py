"""Reads of the actions."""

from __future__ import annotations

import datetime as dt

from accounts.models import User
from actions import selectors
from actions.models import ActionItem
from incidents.models import Incident
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

        figures = selectors.follow_through(desk.incident)

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


class TestOpenActionsOf:
    def test_crosses_incidents_and_keeps_to_what_the_person_may_see(
        self, desk: Desk, responder: User
    ) -> None:
        """R-MT-05, decision 12"""
        desk.add(due_at=None)
        desk.opened()
        desk.completed()

        found = selectors.open_actions_of(responder)
        assert [action.ref for action in found] == ["ACT-2", "ACT-1"]

        Incident.objects.update(is_restricted=True)
        assert selectors.open_actions_of(responder) == []

"""Checks of approvals of completions and deferrals."""

from __future__ import annotations

from accounts.models import User
from actions.models import ActionItem
from actions.services import approvals, items
from postmortem.lib.findings import REGISTRY
from tests.actions.checks.conftest import SCHEDULED, finding, found
from tests.actions.conftest import Desk


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

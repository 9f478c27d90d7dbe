"""Checks of an action by itself: owner, date, timing, risks."""

from __future__ import annotations

import datetime as dt

from actions.models import ActionItem
from actions.services import items
from postmortem.lib.findings import Level
from tests.actions.checks.conftest import SCHEDULED, finding, found
from tests.actions.conftest import Desk
from tests.conftest import NOW

OWNER = "Payments engineering lead"


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
        desk.opened(causes=[desk.cause()])
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

"""Checks of the approval of actions (R-AP)."""

from __future__ import annotations

from collections.abc import Iterator

from actions import selectors
from actions.checks.base import TAB, State, owner_label, page
from actions.models import ActionApproval, ActionItem
from postmortem.lib.findings import Case, Level, Problem, Row, check

Purpose = ActionApproval.Purpose
Seat = ActionApproval.Seat


def _in_state(case: Case, state: str) -> list[ActionItem]:
    return [a for a in case.load(selectors.actions) if a.state == state]


@check(
    "AP001",
    "Completed action not approved",
    level=Level.ERROR,
    requirements=("R-AP-01", "R-AP-02", "R-CK-04"),
    tab=TAB,
    row=Row.ACTIONS,
)
def not_approved(case: Case) -> Iterator[Problem]:
    """Completed is the owner's word. A second person, a manager, looks at quality and
    completeness; what changes afterwards is looked at again. Never waivable."""
    for action in _in_state(case, State.COMPLETED):
        state = selectors.approval_state(action, Purpose.COMPLETION)
        seat = state.seat(Seat.QUALITY)
        if seat is None or seat.state == "approved":
            continue
        if seat.state == "stale" and seat.approval is not None:
            message = (
                f"Approval by {seat.approval.approver.label} is stale: the action "
                "changed after it"
            )
        else:
            message = "Completed, but its approval is missing"
        yield Problem(
            message,
            subject=action,
            fix_label="Approve",
            url=page("action_approve", action),
            owner_label="a manager, not the owner or tester",
            inputs=(state.digest,),
        )


@check(
    "AP002",
    "Scheduled action without approved deferral",
    level=Level.ERROR,
    requirements=("R-AP-01",),
    tab=TAB,
    row=Row.ACTIONS,
)
def no_deferral(case: Case) -> Iterator[Problem]:
    """Closing with work left is a decision: somebody who does not own the action agrees
    to its owner, its date and its closure test. Until all three are there, AI002, AI003
    and CT004 ask for them. Never waivable."""
    for action in _in_state(case, State.OPEN):
        if action.is_mandatory:
            continue
        if action.owner is None or action.due_at is None or not action.live_tests:
            continue  # nothing to agree to yet; those findings are not waivable either
        state = selectors.approval_state(action, Purpose.DEFERRAL)
        if state.is_approved:
            continue
        yield Problem(
            {
                "stale": "Deferral was approved for an earlier plan",
                "changes_requested": "Changes to the plan were requested",
            }.get(state.state, "Scheduled, but its deferral is not approved"),
            subject=action,
            fix_label="Approve deferral",
            url=page("action_defer", action),
            owner_label=owner_label(action),
            inputs=(state.digest,),
        )


@check(
    "AP003",
    "Finance approval missing",
    level=Level.ERROR,
    requirements=("R-AI-12", "R-AP-02", "R-CT-03", "R-CT-04"),
    tab=TAB,
    row=Row.ACTIONS,
)
def no_finance_approval(case: Case) -> Iterator[Problem]:
    """Where a change touches risk controls or the settlement path, finance looks at its
    effect on money before it counts as done. Never waivable."""
    for action in _in_state(case, State.COMPLETED):
        state = selectors.approval_state(action, Purpose.COMPLETION)
        seat = state.seat(Seat.FINANCE)
        if seat is None or seat.state == "approved":
            continue
        yield Problem(
            "Approval of its effect on money is stale"
            if seat.state == "stale"
            else "Approval of its effect on money is missing",
            subject=action,
            fix_label="Approve",
            url=page("action_approve", action),
            owner_label="finance",
            inputs=(state.digest,),
        )

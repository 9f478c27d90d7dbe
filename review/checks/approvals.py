"""Closing: approved as it stands, and no request for changes open."""

from __future__ import annotations

from collections.abc import Iterator

from incidents.models import Incident
from incidents.selectors import record_hash
from postmortem.lib.findings import Case, Gate, Level, Problem, check
from postmortem.lib.words import listed
from review.checks.base import TAB, page
from review.selectors import ApprovalsState, approvals_state, excluded_people


def _approvals(case: Case) -> ApprovalsState:
    return case.load(
        approvals_state,
        present_hash=case.load(record_hash),
        excluded=case.load(excluded_people),
    )


@check(
    "AP101",
    "The closure is approved as it stands",
    level=Level.ERROR,
    requirements=("R-AP-01", "R-AP-02", "R-EV-09"),
    tab=TAB,
    gates=(Gate.CLOSE,),
)
def closure_approved(case: Case) -> Iterator[Problem]:
    """Two people of whom at least one is a manager answer for what they read; an
    approval of an earlier version says nothing about this one."""
    if case.incident.status != Incident.Status.IN_REVIEW:
        return
    state = _approvals(case)
    missing = state.missing
    if missing:
        stale = sum(seat.state == "stale" for seat in missing)
        words = f"{len(missing)} of {len(state.seats)} approvals missing: " + listed(
            [seat.label.lower() for seat in missing]
        )
        if stale:
            words += (
                f"; {'one' if stale == 1 else stale} lapsed because the record changed"
            )
        yield Problem(
            words,
            hint=state.sentence,
            fix_label="Approve",
            url=page(case, "review:review_detail") + "#approvals",
            inputs=(state.content_hash, *(seat.label for seat in missing)),
        )


@check(
    "AP102",
    "No approver asks for changes",
    level=Level.ERROR,
    requirements=("R-AP-02",),
    tab=TAB,
    gates=(Gate.CLOSE,),
)
def no_changes_requested(case: Case) -> Iterator[Problem]:
    """A request for changes to this version holds it back until the record changes or
    the request is withdrawn."""
    if case.incident.status != Incident.Status.IN_REVIEW:
        return
    for given in _approvals(case).blocking_changes:
        yield Problem(
            f"{given.approver.label} requests changes: {given.comment[:200]}",
            fix_label="See approvals",
            url=page(case, "review:review_detail") + "#approvals",
            owner_label=given.approver.label,
            inputs=(given.pk,),
        )

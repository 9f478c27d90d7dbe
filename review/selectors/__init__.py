"""Reads of the review: approvals, checklist, gaps, seals."""

from review.selectors.approvals import (
    ApprovalsState,
    Seat,
    Standing,
    approvals_state,
    approvals_states,
    excluded_of,
    excluded_people,
    standing,
    with_words,
)
from review.selectors.checklist import (
    Checklist,
    ChecklistRow,
    checklist,
    closure_facts,
    is_unfinished,
    recurrence_risks,
)
from review.selectors.gaps import Gap, gaps, gaps_from, gaps_sealed
from review.selectors.readiness import Readiness, readiness
from review.selectors.reviews import (
    current_review,
    live_participants,
    review_people,
)
from review.selectors.seals import (
    SealReport,
    latest_seal,
    present_findings,
    sealed_findings,
    since_closing,
    verify_seal,
)

__all__ = [
    "ApprovalsState",
    "Checklist",
    "ChecklistRow",
    "Gap",
    "Readiness",
    "SealReport",
    "Seat",
    "Standing",
    "approvals_state",
    "approvals_states",
    "checklist",
    "closure_facts",
    "current_review",
    "excluded_of",
    "excluded_people",
    "gaps",
    "gaps_from",
    "gaps_sealed",
    "is_unfinished",
    "latest_seal",
    "live_participants",
    "present_findings",
    "readiness",
    "recurrence_risks",
    "review_people",
    "sealed_findings",
    "since_closing",
    "standing",
    "verify_seal",
    "with_words",
]

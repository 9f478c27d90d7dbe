"""Reads of the actions: items with everything that hangs on them, their approvals, and
their progress."""

from actions.selectors.approvals import (
    OPEN_STATES,
    ApprovalState,
    approval_purpose,
    approval_state,
    conflicts,
    facts_digest,
    may_approve,
    seats_of,
)
from actions.selectors.facts import load_facts
from actions.selectors.items import (
    actions,
    actions_by_cause,
    all_actions,
    get_action,
    run_evidence,
    with_everything,
)
from actions.selectors.joined import PROOF, with_tests
from actions.selectors.progress import (
    Line,
    follow_through,
    is_overdue,
    lines,
    missing_artifact_inputs,
    missing_artifact_key,
    overdue,
    pending_actions,
    pending_counts,
    waived_artifacts,
)

__all__ = [
    "OPEN_STATES",
    "PROOF",
    "ApprovalState",
    "Line",
    "actions",
    "actions_by_cause",
    "all_actions",
    "approval_purpose",
    "approval_state",
    "conflicts",
    "facts_digest",
    "follow_through",
    "get_action",
    "is_overdue",
    "lines",
    "load_facts",
    "may_approve",
    "missing_artifact_inputs",
    "missing_artifact_key",
    "overdue",
    "pending_actions",
    "pending_counts",
    "run_evidence",
    "seats_of",
    "waived_artifacts",
    "with_everything",
    "with_tests",
]

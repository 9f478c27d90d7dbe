"""Reads of the actions: items with everything that hangs on them, their approvals, and
their progress."""

from actions.selectors.approvals import (
    ApprovalState,
    approval_purpose,
    approval_state,
    conflicts,
    facts_digest,
    load_conflicts,
    may_approve,
    seats_of,
)
from actions.selectors.items import (
    actions,
    actions_by_cause,
    all_actions,
    get_action,
    load_rest,
    run_evidence,
    with_approvals,
    with_everything,
)
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
    "load_conflicts",
    "load_rest",
    "may_approve",
    "missing_artifact_inputs",
    "missing_artifact_key",
    "overdue",
    "pending_actions",
    "pending_counts",
    "run_evidence",
    "seats_of",
    "waived_artifacts",
    "with_approvals",
    "with_everything",
]

"""Closing with a seal, keeping as stabilized, reopening. Only people close: nothing
closes in bulk or by time-out."""

from __future__ import annotations

from django.utils import timezone

from accounts.models import User
from incidents import activity
from incidents.models import Incident
from incidents.selectors import findings_of, record_hash
from incidents.services.core import lock_incident, require_reason
from incidents.services.findings import as_row, store_findings
from incidents.services.lifecycle import (
    move_to_closed,
    move_to_reopened,
    move_to_stabilized,
)
from postmortem.lib.canonical import canonical_bytes, digest
from postmortem.lib.errors import GateClosed, InvalidTransition, field_error
from postmortem.lib.fields import is_blank
from postmortem.lib.findings import Case, Finding, findings_block
from postmortem.lib.persistence import save, service
from postmortem.lib.record import build_record
from postmortem.lib.sealing import public_key_of, seal_key
from review.models import ClosureApproval, Seal
from review.selectors import approvals_state, latest_seal
from review.selectors.approvals import ApprovalsState
from review.selectors.seals import signed_bytes
from review.services.approvals import lapse_approvals
from review.services.reports import queue_report


@service
def close_incident(*, incident_id: int, actor: User) -> Seal:
    """Close and seal: the record becomes read-only on every path (R-AP-01, R-CK-07).

    The findings are computed again inside this transaction, under the lock, so that an
    edit at the same moment either stands before the seal or is refused. GateClosed
    lists what blocks: an open ERROR, no all-clear, approvals missing or stale.
    """
    incident = lock_incident(incident_id, actor=actor, permission="review.close")
    if incident.status != Incident.Status.IN_REVIEW:
        raise InvalidTransition(
            f"{incident.key} is {incident.get_status_display().lower()}: it must be in "
            "review to close it."
        )
    record = build_record(incident)
    present = digest(record)
    case = Case(incident, known={record_hash: present})
    found = findings_of(case)
    state = approvals_state(incident, present_hash=present)
    _pass(incident, found, state)
    move_to_closed(incident, actor=actor)
    closed_at = incident.closed_at or timezone.now()
    previous = latest_seal(incident)
    sequence = previous.sequence + 1 if previous else 1
    activity.record(
        incident,
        actor=actor,
        verb="review.incident_closed",
        sentence=f"closed and sealed version {present[:12]} with "
        f"{len(state.valid)} approvals",
        data={
            "content_hash": present,
            "seal": sequence,
            "approvals": [item.pk for item in state.valid],
            "findings": [f"{f.id} {f.subject_ref}".strip() for f in found],
        },
    )
    seal = signed(
        Seal(
            incident=incident,
            sequence=sequence,
            sealed_at=closed_at,
            sealed_by=actor,
            content_hash=present,
            record=canonical_bytes(record),
            activity_count=incident.activity_count,
            activity_head=incident.activity_head,
            findings=[_finding(item) for item in found],
            approvals=[_approval(item) for item in state.valid],
        )
    )
    save(seal, actor=actor)
    store_findings(case, found, computed_at=closed_at)
    queue_report(incident, actor=actor)
    return seal


def _pass(incident: Incident, found: list[Finding], state: ApprovalsState) -> None:
    blocking = [finding for finding in found if finding.is_blocking]
    if blocking:
        raise GateClosed(
            f"{incident.key} cannot be closed yet: {findings_block(len(blocking))}.",
            blocking,
        )
    # The checks say both already; closing does not rest on their being registered.
    if incident.all_clear_at is None:
        raise GateClosed(
            f"{incident.key} cannot be closed yet: the all-clear is not given.", []
        )
    if not state.is_complete:
        raise GateClosed(
            f"{incident.key} cannot be closed yet: approvals for this version are "
            "missing.",
            [],
        )


def signed(seal: Seal) -> Seal:
    """The seal with the signature of this installation's key."""
    key = seal_key()
    seal.public_key = public_key_of(key)
    seal.signature = key.sign(signed_bytes(seal)).hex()
    return seal


def _finding(finding: Finding) -> dict[str, object]:
    row = as_row(finding)
    return {
        name: row[name]
        for name in (
            "id",
            "level",
            "message",
            "subject_ref",
            "subject_label",
            "key",
            "accepted_by",
        )
    }


def _approval(item: ClosureApproval) -> dict[str, object]:
    return {
        "person": str(item.approver.person_id),
        "label": item.approver.label,
        "seat": item.seat,
        "is_manager": item.is_manager,
        "content_hash": item.content_hash,
        "comment": item.comment,
        "at": item.at.isoformat(),
    }


@service
def keep_as_stabilized(
    *, incident_id: int, actor: User, reason: str, open_risk: str
) -> Incident:
    """Leave the review without closing: a recurrence risk stays open (R-AP-03).

    open_risk: which risk, in words that name the action or the missing proof. The
    approvals of this round end; the next review starts from none.
    """
    incident = lock_incident(incident_id, actor=actor, permission="review.close")
    reason = require_reason(reason, "the incident is kept as stabilized")
    if is_blank(open_risk):
        raise field_error(
            "open_risk",
            "Name the risk that is still open, for example the action that "
            "would remove it.",
            "required",
        )
    move_to_stabilized(incident, actor=actor, reason=reason)
    lapse_approvals(incident, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="review.kept_stabilized",
        sentence=f"kept the incident as stabilized; open risk: {open_risk.strip()}",
        reason=reason,
        data={"open_risk": open_risk.strip()},
    )
    return incident


@service
def reopen_incident(*, incident_id: int, actor: User, reason: str) -> Incident:
    """Take a closed incident back into review, with a reason.

    The seal is kept as it is; closing again takes new approvals and makes the next one.
    """
    incident = lock_incident(incident_id, actor=actor, permission="review.reopen")
    reason = require_reason(reason, "it is reopened")
    move_to_reopened(incident, actor=actor, reason=reason)
    lapse_approvals(incident, actor=actor)
    seal = latest_seal(incident)
    activity.record(
        incident,
        actor=actor,
        verb="review.incident_reopened",
        sentence="reopened the incident"
        + (f"; seal {seal.sequence} is kept" if seal else ""),
        reason=reason,
        data={"seal": seal.sequence if seal else None},
    )
    return incident

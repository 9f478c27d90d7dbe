"""Approving a closure: two people, each on exactly the version they read."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from accounts.models import User
from incidents import activity
from incidents.models import Incident
from incidents.selectors import content_hash as present_content_hash
from incidents.selectors import findings as all_findings
from incidents.services.core import lock_incident, require_reason
from postmortem.lib.errors import (
    GateClosed,
    InvalidTransition,
    SeparationOfDuties,
    StaleVersion,
    field_error,
)
from postmortem.lib.persistence import save, service
from review.models import ClosureApproval
from review.selectors import approvals_state, standing
from review.selectors.approvals import Standing
from review.selectors.checklist import APPROVAL_CHECKS

Decision = ClosureApproval.Decision


@service
def approve_closure(
    *, incident_id: int, actor: User, content_hash: str, comment: str = ""
) -> ClosureApproval:
    """Approve the closure of the version that `content_hash` names, and no other.

    content_hash: the one that the approver read. StaleVersion if the record moved on
    since; GateClosed while findings block; SeparationOfDuties for commander, scribe,
    author of the review and owners of open mandatory actions (R-AP-02). Approving the
    same version again changes nothing.
    """
    incident = lock_incident(incident_id, actor=actor, permission="review.approve")
    present = _read_version(incident, content_hash)
    mine = _seat_of(actor, incident, present)
    blocking = [
        finding
        for finding in all_findings(incident)
        if finding.is_blocking and finding.id not in APPROVAL_CHECKS
    ]
    if blocking:
        raise GateClosed(
            f"{incident.key} cannot be approved yet: {_count(len(blocking))}.", blocking
        )
    given = mine.given
    if (
        given
        and given.decision == Decision.APPROVED
        and given.content_hash == present
        and given.approver_id == actor.pk
    ):
        return given
    approval = _give(
        Decision.APPROVED, incident, mine, actor=actor, version=present, comment=comment
    )
    activity.record(
        incident,
        actor=actor,
        verb="review.closure_approved",
        sentence=f"approved the closure of version {present[:12]} "
        f"({approval.get_seat_display().lower()} seat)",
        reason=comment,
        data=_said(approval),
    )
    return approval


@service
def request_changes(
    *, incident_id: int, actor: User, content_hash: str, comment: str
) -> ClosureApproval:
    """Ask for changes to the version that was read; it blocks closing that version."""
    incident = lock_incident(incident_id, actor=actor, permission="review.approve")
    comment = require_reason(
        comment, "what has to change before you can approve", field="comment"
    )
    present = _read_version(incident, content_hash)
    mine = _seat_of(actor, incident, present)
    approval = _give(
        Decision.CHANGES, incident, mine, actor=actor, version=present, comment=comment
    )
    activity.record(
        incident,
        actor=actor,
        verb="review.changes_requested",
        sentence=f"requested changes to version {present[:12]}",
        reason=comment,
        data=_said(approval),
    )
    return approval


@service
def withdraw_approval(*, incident_id: int, actor: User, reason: str) -> ClosureApproval:
    """Take back one's own approval or request for changes, with a reason."""
    incident = lock_incident(incident_id, actor=actor, permission="review.approve")
    reason = require_reason(reason, "you take back your word")
    given = ClosureApproval.objects.filter(
        incident=incident,
        lapsed_at=None,
        approver__person_id=actor.person_id,
    ).last()
    if given is None or given.decision == Decision.WITHDRAWN:
        raise InvalidTransition(
            f"You have neither approved {incident.key} nor requested changes.",
            code="nothing_to_withdraw",
        )
    withdrawn = _give(
        Decision.WITHDRAWN,
        incident,
        given,
        actor=actor,
        version=given.content_hash,
        comment=reason,
    )
    activity.record(
        incident,
        actor=actor,
        verb="review.approval_withdrawn",
        sentence="withdrew the approval"
        if given.decision == Decision.APPROVED
        else "withdrew the request for changes",
        reason=reason,
        data=_said(withdrawn) | {"withdrawn": given.pk},
    )
    return withdrawn


def lapse_approvals(incident: Incident, *, actor: User) -> int:
    """End this round of approvals inside a service: the next round starts from none."""
    now = timezone.now()
    ended = list(ClosureApproval.objects.filter(incident=incident, lapsed_at=None))
    for given in ended:
        given.lapsed_at = now
        save(given, actor=actor)
    return len(ended)


def _read_version(incident: Incident, content_hash: str) -> str:
    """The present hash, once it is the one that was read."""
    content_hash = content_hash.strip().lower().removeprefix("sha256:")
    if not content_hash:
        raise field_error(
            "content_hash",
            "Send the content hash of the version that you read.",
            "required",
        )
    present = present_content_hash(incident, fresh=True)
    if content_hash != present:
        raise StaleVersion(
            "The record changed since you opened it, so you would approve what you "
            "have not read. Read the present version, then approve that one.",
            current={"content_hash": present},
        )
    return present


def _seat_of(actor: User, incident: Incident, present: str) -> Standing:
    """Where the actor stands in this round; refused without a seat."""
    mine = standing(actor, approvals_state(incident, present_hash=present))
    if mine.seat is None:
        raise SeparationOfDuties(
            f"{mine.reason} Somebody else has to approve this closure."
        )
    return mine


def _give(
    decision: ClosureApproval.Decision,
    incident: Incident,
    place: Standing | ClosureApproval,
    *,
    actor: User,
    version: str,
    comment: str,
) -> ClosureApproval:
    """Store one person's word on a version, from the seat that they hold or held."""
    assert place.seat is not None
    return save(
        ClosureApproval(
            incident=incident,
            approver=actor,
            seat=place.seat,
            is_manager=place.is_manager,
            decision=decision,
            content_hash=version,
            comment=comment,
            at=timezone.now(),
        ),
        actor=actor,
    )


def _said(approval: ClosureApproval) -> dict[str, Any]:
    """What the chained activity keeps of an approval, so that `verify` can compare."""
    return {
        "approval": approval.pk,
        "content_hash": approval.content_hash,
        "seat": approval.seat,
        "is_manager": approval.is_manager,
    }


def _count(number: int) -> str:
    return "one finding blocks" if number == 1 else f"{number} findings block"

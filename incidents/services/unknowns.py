"""Known unknowns: what is not known, who settles it, until when (R-KU-01)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import User
from incidents import activity
from incidents.models import Claim, Evidence, Incident, KnownUnknown
from incidents.services.core import (
    KEEP,
    add_record,
    change_record,
    get_record,
    given,
    lock_incident,
    replace_evidence,
    require_reason,
    set_evidence,
    tell_edit,
)
from postmortem.lib.errors import InvalidTransition, field_error
from postmortem.lib.persistence import save, service

State = KnownUnknown.State


@service
def add_unknown(
    *,
    incident_id: int,
    actor: User,
    question: str,
    why_it_matters: str = "",
    missing_check: str = "",
    owner: User | None = None,
    due_at: datetime | None = None,
    evidence: Sequence[Evidence] = (),
) -> KnownUnknown:
    """State what is not known. Owner and deadline may follow, but a check asks for
    them, and closing waits until it is settled or accepted (R-KU-03)."""
    incident = lock_incident(incident_id, actor=actor, permission="unknown.edit")
    row = _add(
        incident,
        actor,
        question=question,
        why_it_matters=why_it_matters,
        missing_check=missing_check,
        owner=owner,
        due_at=due_at,
    )
    set_evidence(row, evidence, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.unknown_added",
        sentence=f"stated the known unknown {row.ref}: {row.question}",
        subject=row,
    )
    return row


@service
def edit_unknown(
    *,
    incident_id: int,
    actor: User,
    number: int,
    version: int | None = None,
    question: str = KEEP,
    why_it_matters: str = KEEP,
    missing_check: str = KEEP,
    owner: User | None = KEEP,
    due_at: datetime | None = KEEP,
    evidence: Sequence[Evidence] = KEEP,
) -> KnownUnknown:
    """Reword a known unknown, or change its owner or deadline."""
    incident = lock_incident(incident_id, actor=actor, permission="unknown.edit")
    row = get_record(KnownUnknown, incident, number)
    if due_at is not KEEP and due_at != row.due_at:
        _refuse_past(due_at)
    moved = change_record(
        row,
        given(
            question=question,
            why_it_matters=why_it_matters,
            missing_check=missing_check,
            owner=owner,
            due_at=due_at,
        ),
        actor=actor,
        version=version,
    )
    replace_evidence(row, evidence, moved, actor=actor)
    tell_edit(row, moved, actor=actor, noun="unknown")
    return row


@service
def resolve_unknown(
    *,
    incident_id: int,
    actor: User,
    number: int,
    resolution: str,
    evidence: Sequence[Evidence] = (),
    version: int | None = None,
) -> KnownUnknown:
    """Say what was found out, and by which artifact."""
    incident = lock_incident(incident_id, actor=actor, permission="unknown.edit")
    row = get_record(KnownUnknown, incident, number)
    resolution = require_reason(resolution, "it is settled", field="resolution")
    _settle(row, State.RESOLVED, resolution, actor=actor, version=version)
    set_evidence(row, evidence, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.unknown_resolved",
        sentence=f"resolved {row.ref}",
        subject=row,
        reason=resolution,
    )
    return row


@service
def accept_unknown(
    *,
    incident_id: int,
    actor: User,
    number: int,
    reason: str,
    version: int | None = None,
) -> KnownUnknown:
    """Accept an open unknown as residual risk, so that it no longer blocks (R-KU-03).

    It needs an owner: a risk that nobody holds is not accepted but forgotten.
    """
    incident = lock_incident(incident_id, actor=actor, permission="finding.accept")
    row = get_record(KnownUnknown, incident, number)
    reason = require_reason(reason, "this can be lived with")
    if row.owner_id is None:
        raise ValidationError(
            f"{row.ref} has no owner. Name who holds the residual risk first.",
            code="owner_missing",
        )
    _settle(row, State.ACCEPTED, reason, actor=actor, version=version)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.unknown_accepted",
        sentence=f"accepted {row.ref} as residual risk",
        subject=row,
        reason=reason,
    )
    return row


@service
def reopen_unknown(
    *,
    incident_id: int,
    actor: User,
    number: int,
    reason: str,
    version: int | None = None,
) -> KnownUnknown:
    """Open a settled unknown again: the answer did not hold."""
    incident = lock_incident(incident_id, actor=actor, permission="unknown.edit")
    row = get_record(KnownUnknown, incident, number)
    reason = require_reason(reason, "it is open again")
    if row.state == State.OPEN:
        raise InvalidTransition(f"{row.ref} is open.")
    change_record(
        row,
        {
            "state": State.OPEN,
            "resolution": "",
            "resolved_at": None,
            "resolved_by": None,
        },
        actor=actor,
        version=version,
        reason=reason,
    )
    activity.record(
        incident,
        actor=actor,
        verb="incidents.unknown_reopened",
        sentence=f"reopened {row.ref}",
        subject=row,
        reason=reason,
    )
    return row


def state_known_unknown_for(
    claim: Claim,
    *,
    actor: User,
    question: str,
    missing_check: str,
    owner: User | None,
    due_at: datetime | None,
    why_it_matters: str = "",
) -> KnownUnknown:
    """Say what would prove a provisional claim: missing check, owner, deadline
    (R-RC-08). For services of the apps above, inside their lock and before their
    activity entry, which covers the rows written here.

    The claim's open unknown is edited if it has one, else one is added and linked. A
    claim that is not stored yet is only linked: the caller stores it.
    """
    missing = {
        name: ValidationError(words, code="required")
        for name, value, words in (
            ("missing_check", missing_check.strip(), "Name the missing check."),
            ("owner", owner, "Name who settles it."),
            ("due_at", due_at, "Give the deadline."),
        )
        if not value
    }
    if missing:
        raise ValidationError(missing)
    current = claim.known_unknown
    if current is not None and current.state == State.OPEN:
        if due_at != current.due_at:
            _refuse_past(due_at)
        change_record(
            current,
            {
                "question": question,
                "missing_check": missing_check,
                "owner": owner,
                "due_at": due_at,
                **({"why_it_matters": why_it_matters} if why_it_matters else {}),
            },
            actor=actor,
            version=None,
        )
        return current
    row = _add(
        claim.incident,
        actor,
        question=question,
        why_it_matters=why_it_matters,
        missing_check=missing_check,
        owner=owner,
        due_at=due_at,
    )
    claim.known_unknown = row
    if claim.pk:
        save(claim, actor=actor)
    return row


def _add(incident: Incident, actor: User, **fields: Any) -> KnownUnknown:
    _refuse_past(fields["due_at"])
    return add_record(KnownUnknown(incident=incident, **fields), actor=actor)


def _settle(
    row: KnownUnknown,
    state: KnownUnknown.State,
    words: str,
    *,
    actor: User,
    version: int | None,
) -> None:
    if row.state != State.OPEN:
        raise InvalidTransition(
            f"{row.ref} is settled: {row.get_state_display().lower()}."
        )
    change_record(
        row,
        {
            "state": state,
            "resolution": words,
            "resolved_at": timezone.now(),
            "resolved_by": actor,
        },
        actor=actor,
        version=version,
    )


def _refuse_past(due_at: datetime | None) -> None:
    if due_at is not None and due_at <= timezone.now():
        raise field_error(
            "due_at",
            "This deadline has passed already. Give one that lies ahead.",
            "past_deadline",
        )

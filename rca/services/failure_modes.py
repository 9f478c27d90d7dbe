"""Write verbs of the failure-mode table: incident-specific hypotheses with evidence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError

from accounts.models import User
from incidents import activity
from incidents.models import CaseRecord, Evidence
from incidents.services.core import (
    KEEP,
    add_record,
    change_record,
    get_record,
    given,
    lock_incident,
    replace_evidence,
    retract_record,
    set_evidence,
)
from incidents.services.unknowns import state_known_unknown_for
from postmortem.lib.persistence import service
from rca.models import FailureMode
from rca.services.causes import question_of

Standing = FailureMode.Standing


@service
def add_failure_mode(
    *,
    incident_id: int,
    actor: User,
    mode: str,
    name: str,
    standing: str = Standing.PROVISIONAL,
    customer_symptom: str = "",
    financial_impact: str = "",
    detection_signal: str = "",
    recovery_action: str = "",
    control_to_validate: str = "",
    control_validated: bool = False,
    evidence: Sequence[Evidence] = (),
    missing_check: str = "",
    owner: User | None = None,
    due_at: datetime | None = None,
) -> FailureMode:
    """Add a row of the failure-mode table (R-FM-01).

    missing_check, owner, due_at: what would settle a provisional row; all three or
    none (R-FM-08). What is left out becomes a finding, not a refusal.
    """
    incident = lock_incident(incident_id, actor=actor, permission="rca.edit")
    row = FailureMode(
        incident=incident,
        mode=mode,
        name=name,
        standing=standing,
        customer_symptom=customer_symptom,
        financial_impact=financial_impact,
        detection_signal=detection_signal,
        recovery_action=recovery_action,
        control_to_validate=control_to_validate,
        control_validated=control_validated,
    )
    _refuse_settled_unknown(row)
    add_record(row, actor=actor)
    set_evidence(row, evidence, actor=actor)
    _state_unknown(row, missing_check, owner, due_at, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="rca.failure_mode_added",
        sentence=f"added the failure mode {row.ref}: {row.name}",
        subject=row,
        data={"mode": mode, "evidence": [item.ref for item in evidence]},
    )
    return row


@service
def edit_failure_mode(
    *,
    incident_id: int,
    actor: User,
    number: int,
    version: int | None = None,
    mode: str = KEEP,
    name: str = KEEP,
    standing: str = KEEP,
    customer_symptom: str = KEEP,
    financial_impact: str = KEEP,
    detection_signal: str = KEEP,
    recovery_action: str = KEEP,
    control_to_validate: str = KEEP,
    control_validated: bool = KEEP,
    evidence: Sequence[Evidence] = KEEP,
    missing_check: str = "",
    owner: User | None = None,
    due_at: datetime | None = None,
) -> FailureMode:
    """Change a row; its earlier wording stays as a version."""
    incident = lock_incident(incident_id, actor=actor, permission="rca.edit")
    row = get_record(FailureMode, incident, number)
    moved: dict[str, Any] = change_record(
        row,
        given(
            mode=mode,
            name=name,
            standing=standing,
            customer_symptom=customer_symptom,
            financial_impact=financial_impact,
            detection_signal=detection_signal,
            recovery_action=recovery_action,
            control_to_validate=control_to_validate,
            control_validated=control_validated,
        ),
        actor=actor,
        version=version,
    )
    _refuse_settled_unknown(row)
    replace_evidence(row, evidence, moved, actor=actor)
    if _state_unknown(row, missing_check, owner, due_at, actor=actor):
        moved["known_unknown"] = [None, row.known_unknown and row.known_unknown.ref]
    if moved:
        activity.record(
            incident,
            actor=actor,
            verb="rca.failure_mode_edited",
            sentence=f"edited {row.ref}: {', '.join(moved)}",
            subject=row,
            data={"changes": moved},
        )
    return row


@service
def mark_failure_mode_provisional(
    *,
    incident_id: int,
    actor: User,
    number: int,
    missing_check: str,
    owner: User | None,
    due_at: datetime | None,
    version: int | None = None,
) -> FailureMode:
    """Mark a row provisional with the check that would settle it, who makes it and
    until when (R-FM-08)."""
    incident = lock_incident(incident_id, actor=actor, permission="rca.edit")
    row = get_record(FailureMode, incident, number)
    change_record(row, {"standing": Standing.PROVISIONAL}, actor=actor, version=version)
    unknown = state_known_unknown_for(
        row,
        actor=actor,
        question=question_of(row, row.name),
        missing_check=missing_check,
        owner=owner,
        due_at=due_at,
    )
    activity.record(
        incident,
        actor=actor,
        verb="rca.failure_mode_provisional",
        sentence=f"marked {row.ref} provisional until {unknown.ref} is settled",
        subject=row,
        data={"known_unknown": unknown.ref},
    )
    return row


def retract_failure_mode(
    *, incident_id: int, actor: User, number: int, reason: str
) -> CaseRecord:
    """Withdraw a row that was written by mistake; a mode that did not hold is ruled
    out by its standing instead."""
    return retract_record(
        incident_id=incident_id,
        actor=actor,
        model=FailureMode,
        number=number,
        reason=reason,
        permission="rca.edit",
    )


def _refuse_settled_unknown(row: FailureMode) -> None:
    if (
        row.mode == FailureMode.Mode.KNOWN_UNKNOWN
        and row.standing != Standing.PROVISIONAL
    ):
        raise ValidationError(
            {
                "standing": ValidationError(
                    "A known unknown stays provisional. Once it is settled, choose the "
                    "failure mode that it turned out to be.",
                    code="known_unknown_settled",
                )
            }
        )


def _state_unknown(
    row: FailureMode,
    missing_check: str,
    owner: User | None,
    due_at: datetime | None,
    *,
    actor: User,
) -> bool:
    """State what would settle a provisional row, if that was given and is new."""
    if not (missing_check.strip() or owner or due_at):
        return False
    current = row.known_unknown
    if (
        current is not None
        and current.missing_check == missing_check
        and current.owner_id == (owner and owner.pk)
        and current.due_at == due_at
    ):
        return False
    state_known_unknown_for(
        row,
        actor=actor,
        question=question_of(row, row.name),
        missing_check=missing_check,
        owner=owner,
        due_at=due_at,
    )
    return True

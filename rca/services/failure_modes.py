"""Write verbs of the failure-mode table: incident-specific hypotheses with evidence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from accounts.models import User
from incidents import activity
from incidents.models import Evidence
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
    tell_edit,
)
from postmortem.lib.errors import field_error
from postmortem.lib.persistence import service
from rca.models import FailureMode
from rca.services.unknowns import UNKNOWN_FIELDS, question_of, state_unknown

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
    _edit_unknown(
        row, {}, actor=actor, missing_check=missing_check, owner=owner, due_at=due_at
    )
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
    missing_check: str = KEEP,
    owner: User | None = KEEP,
    due_at: datetime | None = KEEP,
) -> FailureMode:
    """Change a row; its earlier wording stays as a version.

    missing_check, owner, due_at: what would settle a provisional row; what is not sent
    stays as its open known unknown says.
    """
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
    _edit_unknown(
        row, moved, actor=actor, missing_check=missing_check, owner=owner, due_at=due_at
    )
    tell_edit(row, moved, actor=actor, noun="failure_mode")
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
    moved = change_record(
        row, {"standing": Standing.PROVISIONAL}, actor=actor, version=version
    )
    unknown = state_unknown(
        row,
        moved,
        actor=actor,
        question=question_of(row.name),
        missing_check=missing_check,
        owner=owner,
        due_at=due_at,
    )
    if moved:
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
) -> FailureMode:
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
        raise field_error(
            "standing",
            "A known unknown stays provisional. Once it is settled, choose the "
            "failure mode that it turned out to be.",
            "known_unknown_settled",
        )


def _edit_unknown(
    row: FailureMode,
    moved: dict[str, list[Any]],
    *,
    actor: User,
    missing_check: str,
    owner: User | None,
    due_at: datetime | None,
) -> None:
    """State what would settle a row, if that was sent; a form whose three fields are
    empty says nothing."""
    sent = given(missing_check=missing_check, owner=owner, due_at=due_at)
    if not sent or (len(sent) == 3 and not any(sent.values())):
        return
    known = row.known_unknown
    kept = {name: getattr(known, name, None) for name in UNKNOWN_FIELDS} | sent
    if known is None or any(getattr(known, name) != kept[name] for name in kept):
        state_unknown(
            row,
            moved,
            actor=actor,
            question=question_of(row.name),
            missing_check=kept["missing_check"] or "",
            owner=kept["owner"],
            due_at=kept["due_at"],
        )

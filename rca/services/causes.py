"""Write verbs of causes. A cause starts as a candidate: provisional. It is confirmed by
original evidence and a written role, or ruled out with the reason, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError

from accounts.models import User
from incidents import activity
from incidents.models import Evidence, Incident, KnownUnknown
from incidents.services.core import (
    KEEP,
    add_record,
    change_record,
    get_record,
    given,
    lock_incident,
    note_joined,
    replace_evidence,
    require_reason,
    retract_record,
    set_evidence,
    tell_edit,
)
from incidents.services.unknowns import resolve_unknown
from postmortem.lib.errors import InvalidTransition
from postmortem.lib.fields import is_blank
from postmortem.lib.persistence import service
from rca.models import Cause
from rca.services.paths import set_entries, set_paths
from rca.services.unknowns import question_of, state_unknown
from timeline.models import Entry

State = Cause.State


@service
def add_cause(
    *,
    incident_id: int,
    actor: User,
    label: str,
    statement: str,
    role: str = "",
    evidence_shows: str = "",
    condition: str = "",
    beyond: str = "",
    risk_change: str = "",
    no_action_reason: str = "",
    evidence: Sequence[Evidence] = (),
    leads_to: Sequence[Cause] = (),
    entries: Sequence[Entry] = (),
) -> Cause:
    """State a candidate cause by its role in the impact path (R-RC-05). It stays
    provisional until it is confirmed; several causes are normal (R-RC-06)."""
    incident = lock_incident(incident_id, actor=actor, permission="rca.edit")
    cause = add_record(
        Cause(
            incident=incident,
            label=label,
            statement=statement,
            role=role,
            evidence_shows=evidence_shows,
            condition=condition,
            beyond=beyond,
            risk_change=risk_change,
            no_action_reason=no_action_reason,
        ),
        actor=actor,
    )
    set_evidence(cause, evidence, actor=actor)
    set_paths(cause, leads_to, actor=actor)
    set_entries(cause, entries, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="rca.cause_added",
        sentence=f"stated {_words(cause)} {cause.ref}",
        subject=cause,
        data={"label": label, "evidence": [item.ref for item in evidence]},
    )
    return cause


@service
def edit_cause(
    *,
    incident_id: int,
    actor: User,
    number: int,
    version: int | None = None,
    label: str = KEEP,
    statement: str = KEEP,
    role: str = KEEP,
    evidence_shows: str = KEEP,
    condition: str = KEEP,
    beyond: str = KEEP,
    risk_change: str = KEEP,
    no_action_reason: str = KEEP,
    evidence: Sequence[Evidence] = KEEP,
    leads_to: Sequence[Cause] = KEEP,
    entries: Sequence[Entry] = KEEP,
) -> Cause:
    """Word a cause better, or change its label, evidence, arrows or entries.

    A confirmed cause keeps what confirmed it: taking away its role or its last original
    record is refused; mark it provisional first.
    """
    incident = lock_incident(incident_id, actor=actor, permission="rca.edit")
    cause = get_record(Cause, incident, number)
    moved = change_record(
        cause,
        given(
            label=label,
            statement=statement,
            role=role,
            evidence_shows=evidence_shows,
            condition=condition,
            beyond=beyond,
            risk_change=risk_change,
            no_action_reason=no_action_reason,
        ),
        actor=actor,
        version=version,
    )
    replace_evidence(cause, evidence, moved, actor=actor)
    if leads_to is not KEEP:
        change = set_paths(cause, leads_to, actor=actor)
        note_joined(cause, moved, "leads_to", change, actor=actor)
    if entries is not KEEP:
        change = set_entries(cause, entries, actor=actor)
        note_joined(cause, moved, "entries", change, actor=actor)
    if cause.state == State.CONFIRMED and moved.keys() & {"role", "evidence"}:
        _require_proof(cause)
    tell_edit(cause, moved, actor=actor, noun="cause")
    return cause


@service
def confirm_cause(
    *,
    incident_id: int,
    actor: User,
    number: int,
    resolution: str = "",
    version: int | None = None,
) -> Cause:
    """Confirm a cause: it needs a written role (R-RC-05) and an original record that
    another reviewer can open (R-RC-07).

    resolution: what the missing check showed. The cause's open known unknown is
    resolved with it, by the same artifacts.
    """
    incident = lock_incident(incident_id, actor=actor, permission="rca.edit")
    cause = get_record(Cause, incident, number)
    _require_proof(cause)
    _move(cause, {"state": State.CONFIRMED}, actor=actor, version=version)
    proof = [item for item in _evidence(cause) if item.proves]
    refs = ", ".join(item.ref for item in proof)
    activity.record(
        incident,
        actor=actor,
        verb="rca.cause_confirmed",
        sentence=f"confirmed {_words(cause)} {cause.ref} by {refs}",
        subject=cause,
        reason=resolution,
        data={"evidence": [item.ref for item in proof]},
    )
    _resolve(
        incident,
        cause.known_unknown,
        resolution.strip() or f"{cause.ref} is confirmed by {refs}.",
        actor=actor,
        evidence=proof,
    )
    return cause


@service
def mark_provisional(
    *,
    incident_id: int,
    actor: User,
    number: int,
    missing_check: str,
    owner: User | None,
    due_at: datetime | None,
    question: str = "",
    why_it_matters: str = "",
    version: int | None = None,
) -> Cause:
    """State the uncertainty instead of forcing certainty: name the missing check, who
    makes it and until when (R-RC-08, R-RC-09). Also takes back a confirmation, and
    opens a ruled-out cause again."""
    incident = lock_incident(incident_id, actor=actor, permission="rca.edit")
    cause = get_record(Cause, incident, number)
    moved = change_record(
        cause,
        {"state": State.PROVISIONAL, "ruled_out_reason": ""},
        actor=actor,
        version=version,
    )
    unknown = state_unknown(
        cause,
        moved,
        actor=actor,
        question=question.strip() or question_of(cause.statement),
        missing_check=missing_check,
        owner=owner,
        due_at=due_at,
        why_it_matters=why_it_matters,
    )
    if moved:
        activity.record(
            incident,
            actor=actor,
            verb="rca.cause_provisional",
            sentence=f"marked {cause.ref} provisional until {unknown.ref} is settled",
            subject=cause,
            data={"known_unknown": unknown.ref},
        )
    return cause


@service
def rule_out_cause(
    *,
    incident_id: int,
    actor: User,
    number: int,
    reason: str,
    evidence: Sequence[Evidence] = (),
    version: int | None = None,
) -> Cause:
    """Rule a candidate out and keep it on record with what ruled it out. `evidence` is
    added to what is linked already; an open known unknown of the cause is resolved."""
    incident = lock_incident(incident_id, actor=actor, permission="rca.edit")
    cause = get_record(Cause, incident, number)
    reason = require_reason(reason, "it is ruled out; it stays on record")
    _move(
        cause,
        {"state": State.RULED_OUT, "ruled_out_reason": reason},
        actor=actor,
        version=version,
        reason=reason,
    )
    set_evidence(cause, evidence, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="rca.cause_ruled_out",
        sentence=f"ruled out {_words(cause)} {cause.ref}",
        subject=cause,
        reason=reason,
        data={"evidence": [item.ref for item in evidence]},
    )
    _resolve(
        incident,
        cause.known_unknown,
        f"{cause.ref} is ruled out: {reason}",
        actor=actor,
        evidence=evidence,
    )
    return cause


def retract_cause(*, incident_id: int, actor: User, number: int, reason: str) -> Cause:
    """Withdraw a cause that was written by mistake. One that proved wrong is ruled out
    instead, so that the reason stays beside the others."""
    return retract_record(
        incident_id=incident_id,
        actor=actor,
        model=Cause,
        number=number,
        reason=reason,
        permission="rca.edit",
    )


# --- rules ----------------------------------------------------------------------------


def _words(cause: Cause) -> str:
    return {
        Cause.Label.TRIGGER: "the trigger",
        Cause.Label.PRIMARY: "the primary cause",
        Cause.Label.CONTRIBUTING: "the contributing cause",
    }[Cause.Label(cause.label)]


def _evidence(cause: Cause) -> list[Evidence]:
    links = cause.evidence_links.filter(retracted_at=None).select_related("evidence")
    return [link.evidence for link in links]


def _require_proof(cause: Cause) -> None:
    errors: dict[str, ValidationError] = {}
    if is_blank(cause.role):
        errors["role"] = ValidationError(
            "Write its role in the impact path first: how it preceded, produced, "
            "widened or delayed the impact.",
            code="role_missing",
        )
    evidence = _evidence(cause)
    if not any(item.proves for item in evidence):
        if not evidence:
            words = "Link the original record that shows it."
        elif not any(item.is_original for item in evidence):
            words = "Only later summaries are linked. Link an original record."
        else:
            words = (
                "The linked record is only named. Add its file or link, so that "
                "another reviewer can open it."
            )
        errors["evidence"] = ValidationError(
            f"{words} Until then it stays provisional.", code="evidence_missing"
        )
    if errors:
        raise ValidationError(errors)


def _move(
    cause: Cause,
    changes: dict[str, Any],
    *,
    actor: User,
    version: int | None,
    reason: str = "",
) -> None:
    """Change the state once: a second time is a question of two people at once."""
    if cause.state == changes["state"] and version in (None, cause.version):
        raise InvalidTransition(
            f"{cause.ref} is {cause.get_state_display().lower()} already."
        )
    change_record(cause, changes, actor=actor, version=version, reason=reason)


def _resolve(
    incident: Incident,
    unknown: KnownUnknown | None,
    resolution: str,
    *,
    actor: User,
    evidence: Sequence[Evidence],
) -> None:
    if unknown is None or unknown.is_retracted:
        return
    if unknown.state == KnownUnknown.State.OPEN:
        resolve_unknown(
            incident_id=incident.pk,
            actor=actor,
            number=unknown.number,
            resolution=resolution,
            evidence=evidence,
        )

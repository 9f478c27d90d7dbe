"""Scope, impact and figures: the claims of the case file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from django.utils import timezone

from accounts.models import User
from incidents import activity
from incidents.models import (
    Claim,
    Evidence,
    ImpactFigure,
    ImpactStatement,
    Incident,
    KnownUnknown,
    Lane,
    ScopeStatement,
)
from incidents.services.core import (
    KEEP,
    add_record,
    change_record,
    get_record,
    given,
    lock_incident,
    replace_evidence,
    require_own,
    require_reason,
    set_evidence,
    tell_edit,
)
from incidents.services.lifecycle import withdraw_all_clear
from postmortem.lib.errors import InvalidTransition, field_error
from postmortem.lib.persistence import save, service
from postmortem.lib.times import refuse_future

K = TypeVar("K", bound=Claim)


@service
def add_scope(
    *,
    incident_id: int,
    actor: User,
    audience: str,
    consequence: str,
    who: str = "",
    continuity_risk: str = "",
    technical_context: str = "",
    communication: str = "",
    lane: Lane | None = None,
    evidence: Sequence[Evidence] = (),
    known_unknown: KnownUnknown | None = None,
) -> ScopeStatement:
    """State what customers experienced, or what internal processing did; it is open
    until evidence closes it (R-SC-05)."""
    return _add(
        incident_id,
        actor,
        lambda incident: ScopeStatement(
            incident=incident,
            audience=audience,
            consequence=consequence,
            who=who,
            continuity_risk=continuity_risk,
            technical_context=technical_context,
            communication=communication,
            lane=lane,
            known_unknown=known_unknown,
        ),
        evidence,
        noun="scope",
        words="stated the scope",
    )


@service
def edit_scope(
    *,
    incident_id: int,
    actor: User,
    number: int,
    version: int | None = None,
    audience: str = KEEP,
    consequence: str = KEEP,
    who: str = KEEP,
    continuity_risk: str = KEEP,
    technical_context: str = KEEP,
    communication: str = KEEP,
    lane: Lane | None = KEEP,
    evidence: Sequence[Evidence] = KEEP,
    known_unknown: KnownUnknown | None = KEEP,
) -> ScopeStatement:
    """Reword a scope statement; its state has its own verbs."""
    return _edit(
        ScopeStatement,
        incident_id,
        actor,
        number,
        version,
        given(
            audience=audience,
            consequence=consequence,
            who=who,
            continuity_risk=continuity_risk,
            technical_context=technical_context,
            communication=communication,
            lane=lane,
            known_unknown=known_unknown,
        ),
        evidence,
        noun="scope",
    )


@service
def close_scope(
    *,
    incident_id: int,
    actor: User,
    number: int,
    closing_evidence: Evidence | None,
    closed_at: datetime | None = None,
    version: int | None = None,
) -> ScopeStatement:
    """Close a scope line by the signal that shows its end (R-SC-08).

    closing_evidence: an original record that can be opened. closed_at: when the effect
    ended; defaults to the moment the signal was captured.
    """
    incident = lock_incident(incident_id, actor=actor, permission="scope.edit")
    row = get_record(ScopeStatement, incident, number)
    if row.state == ScopeStatement.State.CLOSED:
        raise InvalidTransition(f"{row.ref} is closed already.")
    signal = _closing_signal(incident, closing_evidence)
    refuse_future(closed_at, "closed_at")
    set_evidence(row, [signal], actor=actor)
    change_record(
        row,
        {
            "state": ScopeStatement.State.CLOSED,
            "closed_at": closed_at or signal.captured_at or timezone.now(),
            "closed_by": actor,
            "closing_evidence": signal,
        },
        actor=actor,
        version=version,
    )
    activity.record(
        incident,
        actor=actor,
        verb="incidents.scope_closed",
        sentence=f"closed {row.ref} by {signal.ref}",
        subject=row,
        data={"closing_evidence": signal.ref},
    )
    return row


@service
def reopen_scope(
    *,
    incident_id: int,
    actor: User,
    number: int,
    reason: str,
    version: int | None = None,
) -> ScopeStatement:
    """Open a scope line again: evidence shows unresolved impact. A given all-clear is
    withdrawn with it."""
    incident = lock_incident(incident_id, actor=actor, permission="scope.edit")
    row = get_record(ScopeStatement, incident, number)
    reason = require_reason(reason, "it is open again")
    if row.state == ScopeStatement.State.OPEN:
        raise InvalidTransition(f"{row.ref} is open.")
    change_record(
        row,
        {
            "state": ScopeStatement.State.OPEN,
            "closed_at": None,
            "closed_by": None,
            "closing_evidence": None,
        },
        actor=actor,
        version=version,
        reason=reason,
    )
    withdrawn = withdraw_all_clear(incident)
    if withdrawn:
        save(incident, actor=actor, reason=reason)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.scope_reopened",
        sentence=f"reopened {row.ref}"
        + (" and withdrew the all-clear" if withdrawn else ""),
        subject=row,
        reason=reason,
    )
    return row


def _closing_signal(incident: Incident, signal: Evidence | None) -> Evidence:
    refused = partial(field_error, "closing_evidence")
    if signal is None:
        raise refused(
            "Choose the signal that shows the end: a scope line closes only by an "
            "original record.",
            "required",
        )
    require_own(incident, "closing_evidence", signal)
    signal = Evidence.objects.get(pk=signal.pk)
    signal.incident = incident
    if signal.is_retracted:
        raise refused(f"{signal.ref} was withdrawn; choose another.", "not_proof")
    if signal.superseded_by_id:
        assert signal.superseded_by is not None
        raise refused(
            f"{signal.ref} was superseded by {signal.superseded_by.ref}; choose that.",
            "not_proof",
        )
    if not signal.is_original:
        raise refused(
            f"{signal.ref} is a later summary. Choose an original record captured when "
            "the effect ended.",
            "not_proof",
        )
    if not signal.is_openable:
        raise refused(
            f"{signal.ref} is only named: add its file or link first, so that another "
            "reviewer can open it.",
            "not_proof",
        )
    return signal


@service
def add_impact(
    *,
    incident_id: int,
    actor: User,
    kind: str,
    statement: str = "",
    no_material_change: bool = False,
    downstream_work: str = "",
    evidence: Sequence[Evidence] = (),
    known_unknown: KnownUnknown | None = None,
) -> ImpactStatement:
    """State customer, operational or business impact; 'no material change found' is an
    answer too, and needs evidence as well (R-SC-10)."""
    return _add(
        incident_id,
        actor,
        lambda incident: ImpactStatement(
            incident=incident,
            kind=kind,
            statement=statement,
            no_material_change=no_material_change,
            downstream_work=downstream_work,
            known_unknown=known_unknown,
        ),
        evidence,
        noun="impact",
        words="stated the impact",
    )


@service
def edit_impact(
    *,
    incident_id: int,
    actor: User,
    number: int,
    version: int | None = None,
    kind: str = KEEP,
    statement: str = KEEP,
    no_material_change: bool = KEEP,
    downstream_work: str = KEEP,
    evidence: Sequence[Evidence] = KEEP,
    known_unknown: KnownUnknown | None = KEEP,
) -> ImpactStatement:
    """Reword an impact statement."""
    return _edit(
        ImpactStatement,
        incident_id,
        actor,
        number,
        version,
        given(
            kind=kind,
            statement=statement,
            no_material_change=no_material_change,
            downstream_work=downstream_work,
            known_unknown=known_unknown,
        ),
        evidence,
        noun="impact",
    )


@service
def add_figure(
    *,
    incident_id: int,
    actor: User,
    impact: ImpactStatement,
    measure: str,
    label: str,
    count: int | None = None,
    amount: Decimal | None = None,
    currency: str = "",
    basis: str = ImpactFigure.Basis.ACTUAL,
    method: str = "",
    evidence: Sequence[Evidence] = (),
    known_unknown: KnownUnknown | None = None,
) -> ImpactFigure:
    """Add one number of an impact statement: a count, or an amount with its currency;
    actual or estimate, with the method (R-MT-02)."""
    return _add(
        incident_id,
        actor,
        lambda incident: ImpactFigure(
            incident=incident,
            impact=impact,
            measure=measure,
            label=label,
            count=count,
            amount=amount,
            currency=currency,
            basis=basis,
            method=method,
            known_unknown=known_unknown,
        ),
        evidence,
        noun="figure",
        words="added the figure",
    )


@service
def edit_figure(
    *,
    incident_id: int,
    actor: User,
    number: int,
    version: int | None = None,
    impact: ImpactStatement = KEEP,
    measure: str = KEEP,
    label: str = KEEP,
    count: int | None = KEEP,
    amount: Decimal | None = KEEP,
    currency: str = KEEP,
    basis: str = KEEP,
    method: str = KEEP,
    evidence: Sequence[Evidence] = KEEP,
    known_unknown: KnownUnknown | None = KEEP,
) -> ImpactFigure:
    """Correct a figure; the old value stays in the row's history."""
    return _edit(
        ImpactFigure,
        incident_id,
        actor,
        number,
        version,
        given(
            impact=impact,
            measure=measure,
            label=label,
            count=count,
            amount=amount,
            currency=currency,
            basis=basis,
            method=method,
            known_unknown=known_unknown,
        ),
        evidence,
        noun="figure",
    )


def _add(
    incident_id: int,
    actor: User,
    build: Callable[[Incident], K],
    evidence: Sequence[Evidence],
    *,
    noun: str,
    words: str,
) -> K:
    incident = lock_incident(incident_id, actor=actor, permission="scope.edit")
    row = build(incident)
    _check_refs(incident, row)
    add_record(row, actor=actor)
    set_evidence(row, evidence, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb=f"incidents.{noun}_added",
        sentence=f"{words} {row.ref}",
        subject=row,
        data={"evidence": [item.ref for item in evidence]},
    )
    return row


def _edit(
    model: type[K],
    incident_id: int,
    actor: User,
    number: int,
    version: int | None,
    changes: dict[str, Any],
    evidence: Sequence[Evidence],
    *,
    noun: str,
) -> K:
    incident = lock_incident(incident_id, actor=actor, permission="scope.edit")
    row = get_record(model, incident, number)
    moved = change_record(row, changes, actor=actor, version=version)
    _check_refs(incident, row)
    replace_evidence(row, evidence, moved, actor=actor)
    tell_edit(row, moved, actor=actor, noun=noun)
    return row


def _check_refs(incident: Incident, row: Claim) -> None:
    """Every row that a claim names lies in the same case."""
    for name in ("lane", "impact", "known_unknown"):
        require_own(incident, name, getattr(row, name, None))

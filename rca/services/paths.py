"""Write verbs of what a cause leads to and what it explains. The arrows form a graph of
one incident, without circles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError

from accounts.models import User
from incidents import activity
from incidents.models import CaseRecord
from incidents.services.core import (
    change_record,
    get_record,
    lock_incident,
    set_relations,
)
from postmortem.lib.persistence import service
from rca.models import Cause, CauseEntry, CausePath
from timeline.models import Entry


@service
def link_causes(
    *,
    incident_id: int,
    actor: User,
    number: int,
    leads_to: Sequence[Cause],
    version: int | None = None,
) -> Cause:
    """Say which causes this one leads to: exactly these. The arrows form a graph of the
    same incident without circles."""
    incident = lock_incident(incident_id, actor=actor, permission="rca.edit")
    cause = get_record(Cause, incident, number)
    change_record(cause, {}, actor=actor, version=version)
    moved = set_paths(cause, leads_to, actor=actor)
    if moved:
        activity.record(
            incident,
            actor=actor,
            verb="rca.causes_linked",
            sentence=f"{cause.ref} leads to "
            f"{', '.join(item.ref for item in leads_to) or 'no other cause'}",
            subject=cause,
            data={"changes": moved},
        )
    return cause


@service
def set_cause_entries(
    *,
    incident_id: int,
    actor: User,
    number: int,
    entries: Sequence[Entry],
    version: int | None = None,
) -> Cause:
    """Say which timeline entries this cause explains: exactly these."""
    incident = lock_incident(incident_id, actor=actor, permission="rca.edit")
    cause = get_record(Cause, incident, number)
    change_record(cause, {}, actor=actor, version=version)
    moved = set_entries(cause, entries, actor=actor)
    if moved:
        activity.record(
            incident,
            actor=actor,
            verb="rca.cause_entries_set",
            sentence=f"{cause.ref} explains "
            f"{', '.join(item.ref for item in entries) or 'no entry'}",
            subject=cause,
            data={"changes": moved},
        )
    return cause


# --- rules ----------------------------------------------------------------------------


def _refuse_foreign(cause: Cause, targets: Iterable[CaseRecord], *, field: str) -> None:
    for target in targets:
        if target.incident_id != cause.incident_id:
            words = f"{target.ref} belongs to another incident."
        elif target.is_retracted:
            words = f"{target.ref} was withdrawn; choose another."
        else:
            continue
        raise ValidationError({field: ValidationError(words, code="invalid")})


def set_paths(
    cause: Cause, leads_to: Sequence[Cause], *, actor: User
) -> dict[str, Any]:
    """Make the arrows of a cause exactly these, inside a service; what moved."""
    _refuse_foreign(cause, leads_to, field="leads_to")
    arrows: dict[int, set[int]] = {}
    paths = CausePath.objects.filter(incident=cause.incident, retracted_at=None)
    before: set[int] = set()
    for source, target in paths.values_list("cause_id", "leads_to_id"):
        if source == cause.pk:
            before.add(target)
        else:
            arrows.setdefault(source, set()).add(target)
    for item in leads_to:
        if cause.pk in _reachable(item.pk, arrows):
            raise ValidationError(
                {
                    "leads_to": ValidationError(
                        f"{item.ref} leads back to {cause.ref}: a cause cannot be "
                        "its own cause. Remove one arrow of the circle."
                        if item.pk != cause.pk
                        else f"{cause.ref} cannot lead to itself.",
                        code="circle",
                    )
                }
            )
    if {item.pk for item in leads_to} == before:
        return {}
    set_relations(
        CausePath,
        cause,
        leads_to,
        actor=actor,
        source_name="cause",
        target_name="leads_to",
    )
    return {"leads_to": [_refs(Cause, before), sorted(item.ref for item in leads_to)]}


def _reachable(start: int, arrows: dict[int, set[int]]) -> set[int]:
    seen: set[int] = set()
    todo = [start]
    while todo:
        here = todo.pop()
        if here not in seen:
            seen.add(here)
            todo.extend(arrows.get(here, ()))
    return seen


def set_entries(
    cause: Cause, entries: Sequence[Entry], *, actor: User
) -> dict[str, Any]:
    """Make the entries of a cause exactly these, inside a service; what moved."""
    _refuse_foreign(cause, entries, field="entries")
    rows = CauseEntry.objects.filter(cause=cause, retracted_at=None)
    before = set(rows.values_list("entry_id", flat=True))
    if {entry.pk for entry in entries} == before:
        return {}
    set_relations(
        CauseEntry,
        cause,
        entries,
        actor=actor,
        source_name="cause",
        target_name="entry",
    )
    return {"entries": [_refs(Entry, before), sorted(item.ref for item in entries)]}


def _refs(model: type[CaseRecord], pks: set[int]) -> list[str]:
    return sorted(row.ref for row in model._default_manager.filter(pk__in=pks))

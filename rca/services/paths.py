"""What a cause leads to and what it explains, inside the services of causes. The arrows
form a graph of one incident, without circles."""

from __future__ import annotations

from collections.abc import Sequence

from accounts.models import User
from incidents.services.core import set_relations
from postmortem.lib.errors import field_error
from rca.models import Cause, CauseEntry, CausePath
from timeline.models import Entry


def set_paths(
    cause: Cause, leads_to: Sequence[Cause], *, actor: User
) -> list[list[str]]:
    """Make the arrows of a cause exactly these, inside a service; what moved."""
    arrows: dict[int, set[int]] = {}
    paths = CausePath.objects.filter(incident=cause.incident, retracted_at=None)
    others = paths.exclude(cause=cause).values_list("cause_id", "leads_to_id")
    for source, target in others:
        arrows.setdefault(source, set()).add(target)
    for item in leads_to:
        if cause.pk in _reachable(item.pk, arrows):
            raise field_error(
                "leads_to",
                f"{item.ref} leads back to {cause.ref}: a cause cannot be "
                "its own cause. Remove one arrow of the circle."
                if item.pk != cause.pk
                else f"{cause.ref} cannot lead to itself.",
                "circle",
            )
    return set_relations(
        CausePath,
        cause,
        leads_to,
        actor=actor,
        source_name="cause",
        target_name="leads_to",
        field="leads_to",
    )


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
) -> list[list[str]]:
    """Make the entries of a cause exactly these, inside a service; what moved."""
    return set_relations(
        CauseEntry,
        cause,
        entries,
        actor=actor,
        source_name="cause",
        target_name="entry",
        field="entries",
    )

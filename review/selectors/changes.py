"""What changed in the record since somebody approved it."""

from __future__ import annotations

from dataclasses import dataclass

from incidents.models import ActivityEntry, Incident
from incidents.selectors.history import DeedRows, changes_after
from review.models import ClosureApproval
from review.selectors.approvals import APPROVAL_VERBS


@dataclass(frozen=True)
class Since:
    """The rows that differ now, with the deeds that made them differ."""

    rows: DeedRows
    deeds: tuple[ActivityEntry, ...]


def changes_since(incident: Incident, given: ClosureApproval) -> Since:
    """The record now against the version that was approved (R-AP-01): each row once,
    field by field; what was put back is not told."""
    chain = ActivityEntry.objects.filter(incident=incident).order_by("sequence")
    word = chain.filter(
        verb__in=["review.closure_approved", "review.changes_requested"],
        data__approval=given.pk,
    ).first()
    if word is None:
        return Since(DeedRows([], []), ())
    deeds = tuple(
        entry
        for entry in chain.filter(sequence__gt=word.sequence)
        if not entry.verb.startswith(APPROVAL_VERBS)
    )
    return Since(changes_after(incident, deeds), deeds)

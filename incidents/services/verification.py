"""Look at the whole chain and keep what was seen: a page may say 'verified' only with
when and by whom."""

from __future__ import annotations

from django.db import transaction

from accounts.models import User
from incidents import activity, selectors
from incidents.models import Incident, Verification
from incidents.services.core import hold_incident

KEPT_BREACHES = 200


def verify_incident(
    *, incident_id: int, actor: User, with_files: bool = False
) -> Verification:
    """Recompute chain, row history and present rows, and keep the result.

    It reads without the incident's lock first, so that nobody waits; only when that
    finds something is it repeated under the lock, where a write cannot be under way.
    """
    incident = Incident.objects.get(pk=incident_id)
    seen = _look(incident, with_files=with_files)
    if seen:
        with transaction.atomic():
            incident = hold_incident(incident_id)
            seen = _look(incident, with_files=with_files)
    made = Verification(
        incident=incident,
        by=actor,
        sequence=incident.activity_count,
        head=incident.activity_head,
        with_files=with_files,
        breach_count=len(seen),
        breaches=seen[:KEPT_BREACHES],
    )
    made.save(force_insert=True)
    return made


def _look(incident: Incident, *, with_files: bool) -> list[str]:
    found = [f"{item.place}: {item.message}" for item in activity.verify(incident)]
    if with_files:
        found += [
            f"{row.ref}: the file {words}"
            for row, words in selectors.altered_files(incident)
        ]
    return found

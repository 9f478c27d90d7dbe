"""What is due in the timeline: a look at each dependency that is still degraded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q

from accounts.models import User
from incidents import permissions
from incidents.models.case import visible_to
from postmortem.lib.deadlines import Deadline, deadlines
from timeline.models import DependencyCheckpoint

LOOK_AGAIN = timedelta(days=1)  # how long a degraded dependency may stand unlooked at


@deadlines("dependency")
def degraded_dependencies(user: User | None) -> Iterator[Deadline]:
    """Dependencies that are still degraded, due to the owner of their lane, else to who
    recorded them, a day after that: they stay in sight until they have stabilized, also
    when the incident itself has (R-TL-09, R-DP-06)."""
    rows = (
        DependencyCheckpoint.objects.filter(
            state=DependencyCheckpoint.State.DEGRADED,
            retracted_at=None,
            recorded_at__isnull=False,
            incident__status__in=permissions.OPEN,
        )
        .select_related("incident", "lane__owner", "recorded_by")
        .order_by("recorded_at")
    )
    if user is not None:
        theirs = Q(lane__owner=user) | Q(lane__owner=None, recorded_by=user)
        rows = rows.filter(theirs, visible_to(user, "incident__"))
    for row in rows:
        owner = (row.lane.owner if row.lane else None) or row.recorded_by
        assert row.recorded_at is not None
        yield Deadline(
            key=f"dependency:{row.incident.uuid}:{row.ref}",
            kind="dependency",
            title=f"{row.name} is still degraded",
            due_at=row.recorded_at + LOOK_AGAIN,
            owner=owner,
            incident=row.incident,
            url=row.get_absolute_url(),
            ref=row.ref,
            detail="Look again, and say when it has stabilized.",
        )

"""Lists of incidents: which ones, and what a line of them shows."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Prefetch, Q

from accounts.models import User
from incidents.models import IN_COMMAND, Incident, Lane, Participation
from incidents.models.case import LIST_ORDER, IncidentQuerySet

# Words of a search that are looked for; what follows them is not.
WORDS = 8


def search(
    user: User,
    *,
    statuses: Collection[str] = (),
    severities: Collection[str] = (),
    lane: str = "",
    q: str = "",
) -> IncidentQuerySet:
    """The incidents that this person may see, narrowed by what is given.

    lane: a slug. q: every word stands in the title or the summary, or is the number
    (`2041`, `INC-2041`) or the reference of the source.
    """
    found = Incident.objects.visible_to(user)
    if statuses:
        found = found.filter(status__in=statuses)
    if severities:
        found = found.filter(severity__in=severities)
    if lane:
        lanes = Lane.objects.filter(slug=lane, retracted_at=None)
        found = found.filter(pk__in=lanes.values("incident"))
    for word in q.split()[:WORDS]:
        found = found.filter(_says(word))
    return found


def _says(word: str) -> Q:
    """That an incident says this word, or goes by it."""
    number = word.upper().removeprefix("INC-")
    says = Q(title__icontains=word) | Q(summary__icontains=word)
    says |= Q(source_ref__iexact=word)
    if number.isdecimal() and len(number) <= 9:
        says |= Q(number=int(number))
    return says


def lines(rows: IncidentQuerySet) -> Any:
    """The incidents with all that a line of the list shows, in its order: two queries
    beside their own. `live_lanes`; `command`: whoever is in command, one at most."""
    return (
        rows.select_related("snapshot")
        .only(
            *("number", "title", "severity", "status", "is_drill", "is_restricted"),
            *("clock_zone", "declared_at", "snapshot__blocking", "snapshot__advisory"),
            "snapshot__next_step",
        )
        .prefetch_related(
            Prefetch(
                "lanes",
                Lane.objects.filter(retracted_at=None)
                .order_by("number")
                .only("incident", "number", "slug", "name"),
                to_attr="live_lanes",
            ),
            Prefetch(
                "participations",
                Participation.objects.filter(IN_COMMAND)
                .select_related("user")
                .only(
                    *("incident", "number", "user__title", "user__name"),
                    "user__handle",
                ),
                to_attr="command",
            ),
        )
        .order_by(*LIST_ORDER)
    )

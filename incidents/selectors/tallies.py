"""Figures beside lists: counts over every incident that a person may see. They are
kept for some seconds in the cache that all processes share, for this person only, so
that a list costs the same however many incidents there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.models import IntegerField, Q, QuerySet, Subquery

from accounts.models import User
from incidents.models import Incident, Lane, Severity
from incidents.permissions import OPEN
from incidents.selectors.notices import notices

TOP = "top"
VIEWS: dict[str, Q] = {
    "open": Q(status__in=OPEN),
    "blocking": Q(status__in=OPEN) & Q(snapshot__blocking__gt=0),
    "severe": Q(severity__in=[Severity.SEV1, Severity.SEV2]),
    "closed": Q(status=Incident.Status.CLOSED),
    "all": Q(),
}


def kept_for(user: User, name: str, compute: Callable[[], Any]) -> Any:
    """A figure of this person, at most FIGURES_SECONDS old."""
    seconds = settings.FIGURES_SECONDS
    if not seconds:
        return compute()
    key = f"{name}:{user.pk}"
    found = cache.get(key)
    if found is None:
        found = compute()
        cache.set(key, found, seconds)
    return found


class Tally(Subquery):
    """How many rows another query finds, as one value of this one."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS tallied)"
    output_field = IntegerField()
    empty_result_set_value = 0

    def __init__(self, rows: QuerySet[Any]) -> None:
        super().__init__(rows.order_by().values("pk"))


def top_counts(user: User) -> dict[str, int]:
    """The figures at the top of every page, in one query: `active`, how many real
    incidents are active now; `unread`, how many messages this person has not read."""

    def count() -> dict[str, int]:
        visible = Incident.objects.visible_to(user)
        active = visible.filter(status=Incident.Status.ACTIVE, is_drill=False)
        unread = notices(user).filter(read_at=None)
        row = User.objects.values_list(Tally(active), Tally(unread)).get(pk=user.pk)
        return dict(zip(("active", "unread"), row, strict=True))

    return dict(kept_for(user, TOP, count))


def forget_top(user: User) -> None:
    """Count anew on this person's next page."""
    cache.delete(f"{TOP}:{user.pk}")


def lane_slugs(user: User) -> list[str]:
    """The lanes that any visible incident names, in the order of the alphabet."""

    def read() -> list[str]:
        lanes = Lane.objects.filter(
            incident__in=Incident.objects.visible_to(user), retracted_at=None
        )
        return list(lanes.order_by("slug").values_list("slug", flat=True).distinct())

    return list(kept_for(user, "lanes", read))

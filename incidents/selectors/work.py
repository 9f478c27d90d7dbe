"""What *My work* shows beside what is due: the incidents of one person, and what waits
in them. Each list holds its first SHOWN rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Sum, Window
from django.db.models.functions import JSONArray

from accounts.models import User
from incidents.models import (
    FindingSnapshot,
    Incident,
    KnownUnknown,
    Participation,
)
from incidents.permissions import OPEN
from incidents.selectors.lists import Gathered, lanes_in_force

SHOWN = 6
AMONG = Window(Count("pk"))  # of how many the shown ones are
# Stored with the findings: names of dependencies that still are degraded, and the
# declaration if the timeline has it.
DEGRADED = F("snapshot__facts__degraded")
DECLARED = F("snapshot__facts__declared_at")


def live_incidents(user: User) -> list[Incident]:
    """Active incidents in which this person has a duty now, the worst first, each with
    `my_duties` in words, `shown_lanes`: slug and name, `update`: when its next message
    is due, or None; and `among`: how many there are."""
    duties = Participation.objects.filter(user=user, until=None, retracted_at=None)
    mine = duties.filter(incident=OuterRef("pk")).order_by("number")
    shown = mine.values(row=JSONArray("duty", "is_backup"))
    rows = list(
        Incident.objects.visible_to(user)
        .filter(status=Incident.Status.ACTIVE, pk__in=duties.values("incident"))
        .select_related("snapshot")
        .defer("snapshot__findings")
        .annotate(degraded=DEGRADED, declared_as=DECLARED, among=AMONG)
        .annotate(shown_lanes=lanes_in_force(), my_duties=Gathered(shown))
        .order_by("severity", "declared_at", "pk")[:SHOWN]
    )
    found = _counted(rows)
    for row in found:
        row.update = _update(row)
        row.my_duties = [
            f"{Participation.Duty(duty).label.lower()}{' (backup)' if backup else ''}"
            for duty, backup in row.my_duties
        ]
    return found


def live_elsewhere(user: User) -> list[Incident]:
    """Active incidents, the worst first, for somebody who has a duty in none."""
    return _counted(
        Incident.objects.visible_to(user)
        .filter(status=Incident.Status.ACTIVE, is_drill=False)
        .annotate(degraded=DEGRADED, declared_as=DECLARED, among=AMONG)
        .order_by("severity", "declared_at", "pk")[:SHOWN]
    )


def my_incidents(user: User, waiting: set[int]) -> QuerySet[Incident]:
    """Open incidents in which this person has a part, is a named approver, or owes
    something (`waiting`: their ids)."""
    has_part = Participation.objects.filter(user=user, retracted_at=None)
    approves = Incident.approvers.through.objects.filter(user=user)
    return Incident.objects.visible_to(user).filter(
        Q(pk__in=has_part.values("incident"))
        | Q(pk__in=approves.values("incident"))
        | Q(pk__in=waiting),
        status__in=OPEN,
    )


def most_held(mine: QuerySet[Incident]) -> list[Incident]:
    """Those with findings, the most blocked first, and what each needs next; each with
    the sums of all."""
    return list(
        mine.filter(Q(snapshot__blocking__gt=0) | Q(snapshot__advisory__gt=0))
        .select_related("snapshot")
        .defer("snapshot__findings", "snapshot__facts")
        .annotate(
            degraded=DEGRADED,
            all_blocking=Window(Sum("snapshot__blocking")),
            all_advisory=Window(Sum("snapshot__advisory")),
        )
        .order_by("-snapshot__blocking", "-snapshot__advisory", "pk")[:SHOWN]
    )


def unknowns_of_others(user: User, mine: QuerySet[Incident]) -> list[KnownUnknown]:
    """Open questions of these incidents that somebody else owes, by deadline."""
    return list(
        KnownUnknown.objects.filter(
            incident__in=mine, state=KnownUnknown.State.OPEN, retracted_at=None
        )
        .exclude(owner=user)
        .select_related("incident", "owner")
        .order_by(F("due_at").asc(nulls_last=True), "pk")[:SHOWN]
    )


def _counted(rows: Iterable[Any]) -> list[Any]:
    """Each with `counts_from`, the declaration that T counts from on all its pages."""
    found = list(rows)
    for row in found:
        known = row.declared_as
        row.counts_from = datetime.fromisoformat(known) if known else row.declared_at
    return found


def _update(incident: Incident) -> dict[str, Any] | None:
    snapshot: FindingSnapshot | None = getattr(incident, "snapshot", None)
    found = (snapshot.facts if snapshot else {}).get("update")
    if not found:
        return None
    return {**found, "due_at": datetime.fromisoformat(found["due_at"])}

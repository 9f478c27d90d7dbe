"""Lists of incidents: which ones, and what a line of them shows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.db.models import FilteredRelation, JSONField, OuterRef, Q, Subquery
from django.db.models.functions import JSONArray

from accounts.models import User, label_of
from incidents.models import IN_COMMAND, Incident, Lane
from incidents.models.case import IncidentQuerySet
from incidents.permissions import OPEN
from postmortem.lib.addresses import incident_address

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
    asked = narrowed(statuses, severities, lane)
    for word in q.split()[:WORDS]:
        asked &= _says(word)
    paged = not (q or lane)  # words and lanes have an index of their own
    return Incident.objects.visible_to(user, paged=paged).filter(asked)


def narrowed(statuses: Collection[str], severities: Collection[str], lane: str) -> Q:
    """The condition of these values; what is empty asks for nothing."""
    asked = Q()
    if statuses:
        asked &= Q(status__in=statuses)
    if severities:
        asked &= Q(severity__in=severities)
    if lane:
        lanes = Lane.objects.filter(slug=lane, retracted_at=None)
        asked &= Q(pk__in=lanes.values("incident"))
    return asked


def _says(word: str) -> Q:
    """That an incident says this word, or goes by it."""
    number = word.upper().removeprefix("INC-")
    says = Q(title__icontains=word) | Q(summary__icontains=word)
    says |= Q(source_ref__iexact=word)
    if number.isdecimal() and len(number) <= 9:
        says |= Q(number=int(number))
    return says


_SHOWN = (
    *("pk", "number", "title", "severity", "status", "is_drill", "is_restricted"),
    *("clock_zone", "declared_at", "snapshot__blocking", "snapshot__advisory"),
    *("snapshot__next_step", "snapshot__facts__degraded"),
)
_COMMANDER = ("command__user__title", "command__user__name", "command__user__handle")
_held: list[Any] = IN_COMMAND.children
# One row at most: an incident has one commander at a time.
_IN_COMMAND = Q(*((f"participations__{name}", value) for name, value in _held))


@dataclass(frozen=True)
class Line:
    """What a line of the list shows. Plain values: a page has dozens of lines, and a
    model costs more than its row. `blocking` is None where the checks never ran.
    `degraded`: names of the dependencies that still are."""

    pk: int
    number: int
    title: str
    severity: str
    status: str
    is_drill: bool
    is_restricted: bool
    clock_zone: str
    declared_at: datetime | None
    blocking: int | None
    advisory: int | None
    next_step: str | None
    degraded: tuple[str, ...]
    lanes: tuple[tuple[str, str], ...] = ()
    commander: str = ""

    @property
    def key(self) -> str:
        return f"INC-{self.number}"

    @property
    def url(self) -> str:
        return incident_address("incidents:incident_detail", self.key)

    @property
    def frozen_as(self) -> str:
        """'Closed' or 'Cancelled', and nothing while it is open."""
        return "" if self.status in OPEN else Incident.Status(self.status).label


class Gathered(Subquery):
    """The rows of another query, of one value `row` each, as one value of this one."""

    output_field = JSONField()
    template = "(SELECT jsonb_agg(row) FROM (%(subquery)s) AS gathered)"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = (
            "(SELECT json_group_array(json(row)) FROM (%(subquery)s) AS gathered)"
        )
        return self.as_sql(compiler, connection, template=template, **context)


@cache
def lanes_in_force() -> Gathered:
    """Slug and name of each lane in force, by number."""
    rows = Lane.objects.filter(incident=OuterRef("pk"), retracted_at=None)
    return Gathered(rows.order_by("number").values(row=JSONArray("slug", "name")))


def lines(rows: IncidentQuerySet) -> list[Line]:
    """These incidents as lines, in their order, in one query. `lanes`: slug and name
    of each; `commander`: whoever is in command now, or nobody."""
    command = FilteredRelation("participations", condition=_IN_COMMAND)
    shown = rows.annotate(command=command, shown_lanes=lanes_in_force())
    found: Any = shown.values_list(*_SHOWN, "shown_lanes", *_COMMANDER)
    return [
        Line(
            *(
                *values,
                tuple(degraded or ()),
                tuple((slug, name) for slug, name in lanes or ()),
                label_of(title, name, handle) if handle else "",
            )
        )
        for *values, degraded, lanes, title, name, handle in found
    ]

"""Tabs of an incident's workspace. Each app registers its own in `ready()`, so that the
case file shows them without importing the apps that stand above it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps
from django.db.models import Count as CountOf
from django.db.models import OuterRef, Subquery

if TYPE_CHECKING:
    from incidents.models import Incident

Count = Callable[["Incident"], "int | None"]


class Clock(NamedTuple):
    """The incident clock, in aware times, None where it is not recorded: from first
    impact to stabilized, and the declaration, from which every T offset counts."""

    start: datetime | None
    end: datetime | None
    declared_at: datetime | None


ClockOf = Callable[["Incident"], Clock]


@dataclass(frozen=True)
class Tab:
    """One tab: `name` is what a page passes to `workspace(request, incident, tab=…)`.

    count: the figure behind the label, at most one query; None shows no figure.
    """

    name: str
    label: str
    url_name: str
    order: int
    count: Count | None = None


@dataclass(frozen=True)
class LiveRows:
    """The number of rows that are not withdrawn, of one model."""

    label: str

    def __call__(self, incident: Incident) -> int:
        rows = apps.get_model(self.label)._default_manager
        return int(rows.filter(incident=incident, retracted_at=None).count())

    def within(self) -> Subquery:
        """The same number inside a query on incidents."""
        rows = apps.get_model(self.label)._default_manager
        live = rows.filter(incident=OuterRef("pk"), retracted_at=None).order_by()
        return Subquery(
            live.values("incident").annotate(count=CountOf("pk")).values("count")
        )


def live_rows(label: str) -> Count:
    """A count of the rows that are not withdrawn, of a model such as 'rca.Cause'."""
    return LiveRows(label)


TABS: dict[str, Tab] = {}
_clock: list[ClockOf] = []


def register_tab(
    name: str, label: str, url_name: str, order: int, count: Count | None = None
) -> None:
    """Add a tab. The URL takes the incident's key as its only argument."""
    if name in TABS:
        raise ValueError(f"tab {name} is registered twice")
    TABS[name] = Tab(name, label, url_name, order, count)


def ordered_tabs() -> list[Tab]:
    """All tabs from left to right."""
    return sorted(TABS.values(), key=lambda tab: (tab.order, tab.name))


def counts(incident: Incident) -> dict[str, int | None]:
    """The figures of all tabs by name: one query for all plain counts together."""
    plain = {t.name: t.count for t in TABS.values() if isinstance(t.count, LiveRows)}
    of_incident = type(incident)._default_manager.filter(pk=incident.pk)
    rows = of_incident.values(
        **{f"tab_{name}": count.within() for name, count in plain.items()}
    )
    found: Any = (rows.first() if plain else None) or {}
    figures: dict[str, int | None] = {
        name: found.get(f"tab_{name}") or 0 for name in plain
    }
    for tab in TABS.values():
        if tab.count and tab.name not in plain:
            figures[tab.name] = tab.count(incident)
    return figures


def register_clock(provider: ClockOf) -> None:
    """Say what the incident clock is: the timeline knows. One query at most."""
    _clock[:] = [provider]


def incident_clock(incident: Incident) -> Clock:
    """The clock as the timeline has it; what nobody entered there is what the product
    took down itself. Without a first impact it runs from the declaration."""
    known = _clock[0](incident) if _clock else Clock(None, None, None)
    declared_at = known.declared_at or incident.declared_at
    return Clock(
        known.start or declared_at, known.end or incident.stabilized_at, declared_at
    )

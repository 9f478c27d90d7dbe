"""What is asked of the list of incidents: read from an address, or from a filter that
somebody saved by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.cache import cache
from django.db.models import Count, Q
from django.http import QueryDict

from accounts.models import User
from incidents.models import Incident, SavedFilter, Severity
from incidents.models.case import LIST_ORDER, IncidentQuerySet
from incidents.selectors.lists import narrowed, search
from incidents.selectors.tallies import VIEWS, kept_for

VIEW_LABELS = {
    "open": "Open",
    "blocking": "Blocking closure",
    "approval": "Needs my approval",
    "severe": "SEV1 and SEV2",
    "closed": "Closed",
    "all": "All",
}
TABS = "tabs"
LONGEST = 60  # letters of a value that does not exist


@dataclass(frozen=True)
class Filters:
    """What the query string asks for. `unknown`: parameter and value of what does not
    exist, or no longer: it narrows nothing, and the page says so."""

    view: str
    q: str
    severities: tuple[str, ...]
    statuses: tuple[str, ...]
    lane: str
    unknown: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, query: QueryDict, *, searching: bool = False) -> Filters:
        asked = {
            "view": query.getlist("view")[-1:],
            "severity": query.getlist("severity"),
            "status": query.getlist("status"),
        }
        exist = {
            "view": list(VIEW_LABELS),
            "severity": Severity.values,
            "status": Incident.Status.values,
        }
        known = {
            name: tuple(dict.fromkeys(v for v in values if v in exist[name]))
            for name, values in asked.items()
        }
        everywhere = searching or query.get("status") or query.get("q")
        return cls(
            view=next(iter(known["view"]), "all" if everywhere else "open"),
            q=_plain(query.get("q", ""))[:200],
            severities=known["severity"],
            statuses=known["status"],
            lane=_plain(query.get("lane", ""))[:60],
            unknown=tuple(
                dict.fromkeys(
                    (name, _plain(value)[:LONGEST])
                    for name, values in asked.items()
                    for value in values[:10]
                    if _plain(value) and value not in exist[name]
                )
            ),
        )

    def query(self, **changes: Any) -> str:
        """The same filters as a query string; a change to '' takes one away. What does
        not exist stays in it, so that it can be seen and taken away."""
        values: dict[str, Any] = {
            "view": self.view,
            "q": self.q,
            "severity": [*self.severities, *self._unknown("severity")],
            "status": [*self.statuses, *self._unknown("status")],
            "lane": self.lane,
            **changes,
        }
        return urlencode({k: v for k, v in values.items() if v}, doseq=True)

    def _unknown(self, name: str) -> list[str]:
        return [value for parameter, value in self.unknown if parameter == name]

    def found(self, user: User, *, to_approve: set[int]) -> IncidentQuerySet:
        """The incidents that this person may see and asks for, in the list's order."""
        rows = search(
            user,
            statuses=self.statuses,
            severities=self.severities,
            lane=self.lane,
            q=self.q,
        ).order_by(*LIST_ORDER)
        if self.view == "approval":
            return rows.filter(pk__in=to_approve)
        return rows.filter(VIEWS[self.view])

    @property
    def narrows(self) -> bool:
        """Whether anything besides the view is asked for."""
        return self.query() != self.query(q="", severity="", status="", lane="")

    @property
    def condition(self) -> Q | None:
        """What these filters ask of an incident, as one condition of a count; None
        where that takes more than an index: words, and what waits for a person."""
        if self.q or self.view == "approval":
            return None
        return VIEWS[self.view] & narrowed(self.statuses, self.severities, self.lane)

    def chips(self) -> list[dict[str, str]]:
        """The filters in force besides the view, each with its removal."""
        statuses = [Incident.Status(s).label for s in self.statuses]
        found = (
            ("Search", "q", [f"“{self.q}”"] if self.q else []),
            ("Severity", "severity", [*self.severities, *self._gone("severity")]),
            ("Status", "status", [*statuses, *self._gone("status")]),
            ("Lane", "lane", [self.lane] if self.lane else []),
        )
        return [
            {
                "name": name,
                "value": ", ".join(values),
                "query": self.query(**{parameter: ""}),
            }
            for name, parameter, values in found
            if values
        ]

    def _gone(self, name: str) -> list[str]:
        return [f"“{value}”" for value in self._unknown(name)]


def _plain(text: str) -> str:
    return text.replace("\x00", "").strip()


@dataclass(frozen=True)
class Saved:
    """A saved filter as the tabs show it; count: how many incidents it finds now, or
    None where that is not cheap to say."""

    pk: int
    name: str
    query: str
    count: int | None


def tabs_of(user: User) -> tuple[dict[str, int], list[Saved]]:
    """How many incidents each view of the list holds, and the filters that this person
    saved, by name, with theirs: two queries, kept for some seconds like the other
    figures beside the list."""

    def read() -> tuple[dict[str, int], list[Saved]]:
        rows = {
            f"n{row.pk}": (row, Filters.read(QueryDict(row.query)).condition)
            for row in SavedFilter.objects.filter(owner=user)
        }
        asked = {name: condition for name, (_, condition) in rows.items()}
        counts = Incident.objects.visible_to(user).aggregate(
            **{
                name: Count("pk", filter=condition) if condition else Count("pk")
                for name, condition in (VIEWS | asked).items()
                if condition is not None
            }
        )
        saved = [
            Saved(row.pk, row.name, row.query, counts.pop(name, None))
            for name, (row, _) in rows.items()
        ]
        return counts, saved

    counts, saved = kept_for(user, TABS, read)
    return dict(counts), list(saved)


def forget_filters(user: User) -> None:
    """Read the tabs anew on this person's next page."""
    cache.delete(f"{TABS}:{user.pk}")

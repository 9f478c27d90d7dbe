"""The list of incidents: saved views with counts, filters in the address, CSV."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from accounts.decorators import signed_in
from accounts.models import User
from incidents import selectors
from incidents.decorators import SignedInRequest, find_incident
from incidents.models import Incident, Severity
from incidents.models.case import LIST_ORDER, IncidentQuerySet
from incidents.permissions import can
from incidents.selectors import VIEWS, lane_slugs, view_counts
from incidents.views import MY_APPROVALS, keep_count, kept_count
from incidents.views.work import waiting_approvals
from postmortem.lib.htmx import render_page
from postmortem.lib.paging import ListPaginator
from postmortem.lib.times import on_clock

PAGE_SIZE = 25
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Filters:
    """What the query string asks for; unknown values are left out."""

    view: str
    q: str
    severities: tuple[str, ...]
    statuses: tuple[str, ...]
    lane: str

    @classmethod
    def read(cls, query: QueryDict, *, searching: bool = False) -> Filters:
        views = {"open", "blocking", "approval", "severe", "closed", "all"}
        view = query.get("view", "")
        if view not in views:
            everywhere = searching or query.get("status") or query.get("q")
            view = "all" if everywhere else "open"
        return cls(
            view=view,
            q=query.get("q", "").replace("\x00", "").strip()[:200],
            severities=_known(query.getlist("severity"), Severity.values),
            statuses=_known(query.getlist("status"), Incident.Status.values),
            lane=query.get("lane", "").replace("\x00", "").strip()[:60],
        )

    def query(self, **changes: Any) -> str:
        """The same filters as a query string; a change to '' takes one away."""
        values: dict[str, Any] = {
            "view": self.view,
            "q": self.q,
            "severity": list(self.severities),
            "status": list(self.statuses),
            "lane": self.lane,
            **changes,
        }
        return urlencode({k: v for k, v in values.items() if v}, doseq=True)

    def found(self, user: User, *, to_approve: set[int]) -> IncidentQuerySet:
        """The incidents that this person may see and asks for, in the list's order."""
        rows = selectors.search(
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
        """Whether anything besides the saved view is asked for."""
        return bool(self.q or self.severities or self.statuses or self.lane)

    def chips(self) -> list[dict[str, str]]:
        """The filters in force besides the saved view, each with its removal."""
        found = []
        if self.q:
            found.append(("Search", f"“{self.q}”", {"q": ""}))
        if self.severities:
            found.append(("Severity", ", ".join(self.severities), {"severity": ""}))
        if self.statuses:
            words = ", ".join(Incident.Status(s).label for s in self.statuses)
            found.append(("Status", words, {"status": ""}))
        if self.lane:
            found.append(("Lane", self.lane, {"lane": ""}))
        return [
            {"name": name, "value": value, "query": self.query(**gone)}
            for name, value, gone in found
        ]


def _known(values: list[str], allowed: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value in allowed))


VIEW_LABELS = {
    "open": "Open",
    "blocking": "Blocking closure",
    "approval": "Needs my approval",
    "severe": "SEV1 and SEV2",
    "closed": "Closed",
    "all": "All",
}


@signed_in
def incident_list(request: SignedInRequest) -> HttpResponse:
    """All incidents that this person may see. At most twelve queries."""
    return _list(request, Filters.read(request.GET))


@signed_in
def search(request: SignedInRequest) -> HttpResponse:
    """The search box: a ref such as INC-2041 jumps there, words search the list."""
    words = request.GET.get("q", "").strip().upper()
    key = words if words.startswith("INC-") else f"INC-{words}"
    if words.removeprefix("INC-").isdecimal():
        try:
            return redirect(find_incident(request.user, key))
        except Http404:
            pass
    return _list(request, Filters.read(request.GET, searching=True))


@signed_in
def incident_export(request: SignedInRequest) -> HttpResponse:
    """What the filters show, as CSV with the same columns."""
    filters = Filters.read(request.GET)
    page = HttpResponse(content_type="text/csv; charset=utf-8")
    page["Content-Disposition"] = 'attachment; filename="incidents.csv"'
    sheet = csv.writer(page)
    sheet.writerow(
        [
            "ref",
            "title",
            "severity",
            "status",
            "lanes",
            "blocking",
            "advisory",
            "commander",
            "next step",
            "declared at (UTC)",
            "incident clock",
        ]
    )
    to_approve = set()
    if filters.view == "approval":
        to_approve = waiting_approvals(request.user)
    for row in selectors.lines(filters.found(request.user, to_approve=to_approve)):
        sheet.writerow(
            [
                _cell(value)
                for value in (
                    row.key,
                    row.title,
                    row.severity,
                    Incident.Status(row.status).label,
                    ", ".join(name for _, name in row.lanes),
                    "" if row.blocking is None else row.blocking,
                    "" if row.advisory is None else row.advisory,
                    row.commander,
                    row.next_step or "",
                    on_clock(row.declared_at, "UTC").strftime("%Y-%m-%d %H:%M")
                    if row.declared_at
                    else "",
                    row.clock_zone,
                )
            ]
        )
    return page


def _cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _list(request: SignedInRequest, filters: Filters) -> HttpResponse:
    to_approve: set[int] = set()
    if filters.view == "approval":
        to_approve = waiting_approvals(request.user)
        keep_count(request, MY_APPROVALS, len(to_approve))
    counts = view_counts(request.user)
    shown = filters.found(request.user, to_approve=to_approve)
    known = None if filters.narrows else counts.get(filters.view)
    pages = ListPaginator(shown, PAGE_SIZE, known=known, read=selectors.lines)
    page = pages.get_page(request.GET.get("page"))
    here = reverse("incidents:incident_list")
    query = filters.query()
    return render_page(
        request,
        "incidents/incident_list.html",
        {
            "title": "Incidents",
            "now": timezone.now(),
            "filters": filters,
            "page": page,
            "query": f"{query}&" if query else "",
            "export_url": f"{reverse('incidents:incident_export')}?{query}",
            "tabs": [
                {
                    "label": label,
                    "url": f"{here}?{filters.query(view=name, status='')}",
                    "active": name == filters.view,
                    "count": counts[name]
                    if name != "approval"
                    else kept_count(request, MY_APPROVALS),
                }
                for name, label in VIEW_LABELS.items()
            ],
            "chips": filters.chips(),
            "clear_query": urlencode({"view": filters.view}),
            "view_label": VIEW_LABELS[filters.view],
            "severities": Severity.values,
            "statuses": Incident.Status.choices,
            "lanes": lane_slugs(request.user),
            "has_any": counts["all"] > 0,
            "can_declare": can(request.user, "incident.declare"),
        },
        fragment="incidents/_incident_rows.html",
    )

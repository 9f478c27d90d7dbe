"""The list of incidents: saved views with counts, filters in the address, CSV."""

from __future__ import annotations

import csv
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.decorators import SignedInRequest, signed_in
from incidents import selectors
from incidents.decorators import find_incident
from incidents.models import Incident, Severity
from incidents.permissions import can
from incidents.selectors import VIEW_LABELS, Filters, Saved, lane_slugs, tabs_of
from incidents.selectors.lists import Line
from incidents.views import MY_APPROVALS, keep_count, kept_count
from postmortem.lib.addresses import page_url
from postmortem.lib.deadlines import incidents_to_approve
from postmortem.lib.htmx import render_page, wants_fragment
from postmortem.lib.paging import ListPaginator
from postmortem.lib.times import on_clock
from postmortem.lib.ui import age

PAGE_SIZE = 25
FORMULA = ("=", "+", "-", "@", "\t", "\r")


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
        to_approve = incidents_to_approve(request.user)
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
        to_approve = incidents_to_approve(request.user)
        keep_count(request, MY_APPROVALS, len(to_approve))
    counts, saved = tabs_of(request.user)
    lanes = lane_slugs(request.user)
    shown = filters.found(request.user, to_approve=to_approve)
    known = None if filters.narrows else counts.get(filters.view)
    pages = ListPaginator(shown, PAGE_SIZE, known=known, read=selectors.lines)
    page = pages.get_page(request.GET.get("page"))
    now = timezone.now()
    query = filters.query()
    mine = next((one for one in saved if one.query == query), None)
    return render_page(
        request,
        "incidents/incident_list.html",
        {
            "title": "Incidents",
            "filters": filters,
            "page": page,
            "rows": [_row(line, age(line.declared_at, now)) for line in page],
            "query": f"{query}&" if query else "",
            "export_url": f"{page_url('incidents:incident_export')}?{query}",
            "tabs": _tabs(
                filters,
                {**counts, "approval": kept_count(request, MY_APPROVALS)},
                saved,
                mine,
            ),
            "saved": mine,
            "chips": filters.chips(),
            "list_url": page_url("incidents:incident_list"),
            "declare_url": page_url("incidents:incident_declare"),
            "clear_query": urlencode({"view": filters.view}),
            "view_label": VIEW_LABELS[filters.view],
            "missing": _missing(filters, lanes),
            "severities": Severity.values,
            "statuses": Incident.Status.choices,
            "lanes": lanes,
            "has_any": counts["all"] > 0,
            "can_declare": can(request.user, "incident.declare"),
            "swapped": wants_fragment(request),
        },
        fragment="incidents/_incident_rows.html",
    )


@lru_cache(maxsize=512)
def _row(line: Line, age: str) -> str:
    """A row of the list. What it shows follows from these words alone, whoever looks:
    written once in each process, and anew when one of them changes."""
    return render_to_string("incidents/_incident_row.html", {"line": line, "age": age})


def _tabs(
    filters: Filters,
    counts: dict[str, int | None],
    saved: list[Saved],
    mine: Saved | None,
) -> list[dict[str, Any]]:
    """The views, the saved filters (`mine` is the one in force), and a way to save what
    else narrows the list. From a saved filter one goes back to the whole view."""
    here = page_url("incidents:incident_list")
    views = [
        _tab(
            label,
            f"{here}?view={name}"
            if mine
            else f"{here}?{filters.query(view=name, status='')}",
            active=name == filters.view and not mine,
            count=counts[name],
        )
        for name, label in VIEW_LABELS.items()
    ]
    own = [
        _tab(one.name, f"{here}?{one.query}", active=one == mine, count=one.count)
        for one in saved
    ]
    if mine or not filters.narrows:
        return views + own
    address = f"{page_url('incidents:filter_add')}?{filters.query()}"
    save = _tab("Save this filter", address, icon="device-floppy", drawer=True)
    return [*views, *own, save]


def _tab(
    label: str,
    url: str,
    *,
    active: bool = False,
    count: int | None = None,
    icon: str = "",
    drawer: bool = False,
) -> dict[str, Any]:
    """With every word that the template asks for: a missing one costs it more than all
    the others."""
    return {
        "label": label,
        "url": url,
        "active": active,
        "count": count,
        "count_kind": "",
        "icon": icon,
        "drawer": drawer,
    }


def _missing(filters: Filters, lanes: list[str]) -> list[str]:
    """What a filter asks for that is not there, or no longer, in sentences."""
    found = [
        f"There is no {name} “{value}”: this part of the filter is left out."
        for name, value in filters.unknown
    ]
    if filters.lane and filters.lane not in lanes:
        found.append(f"No incident has a lane “{filters.lane}”, so none is found.")
    return found

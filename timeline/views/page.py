"""The timeline page: fifty lines around a place, chart, filters, what is beside them;
what moved since; the recovery strip."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.decorators import SignedInRequest
from accounts.models import User
from incidents import permissions
from incidents.decorators import incident_view
from incidents.models import Incident
from incidents.views import workspace
from postmortem.lib.htmx import render_page, wants_fragment
from timeline import forms, selectors
from timeline.selectors import Choice, Outline, Window
from timeline.views.rows import (
    NAMES,
    address,
    choice_of,
    filters_of,
    items_of,
    moment_of,
    unread,
)

TAB = "timeline"
Status = Incident.Status
# How often a browser asks what is new, in seconds; a frozen record does not move.
PACE = {Status.ACTIVE: 3, Status.STABILIZED: 4, Status.IN_REVIEW: 4}


@incident_view("incident.view")
def entry_list(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The timeline; with htmx and `after` or `before` only these rows."""
    if wants_fragment(request) and {"after", "before"} & set(request.GET):
        whole = selectors.outline(incident)
        choice = choice_of(request.GET, incident)
        part = _window(request, incident, choice.lines(whole))
        one_way = "after" if request.GET.get("after") else "before"
        context = {
            "rows": _rows(request, incident, whole, choice, part),
            "earlier_url": _way(request, before=part.earlier)
            if one_way == "before"
            else "",
            "later_url": _way(request, after=part.later) if one_way == "after" else "",
        }
        return render(request, "timeline/_entry_rows.html", context)
    return timeline_page(request, incident, forms.QuickAddForm(incident=incident))


@incident_view("incident.view")
def entry_since(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """What moved since the browser last looked: nothing (204), or the rows that it has
    open, with chart, figures and what stands beside them."""
    if request.GET.get("seen", "") == incident.activity_head:
        return HttpResponse(status=204)
    whole = selectors.outline(incident)
    choice = choice_of(request.GET, incident)
    lines = choice.lines(whole)
    first, last = (request.GET.get(name, "")[:40] for name in ("first", "last"))
    part = selectors.window_between(lines, first, last)
    context = _timeline(request, incident, whole, choice, part)
    context["can"] = {
        name: permissions.can(request.user, name.replace("_", "."), incident)
        for name in ("timeline_add", "timeline_edit")
    }
    context["incident"] = incident
    context["moments"] = missing_moments(incident, whole, request.user)
    return render(request, "timeline/_live.html", context)


def timeline_page(
    request: SignedInRequest,
    incident: Incident,
    form: forms.QuickAddForm,
    *,
    status: int = 200,
) -> HttpResponse:
    """The whole page; `form` is the quick-add bar, empty or with what was refused."""
    whole = selectors.outline(incident)
    choice = choice_of(request.GET, incident)
    part = _window(request, incident, choice.lines(whole))
    context = {
        **_timeline(request, incident, whole, choice, part),
        **workspace(request, incident, TAB),
        **quick_context(incident, whole, request.user),
        "form": form,
        "query": {name: request.GET.get(name, "") for name in NAMES},
        "unread": unread(request.GET, incident),
        "lanes": [row for row in whole.lanes if row.pk in whole.lane_ids],
        "dependencies": whole.checkpoints,
        "owners": whole.owners,
        "waiting": [
            row for row in selectors.sources(incident, request.user) if row.waiting
        ],
        "pace": PACE.get(Status(incident.status), 0),
    }
    page = render_page(request, "timeline/entry_list.html", context, status=status)
    page["Cache-Control"] = "no-store"
    return page


def threshold_url(user: User, incident: Incident) -> str:
    """Where this person may change how long a stretch without evidence may be for the
    severity of this incident; '' for who may not."""
    if not permissions.can(user, "policy.edit"):
        return ""
    return reverse("incidents:policy_edit", args=[incident.severity])


def quick_context(incident: Incident, whole: Outline, user: User) -> dict[str, Any]:
    """What the quick-add bar needs besides its form."""
    return {
        "every_lane": whole.lanes,
        "every_dependency": whole.checkpoints,
        "line_key": uuid4().hex,
        "moments": missing_moments(incident, whole, user),
    }


def durations_context(incident: Incident, whole: Outline) -> dict[str, Any]:
    """How long it took, for the incident and for each lane; no query."""
    return {
        "durations": selectors.durations_of(incident, whole.milestones),
        "lane_durations": selectors.lane_recoveries(
            incident, whole.milestones, whole.lanes
        ),
    }


def missing_moments(
    incident: Incident, whole: Outline, user: User
) -> list[dict[str, Any]]:
    """The required milestones that nobody has recorded, for who may mark one: each is
    a button that makes a line, or an entry, that moment (R-TL-06)."""
    if not permissions.can(user, "timeline.edit", incident):
        return []
    return [
        row
        for row in selectors.required_milestones(incident, whole.milestones)
        if row["state"] == "missing"
    ]


def _timeline(
    request: SignedInRequest,
    incident: Incident,
    whole: Outline,
    choice: Choice,
    part: Window,
) -> dict[str, Any]:
    """Everything that may move while somebody looks at the page."""
    path = reverse("timeline:entry_list", args=[incident.key])
    required = selectors.required_milestones(incident, whole.milestones)
    ends = {"earlier_url": "", "later_url": ""}
    if part.earlier:
        ends["earlier_url"] = address(path, request.GET, before=part.earlier)
    if part.later:
        ends["later_url"] = address(path, request.GET, after=part.later)
    return {
        "rows": _rows(request, incident, whole, choice, part),
        **ends,
        "head": incident.activity_head,
        "first": part.first,
        "last": part.last,
        "live_url": address(
            reverse("timeline:entry_since", args=[incident.key]), request.GET
        ),
        "filters": filters_of(whole, path, request.GET, choice.show),
        "show": choice.show,
        "is_filtered": not choice.is_plain,
        "total": whole.live,
        "declared_at": whole.declared_at,
        "threshold": whole.threshold,
        "policy_url": threshold_url(request.user, incident),
        "gap_count": len(whole.gaps),
        "required": required,
        "proven": sum(
            1 for row in required if row["state"] in {"proven", "not_applicable"}
        ),
        **durations_context(incident, whole),
        "checkpoints": whole.checkpoints,
        "hypotheses": whole.hypotheses,
        **chart_context(incident, whole, choice),
        "csv_url": address(
            reverse("timeline:entry_export", args=[incident.key, "csv"]), request.GET
        ),
        "json_url": address(
            reverse("timeline:entry_export", args=[incident.key, "json"]), request.GET
        ),
        "print_url": address(
            reverse("timeline:entry_print", args=[incident.key]), request.GET
        ),
        "whole_url": address(path, request.GET, **{"from": "", "to": ""}),
    }


def _window(request: SignedInRequest, incident: Incident, lines: list[Any]) -> Window:
    """The part of the list that the address asks for. While an incident is active the
    newest lines are what a person comes for, else the beginning."""
    query = request.GET
    if query.get("after"):
        return selectors.window_after(lines, query["after"][:40])
    if query.get("before"):
        return selectors.window_before(lines, query["before"][:40])
    place = None
    if at := query.get("at", "")[:40]:
        place = selectors.place_of(lines, at)
        moment = moment_of(at, incident) if place is None else None
        if moment is not None:
            place = selectors.place_at(lines, moment)
    newest = incident.status == Status.ACTIVE
    return selectors.window_around(lines, place, newest=newest)


def _way(request: SignedInRequest, **where: str) -> str:
    return address(request.path, request.GET, **where) if any(where.values()) else ""


def _rows(
    request: SignedInRequest,
    incident: Incident,
    whole: Outline,
    choice: Choice,
    part: Window,
) -> SafeString:
    """The lines as HTML. They are the same for everybody with the same rights, and stay
    so until the record moves."""
    if not part.lines:
        return SafeString("")
    can = {
        name: permissions.can(request.user, name.replace("_", "."), incident)
        for name in ("timeline_add", "timeline_edit")
    }
    policy_url = threshold_url(request.user, incident)
    # Nothing folds under the eyes of somebody who records: rows would move.
    fold = choice.is_plain and incident.status != Status.ACTIVE
    key = (
        *("rows", incident.pk, incident.activity_head, incident.clock_zone, fold),
        *(can.values()),
        *(line.key for line in part.lines),
        *(whole.declared_at, whole.threshold, policy_url),
    )

    def make() -> SafeString:
        context = {
            "items": items_of(incident, whole, part.lines, fold=fold),
            "declared_at": whole.declared_at,
            "incident": incident,
            "base": reverse("timeline:entry_list", args=[incident.key]),
            "zone": incident.clock_zone,
            "can": can,
            "threshold": whole.threshold,
            "policy_url": policy_url,
        }
        return render_to_string("timeline/_items.html", context)

    return selectors.kept(key, make)


def chart_context(incident: Incident, whole: Outline, choice: Choice) -> dict[str, Any]:
    """The lane chart: of the whole incident, or of the chosen part of its clock."""
    context: dict[str, Any] = {
        "has_chart": whole.has_chart,
        "lane_svg": whole.lane_svg,
        "spark_svg": whole.spark_svg,
        "chart_table": whole.chart_table,
        "chart_words": whole.chart_words,
        "is_zoomed": False,
    }
    if not whole.has_chart or not (choice.start or choice.end):
        return context

    def make() -> dict[str, Any]:
        rows, marks = selectors.slim_rows(incident)
        live = [row for row in rows if not row.is_retracted]
        chart = selectors.lane_chart(
            incident,
            live,
            marks,
            whole.gaps,
            start=choice.start,
            end=choice.end,
        )
        return {
            "lane_svg": selectors.lane_svg(chart),
            "spark_svg": selectors.spark_svg(chart),
            "chart_table": selectors.lane_table(chart),
            "chart_words": selectors.summary(chart),
            "is_zoomed": True,
        }

    key = ("chart", incident.pk, incident.activity_head, incident.clock_zone)
    return context | selectors.kept((*key, choice.start, choice.end), make)


@incident_view("incident.view")
def recovery_strip(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The recovery strip: a fragment of the overview, and a page with its table."""
    data = selectors.recovery_strip(incident)
    context: dict[str, Any] = {
        "incident": incident,
        "strip": data,
        "strip_svg": selectors.strip_svg(data),
        "strip_svg_small": selectors.strip_svg(data, width=366, height=158),
    }
    if not wants_fragment(request):
        context |= workspace(request, incident, "overview")
    return render_page(
        request,
        "timeline/recovery_strip.html",
        context,
        fragment="timeline/_recovery_strip.html",
    )

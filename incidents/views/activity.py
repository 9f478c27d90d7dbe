"""History: who did what and why, what changed in the rows, the life of one row."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.decorators import SignedInRequest
from incidents import forms, selectors
from incidents.decorators import incident_view
from incidents.models import ActivityEntry, CaseRecord, Incident
from incidents.selectors import history
from incidents.services.verification import verify_incident
from incidents.views import workspace
from postmortem.lib.htmx import render_page, wants_fragment

PAGE_SIZE = 40
LONGEST_SHOWN = 1_000


@incident_view("incident.view")
def activity_list(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The activity of an incident, newest first, filtered by person, verb, row, time
    and words. `?before=` continues with older entries."""
    form = forms.ActivityFilterForm(request.GET, incident=incident)
    form.is_valid()  # a filter that cannot be read is said, and filters nothing
    wanted = form.cleaned_data
    rows = _filtered(incident, wanted)
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 10:
        rows = rows.filter(sequence__lt=int(before))
    found = list(rows.defer("history_rows")[: PAGE_SIZE + 1])
    shown, more = found[:PAGE_SIZE], found[PAGE_SIZE:]
    query = urlencode(
        [(name, request.GET[name]) for name in form.fields if request.GET.get(name)]
    )
    return render_page(
        request,
        "incidents/activity_list.html",
        {
            **workspace(request, incident, "activity"),
            "form": form,
            "is_filtered": bool(query),
            "entries": [(entry, _changes(entry)) for entry in shown],
            "query": query,
            "is_older": bool(before),
            "older": shown[-1].sequence if more else None,
            "verification": _verification(incident),
        },
    )


def _filtered(
    incident: Incident, wanted: dict[str, Any]
) -> QuerySet[ActivityEntry, ActivityEntry]:
    rows = selectors.activity_list(incident)
    for name, look_up in (
        ("subject", "subject_ref"),
        ("verb", "verb"),
        ("person", "actor_id"),
        ("since", "at__gte"),
        ("until", "at__lte"),
    ):
        if wanted.get(name):
            rows = rows.filter(**{look_up: wanted[name]})
    words = wanted.get("q")
    if words:
        rows = rows.filter(
            Q(sentence__icontains=words)
            | Q(reason__icontains=words)
            | Q(actor_label__icontains=words)
        )
    return rows


def _verification(incident: Incident) -> dict[str, Any]:
    """The last look at the chain, and how many entries it did not see."""
    last = incident.verifications.select_related("by").first()
    return {
        "last": last,
        "unseen": incident.activity_count - last.sequence if last else 0,
    }


@incident_view("incident.view")
def activity_detail(
    request: SignedInRequest, incident: Incident, sequence: int
) -> HttpResponse:
    """One deed with every row that it wrote, field by field."""
    entry = ActivityEntry.objects.filter(incident=incident, sequence=sequence).first()
    if entry is None:
        raise Http404("no such entry")
    found = history.deed_rows(incident, entry)
    return _in_drawer(
        request,
        incident,
        "activity_detail",
        {
            "title": f"Entry {entry.sequence}",
            "entry": entry,
            "rows": found.rows,
            "left_out": found.left_out,
            "back_url": reverse("incidents:activity_list", args=[incident.key]),
        },
    )


@incident_view("incident.view")
def row_history(request: SignedInRequest, incident: Incident, ref: str) -> HttpResponse:
    """The life of one row: what it said after each deed, by whom and why (R-TL-11)."""
    row: CaseRecord | Incident | None = incident
    if ref != "case":
        row = selectors.find_row(incident, ref)
    if row is None:
        raise Http404("no such row")
    deeds, older = history.row_history(incident, row, before=_moment(request))
    return _in_drawer(
        request,
        incident,
        "row_history",
        {
            "title": f"History of {row.ref or incident.key}",
            "ref": ref,
            "row": row,
            "deeds": deeds,
            "older": older.isoformat() if older else "",
            "is_older": "before" in request.GET,
            "back_url": row.get_absolute_url(),
        },
    )


def _moment(request: SignedInRequest) -> datetime | None:
    text = request.GET.get("before")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "+")[:40])
    except ValueError:
        raise Http404("no such moment") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.now().tzinfo)


def _in_drawer(
    request: SignedInRequest, incident: Incident, name: str, context: dict[str, Any]
) -> HttpResponse:
    """A page of the workspace, or the same in the drawer, which needs no tabs."""
    around: dict[str, Any] = (
        {"incident": incident}
        if wants_fragment(request)
        else workspace(request, incident, "activity")
    )
    return render_page(
        request,
        f"incidents/{name}.html",
        {**around, **context},
        fragment=f"incidents/_{name}.html",
    )


@incident_view("incident.view")
@require_POST
def activity_verify(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Recompute the chain now and keep the result with time and name."""
    seen = verify_incident(incident_id=incident.pk, actor=request.user)
    if seen.breach_count:
        messages.error(
            request,
            f"{seen.breach_count} faults in the history of {incident.key}. They are "
            "listed on this page: tell compliance before anybody changes the case.",
        )
    else:
        messages.success(
            request,
            f"Verified up to entry {seen.sequence}: nothing was altered since it was "
            "written.",
        )
    return redirect("incidents:activity_list", incident.key)


# --- what an entry of the chain says itself -------------------------------------------


def _changes(entry: ActivityEntry) -> list[history.Change]:
    """Fields that moved, as the entry itself holds them: what they were and are."""
    told = entry.data.get("changes")
    pairs = {**entry.data, **(told if isinstance(told, dict) else {})}
    return [
        history.Change(
            name.replace("_", " ").capitalize(),
            _words(pair[0]),
            _words(pair[1]),
            isinstance(pair[0], str) and isinstance(pair[1], str),
        )
        for name, pair in pairs.items()
        if isinstance(pair, list)
        and len(pair) == 2
        and pair[0] != pair[1]
        # a list of two refs is no pair of values
        and name not in {"evidence", "refs"}
    ]


def _words(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "" if value is None else str(value)
    return f"{text[:LONGEST_SHOWN]}…" if len(text) > LONGEST_SHOWN else text

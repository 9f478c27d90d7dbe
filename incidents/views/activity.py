"""Activity: who did what and why."""

from __future__ import annotations

from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse

from incidents.decorators import SignedInRequest, incident_view
from incidents.models import ActivityEntry, Incident
from incidents.views import workspace
from postmortem.lib.htmx import render_page

PAGE_SIZE = 50


@incident_view("incident.view")
def activity_list(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The activity of an incident, newest first; `?subject=TL-3` narrows to one row."""
    subject = request.GET.get("subject", "").replace("\x00", "").strip()[:20]
    words = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    rows = ActivityEntry.objects.filter(incident=incident).order_by("-sequence")
    if subject:
        rows = rows.filter(subject_ref=subject)
    if words:
        rows = rows.filter(
            Q(sentence__icontains=words)
            | Q(reason__icontains=words)
            | Q(actor_label__icontains=words)
        )
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return render_page(
        request,
        "incidents/activity_list.html",
        {
            **workspace(request, incident, "activity"),
            "page": page,
            "entries": [(entry, _changes(entry)) for entry in page.object_list],
            "subject": subject,
            "q": words,
            "query": "".join(
                f"{urlencode({name: value})}&"
                for name, value in (("subject", subject), ("q", words))
                if value
            ),
        },
    )


def _changes(entry: ActivityEntry) -> list[tuple[str, str, str]]:
    """Fields that moved, in words: what they were and what they are."""
    return [
        (name.replace("_", " "), _words(pair[0]), _words(pair[1]))
        for name, pair in entry.data.items()
        if isinstance(pair, list) and len(pair) == 2 and pair[0] != pair[1]
    ]


def _words(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "(none)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = "" if value is None else str(value)
    return f"{text[:200]}…" if len(text) > 200 else text or "(empty)"

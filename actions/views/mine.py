"""Actions across all incidents that a person may see."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django.db.models import F, Q
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.decorators import SignedInRequest, signed_in
from actions import selectors
from actions.models import ActionItem
from actions.views import (
    due_date,
    icon_of,
    kind_of,
    marked,
    pending_note,
    proof_badge,
)
from incidents.language import find_vague
from postmortem.lib.addresses import incident_address
from postmortem.lib.htmx import render_page, typed
from postmortem.lib.paging import ListPaginator
from postmortem.lib.words import shortened

PAGE_SIZE = 25  # as the list of incidents
TIMINGS = dict(ActionItem.Timing.choices)
TITLE = 48  # characters of an incident's title beside its key


def line(row: selectors.Line, now: datetime) -> dict[str, str]:
    """The words of a line of this list."""
    is_mandatory = row.timing == ActionItem.Timing.MANDATORY
    badge, label = proof_badge(row.state, row.tests, is_mandatory=is_mandatory)
    note, kind = pending_note(row.due_at, row.clock_zone, now)
    return {
        "url": row.url,
        "title": marked(row.title, find_vague(row.title)),
        "ref": row.ref,
        "icon": icon_of(row.kind, row.state),
        "kind": kind_of(row.kind, row.state),
        "timing": TIMINGS[row.timing],
        "list_url": incident_address("actions:action_list", row.key),
        "key": row.key,
        "incident": shortened(row.incident_title, TITLE),
        "owner": row.owner or "Nobody yet",
        "badge": badge,
        "badge_label": label,
        "due": due_date(row.due_at, row.clock_zone) or "no date",
        "due_note": note,
        "due_css": "pm-bad" if kind == "bad" else "pm-muted",
    }


@lru_cache(maxsize=512, typed=True)  # a safe text is not a plain one
def written(**row: str) -> str:
    """A line of this list. What it shows follows from these words alone, whoever looks:
    written once in each process, and anew when one of them changes."""
    return render_to_string("actions/_my_action.html", {"row": row})


@signed_in
def my_actions(request: SignedInRequest) -> HttpResponse:
    """My actions, overdue ones and all open ones, in every incident I may see."""
    now = timezone.now()
    lists = {
        "mine": Q(owner=request.user),
        "overdue": Q(due_at__lt=now),
        "open": Q(),
    }
    show = request.GET.get("show", "mine")
    if show not in lists:
        show = "mine"
    rows = selectors.pending_actions(request.user).filter(lists[show])
    query = typed(request.GET, "q")
    if query:
        rows = rows.filter(
            Q(title__icontains=query) | Q(incident__title__icontains=query)
        )
    ordered = rows.order_by(
        F("due_at").asc(nulls_last=True), "incident__number", "number"
    )
    counts = selectors.pending_counts(request.user, now)
    page = ListPaginator(
        ordered,
        PAGE_SIZE,
        known=None if query else counts[show],
        read=selectors.lines,
    ).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "title": "Actions",
        "lead": "Follow-up across all incidents that you may see.",
        "page": page,
        "rows": [written(**line(row, now)) for row in page],
        "segments": [
            {
                "label": label,
                "count": counts[name],
                "url": f"?show={name}",
                "active": show == name,
            }
            for name, label in (
                ("mine", "Mine"),
                ("overdue", "Overdue"),
                ("open", "All open"),
            )
        ],
        "show": show,
        "q": query,
        "query": urlencode({"show": show, **({"q": query} if query else {})}) + "&",
    }
    return render_page(request, "actions/my_actions.html", context)

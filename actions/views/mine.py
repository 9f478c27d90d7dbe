"""Actions across all incidents that a person may see."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import F, Q
from django.http import HttpResponse
from django.utils import timezone

from accounts.decorators import signed_in
from actions import selectors
from actions.models import ActionItem
from actions.views import action_row
from incidents.decorators import SignedInRequest
from postmortem.lib.addresses import incident_address
from postmortem.lib.htmx import render_page
from postmortem.lib.paging import ListPaginator

PAGE_SIZE = 30
TITLE = 48  # characters of an incident's title beside its key


def line(action: ActionItem, now: datetime) -> dict[str, Any]:
    """An action as a line of this list: every word in its place, for a page that has
    dozens of them."""
    row, incident = action_row(action, now), action.incident
    title = incident.title
    return {
        "url": action.get_absolute_url(),
        "title": row.title,
        "ref": row.ref,
        "icon": row.icon,
        "kind": row.kind,
        "timing": ActionItem.Timing(action.timing).label,
        "list_url": incident_address("actions:action_list", incident.key),
        "key": incident.key,
        "incident": title if len(title) <= TITLE else f"{title[: TITLE - 1]}…",
        "owner": action.owner.label if action.owner else "Nobody yet",
        "badge": row.badge,
        "badge_label": row.badge_label,
        "due": row.due or "no date",
        "due_note": row.due_note,
        "due_css": "pm-bad" if row.due_kind == "bad" else "pm-muted",
    }


@signed_in
def my_actions(request: SignedInRequest) -> HttpResponse:
    """My actions, overdue ones and all open ones, in every incident I may see."""
    now = timezone.now()
    pending = selectors.visible_actions(request.user)
    pending = pending.filter(state__in=ActionItem.PENDING)
    lists = {
        "mine": pending.filter(owner=request.user),
        "overdue": pending.filter(due_at__lt=now),
        "open": pending,
    }
    show = request.GET.get("show", "mine")
    if show not in lists:
        show = "mine"
    rows = lists[show]
    query = request.GET.get("q", "").strip()[:200]
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
        read=selectors.with_proof,
    ).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "title": "Actions",
        "lead": "Follow-up across all incidents that you may see.",
        "page": page,
        "rows": [line(action, now) for action in page],
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

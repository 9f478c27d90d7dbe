"""Actions across all incidents that a person may see."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.db.models import F, Q
from django.http import HttpResponse
from django.utils import timezone

from accounts.decorators import signed_in
from actions import selectors
from actions.views import action_row
from incidents.decorators import SignedInRequest
from postmortem.lib.htmx import render_page
from postmortem.lib.paging import ListPaginator

PAGE_SIZE = 30


@signed_in
def my_actions(request: SignedInRequest) -> HttpResponse:
    """My actions, overdue ones and all open ones, in every incident I may see."""
    now = timezone.now()
    pending = selectors.visible_actions(request.user)
    pending = pending.filter(state__in=selectors.PENDING)
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
        selectors.with_proof(ordered), PAGE_SIZE, known=None if query else counts[show]
    ).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "title": "Actions",
        "lead": "Follow-up across all incidents that you may see.",
        "page": page,
        "rows": [action_row(action, now) for action in page],
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

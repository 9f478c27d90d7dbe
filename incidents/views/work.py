"""My work: what waits for the person who is signed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.utils import timezone

from accounts.decorators import SignedInRequest, signed_in
from accounts.models import User
from incidents.permissions import can
from incidents.selectors import work
from incidents.views import MY_APPROVALS, MY_WORK, keep_count
from postmortem.lib.deadlines import Deadline, all_deadlines
from postmortem.lib.htmx import render_page

KIND_ICONS = {
    "action": "clipboard-check",
    "closure_test": "flask",
    "known_unknown": "help-hexagon",
    "review_meeting": "eye",
    "review_start": "eye",
    "waiver": "hourglass",
}
PAGE_SIZE = 30
APPROVALS_SHOWN = 8


@dataclass(frozen=True)
class WorkRow:
    """A deadline as the page shows it."""

    deadline: Deadline
    icon: str
    is_overdue: bool
    is_soon: bool


@signed_in
def work_list(request: SignedInRequest) -> HttpResponse:
    """Active incidents I take part in, then what is overdue, then what is due."""
    user, now = request.user, timezone.now()
    found = all_deadlines(user)
    approvals = [item for item in found if item.is_approval]
    keep_count(request, MY_WORK, len(found))
    keep_count(request, MY_APPROVALS, len({item.incident.pk for item in approvals}))
    # Soonest first puts what is overdue first.
    due = [item for item in found if not item.is_approval]
    page = Paginator(due, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = [_row(item) for item in page]
    late = sum(item.is_overdue(now) for item in due)
    live = work.live_incidents(user)
    # Whoever has an incident of their own finds the others at the top of the page.
    elsewhere = [] if live else work.live_elsewhere(user)
    mine = work.my_incidents(user, {item.incident.pk for item in found})
    held = work.most_held(mine)
    unknowns = work.unknowns_of_others(user, mine)
    return render_page(
        request,
        "incidents/work_list.html",
        {
            "title": "My work",
            "now": now,
            "you": _role_of(user),
            "live": live,
            "elsewhere": elsewhere,
            "more_active": _left_out(live or elsewhere),
            "mine": held,
            "unknowns": unknowns,
            "overdue": [row for row in rows if row.is_overdue],
            "due": [row for row in rows if not row.is_overdue],
            "page": page,
            "overdue_total": late,
            "later_total": len(due) - late,
            "approvals": approvals[:APPROVALS_SHOWN],
            "approvals_total": len(approvals),
            "waiting": {
                name: getattr(held[0], f"all_{name}") if held else 0
                for name in ("blocking", "advisory")
            },
            "nothing": not (found or live or elsewhere or unknowns),
            "can_declare": can(user, "incident.declare"),
        },
    )


def _row(item: Deadline) -> WorkRow:
    left = item.due_at - timezone.now()
    return WorkRow(
        deadline=item,
        icon=KIND_ICONS.get(item.kind, "calendar-due"),
        is_overdue=left.total_seconds() < 0,
        is_soon=left.days < 1,
    )


def _role_of(user: User) -> str:
    """The role title inside a sentence: 'engineering manager', 'IC on call'."""
    title = user.title
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def _left_out(shown: list[Any]) -> int:
    """How many more there are than these."""
    return shown[0].among - len(shown) if shown else 0

"""My work: what waits for the person who is signed in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.core.paginator import Paginator
from django.db.models import Prefetch, Sum
from django.http import HttpResponse
from django.utils import timezone

from accounts.decorators import signed_in
from accounts.models import User
from incidents.decorators import SignedInRequest
from incidents.models import FindingSnapshot, Incident, Lane, Participation
from incidents.permissions import can
from incidents.views import MY_APPROVALS, MY_WORK, keep_count
from postmortem.lib.deadlines import PROVIDERS, Deadline, all_deadlines
from postmortem.lib.htmx import render_page

KIND_ICONS = {
    "test": "flask",
    "unknown": "help-hexagon",
    "cause": "sitemap",
    "action": "clipboard-check",
    "assign": "user-check",
    "review": "eye",
    "waiver": "hourglass",
    "approv": "certificate",
    "update": "speakerphone",
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
    approvals = [item for item in found if is_approval(item.kind)]
    keep_count(request, MY_WORK, len(found))
    keep_count(request, MY_APPROVALS, len({item.incident.pk for item in approvals}))
    # Soonest first puts what is overdue first.
    due = [item for item in found if not is_approval(item.kind)]
    page = Paginator(due, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = [_row(item) for item in page]
    late = sum(item.is_overdue(now) for item in due)
    live = _live_incidents(user)
    mine = Incident.objects.visible_to(user).filter(
        pk__in=Participation.objects.filter(user=user, retracted_at=None).values(
            "incident"
        ),
        status__in=[
            Incident.Status.ACTIVE,
            Incident.Status.STABILIZED,
            Incident.Status.IN_REVIEW,
        ],
    )
    waiting = FindingSnapshot.objects.filter(incident__in=mine).aggregate(
        blocking=Sum("blocking", default=0), advisory=Sum("advisory", default=0)
    )
    return render_page(
        request,
        "incidents/work_list.html",
        {
            "title": "My work",
            "now": now,
            "live": live,
            "overdue": [row for row in rows if row.is_overdue],
            "due": [row for row in rows if not row.is_overdue],
            "page": page,
            "overdue_total": late,
            "later_total": len(due) - late,
            "approvals": approvals[:APPROVALS_SHOWN],
            "approvals_total": len(approvals),
            "waiting": waiting,
            "nothing": not (found or live),
            "can_declare": can(user, "incident.declare"),
        },
    )


def is_approval(kind: str) -> bool:
    """Whether a kind of deadline is somebody's approval."""
    return "approv" in kind


def waiting_approvals(user: User) -> set[int]:
    """Ids of the incidents in which an approval waits for this person."""
    found: Iterable[Deadline] = (
        item
        for kind, provider in PROVIDERS.items()
        if is_approval(kind)
        for item in provider(user)
    )
    return {item.incident.pk for item in found}


def _row(item: Deadline) -> WorkRow:
    left = item.due_at - timezone.now()
    return WorkRow(
        deadline=item,
        icon=next(
            (icon for part, icon in KIND_ICONS.items() if part in item.kind),
            "calendar-due",
        ),
        is_overdue=left.total_seconds() < 0,
        is_soon=left.days < 1,
    )


def _live_incidents(user: User) -> list[Incident]:
    """Active incidents in which this person has a duty now, the oldest first."""
    return list(
        Incident.objects.visible_to(user)
        .filter(
            status=Incident.Status.ACTIVE,
            pk__in=Participation.objects.filter(
                user=user, until=None, retracted_at=None
            ).values("incident"),
        )
        .select_related("snapshot")
        .defer("snapshot__findings", "snapshot__facts")
        .prefetch_related(
            Prefetch("lanes", Lane.objects.filter(retracted_at=None)),
            Prefetch(
                "participations",
                Participation.objects.filter(
                    user=user, until=None, retracted_at=None
                ).order_by("number"),
                to_attr="my_duties",
            ),
        )
        .order_by("declared_at")
    )

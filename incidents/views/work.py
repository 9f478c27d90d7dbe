"""My work: what waits for the person who is signed in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Count, F, OuterRef, Q, QuerySet, Sum, Window
from django.db.models.functions import JSONArray
from django.http import HttpResponse
from django.utils import timezone

from accounts.decorators import SignedInRequest, signed_in
from accounts.models import User
from incidents.models import (
    FindingSnapshot,
    Incident,
    KnownUnknown,
    Participation,
)
from incidents.permissions import OPEN, can
from incidents.selectors.lists import Gathered, lanes_in_force
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
SHOWN = 6
AMONG = Window(Count("pk"))  # of how many the shown ones are
# Stored with the findings: names of dependencies that still are degraded, and the
# declaration if the timeline has it.
DEGRADED = F("snapshot__facts__degraded")
DECLARED = F("snapshot__facts__declared_at")


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
    # Whoever has an incident of their own finds the others at the top of the page.
    elsewhere = [] if live else _live_elsewhere(user)
    mine = _my_incidents(user, {item.incident.pk for item in found})
    held = _most_held(mine)
    unknowns = _unknowns_of_others(user, mine)
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


def is_approval(kind: str) -> bool:
    """Whether a kind of deadline is somebody's approval."""
    return "approv" in kind


def waiting_approvals(user: User) -> set[int]:
    """Ids of the incidents in which an approval waits for this person."""
    providers = {made for kind, made in PROVIDERS.items() if is_approval(kind)}
    found = (item for provider in providers for item in provider(user))
    return {item.incident.pk for item in found if is_approval(item.kind)}


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


def _role_of(user: User) -> str:
    """The role title inside a sentence: 'engineering manager', 'IC on call'."""
    title = user.title
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def _live_incidents(user: User) -> list[Incident]:
    """Active incidents in which this person has a duty now, the worst first, each with
    `my_duties` in words, `shown_lanes`: slug and name, `update`: when its next message
    is due, or None; and `among`: how many there are."""
    duties = Participation.objects.filter(user=user, until=None, retracted_at=None)
    mine = duties.filter(incident=OuterRef("pk")).order_by("number")
    shown = mine.values(row=JSONArray("duty", "is_backup"))
    rows = list(
        Incident.objects.visible_to(user)
        .filter(status=Incident.Status.ACTIVE, pk__in=duties.values("incident"))
        .select_related("snapshot")
        .defer("snapshot__findings")
        .annotate(degraded=DEGRADED, declared_as=DECLARED, among=AMONG)
        .annotate(shown_lanes=lanes_in_force(), my_duties=Gathered(shown))
        .order_by("severity", "declared_at", "pk")[:SHOWN]
    )
    found = _counted(rows)
    for row in found:
        row.update = _update(row)
        row.my_duties = [
            f"{Participation.Duty(duty).label.lower()}{' (backup)' if backup else ''}"
            for duty, backup in row.my_duties
        ]
    return found


def _left_out(shown: list[Any]) -> int:
    """How many more there are than these."""
    return shown[0].among - len(shown) if shown else 0


def _counted(rows: Iterable[Any]) -> list[Any]:
    """Each with `counts_from`, the declaration that T counts from on all its pages."""
    found = list(rows)
    for row in found:
        known = row.declared_as
        row.counts_from = datetime.fromisoformat(known) if known else row.declared_at
    return found


def _update(incident: Incident) -> dict[str, Any] | None:
    snapshot: FindingSnapshot | None = getattr(incident, "snapshot", None)
    found = (snapshot.facts if snapshot else {}).get("update")
    if not found:
        return None
    return {**found, "due_at": datetime.fromisoformat(found["due_at"])}


def _live_elsewhere(user: User) -> list[Incident]:
    """Active incidents, the worst first, for somebody who has a duty in none."""
    return _counted(
        Incident.objects.visible_to(user)
        .filter(status=Incident.Status.ACTIVE, is_drill=False)
        .annotate(degraded=DEGRADED, declared_as=DECLARED, among=AMONG)
        .order_by("severity", "declared_at", "pk")[:SHOWN]
    )


def _my_incidents(user: User, waiting: set[int]) -> QuerySet[Incident]:
    """Open incidents in which this person has a part, is a named approver, or owes
    something (`waiting`: their ids)."""
    has_part = Participation.objects.filter(user=user, retracted_at=None)
    approves = Incident.approvers.through.objects.filter(user=user)
    return Incident.objects.visible_to(user).filter(
        Q(pk__in=has_part.values("incident"))
        | Q(pk__in=approves.values("incident"))
        | Q(pk__in=waiting),
        status__in=OPEN,
    )


def _most_held(mine: QuerySet[Incident]) -> list[Incident]:
    """Those with findings, the most blocked first, and what each needs next; each with
    the sums of all."""
    return list(
        mine.filter(Q(snapshot__blocking__gt=0) | Q(snapshot__advisory__gt=0))
        .select_related("snapshot")
        .defer("snapshot__findings", "snapshot__facts")
        .annotate(
            degraded=DEGRADED,
            all_blocking=Window(Sum("snapshot__blocking")),
            all_advisory=Window(Sum("snapshot__advisory")),
        )
        .order_by("-snapshot__blocking", "-snapshot__advisory", "pk")[:SHOWN]
    )


def _unknowns_of_others(user: User, mine: QuerySet[Incident]) -> list[KnownUnknown]:
    """Open questions of these incidents that somebody else owes, by deadline."""
    return list(
        KnownUnknown.objects.filter(
            incident__in=mine, state=KnownUnknown.State.OPEN, retracted_at=None
        )
        .exclude(owner=user)
        .select_related("incident", "owner")
        .order_by(F("due_at").asc(nulls_last=True), "pk")[:SHOWN]
    )

"""Reads of foreign logs: where one stands, the candidates that a list shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar

from django.db.models import Count, F, Model, Q, QuerySet

from accounts.models import User
from incidents import permissions
from incidents.models import Incident
from timeline.models import Candidate, Import, LogReading

R = TypeVar("R", bound=Model)
State = Candidate.State


class Source(NamedTuple):
    """An artifact that was read: how many of its lines are in each state."""

    number: int
    title: str
    waiting: int
    accepted: int
    dismissed: int

    @property
    def ref(self) -> str:
        return f"EV-{self.number}"

    @property
    def total(self) -> int:
        return self.waiting + self.accepted + self.dismissed


@dataclass(frozen=True)
class CandidateChoice:
    """The filter of the list. source: the number of an artifact."""

    state: str = State.WAITING
    words: str = ""
    source: int | None = None
    start: datetime | None = None
    end: datetime | None = None

    def narrow(self, rows: QuerySet[Candidate]) -> QuerySet[Candidate]:
        if self.state:
            rows = rows.filter(state=self.state)
        for word in self.words.split():
            rows = rows.filter(Q(text__icontains=word) | Q(author__icontains=word))
        if self.source is not None:
            rows = rows.filter(source__evidence__number=self.source)
        if self.start:
            rows = rows.filter(occurred_at__gte=self.start)
        if self.end:
            rows = rows.filter(occurred_at__lte=self.end)
        return rows

    @property
    def is_narrow(self) -> bool:
        """It asks for more than a state and a source."""
        return bool(self.words or self.start or self.end)


def candidates(incident: Incident, user: User) -> QuerySet[Candidate]:
    """The candidates that this person may read, by their time; undated ones last. The
    lines of an artifact whose redaction is asked for are as closed as its file."""
    rows = _open_to(user, Candidate.objects.filter(incident=incident))
    return rows.select_related("source__evidence", "entry", "decided_by").order_by(
        F("occurred_at").asc(nulls_last=True), "pk"
    )


def _open_to(
    user: User, rows: QuerySet[R], source: str = "source__evidence__"
) -> QuerySet[R]:
    if permissions.can(user, "evidence.redact"):
        return rows
    return rows.exclude(
        **{f"{source}redaction_asked_at__isnull": False, f"{source}redacted_at": None}
    )


def sources(incident: Incident, user: User | None = None) -> list[Source]:
    """Every artifact that was read, with the state of its lines: one query. user: only
    what this person may read."""
    rows = Candidate.objects.filter(incident=incident)
    found = (
        (_open_to(user, rows) if user else rows)
        .values("source__evidence__number", "source__evidence__title")
        .annotate(
            waiting=Count("pk", filter=Q(state=State.WAITING)),
            accepted=Count("pk", filter=Q(state=State.ACCEPTED)),
            dismissed=Count("pk", filter=Q(state=State.DISMISSED)),
        )
        .order_by("source__evidence__number")
    )
    return [
        Source(
            row["source__evidence__number"],
            row["source__evidence__title"],
            row["waiting"],
            row["accepted"],
            row["dismissed"],
        )
        for row in found
    ]


def readings(incident: Incident, user: User) -> QuerySet[LogReading]:
    """Logs that a worker reads or has read, as far as this person may read them."""
    rows = LogReading.objects.filter(incident=incident)
    return _open_to(user, rows, "evidence__").select_related("evidence", "made")


def under_way(incident: Incident, user: User) -> list[LogReading]:
    """Logs of which nothing came yet, because a worker or a person has still to look at
    them: the last five."""
    used = Import.objects.filter(incident=incident).values("evidence")
    waits = Q(state=LogReading.State.WAITING)
    shown = Q(state=LogReading.State.READY) & ~Q(evidence__in=used)
    rows = readings(incident, user).filter(waits | shown).order_by("-asked_at")[:5]
    for row in rows:
        row.incident = incident
    return list(rows)

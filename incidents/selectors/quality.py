"""The incident's span on its clock, and how good the record is."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.apps import apps
from django.utils import timezone

from incidents.models import (
    Claim,
    Incident,
    KnownUnknown,
)
from incidents.selectors.results import findings
from incidents.selectors.rows import unknowns
from postmortem.lib.times import span


@dataclass(frozen=True)
class Clock:
    """The incident's span on its own clock. T offsets count from declaration.

    end: when it was stabilized, or None while it runs.
    """

    zone: str
    start: datetime | None
    end: datetime | None
    now: datetime

    @property
    def is_running(self) -> bool:
        return self.end is None

    @property
    def elapsed(self) -> timedelta | None:
        """From declaration to the end or to now; None: not recorded."""
        return None if self.start is None else (self.end or self.now) - self.start

    @property
    def duration(self) -> str:
        return span(self.elapsed)

    def offset(self, moment: datetime) -> str:
        """`T+12 min`, `T−9 min`; empty without a declaration time."""
        if self.start is None:
            return ""
        delta = moment - self.start
        text = span(delta)
        return f"T{text}" if delta < timedelta(0) else f"T+{text}"


def clock(incident: Incident, *, now: datetime | None = None) -> Clock:
    return Clock(
        zone=incident.clock_zone,
        start=incident.declared_at,
        end=incident.stabilized_at,
        now=now or timezone.now(),
    )


@dataclass(frozen=True)
class KindQuality:
    """How well one kind of claim is proven."""

    label: str
    total: int
    with_evidence: int
    provisional: int


@dataclass(frozen=True)
class RecordQuality:
    """How good the record is (R-MT-04). A share without rows is None, never zero."""

    kinds: tuple[KindQuality, ...]
    open_unknowns: int
    overdue_unknowns: int
    red_flags: int

    @property
    def claims(self) -> int:
        return sum(kind.total for kind in self.kinds)

    @property
    def with_evidence(self) -> int:
        return sum(kind.with_evidence for kind in self.kinds)

    @property
    def provisional(self) -> int:
        return sum(kind.provisional for kind in self.kinds)

    @property
    def evidence_percent(self) -> int | None:
        """Share of claims with evidence in whole percent; None: no claims yet."""
        return self.with_evidence * 100 // self.claims if self.claims else None


@cache
def claim_models() -> tuple[Any, ...]:
    return tuple(
        model
        for model in apps.get_models()
        if issubclass(model, Claim) and not model.__name__.startswith("Historical")
    )


def claims(incident: Incident) -> list[Any]:
    """Every claim in force of every app, with its evidence."""
    found: list[Any] = []
    for model in claim_models():
        rows = model._default_manager.filter(
            incident=incident, retracted_at=None
        ).prefetch_related("evidence_links__evidence")
        for row in rows:
            row.incident = incident
            found.append(row)
    return found


def record_quality(
    incident: Incident,
    *,
    red_flags: int | None = None,
    now: datetime | None = None,
) -> RecordQuality:
    """Numbers on the record itself; `red_flags` if the caller has the findings."""
    now = now or timezone.now()
    if red_flags is None:
        red_flags = sum(item.is_blocking for item in findings(incident, now))
    per_kind: dict[str, list[Any]] = defaultdict(list)
    for row in claims(incident):
        per_kind[str(row._meta.verbose_name)].append(row)
    still_open = [
        row for row in unknowns(incident) if row.state == KnownUnknown.State.OPEN
    ]
    return RecordQuality(
        kinds=tuple(
            KindQuality(
                label=label,
                total=len(rows),
                with_evidence=sum(bool(row.evidence) for row in rows),
                provisional=sum(row.is_provisional for row in rows),
            )
            for label, rows in per_kind.items()
        ),
        open_unknowns=len(still_open),
        overdue_unknowns=sum(
            row.due_at is not None and row.due_at < now for row in still_open
        ),
        red_flags=red_flags,
    )

"""The result of the checks as it was last stored: what every page shows. One query,
no check runs; gates and the seal recompute (decision 11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar

from django.db.models import F, QuerySet

from incidents.models import FindingSnapshot, Incident
from postmortem.lib.findings import Case, Finding, Gate, Level, Row
from postmortem.lib.kept import Kept

# What apps above keep beside the findings, of the same moment: facts in JSON by name.
FACTS: dict[str, Callable[[Case], Any]] = {}
FactsOf = TypeVar("FactsOf", bound=Callable[[Case], Any])
# Findings by snapshot and when it was taken: a long timeline has two thousand, and
# every page of its incident shows how many.
_kept = Kept(64)


def stored_with_findings(name: str) -> Callable[[FactsOf], FactsOf]:
    """Have facts of a case computed with the findings, on the same rows, and stored
    beside them for a page that would otherwise read the whole record."""

    def register(function: FactsOf) -> FactsOf:
        FACTS[name] = function
        return function

    return register


@dataclass(frozen=True)
class StoredFindings:
    """What the checks found when they last ran.

    is_current: nothing was recorded since; computed_at: None when they never ran.
    blocking, advisory: how many block closing, and how many others are open: the two
    numbers that lists, tabs, stepper and panel all show. content_hash: of the record
    that the checks looked at. degraded: names of the dependencies that still are.
    """

    findings: tuple[Finding, ...] = ()
    is_current: bool = False
    computed_at: datetime | None = None
    content_hash: str = ""
    next_step: str = ""
    degraded: tuple[str, ...] = ()

    @cached_property
    def blocking(self) -> int:
        return sum(item.is_blocking for item in self.findings)

    @cached_property
    def advisory(self) -> int:
        return sum(item.is_open and not item.is_blocking for item in self.findings)


def stored_findings(incident: Incident) -> StoredFindings:
    """The stored findings of an incident, worst first, in one query; in two where this
    process has not read them yet. A page asks once and hands the result on."""
    rows = FindingSnapshot.objects.filter(incident=incident).defer("findings", "facts")
    stored = rows.annotate(degraded=F("facts__degraded")).first()
    return StoredFindings() if stored is None else from_snapshot(incident, stored)


def stored_facts(incident: Incident, name: str) -> Any:
    """The facts of this name as they were stored with the findings, or None."""
    rows = FindingSnapshot.objects.filter(incident=incident)
    return rows.values_list(f"facts__{name}", flat=True).first()


def follow_ups() -> QuerySet[FindingSnapshot]:
    """Of closed incidents in which something waits for somebody (`note_follow_up`)."""
    return FindingSnapshot.objects.filter(facts__has_key=FindingSnapshot.FOLLOW_UP)


def from_snapshot(incident: Incident, stored: FindingSnapshot) -> StoredFindings:
    """A snapshot that was read already, as findings."""
    return StoredFindings(
        findings=_kept.get(
            (stored.pk, stored.computed_at, stored.activity_head),
            lambda: tuple(as_finding(row) for row in stored.findings),
        ),
        is_current=is_current(incident, stored),
        computed_at=stored.computed_at,
        content_hash=stored.content_hash,
        next_step=stored.next_step,
        degraded=tuple(_degraded(stored) or ()),
    )


def _degraded(stored: FindingSnapshot) -> Any:
    """Read alone where the other facts were left out."""
    if hasattr(stored, "degraded"):
        return stored.degraded
    return stored.facts.get("degraded")


def is_current(incident: Incident, stored: FindingSnapshot) -> bool:
    """Whether the checks have seen all that is recorded. A frozen record is judged
    once: follow-up actions go on outside of it."""
    frozen_at = incident.closed_at or incident.cancelled_at
    if incident.is_frozen and frozen_at and stored.computed_at >= frozen_at:
        return True
    return stored.activity_head == incident.activity_head


def as_finding(row: dict[str, Any]) -> Finding:
    """A finding from its stored form; the reverse of `services.findings.as_row`."""
    return Finding(
        **{
            **row,
            "level": Level(row["level"]),
            "row": Row(row["row"]) if row.get("row") else None,
            "gates": tuple(Gate(gate) for gate in row.get("gates", ())),
        }
    )

"""Messages to those outside: stretches without one, and when the next is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from incidents.models import Incident
from incidents.selectors import policy, stored_with_findings
from postmortem.lib.findings import Case
from timeline.models import Entry, Milestone
from timeline.selectors.analysis import recovered_at
from timeline.selectors.durations import feeding, instant
from timeline.selectors.rows import entries, milestones

Kind = Milestone.Kind


@dataclass(frozen=True)
class Silence:
    """A stretch in which nobody was told anything, longer than the cadence."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start


def silences(
    rows: Sequence[Entry], marks: Sequence[Milestone], cadence: timedelta
) -> list[Silence] | None:
    """Stretches from the first alert (else the declaration) to recovery without an
    update, longer than `cadence`; longest first (R-CO-01, R-SC-06). Only messages with
    a time count. None where the start or the end is not recorded."""
    fed = feeding(marks)
    starts = (
        instant(fed[k].entry) for k in (Kind.FIRST_ALERT, Kind.DECLARED) if k in fed
    )
    start = next(filter(None, starts), None)
    end = recovered_at(rows, marks)
    if end is None and Kind.STABILIZED in fed:
        end = instant(fed[Kind.STABILIZED].entry)
    if start is None or end is None or end <= start:
        return None
    if not cadence:
        return []
    told = sorted(
        told_at
        for row in rows
        if row.kind == Entry.Kind.COMMS
        and (told_at := instant(row))
        and start < told_at < end
    )
    found = [Silence(a, b) for a, b in pairwise([start, *told, end]) if b - a > cadence]
    return sorted(found, key=lambda item: (-item.length, item.start))


@stored_with_findings("update")
def next_update(case: Case) -> dict[str, Any] | None:
    """When the next message is due while an incident is active, by the cadence of its
    severity, and what the last one said; None where none is asked for (R-CO-01)."""
    minutes = case.load(policy).cadence_minutes
    since = case.incident.declared_at
    if case.incident.status != Incident.Status.ACTIVE or not minutes or not since:
        return None
    told = [
        (told_at, row.headline)
        for row in case.load(entries)
        if row.kind == Entry.Kind.COMMS
        and (told_at := instant(row))
        and since < told_at <= case.now
    ]
    last, said = max(told, default=(since, ""))
    due_at = last + timedelta(minutes=minutes)
    return {"due_at": due_at.isoformat(), "minutes": minutes, "said": said}


@stored_with_findings("cadence")
def cadence_kept(case: Case) -> dict[str, int] | None:
    """How well the cadence of the severity was kept while customers were affected: the
    minutes it asks for, how many stretches were longer, and the longest of them in
    minutes. None where none is asked for, or start or end is not recorded (R-MT-04)."""
    minutes = case.load(policy).cadence_minutes
    found = silences(
        case.load(entries), case.load(milestones), timedelta(minutes=minutes)
    )
    if not minutes or found is None:
        return None
    longest = int(found[0].length.total_seconds() // 60) if found else 0
    return {"minutes": minutes, "stretches": len(found), "longest": longest}

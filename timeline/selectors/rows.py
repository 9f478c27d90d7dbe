"""Rows of the timeline, in order, with everything that a page or a check reads.

Each function costs the same number of queries for ten rows and for ten thousand.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from incidents.models import Evidence, Incident, Lane
from incidents.selectors import stored_with_findings
from postmortem.lib.findings import Case
from postmortem.lib.record import every_row, live_rows
from timeline.models import (
    CheckpointEvidence,
    DependencyCheckpoint,
    Entry,
    EntryEvidence,
    Hypothesis,
    HypothesisEvidence,
    Milestone,
)
from timeline.selectors.slim import E, EntryLike

T = TypeVar("T", bound=Any)


def entries(incident: Incident) -> list[Entry]:
    """Live entries in the order of decision 6, with evidence and milestones."""
    rows = _attach(incident, live_rows(incident, _entries()))
    for row in rows:
        marks = [mark for mark in row.milestones.all() if not mark.is_retracted]
        for mark in marks:
            mark.incident = incident
        row.live_milestones = marks  # type: ignore[attr-defined]
    return in_order(rows)


def entries_at(incident: Incident, numbers: Iterable[int]) -> dict[int, Entry]:
    """These entries by number, withdrawn ones too, with their evidence: two queries.
    Lane, dependency, hypothesis and milestones the page knows from the outline."""
    rows = (
        Entry.objects.filter(incident=incident, number__in=list(numbers))
        .select_related("owner", "known_unknown", "retracted_by")
        .prefetch_related(_evidence(EntryEvidence))
    )
    return {row.number: row for row in _attach(incident, rows)}


def _entries() -> QuerySet[Entry]:
    return Entry.objects.select_related(
        "owner", "lane", "hypothesis", "known_unknown"
    ).prefetch_related(_evidence(EntryEvidence), "milestones")


def _evidence(model: type[Any]) -> Prefetch[Any]:
    links = model.objects.filter(retracted_at=None).select_related("evidence")
    return Prefetch("evidence_links", links)


def _attach(incident: Incident, rows: Iterable[T]) -> list[T]:
    """Give every row its incident, so that its address costs no query."""
    found = list(rows)
    for row in found:
        row.incident = incident
        for link in row.evidence_links.all():
            link.evidence.incident = incident
    return found


def place(row: EntryLike) -> int:
    """Where a row stands among its equals: its position, else its number."""
    return row.number if row.position is None else row.position


def in_order(rows: Iterable[E]) -> list[E]:
    """Order of decision 6: occurred_at, position, number; an undated row stands behind
    the dated row with the nearest position before its own, one without position last.
    The order in which the rows come in does not matter."""
    found = list(rows)
    dated = sorted(
        (row for row in found if row.occurred_at is not None),
        key=lambda row: (row.occurred_at, place(row), row.number),
    )
    undated = sorted(
        (row for row in found if row.occurred_at is None),
        key=lambda row: (row.position is None, row.position or 0, row.number),
    )
    if not undated:
        return dated
    anchors = sorted(dated, key=lambda row: (place(row), row.number))
    places = [place(row) for row in anchors]
    first: list[E] = []
    last: list[E] = []
    behind: dict[int, list[E]] = {}
    for row in undated:
        if row.position is None:
            last.append(row)
            continue
        index = bisect_right(places, row.position)
        if index:
            behind.setdefault(anchors[index - 1].number, []).append(row)
        else:
            first.append(row)
    result = list(first)
    for row in dated:
        result.append(row)
        result.extend(behind.get(row.number, ()))
    return result + last


def milestones(incident: Incident) -> list[Milestone]:
    """Live milestones with their entries, in the order of the required list; one whose
    entry was withdrawn is not live any more."""
    return [
        row
        for row in milestones_all(incident)
        if not row.is_retracted and (row.entry is None or not row.entry.is_retracted)
    ]


def milestones_all(incident: Incident) -> list[Milestone]:
    """Every milestone, withdrawn ones too."""
    order = {kind: index for index, kind in enumerate(Milestone.Kind.values)}
    found = every_row(
        incident,
        Milestone.objects.select_related(
            "entry", "entry__owner", "entry__lane"
        ).prefetch_related(
            Prefetch(
                "entry__evidence_links",
                EntryEvidence.objects.filter(retracted_at=None).select_related(
                    "evidence"
                ),
            )
        ),
    )
    for row in found:
        row.incident = incident
        if row.entry is not None:
            _attach(incident, [row.entry])
    return sorted(found, key=lambda row: (order[row.kind], row.number))


def hypotheses(incident: Incident) -> list[Hypothesis]:
    """The ledger of hypotheses, abandoned ones included (R-HY-02)."""
    rows = Hypothesis.objects.prefetch_related(_evidence(HypothesisEvidence))
    return _attach(incident, live_rows(incident, rows))


def checkpoints(incident: Incident) -> list[DependencyCheckpoint]:
    """Live dependency checkpoints with lane and evidence."""
    rows = DependencyCheckpoint.objects.select_related("lane").prefetch_related(
        _evidence(CheckpointEvidence)
    )
    return _attach(incident, live_rows(incident, rows))


@stored_with_findings("degraded")
def degraded(case: Case) -> list[str]:
    """The names of the dependencies that are still degraded, for every place that shows
    the incident (R-TL-09)."""
    state = DependencyCheckpoint.State.DEGRADED
    return [row.name for row in case.load(checkpoints) if row.state == state]


def lanes(incident: Incident) -> list[Lane]:
    """Live lanes of the incident."""
    found = live_rows(incident, Lane.objects.all())
    for lane in found:
        lane.incident = incident
    return found


AT_ONCE = timedelta(minutes=5)


def own_declaration(incident: Incident) -> datetime | None:
    """The time of a declaration that this product took down as it was made: its first
    activity is original evidence of itself. One that was typed in later, or came with
    an imported case, is a statement like any other and needs its record."""
    at = incident.declared_at
    if at is None or incident.declared_by_id is None:
        return None
    return at if abs(incident.created_at - at) <= AT_ONCE else None


def unlinked_evidence(
    incident: Incident, start: datetime, end: datetime
) -> list[Evidence]:
    """Artifacts captured in this part of the clock that no live entry cites: offered
    inside a gap."""
    cited = EntryEvidence.objects.filter(
        evidence=OuterRef("pk"), retracted_at=None, claim__retracted_at=None
    )
    found = list(
        Evidence.objects.filter(
            ~Exists(cited),
            incident=incident,
            retracted_at=None,
            captured_at__range=(start, end),
        ).order_by("captured_at", "number")
    )
    for item in found:
        item.incident = incident
    return found

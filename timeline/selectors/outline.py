"""The whole timeline in a few small tuples: order, gaps, counts, chart.

A page shows fifty entries; what it says about all of them (gaps, figures of the
filters, the chart) is worked out from slim rows, once for each state of the record: the
head of the activity chain names that state, and nothing is written without moving it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef
from django.utils.safestring import SafeString

from incidents.models import Evidence, Incident
from incidents.selectors import policy
from postmortem.lib.kept import Kept
from postmortem.lib.tabs import Clock
from timeline.models import (
    DependencyCheckpoint,
    Entry,
    EntryEvidence,
    Hypothesis,
    Milestone,
)
from timeline.selectors.analysis import Gap, signal_order, timeline_gaps
from timeline.selectors.durations import (
    feeding,
    instant,
    moment,
    moment_of,
    read_clock,
)
from timeline.selectors.lanechart import (
    LaneFigures,
    lane_chart,
    lane_svg,
    lane_table,
    spark_svg,
    summary,
)
from timeline.selectors.rows import (
    checkpoints,
    entries,
    hypotheses,
    in_order,
    milestones,
    own_declaration,
)
from timeline.selectors.slim import AnyMilestone, EntryLike, SlimEntry, SlimMilestone

Kind = Entry.Kind
Order = DependencyCheckpoint.Order
_kept = Kept(24)  # whole timelines, in each process: a few megabytes
kept = _kept.get


class Line(NamedTuple):
    """One line of the list: an entry by its number, or a gap (number 0). until: when it
    ended at the latest, `at` where it is one moment."""

    number: int
    gap: Gap | None
    at: datetime | None
    until: datetime | None
    kind: str
    lane_id: int | None
    owner_id: int | None
    dependency_id: int | None
    is_milestone: bool
    is_provisional: bool
    is_retracted: bool

    @property
    def key(self) -> str:
        """The id of its row on the page."""
        if self.gap is not None:
            return gap_key(self.gap)
        return f"{Entry.prefix}-{self.number}"

    @property
    def is_stated_gap(self) -> bool:
        return self.kind == Kind.NO_RECORD


def gap_key(gap: Gap) -> str:
    return f"gap-{gap.start:%Y%m%dT%H%M%S}"


@dataclass(frozen=True)
class Outline:
    """A timeline without its texts; `lines` stand in order, gaps in their places."""

    lines: list[Line]
    live: int
    gaps: list[Gap]
    counts: dict[str, int]
    lane_ids: frozenset[int]
    owners: list[tuple[int, str]]
    milestones: list[SlimMilestone]
    clock: Clock
    declared_at: datetime | None
    checkpoints: list[DependencyCheckpoint]
    hypotheses: list[Hypothesis]
    lanes: list[Any]
    has_chart: bool
    lane_svg: SafeString
    spark_svg: SafeString
    chart_table: list[LaneFigures]
    chart_words: str
    threshold: timedelta


def outline(incident: Incident) -> Outline:
    """The outline of the record as it stands; read anew only when it has moved."""
    threshold = policy(incident).longest_gap
    key = ("outline", incident.pk, incident.activity_head, threshold)
    return kept((*key, incident.clock_zone), lambda: read_outline(incident, threshold))


def known_outline(incident: Incident) -> Outline | None:
    """The outline if somebody has read it since the record moved; costs nothing."""
    found: Outline | None = _kept.peek(("outline", incident.pk, incident.activity_head))
    return found


def read_outline(incident: Incident, threshold: timedelta) -> Outline:
    """Seven queries, whatever the number of entries (hypotheses and checkpoints read
    their evidence in two of them)."""
    rows, marks = slim_rows(incident)
    ordered = in_order(rows)
    live = [row for row in ordered if not row.is_retracted]
    found = timeline_gaps(live, marks, threshold)
    lines = _lines(ordered, found)
    points = checkpoints(incident)
    for point in points:
        order = signal_order(point, live)
        point.order_words = order.words(incident.clock_zone)
        point.disagrees = (
            point.order not in {Order.UNKNOWN, order.order}
            and order.order != Order.UNKNOWN
        )
    chart = lane_chart(incident, live, marks, found)
    clock = clock_of(live, marks)
    stated = sum(1 for row in live if row.kind == Kind.NO_RECORD)
    return Outline(
        lines=lines,
        live=len(live),
        gaps=found,
        counts={
            "all": len(live),
            "milestones": sum(1 for line in lines if line.is_milestone),
            "decisions": sum(1 for row in live if row.kind == Kind.DECISION),
            "provisional": sum(
                1 for row in live if row.is_provisional and row.kind != Kind.NO_RECORD
            ),
            "gaps": len(found) + stated,
        },
        lane_ids=frozenset(row.lane_id for row in live if row.lane_id),
        owners=sorted(
            {row.owner_id: row.owner_label for row in live if row.owner_id}.items(),
            key=lambda pair: pair[1],
        ),
        milestones=marks,
        clock=clock,
        declared_at=clock.declared_at or incident.declared_at,
        checkpoints=points,
        hypotheses=hypotheses(incident),
        lanes=chart.every_lane,
        has_chart=chart.start is not None and chart.marks > 1,
        lane_svg=lane_svg(chart),
        spark_svg=spark_svg(chart),
        chart_table=lane_table(chart),
        chart_words=summary(chart),
        threshold=threshold,
    )


def clock_of(live: Iterable[EntryLike], marks: Sequence[AnyMilestone]) -> Clock:
    """The incident clock from rows that were read already."""
    first = [
        time for row in live if row.kind != Kind.NO_RECORD and (time := instant(row))
    ]
    return Clock(
        moment_of(Milestone.Kind.FIRST_IMPACT, marks) or min(first, default=None),
        moment_of(Milestone.Kind.STABILIZED, marks),
        moment_of(Milestone.Kind.DECLARED, marks),
    )


def known_clock(incident: Incident) -> Clock:
    """The incident clock: from its rows or the outline if known, else in one query."""
    if incident.rows is not None:
        return clock_of(entries(incident), milestones(incident))
    found = known_outline(incident)
    return read_clock(incident) if found is None else found.clock


def live_count(incident: Incident) -> int:
    """How many entries are not withdrawn: known, or one query."""
    found = known_outline(incident)
    if found is not None:
        return found.live
    return Entry.objects.filter(incident=incident, retracted_at=None).count()


def slim_rows(
    incident: Incident,
) -> tuple[list[SlimEntry], list[SlimMilestone]]:
    """Every entry, withdrawn ones too, and every live milestone: two queries."""
    linked = EntryEvidence.objects.filter(claim=OuterRef("pk"), retracted_at=None)
    proof = linked.filter(Evidence.proof("evidence__"))
    rows = [
        SlimEntry(*values)
        for values in Entry.objects.filter(incident=incident).values_list(
            "pk",
            "number",
            "kind",
            "occurred_at",
            "occurred_until",
            "precision",
            "position",
            "lane_id",
            "owner_id",
            "dependency_id",
            "observed_signal",
            "action_taken",
            "retracted_at",
            "owner__title",
            "owner__name",
            Exists(proof),
            Exists(linked),
            Exists(linked.filter(evidence__kind__in=Entry.CHANGES)),
        )
    ]
    by_pk = {row.pk: row for row in rows}
    order = {kind: index for index, kind in enumerate(Milestone.Kind.values)}
    marks = []
    for (
        number,
        kind,
        entry_pk,
        not_applicable,
        reason,
        is_marked,
    ) in Milestone.objects.filter(incident=incident, retracted_at=None).values_list(
        "number", "kind", "entry_id", "not_applicable", "reason", "is_marked"
    ):
        entry = by_pk.get(entry_pk or 0)
        if entry is not None and entry.is_retracted:
            continue
        mark = SlimMilestone(number, kind, entry, not_applicable, reason, is_marked)
        marks.append(mark)
        if entry is not None:
            entry.live_milestones.append(mark)
    return rows, sorted(marks, key=lambda mark: (order[mark.kind], mark.number))


def _lines(ordered: Sequence[SlimEntry], found: Sequence[Gap]) -> list[Line]:
    """Entries in order, with each gap in front of the first entry inside it."""
    waiting = list(reversed(found))
    lines: list[Line] = []
    for row in ordered:
        while waiting and row.occurred_at and row.occurred_at > waiting[-1].start:
            lines.append(_gap_line(waiting.pop()))
        known = moment(row)
        lines.append(
            Line(
                number=row.number,
                gap=None,
                at=row.occurred_at,
                until=row.occurred_until or (known[1] if known else None),
                kind=row.kind,
                lane_id=row.lane_id,
                owner_id=row.owner_id,
                dependency_id=row.dependency_id,
                is_milestone=bool(row.live_milestones) and not row.is_retracted,
                is_provisional=row.is_provisional and not row.is_retracted,
                is_retracted=row.is_retracted,
            )
        )
    while waiting:
        lines.append(_gap_line(waiting.pop()))
    return lines


def _gap_line(gap: Gap) -> Line:
    at = (gap.start, gap.end)
    return Line(0, gap, *at, "", None, None, None, False, False, False)


def required_milestones(
    incident: Incident, marks: Sequence[SlimMilestone]
) -> list[dict[str, Any]]:
    """Each required moment with the milestone that feeds the durations, and its state:
    missing, not_applicable, provisional or proven (R-TL-06, R-TL-03). A declaration
    made here is proven by the activity that it wrote; `own` is its time."""
    declared = own_declaration(incident)
    fed = feeding(marks)
    excluded = {mark.kind: mark for mark in marks if mark.not_applicable}
    required = []
    for kind in Milestone.Kind:
        mark = fed.get(kind)
        entry = mark.entry if mark else None
        own = declared if kind == Milestone.Kind.DECLARED and not mark else None
        if kind in excluded:
            own = None
        state = "missing"
        if entry is not None:
            state = "provisional" if entry.is_provisional else "proven"
        elif kind in excluded:
            state = "not_applicable"
        elif own is not None:
            state = "proven"
        required.append(
            {
                "own": own,
                "kind": kind.value,
                "label": kind.label,
                "milestone": mark or excluded.get(kind),
                "entry": entry,
                "state": state,
                "more": sum(1 for other in marks if other.kind == kind) - 1,
            }
        )
    return required

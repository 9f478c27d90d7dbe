"""What a timeline does not say: gaps, jumps, rows out of place. Pure functions of rows;
the order in which the rows come in never changes a result (R-TL-08, R-CK-01)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Generic

from incidents.language import find_partial, find_relapse
from incidents.models import Incident
from incidents.selectors import policy
from postmortem.lib.times import on_clock, span
from timeline.models import DependencyCheckpoint, Entry, Milestone
from timeline.selectors.durations import (
    REST_OF_A_MINUTE,
    extent,
    feeding,
    instant,
    moment,
)
from timeline.selectors.rows import entries, milestones
from timeline.selectors.slim import AnyMilestone, E, EntryLike, MilestoneLike

Kind = Milestone.Kind
Order = DependencyCheckpoint.Order
Window = tuple[datetime, datetime]
BACKGROUND = timedelta(hours=24)
RECOVERIES = (Kind.CUSTOMER_RECOVERED, Kind.LEDGER_RECOVERED, Kind.STABILIZED)
FIXES = (Kind.FIRST_MITIGATION, Kind.ROLLBACK_OR_FAILOVER)
STARTS = (Kind.FIRST_IMPACT, Kind.FIRST_ALERT, Kind.DECLARED)


@dataclass(frozen=True, order=True)
class Gap:
    """A stretch with no evidence, longer than the threshold. Aware UTC.

    blocks: customers were still affected in it, so that it holds back closing.
    is_stated: an entry says that no record exists of it (R-EV-10).
    """

    start: datetime
    end: datetime
    blocks: bool = field(default=True, compare=False)
    is_stated: bool = field(default=False, compare=False)

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def words(self, zone: str) -> str:
        """'47 minutes with no evidence, 14:33 to 15:20', on the clock of `zone`."""
        minutes = round(self.length.total_seconds() / 60)
        length = f"{minutes} minutes" if minutes < 120 else span(self.length)
        what = "stated to have no record" if self.is_stated else "with no evidence"
        return f"{length} {what}, {between(self.start, self.end, zone)}"


def between(start: datetime, end: datetime, zone: str) -> str:
    """'14:33 to 15:20'; the dates stand before the times when the days differ."""
    first, last = on_clock(start, zone), on_clock(end, zone)
    if first.date() == last.date():
        return f"{first:%H:%M} to {last:%H:%M}"
    return f"{first.day} {first:%b %H:%M} to {last.day} {last:%b %H:%M}"


def window(rows: Iterable[AnyMilestone], dated: Iterable[EntryLike]) -> Window | None:
    """From first impact to stabilized; until that is recorded, to the last entry.

    Without a time of first impact the first alert or the declaration opens it, so that
    a missing milestone hides nothing that happened after it.
    """
    fed = feeding(rows)
    starts = (instant(fed[kind].entry) for kind in STARTS if kind in fed)
    start = next(filter(None, starts), None)
    if start is None:
        return None
    end = instant(fed[Kind.STABILIZED].entry) if Kind.STABILIZED in fed else None
    if end is None:
        ends = [point for row in dated for point in _points(row)]
        end = max(ends, default=None)
    return (start, end) if end and end > start else None


def _points(row: EntryLike) -> list[datetime]:
    """Moments that a row pins down: its time, and the end of its interval. A bare day
    pins none, or it would hide every gap of that day."""
    start = instant(row)
    return [point for point in (start, start and row.occurred_until) if point]


def stated_gaps(rows: Iterable[E]) -> list[E]:
    """Entries that say that no record exists, earliest first (R-EV-10)."""
    found = [row for row in rows if row.kind == Entry.Kind.NO_RECORD]
    return sorted(
        found, key=lambda row: (row.occurred_at is None, row.occurred_at or 0)
    )


def stated_stretches(rows: Iterable[EntryLike]) -> list[Gap]:
    """The same as stretches, of those that have both times."""
    return [
        Gap(row.occurred_at, row.occurred_until, blocks=False, is_stated=True)
        for row in stated_gaps(rows)
        if row.occurred_at and row.occurred_until
    ]


def gaps(
    rows: Iterable[EntryLike],
    threshold: timedelta,
    within: Window | None,
    *,
    recovered_at: datetime | None = None,
) -> list[Gap]:
    """Stretches of the window without a proven entry that are longer than `threshold`
    and that no 'no record exists' explains. Earliest first.

    Both ends of an interval count as proven moments, the time between them does not.
    recovered_at: when customers were well again; a gap blocks only if the part of it
    that lies before is itself longer than `threshold`.
    """
    if within is None:
        return []
    start, end = within
    live = [row for row in rows if not row.is_retracted]
    proven = {
        point
        for row in live
        if row.kind != Entry.Kind.NO_RECORD and not row.is_provisional
        for point in _points(row)
        if start < point < end
    }
    edges = [start, *sorted(proven), end]
    explained = sorted((gap.start, gap.end) for gap in stated_stretches(live))
    return [
        replace(piece, blocks=_open_part(piece, recovered_at) > threshold)
        for first, last in pairwise(edges)
        if last - first > threshold
        for piece in _without(Gap(first, last), explained)
        if piece.length > threshold
    ]


def _open_part(gap: Gap, recovered_at: datetime | None) -> timedelta:
    """How much of the gap lies before customers had recovered."""
    end = min(gap.end, recovered_at) if recovered_at else gap.end
    return end - gap.start


def _without(gap: Gap, explained: Sequence[Window]) -> list[Gap]:
    pieces = [gap]
    for first, last in explained:
        pieces = [
            part
            for piece in pieces
            for part in (
                Gap(piece.start, min(piece.end, first)),
                Gap(max(piece.start, last), piece.end),
            )
            if part.start < part.end
        ] if first < last else pieces  # fmt: skip
    return sorted(set(pieces))


def case_gaps(incident: Incident) -> list[Gap]:
    """The open gaps of an incident, read in full."""
    return timeline_gaps(
        entries(incident), milestones(incident), policy(incident).longest_gap
    )


def timeline_gaps(
    rows: Sequence[E], marks: Sequence[MilestoneLike[E]], threshold: timedelta
) -> list[Gap]:
    """The gaps of a timeline from rows that were read already, in timeline order."""
    return gaps(
        rows, threshold, window(marks, rows), recovered_at=recovered_at(rows, marks)
    )


@dataclass(frozen=True)
class Relapse(Generic[E]):
    """Impact that came back after customers had recovered.

    words: those of the entry that tell it. after: the last thing that was done between
    recovery and relapse, if any.
    """

    recovery: E
    entry: E
    words: str
    after: E | None


def relapse(rows: Sequence[E], marks: Iterable[MilestoneLike[E]]) -> Relapse[E] | None:
    """The first signal behind 'customers recovered' that says that the impact is back
    (R-RV-07). `rows` stand in timeline order."""
    mark = feeding(marks).get(Kind.CUSTOMER_RECOVERED)
    recovery = mark.entry if mark else None
    places = {row.pk: index for index, row in enumerate(rows)}
    if recovery is None or recovery.pk not in places:
        return None
    after: E | None = None
    for row in rows[places[recovery.pk] + 1 :]:
        found = find_relapse(row.observed_signal)
        if found and not (moment(row) and _ends_before(row, recovery)):
            return Relapse(recovery, row, found[0].text, after)
        if row.kind in {Entry.Kind.ACTION, Entry.Kind.DECISION}:
            after = row
    return None


def _ends_before(row: EntryLike, other: EntryLike) -> bool:
    here, there = extent(row), extent(other)
    return here is not None and there is not None and here[1] < there[0]


@dataclass(frozen=True)
class Partial(Generic[E]):
    """A recovery whose own entry says that a part was still affected."""

    milestone: MilestoneLike[E]
    entry: E
    words: str


def partial_recovery(marks: Iterable[MilestoneLike[E]]) -> list[Partial[E]]:
    """Recoveries that were marked while a part was still affected (R-RV-03)."""
    fed = feeding(marks)
    return [
        Partial(fed[kind], entry, found[0].text)
        for kind in RECOVERIES
        if kind in fed
        and (entry := fed[kind].entry) is not None
        and (found := find_partial(entry.observed_signal))
    ]


def recovered_at(
    rows: Sequence[E], marks: Sequence[MilestoneLike[E]]
) -> datetime | None:
    """When customers were well again and stayed so: None while that is not recorded,
    or when the record itself says that it did not last or was not everybody's."""
    mark = feeding(marks).get(Kind.CUSTOMER_RECOVERED)
    if mark is None or mark.entry is None or relapse(rows, marks):
        return None
    if any(found.milestone.pk == mark.pk for found in partial_recovery(marks)):
        return None
    return instant(mark.entry)


@dataclass(frozen=True)
class Jump:
    """Straight from the symptom to recovery, with nothing done in between."""

    symptom: Entry
    recovery: Entry


def jump(rows: Sequence[Entry], marks: Iterable[Milestone]) -> Jump | None:
    """The jump from symptom to the first recovery, if nobody did anything between
    (R-TL-08). `rows` stand in timeline order."""
    fed = feeding(marks)
    first = fed.get(Kind.FIRST_IMPACT) or fed.get(Kind.FIRST_ALERT)
    symptom = first.entry if first else None
    if symptom is None:
        symptom = next((row for row in rows if row.kind == Entry.Kind.SIGNAL), None)
    recovered = [fed[kind].entry for kind in RECOVERIES if kind in fed]
    places = {row.pk: index for index, row in enumerate(rows)}
    dated = [row for row in recovered if row is not None and row.pk in places]
    if symptom is None or symptom.pk not in places or not dated:
        return None
    recovery = min(dated, key=lambda row: places[row.pk])
    if recovery.pk == symptom.pk:
        return None
    low, high = places[symptom.pk], places[recovery.pk]
    if any(_acts(row) and _lies_between(row, symptom, recovery) for row in rows):
        return None
    if any(_acts(row) for row in rows[low : high + 1]):
        return None
    return Jump(symptom, recovery)


def _acts(row: Entry) -> bool:
    """Somebody did or decided something about the problem; a message is not that."""
    return row.kind in {Entry.Kind.ACTION, Entry.Kind.DECISION} or (
        row.kind == Entry.Kind.SIGNAL and bool(row.action_taken)
    )


def _lies_between(row: Entry, symptom: Entry, recovery: Entry) -> bool:
    """It may have happened between: its interval touches theirs."""
    here, first, last = extent(row), extent(symptom), extent(recovery)
    if here is None or first is None or last is None:
        return False
    return here[1] >= first[0] and here[0] <= last[1]


@dataclass(frozen=True)
class Precedence:
    """A recovery that lies before the action that is credited with it."""

    recovery: Milestone
    action: Milestone


def recovery_before_fix(marks: Iterable[Milestone]) -> list[Precedence]:
    """Recovery that certainly came before the mitigation or rollback (R-DOC-07)."""
    fed = feeding(marks)
    recovery = fed.get(Kind.CUSTOMER_RECOVERED)
    return [
        Precedence(recovery, fed[kind])
        for kind in FIXES
        if recovery and kind in fed and _before(recovery, fed[kind])
    ]


@dataclass(frozen=True)
class Reordered:
    """Two milestones in an order that cannot be."""

    first: Milestone
    then: Milestone


def reordered(marks: Iterable[Milestone]) -> list[Reordered]:
    """Milestones before first impact, or recoveries after 'stabilized' (R-TL-02)."""
    fed = feeding(marks)
    order = [
        *((Kind.FIRST_IMPACT, kind) for kind in Kind if kind != Kind.FIRST_IMPACT),
        (Kind.DECLARED, Kind.STABILIZED),
        (Kind.CUSTOMER_RECOVERED, Kind.STABILIZED),
        (Kind.LEDGER_RECOVERED, Kind.STABILIZED),
    ]
    return [
        Reordered(fed[first], fed[then])
        for first, then in order
        if first in fed and then in fed and _before(fed[then], fed[first])
    ]


def early_signal(rows: Sequence[Entry], marks: Iterable[Milestone]) -> Entry | None:
    """The earliest signal on the incident clock, up to the first alert: what may be the
    first impact when that milestone is missing."""
    alert = feeding(marks).get(Kind.FIRST_ALERT)
    limit = moment(alert.entry) if alert and alert.entry else None
    for row in rows:
        here = moment(row)
        if here is None or row.kind != Entry.Kind.SIGNAL or not row.observed_signal:
            continue
        if limit and (here[0] > limit[1] or limit[0] - here[1] > BACKGROUND):
            continue
        return row
    return None


def _before(one: Milestone, other: Milestone) -> bool:
    """`one` certainly happened before `other`, whatever the precision."""
    if one.entry is None or other.entry is None:
        return False
    return _ends_before(one.entry, other.entry)


@dataclass(frozen=True)
class SignalOrder:
    """What the entries say about a dependency: when its first signal came, and the
    first change of our own. `order` has the values of DependencyCheckpoint.Order; it is
    unknown with both where their times touch, and neither certainly came first."""

    order: str
    signal_at: datetime | None = None
    signal_ref: str = ""
    change_at: datetime | None = None
    change_ref: str = ""

    def words(self, zone: str) -> str:
        """'before the first internal change, TL-4 at 14:02' on the clock of `zone`."""
        if self.signal_at is None:
            return "no dated signal"
        if self.change_at is None:
            return "no internal change is recorded"
        at, signal = on_clock(self.change_at, zone), on_clock(self.signal_at, zone)
        day = "" if at.date() == signal.date() else f"{at.day} {at:%b}, "
        change = f"the first internal change, {self.change_ref} at {day}{at:%H:%M}"
        if self.order == Order.UNKNOWN:
            return f"not certain whether before or after {change}"
        return f"{self.order} {change}"


def signal_order(point: DependencyCheckpoint, rows: Iterable[EntryLike]) -> SignalOrder:
    """Whether the first signal of a dependency came before or after internal changes
    (R-DP-02, R-DP-06), worked out from the entries for the person who answers it.

    Signal: the checkpoint's own time, or an earlier signal entry that names it.
    Internal change: an action that names no dependency, or an entry that cites a deploy
    record or a config change. Rows that are withdrawn or have only a day do not count,
    and what is known roughly is the whole of its interval.
    """
    exact = [
        (*times, row.ref, row)
        for row in rows
        if not row.is_retracted and instant(row) and (times := extent(row))
    ]
    signals = [
        (start, end, ref)
        for start, end, ref, row in exact
        if row.dependency_id == point.pk and row.kind == Entry.Kind.SIGNAL
    ]
    if at := point.first_signal_at:
        signals.append((at, at if at.second else at + REST_OF_A_MINUTE, point.ref))
    changes = [
        (start, end, ref)
        for start, end, ref, row in exact
        if row.kind != Entry.Kind.NO_RECORD and is_internal_change(row)
    ]
    if not signals:
        return SignalOrder(Order.UNKNOWN)
    signal_at, _, signal_ref = min(signals)
    if not changes:
        return SignalOrder(Order.NO_CHANGE, signal_at, signal_ref)
    change_at, _, change_ref = min(changes)
    order = Order.UNKNOWN
    if min(end for _, end, _ in signals) < change_at:
        order = Order.BEFORE
    elif min(end for _, end, _ in changes) < signal_at:
        order = Order.AFTER
    return SignalOrder(order, signal_at, signal_ref, change_at, change_ref)


def is_internal_change(row: EntryLike) -> bool:
    """Something of our own was changed: an action, or what cites its record."""
    if row.dependency_id:
        return False
    return row.kind == Entry.Kind.ACTION or row.cites_change


@dataclass(frozen=True)
class Misplaced:
    """An entry outside the incident: background, or long after the end."""

    entry: Entry
    is_before: bool
    distance: timedelta


def misplaced(rows: Iterable[Entry], marks: Iterable[Milestone]) -> list[Misplaced]:
    """Entries more than a day before first impact or after 'stabilized'."""
    fed = feeding(marks)
    first, last = fed.get(Kind.FIRST_IMPACT), fed.get(Kind.STABILIZED)
    start = moment(first.entry) if first and first.entry else None
    end = moment(last.entry) if last and last.entry else None
    found = []
    for row in rows:
        here = moment(row)
        if here is None:
            continue
        if start and start[0] - here[1] > BACKGROUND:
            found.append(Misplaced(row, True, start[0] - here[1]))
        elif end and here[0] - end[1] > BACKGROUND:
            found.append(Misplaced(row, False, here[0] - end[1]))
    return found

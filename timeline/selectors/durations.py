"""Times of milestones and the durations between them. Never a false zero (R-MT-01)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from django.db.models import Min, Q

from incidents.models import Incident, Lane
from incidents.selectors import stored_with_findings
from postmortem.lib.findings import Case
from postmortem.lib.tabs import Clock
from postmortem.lib.times import span
from timeline.models import Entry, Milestone
from timeline.selectors.rows import milestones, own_declaration, place
from timeline.selectors.slim import AnyMilestone, EntryLike, M

Kind = Milestone.Kind
Moment = tuple[datetime, datetime]
TO_THE_MINUTE = frozenset({Entry.Precision.MINUTE, Entry.Precision.APPROX})
REST_OF_A_MINUTE = timedelta(minutes=1) - timedelta.resolution
State = Literal["recorded", "pending", "not_applicable", "invalid"]

# key, label, definition, from, to (None: closing), headline
_DEFINED: tuple[tuple[str, str, str, str, str | None, bool], ...] = (
    ("detect", "To detect", "first impact to first alert", Kind.FIRST_IMPACT, Kind.FIRST_ALERT, True),  # noqa: E501
    ("declare", "To declare", "first impact to declaration", Kind.FIRST_IMPACT, Kind.DECLARED, True),  # noqa: E501
    ("mitigate", "To mitigate", "first impact to first mitigation", Kind.FIRST_IMPACT, Kind.FIRST_MITIGATION, True),  # noqa: E501
    ("recover_customers", "To recover customers", "first impact to customers recovered", Kind.FIRST_IMPACT, Kind.CUSTOMER_RECOVERED, True),  # noqa: E501
    ("recover_ledger", "To stabilize ledger", "first impact to ledger recovered", Kind.FIRST_IMPACT, Kind.LEDGER_RECOVERED, True),  # noqa: E501
    ("stabilize", "To stabilize", "first impact to stabilized", Kind.FIRST_IMPACT, Kind.STABILIZED, True),  # noqa: E501
    ("close", "To close", "first impact to closing of the review", Kind.FIRST_IMPACT, None, True),  # noqa: E501
    ("alert_to_declare", "Alert to declaration", "first alert to declaration", Kind.FIRST_ALERT, Kind.DECLARED, False),  # noqa: E501
    ("declare_to_mitigate", "Declaration to mitigation", "declaration to first mitigation", Kind.DECLARED, Kind.FIRST_MITIGATION, False),  # noqa: E501
    ("mitigate_to_rollback", "Mitigation to rollback", "first mitigation to rollback or failover", Kind.FIRST_MITIGATION, Kind.ROLLBACK_OR_FAILOVER, False),  # noqa: E501
    ("mitigate_to_customers", "Mitigation to customers", "first mitigation to customers recovered", Kind.FIRST_MITIGATION, Kind.CUSTOMER_RECOVERED, False),  # noqa: E501
    ("customers_to_ledger", "Customers to ledger", "customers recovered to ledger recovered", Kind.CUSTOMER_RECOVERED, Kind.LEDGER_RECOVERED, False),  # noqa: E501
    ("ledger_to_stabilized", "Ledger to stabilized", "ledger recovered to stabilized", Kind.LEDGER_RECOVERED, Kind.STABILIZED, False),  # noqa: E501
    ("stabilized_to_closed", "Stabilized to closed", "stabilized to closing of the review", Kind.STABILIZED, None, False),  # noqa: E501
)  # fmt: skip

_AUDIENCES: dict[str, str] = {
    Kind.CUSTOMER_RECOVERED: "customers",
    Kind.LEDGER_RECOVERED: "ledger",
}


@dataclass(frozen=True)
class Duration:
    """A length of time between two milestones, with its definition beside it.

    delta: the length, or the shortest possible one when `is_range`; `longest` then is
    the other end. Both are None unless the state is 'recorded'. start and end are aware
    UTC: the earliest possible moments. audience: whose recovery it is, 'customers'
    or 'ledger'; lane: the one lane that it is about, None for the whole incident.
    """

    key: str
    label: str
    definition: str
    start: datetime | None
    end: datetime | None
    delta: timedelta | None
    state: State
    is_range: bool = False
    longest: timedelta | None = None
    is_approximate: bool = False
    is_provisional: bool = False
    is_headline: bool = True
    why: str = ""
    audience: str = ""
    lane: Lane | None = None

    @property
    def text(self) -> str:
        """'9 min', 'about 9 min', '5 min to 14 min', 'not recorded'; never false 0."""
        if self.state == "not_applicable":
            return "not applicable"
        if self.state == "invalid":
            return "invalid"
        if self.delta is None:
            return "not recorded"
        if self.is_range and self.longest is not None and self.longest != self.delta:
            if not self.delta:
                return f"up to {span(self.longest)}"
            return f"{span(self.delta)} to {span(self.longest)}"
        words = span(self.delta) if self.delta else "under 1 min"
        return f"about {words}" if self.is_approximate else words


def moment(entry: EntryLike) -> Moment | None:
    """When it happened, as (earliest, latest); None when that is not known.

    A bare day is that whole day, an approximate time its interval when one is given.
    A precise time is one moment, also when the entry lasted longer.
    """
    if entry.occurred_at is None:
        return None
    until = entry.occurred_until
    if entry.precision == Entry.Precision.DAY:
        return entry.occurred_at, until or entry.occurred_at + timedelta(days=1)
    if entry.precision == Entry.Precision.APPROX:
        return entry.occurred_at, until or entry.occurred_at
    return entry.occurred_at, entry.occurred_at


def instant(entry: EntryLike | None) -> datetime | None:
    """The moment of the clock from which a row counts; None when it has none: a bare
    day is no moment, or it would read as midnight (R-TL-02)."""
    if entry is None or entry.precision == Entry.Precision.DAY:
        return None
    return entry.occurred_at


def extent(entry: EntryLike) -> Moment | None:
    """`moment` as far as its precision tells: what is known to the minute may have been
    at any second of it. What came first is certain only if these do not touch."""
    found = moment(entry)
    if found is None or entry.precision not in TO_THE_MINUTE:
        return found
    return found[0], found[1] + REST_OF_A_MINUTE


def feeding(rows: Iterable[M]) -> dict[str, M]:
    """For each kind the milestone that feeds the durations: the marked one, else the
    first in time (R-TL-06). Kinds that are 'not applicable' or missing are absent."""
    chosen: dict[str, tuple[tuple[bool, bool, float, int, int], M]] = {}
    for row in rows:
        if row.entry is None:
            continue
        at = row.entry.occurred_at
        key = (
            not row.is_marked,
            at is None,
            at.timestamp() if at else 0.0,
            place(row.entry),
            row.entry.number,
        )
        if row.kind not in chosen or key < chosen[row.kind][0]:
            chosen[row.kind] = (key, row)
    return {kind: row for kind, (_, row) in chosen.items()}


def moment_of(kind: str, rows: Iterable[AnyMilestone]) -> datetime | None:
    """The moment of a milestone on the clock: of the marked one, else of the first."""
    times = [
        (not row.is_marked, time)
        for row in rows
        if row.kind == kind and (time := instant(row.entry))
    ]
    return min(times)[1] if times else None


def durations(incident: Incident) -> list[Duration]:
    """Headline durations from first impact, then the steps (R-MT-01)."""
    return durations_of(incident, milestones(incident))


def durations_of(incident: Incident, rows: Sequence[AnyMilestone]) -> list[Duration]:
    """The same from milestones that were read already, in whatever order."""
    fed = feeding(rows)
    excluded = {row.kind for row in rows if row.not_applicable} - set(fed)
    return [
        replace(
            _duration(incident, fed, excluded, *definition),
            audience=_AUDIENCES.get(definition[4] or "", "")
            if definition[3] == Kind.FIRST_IMPACT
            else "",
        )
        for definition in _DEFINED
    ]


@dataclass(frozen=True)
class LaneRecovery:
    """How long one lane was affected, for customers and for the ledger apart."""

    lane: Lane
    customers: Duration
    ledger: Duration

    @property
    def both(self) -> tuple[Duration, Duration]:
        return self.customers, self.ledger


def lane_recoveries(
    incident: Incident, rows: Sequence[AnyMilestone], lanes: Iterable[Lane]
) -> list[LaneRecovery]:
    """Recovery of each lane from milestones and lanes that were read already (R-MT-01).

    A milestone counts for the lane of its entry; one whose entry names no lane counts
    for every lane that has none of its own. What another lane recovered says nothing
    here. Only the start may be borrowed: without a first impact of its own a lane
    counts from the one of the incident.
    """
    fed = feeding(rows)
    excluded = {row.kind for row in rows if row.not_applicable} - set(fed)
    common = feeding(row for row in rows if row.entry and row.entry.lane_id is None)
    found = []
    for lane in lanes:
        own = feeding(row for row in rows if row.entry and row.entry.lane_id == lane.pk)
        here = {**common, **own}
        if Kind.FIRST_IMPACT in fed:
            here.setdefault(Kind.FIRST_IMPACT, fed[Kind.FIRST_IMPACT])
        customers, ledger = (
            _lane_duration(incident, lane, here, excluded, kind)
            for kind in (Kind.CUSTOMER_RECOVERED, Kind.LEDGER_RECOVERED)
        )
        found.append(LaneRecovery(lane, customers, ledger))
    return found


def _lane_duration(
    incident: Incident,
    lane: Lane,
    fed: Mapping[str, AnyMilestone],
    excluded: set[str],
    kind: str,
) -> Duration:
    audience = _AUDIENCES[kind]
    found = _duration(
        incident,
        fed,
        excluded,
        f"recover_{audience}:{lane.ref}",
        f"{lane.name}, {audience}",
        f"first impact of this lane, else of the incident, to "
        f"{Milestone.Kind(kind).label.lower()} on this lane",
        Kind.FIRST_IMPACT,
        kind,
        False,
    )
    found = replace(found, audience=audience, lane=lane)
    if lane.status == Lane.Status.NORMAL and kind not in fed:
        why = f"{lane.name} was not affected: its status is normal."
        return replace(found, state="not_applicable", delta=None, longest=None, why=why)
    if found.state == "pending" and kind not in fed:
        words = Milestone.Kind(kind).label.lower()
        return replace(found, why=f"No entry of {lane.name} is marked {words}.")
    return found


def _duration(
    incident: Incident,
    fed: Mapping[str, AnyMilestone],
    excluded: set[str],
    key: str,
    label: str,
    definition: str,
    start_kind: str,
    end_kind: str | None,
    is_headline: bool,
) -> Duration:
    first, last = _end(incident, fed, start_kind), _end(incident, fed, end_kind)
    start, end = first.when, last.when

    def result(
        state: State,
        *,
        delta: timedelta | None = None,
        longest: timedelta | None = None,
        why: str = "",
    ) -> Duration:
        return Duration(
            key=key,
            label=label,
            definition=definition,
            start=start[0] if start else None,
            end=end[0] if end else None,
            delta=delta,
            longest=longest,
            state=state,
            is_range=delta is not None and longest != delta,
            is_approximate=delta is not None and (first.is_about or last.is_about),
            is_provisional=first.is_unproven or last.is_unproven,
            is_headline=is_headline,
            why=why,
        )

    for kind in (start_kind, end_kind):
        if kind in excluded:
            name = Milestone.Kind(kind).label
            return result("not_applicable", why=f"{name} does not apply.")
    if start is None or end is None:
        names = [
            Milestone.Kind(kind).label.lower() if kind else "closing"
            for kind, known in ((start_kind, start), (end_kind, end))
            if known is None
        ]
        return result("pending", why=f"No time of {' and '.join(names)} is recorded.")
    if last.latest is not None and last.latest < start[0]:
        return result("invalid", why="It ends before it starts: check both times.")
    zero = timedelta(0)
    shortest, longest = max(end[0] - start[1], zero), max(end[1] - start[0], zero)
    return result("recorded", delta=shortest, longest=longest)


@dataclass(frozen=True)
class _End:
    """One end of a duration; `latest`: at the latest, as far as its precision tells."""

    when: Moment | None = None
    latest: datetime | None = None
    is_unproven: bool = False
    is_about: bool = False


def _end(incident: Incident, fed: Mapping[str, AnyMilestone], kind: str | None) -> _End:
    """The milestone that feeds this end; without one of 'declared' what the product
    took down itself. None: closing."""
    row = fed.get(kind or "")
    if row is not None and row.entry is not None:
        known = extent(row.entry)
        return _End(
            moment(row.entry),
            known and known[1],
            row.entry.is_provisional,
            row.entry.precision == Entry.Precision.APPROX,
        )
    at = incident.closed_at if kind is None else None
    if kind == Kind.DECLARED:
        at = own_declaration(incident)
    return _End((at, at), at) if at else _End()


def read_clock(incident: Incident) -> Clock:
    """The incident clock as `outline.clock_of` has it, in one query that reads no row:
    first impact, else the first dated entry; the milestones 'stabilized' and
    'declared'. A bare day is no time of the clock, or it would read as midnight."""
    live = Q(milestones__retracted_at=None)

    def first(kind: str, **more: bool) -> Min:
        wanted = Q(
            milestones__kind=kind, **{f"milestones__{k}": v for k, v in more.items()}
        )
        return Min("occurred_at", filter=live & wanted)

    timed = Entry.objects.filter(
        incident=incident, retracted_at=None, occurred_at__isnull=False
    ).exclude(precision=Entry.Precision.DAY)
    found = timed.aggregate(
        any=Min("occurred_at", filter=~Q(kind=Entry.Kind.NO_RECORD)),
        impact=first(Kind.FIRST_IMPACT),
        impact_marked=first(Kind.FIRST_IMPACT, is_marked=True),
        end=first(Kind.STABILIZED),
        end_marked=first(Kind.STABILIZED, is_marked=True),
        declared=first(Kind.DECLARED),
        declared_marked=first(Kind.DECLARED, is_marked=True),
    )
    return Clock(
        found["impact_marked"] or found["impact"] or found["any"],
        found["end_marked"] or found["end"],
        found["declared_marked"] or found["declared"],
    )


@stored_with_findings("declared_at")
def declared_in_the_timeline(case: Case) -> str | None:
    """The declaration as `read_clock` has it, for cards of many incidents."""
    at = moment_of(Kind.DECLARED, case.load(milestones))
    return at.isoformat() if at else None

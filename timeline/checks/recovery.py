"""Checks of how the recovery went: relapse, a part left over, silence, what outlasted
the dependency."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from incidents.models import ActivityEntry, Incident
from incidents.selectors import policy
from postmortem.lib.findings import Case, Gate, Level, Problem, Row, check
from postmortem.lib.times import on_clock, span
from timeline import selectors
from timeline.checks.entries import TAB, iso, owner, page, quoted
from timeline.models import DependencyCheckpoint, Entry, Milestone
from timeline.selectors.analysis import between

Kind = Milestone.Kind
Status = Incident.Status
EXTERNAL = {DependencyCheckpoint.Kind.GATEWAY, DependencyCheckpoint.Kind.IDENTITY}


@check(
    "SC013",
    "The sustain window is over",
    level=Level.ERROR,
    requirements=("R-RV-07",),
    tab="Overview",
    row=Row.TIMELINE,
    gates=(Gate.ALL_CLEAR,),
)
def sustain_window(case: Case) -> Iterator[Problem]:
    """Recovery that has not lasted is not recovery: traffic controls stay until it has
    held for the sustain window of this severity. The window begins at the proven moment
    of stabilization; without one, when the incident was declared stabilized."""
    incident = case.incident
    if incident.all_clear_at or incident.status == Status.CANCELLED:
        return
    proven = _proven_stable(case)
    since = proven.occurred_at if proven else incident.stabilized_at
    if since is None:
        return
    minutes = case.load(policy).sustain_minutes
    opens = since + timedelta(minutes=minutes)
    if not case.reached(opens):
        zone = incident.clock_zone
        yield Problem(
            f"The all-clear opens at {on_clock(opens, zone):%H:%M} {zone}, "
            f"{minutes} min after {on_clock(since, zone):%H:%M}, "
            + (f"stabilized in {proven.ref}" if proven else "declared stabilized"),
            hint="Give the all-clear then, if recovery holds."
            if proven
            else "Give the all-clear then, if recovery holds. Was it stable before it "
            "was declared? Its milestone with a record counts instead.",
            fix_label="Open" if proven else "Add milestone",
            url=page(case, "entry_list")
            if proven
            else page(case, "milestone_add", kind=Kind.STABILIZED.value),
            inputs=(since, minutes),
        )


def _proven_stable(case: Case) -> Entry | None:
    """The entry of 'stabilized', when an original record proves it and the impact did
    not come back since."""
    if case.incident.stabilized_at is None and case.incident.status == Status.ACTIVE:
        return None
    after = case.load(last_relapse)
    fed = selectors.feeding(
        row
        for row in case.load(selectors.milestones)
        if row.entry and _is_proven_after(row.entry, after)
    )
    return fed[Kind.STABILIZED].entry if Kind.STABILIZED in fed else None


def _is_proven_after(entry: Entry, moment: datetime | None) -> bool:
    return (
        (at := selectors.instant(entry)) is not None
        and not entry.is_provisional
        and (moment is None or at > moment)
    )


def last_relapse(incident: Incident) -> datetime | None:
    """When the incident was last returned to active, if it was."""
    return (
        ActivityEntry.objects.filter(
            incident=incident, verb="incidents.incident_relapsed"
        )
        .order_by("sequence")
        .values_list("at", flat=True)
        .last()
    )


@check(
    "TL018",
    "Impact came back after recovery",
    level=Level.WARNING,
    requirements=("R-RV-07", "R-DOC-07", "R-TL-06"),
    tab=TAB,
    row=Row.TIMELINE,
)
def impact_came_back(case: Case) -> Iterator[Problem]:
    """A recovery that did not last makes the first duration too short and the second
    window invisible. The recovery that held is the one that feeds the durations."""
    found = selectors.relapse(
        case.load(selectors.entries), case.load(selectors.milestones)
    )
    if found is None:
        return
    since = (
        f"; the last thing done before it was {found.after.ref} {quoted(found.after)}"
        if found.after
        else ""
    )
    start, then = map(selectors.instant, (found.recovery, found.entry))
    length = f"{span(then - start)} " if start and then else ""
    yield Problem(
        f"{quoted(found.entry)} comes {length}after customers recovered in "
        f"{found.recovery.ref}{since}",
        subject=found.entry,
        hint="Mark the recovery that held as “Customers recovered, feeds the "
        "durations”, and say in the analysis what brought the impact back.",
        fix_label="Add milestone",
        url=page(case, "milestone_add", kind=Kind.CUSTOMER_RECOVERED.value),
        owner_label=owner(found.entry),
        inputs=(found.recovery.ref, found.entry.ref, found.words),
    )


@check(
    "TL019",
    "Recovered while a part was not",
    level=Level.WARNING,
    requirements=("R-RV-03", "R-RV-05", "R-SC-08"),
    tab=TAB,
    row=Row.TIMELINE,
)
def recovered_in_part(case: Case) -> Iterator[Problem]:
    """A recovery says that customers are well again. If its own words name a part that
    is not, the durations measure the end of something smaller than the incident."""
    for found in selectors.partial_recovery(case.load(selectors.milestones)):
        yield Problem(
            f"“{found.milestone.label}” in {found.entry.ref} says “{found.words}”: a "
            "part had not recovered",
            subject=found.entry,
            hint="Mark the moment at which the last lane recovered, or keep the rest "
            "as an open scope line of its lane.",
            fix_label="Add milestone",
            url=page(case, "milestone_add", kind=found.milestone.kind),
            owner_label=owner(found.entry),
            inputs=(found.milestone.kind, found.words),
        )


@check(
    "DP006",
    "Dependency recovered long before the service",
    level=Level.WARNING,
    requirements=("R-DP-02", "R-DP-06", "R-RV-07"),
    tab=TAB,
    row=Row.TIMELINE,
)
def outlived_dependency(case: Case) -> Iterator[Problem]:
    """When an outside service is well and ours is not, something of our own kept the
    impact open: a control left on, a backlog, a cache. The record has to name it."""
    marks = case.load(selectors.milestones)
    end, side = selectors.recovered_at(case.load(selectors.entries), marks), "customers"
    if end is None:
        stable = selectors.feeding(marks).get(Kind.STABILIZED)
        end, side = selectors.instant(stable.entry if stable else None), ""
    if end is None:
        return
    for row in case.load(selectors.checkpoints):
        if row.kind not in EXTERNAL or row.stabilized_at is None:
            continue
        late = end - row.stabilized_at
        if late > max(case.load(policy).longest_gap, timedelta(minutes=30)):
            yield Problem(
                f"{row.name} was stable {span(late)} before "
                f"{'customers had recovered' if side else 'the incident was'}",
                subject=row,
                hint="Say what kept the impact open: a control left on, a backlog, or "
                "cached data.",
                fix_label="Say what did",
                url=page(case, "checkpoint_edit", row.number),
                inputs=(iso(row.stabilized_at), iso(end)),
            )


@check(
    "CO001",
    "No update while customers were affected",
    level=Level.WARNING,
    requirements=("R-CO-01", "R-SC-06"),
    tab=TAB,
    row=Row.TIMELINE,
)
def silent(case: Case) -> Iterator[Problem]:
    """While impact is active, communication is part of scope: a critical incident gives
    an update each 20 to 30 minutes, and a stretch without one is visible."""
    minutes = case.load(policy).cadence_minutes
    cadence = timedelta(minutes=minutes)
    rows = case.load(selectors.entries)
    found = selectors.silences(rows, case.load(selectors.milestones), cadence)
    if not found:
        return
    longest = found[0]
    zone = case.incident.clock_zone
    count = len(found)
    undated = [
        row.ref
        for row in rows
        if row.kind == Entry.Kind.COMMS and selectors.instant(row) is None
    ]
    yield Problem(
        f"No update for {span(longest.length)}, "
        f"{between(longest.start, longest.end, zone)}"
        + (f", the longest of {count} such stretches" if count > 1 else "")
        + f"; {case.incident.severity} asks for one each {minutes} min",
        hint=f"Without a time, and not counted: {', '.join(undated)}."
        if undated
        else "Add the messages that were sent, with their times.",
        fix_label="Add message",
        url=page(case, "entry_add", kind=Entry.Kind.COMMS),
        inputs=tuple(iso(item.start) for item in found),
    )

"""Whatever the order in which a timeline was written down, it says the same."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from incidents.models import Incident
from timeline.models import DependencyCheckpoint, Entry, Milestone
from timeline.selectors import (
    durations_of,
    gaps,
    in_order,
    jump,
    reordered,
    silences,
    window,
)
from timeline.selectors.analysis import (
    early_signal,
    misplaced,
    partial_recovery,
    recovered_at,
    recovery_before_fix,
    relapse,
    signal_order,
    stated_gaps,
    timeline_gaps,
)
from timeline.selectors.outline import SlimEntry, SlimMilestone

START = dt.datetime(2026, 3, 10, 13, tzinfo=dt.UTC)
KINDS = Milestone.Kind.values
WORDS = ("seen", "errors again", "mostly recovered")
POINT = DependencyCheckpoint(pk=1, number=1)
moments = st.one_of(
    st.none(), st.integers(0, 600).map(lambda m: START + dt.timedelta(minutes=m))
)


@st.composite
def timelines(draw: Any) -> tuple[list[SlimEntry], list[SlimMilestone]]:
    """Entries with distinct numbers, and milestones on some of them."""
    rows = []
    for number in range(1, draw(st.integers(1, 14)) + 1):
        at = draw(moments)
        precision = (
            Entry.Precision.UNKNOWN
            if at is None
            else draw(st.sampled_from(["minute", "approx", "day"]))
        )
        rows.append(
            SlimEntry(
                pk=number,
                number=number,
                kind=draw(st.sampled_from(["signal", "action", "decision", "comms"])),
                occurred_at=at,
                occurred_until=at + dt.timedelta(minutes=draw(st.integers(0, 40)))
                if at and draw(st.booleans())
                else None,
                precision=precision,
                position=draw(st.one_of(st.none(), st.integers(1, 14))),
                lane_id=None,
                owner_id=None,
                dependency_id=draw(st.sampled_from([None, POINT.pk])),
                observed_signal=f"{draw(st.sampled_from(WORDS))} {number}",
                action_taken="",
                retracted_at=None,
                owner_title=None,
                owner_name=None,
                is_proven=draw(st.booleans()),
                is_cited=True,
                cites_change=draw(st.booleans()),
            )
        )
    for row in rows:  # stretches that are stated to have no record
        if row.occurred_until and row.precision != "day" and draw(st.booleans()):
            row.kind = Entry.Kind.NO_RECORD
    marks = [
        SlimMilestone(
            index, kind, draw(st.sampled_from(rows)), False, "", draw(st.booleans())
        )
        for index, kind in enumerate(draw(st.lists(st.sampled_from(KINDS), max_size=9)))
    ]
    for index, kind in enumerate(set(KINDS) - {mark.kind for mark in marks}):
        if draw(st.booleans()):
            marks.append(SlimMilestone(50 + index, kind, None, True, "None", False))
    return rows, marks


def told(rows: list[Any], marks: list[Any]) -> tuple[Any, ...]:
    """Everything that is worked out, from rows in this order of insertion."""
    incident = Incident(severity="SEV2", clock_zone="UTC")
    ordered = in_order(cast("list[Entry]", rows))
    quarter = dt.timedelta(minutes=15)
    leap = jump(ordered, marks)
    found = timeline_gaps(ordered, marks, quarter)
    early = early_signal(ordered, marks)
    back = relapse(ordered, marks)
    first = signal_order(POINT, ordered)
    return (
        [name(row) for row in ordered],
        [(gap.start, gap.end, gap.blocks) for gap in found],
        durations_of(incident, marks),
        leap and (name(leap.symptom), name(leap.recovery)),
        [(found.first.kind, found.then.kind) for found in reordered(marks)],
        [item.action.kind for item in recovery_before_fix(marks)],
        recovered_at(ordered, marks),
        silences(ordered, marks, quarter),
        [(name(item.entry), item.is_before) for item in misplaced(ordered, marks)],
        [name(row) for row in stated_gaps(ordered)],
        early and name(early),
        back
        and (name(back.recovery), name(back.entry), back.after and name(back.after)),
        [found.milestone.kind for found in partial_recovery(marks)],
        (first.order, first.signal_at, first.change_at),
    )


def name(row: Any) -> str:
    """What the writer knows an entry by, whatever its number."""
    return str(row.observed_signal)


@settings(max_examples=150, deadline=None)
@given(timeline=timelines(), data=st.data())
def test_any_order_of_insertion_gives_the_same(timeline: Any, data: Any) -> None:
    """R-TL-02, R-TL-08, R-MT-01"""
    rows, marks = timeline
    mixed = data.draw(st.permutations(rows))
    other = data.draw(st.permutations(marks))
    assert told(mixed, other) == told(rows, marks)


@settings(max_examples=150, deadline=None)
@given(timeline=timelines(), data=st.data())
def test_written_down_in_any_order_it_tells_the_same(timeline: Any, data: Any) -> None:
    """R-TL-02, R-TL-08, R-MT-01: numbers follow the order of writing, and change
    nothing where two entries do not share a minute."""
    rows, marks = timeline
    rows = [row for row in rows if row.occurred_at]
    for minute, row in enumerate(rows):  # no two at the same moment, none by position
        length = row.occurred_until and row.occurred_until - row.occurred_at
        row.occurred_at += dt.timedelta(seconds=minute)
        row.occurred_until = length and row.occurred_at + length
        row.position = None
    known = {id(row) for row in rows}
    marks = [mark for mark in marks if not mark.entry or id(mark.entry) in known]
    for kind in KINDS:  # the services let one of a kind be marked
        for mark in [m for m in marks if m.kind == kind and m.is_marked][1:]:
            mark.is_marked = False
    before = told(rows, marks)
    numbers = data.draw(st.permutations([row.number for row in rows]))
    for row, number in zip(rows, numbers, strict=True):
        row.number = row.pk = number
    mixed = sorted(rows, key=lambda row: row.number)
    other = data.draw(st.permutations(marks))
    for number, mark in enumerate(other, start=1):
        mark.number = number
    assert told(mixed, other) == before


@settings(max_examples=150, deadline=None)
@given(timeline=timelines(), data=st.data())
def test_a_proof_more_never_makes_a_gap_longer(timeline: Any, data: Any) -> None:
    """R-TL-08, R-EV-10: each gap lies inside one that was there before."""
    rows, marks = timeline
    quarter = dt.timedelta(minutes=15)
    span = window(marks, rows)
    before = gaps(rows, quarter, span)
    row = data.draw(st.sampled_from(rows))
    after = gaps(
        [replace(row, is_proven=True), *(r for r in rows if r is not row)],
        quarter,
        span,
    )
    for gap in after:
        assert any(old.start <= gap.start and gap.end <= old.end for old in before)


@settings(max_examples=150, deadline=None)
@given(timeline=timelines(), minutes=st.integers(1, 90))
def test_gaps_are_longer_than_the_threshold_and_hold_no_proof(
    timeline: Any, minutes: int
) -> None:
    """R-TL-08, R-CK-01"""
    rows, marks = timeline
    limit = dt.timedelta(minutes=minutes)
    span = window(marks, rows)
    found = gaps(rows, limit, span)
    proven = [
        row.occurred_at
        for row in rows
        if row.is_proven and row.occurred_at and row.precision != "day"
    ]
    for gap in found:
        assert gap.length > limit
        assert span is not None
        assert span[0] <= gap.start < gap.end <= span[1]
        assert not any(gap.start < at < gap.end for at in proven)
    for one, next_one in pairwise(found):
        assert one.end <= next_one.start


@settings(max_examples=150, deadline=None)
@given(timeline=timelines())
def test_a_duration_is_never_zero_for_want_of_a_time(timeline: Any) -> None:
    """R-MT-01"""
    _, marks = timeline
    undated = [
        mark
        if mark.entry is None
        else replace(
            mark, entry=replace(mark.entry, occurred_at=None, precision="unknown")
        )
        for mark in marks
    ]
    incident = Incident(severity="SEV2", clock_zone="UTC")
    for item in durations_of(incident, cast("list[Milestone]", undated)):
        assert item.delta is None
        assert item.text in {"not recorded", "not applicable"}
    for item in durations_of(incident, cast("list[Milestone]", marks)):
        if item.state == "recorded":
            assert item.delta is not None
            assert item.delta >= dt.timedelta(0)
            assert not item.text.startswith("0")

"""The lane chart above the timeline, and its one-row form for a phone.

Drawn once on the server. A mark leads to its entry, the name of a lane filters by it,
and a part of the clock that somebody chose is drawn on the whole width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Subquery
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from incidents.models import Incident, Lane, ScopeStatement
from postmortem.lib.words import shortened
from timeline.models import Entry, Milestone
from timeline.selectors.analysis import Gap, between, stated_stretches
from timeline.selectors.durations import feeding, instant
from timeline.selectors.slim import AnyMilestone, EntryLike
from timeline.selectors.svg import (
    Axis,
    Pen,
    clock_words,
    draw_gaps,
    hatch,
    join,
    open_svg,
    titled,
)

Kind = Milestone.Kind
MANY = 400  # more marks than this are drawn as one mark for each stretch of the clock
STRETCH = 9.0  # its width, in pixels of the drawing


@dataclass(frozen=True)
class LaneRow:
    """One row of the lane chart: its marks, and how long its scope stood open."""

    name: str
    rows: Sequence[EntryLike]
    ref: str = ""
    open_from: datetime | None = None
    open_until: datetime | None = None
    is_open: bool = False


@dataclass(frozen=True)
class LaneChart:
    """What the chart above the timeline shows. `every_lane`: the live lanes of the
    incident, with and without entries."""

    zone: str
    start: datetime | None
    end: datetime | None
    lanes: list[LaneRow]
    gaps: list[Gap]
    every_lane: list[Any]
    url: str = ""

    @property
    def marks(self) -> int:
        return sum(len(lane.rows) for lane in self.lanes)


def lane_chart(
    incident: Incident,
    rows: Sequence[EntryLike],
    marks: Sequence[AnyMilestone],
    found: Sequence[Gap],
    *,
    start: datetime | None = None,
    end: datetime | None = None,
) -> LaneChart:
    """Lanes and their dated entries inside the incident (background is left out), or
    inside the chosen part of the clock."""
    fed = feeding(marks)
    first = instant(fed[Kind.FIRST_IMPACT].entry) if Kind.FIRST_IMPACT in fed else None
    low = start or (first - timedelta(hours=3) if first else None)
    dated = [
        row
        for row in rows
        if row.occurred_at
        and row.kind != Entry.Kind.NO_RECORD
        and row.precision != Entry.Precision.DAY
        and (low is None or row.occurred_at >= low)
        and (end is None or row.occurred_at <= end)
    ]
    decides = {Entry.Kind.DECISION, Entry.Kind.COMMS}
    of: dict[int | None, list[EntryLike]] = {}
    talk: list[EntryLike] = []
    for row in dated:
        if row.kind in decides:
            talk.append(row)
        else:
            of.setdefault(row.lane_id, []).append(row)
    table = []
    every = _scoped_lanes(incident)
    for lane in every:
        own = of.get(lane.pk, [])
        if own or lane.has_scope:
            table.append(
                LaneRow(
                    name=lane.name,
                    rows=own,
                    ref=lane.ref,
                    open_from=first if lane.has_scope else None,
                    open_until=None if lane.has_open_scope else lane.scope_closed_at,
                    is_open=lane.has_open_scope,
                )
            )
    if of.get(None):
        table.append(LaneRow("No lane", of[None]))
    if talk:
        table.append(LaneRow("Decisions and comms", talk))
    times = [row.occurred_at for row in dated if row.occurred_at]
    return LaneChart(
        zone=incident.clock_zone,
        start=start or min(times, default=None),
        end=end or max(times, default=None),
        lanes=table,
        gaps=[
            gap
            for gap in sorted([*found, *stated_stretches(rows)])
            if (start is None or gap.end > start) and (end is None or gap.start < end)
        ],
        every_lane=every,
        url=reverse("timeline:entry_list", args=[incident.key]),
    )


def _scoped_lanes(incident: Incident) -> list[Any]:
    """The live lanes with what their scope lines say, in one query."""
    scope = ScopeStatement.objects.filter(lane=OuterRef("pk"), retracted_at=None)
    found: list[Any] = list(
        Lane.objects.filter(incident=incident, retracted_at=None)
        .annotate(
            has_scope=Exists(scope),
            has_open_scope=Exists(scope.filter(state=ScopeStatement.State.OPEN)),
            scope_closed_at=Subquery(
                scope.exclude(closed_at=None)
                .order_by("-closed_at")
                .values("closed_at")[:1]
            ),
        )
        .order_by("number")
    )
    for lane in found:
        lane.incident = incident
    return found


def summary(data: LaneChart) -> str:
    """The chart in two sentences, for who cannot see it."""
    if data.start is None or data.end is None:
        return "No entry has a time yet."
    stated = sum(gap.is_stated for gap in data.gaps)
    found = len(data.gaps) - stated
    lanes = sum(bool(row.ref) for row in data.lanes)  # not the rows for the others
    where = f"on {_count(lanes, 'lane')}" if lanes else "without a lane"
    return (
        f"{data.marks} entries {where}, "
        f"{between(data.start, data.end, data.zone)}."
        + (f" {_count(found, 'stretch', 'es')} without evidence." if found else "")
        + (f" {_count(stated, 'stated gap')}." if stated else "")
    )


def _count(number: int, word: str, plural: str = "s") -> str:
    return f"{number} {word}{'' if number == 1 else plural}"


@dataclass(frozen=True)
class LaneFigures:
    """A row of the table that says the same as the chart."""

    name: str
    entries: int
    provisional: int
    milestones: int
    first: datetime | None
    last: datetime | None
    scope: str


def lane_table(data: LaneChart) -> list[LaneFigures]:
    """The chart as a table, a row for each lane."""
    found = []
    for lane in data.lanes:
        times = [row.occurred_at for row in lane.rows if row.occurred_at]
        found.append(
            LaneFigures(
                name=lane.name,
                entries=len(lane.rows),
                provisional=sum(1 for row in lane.rows if row.is_provisional),
                milestones=sum(1 for row in lane.rows if _marks(row)),
                first=min(times, default=None),
                last=max(times, default=None),
                scope="open" if lane.is_open else "was open" if lane.open_from else "",
            )
        )
    return found


def lane_svg(data: LaneChart, *, width: int = 1000) -> SafeString:
    """The lane chart: a row per lane, a mark per entry, gaps hatched."""
    if data.start is None or data.end is None:
        return SafeString("")
    pen = Pen("page")
    row_height, top = 28, 22
    bottom = top + row_height * len(data.lanes)
    axis = Axis(data.start, data.end, 150.0, width - 8.0, data.zone)
    parts: list[SafeString] = [hatch(pen, "lanes")]
    for x, label in axis.ticks():
        parts.append(pen.line("grid", x, top, x, bottom))
        parts.append(pen.text("tick", x, bottom + 16, label, "middle"))
    parts += draw_gaps(pen, axis, data.gaps, top, bottom, "lanes")
    for index, lane in enumerate(data.lanes):
        y = top + row_height * index + row_height / 2
        parts.append(pen.line("grid", axis.left, y, axis.right, y))
        name = pen.text("label", axis.left - 12, y + 4, shortened(lane.name, 22), "end")
        parts.append(
            format_html(
                '<a href="{}?lane={}" aria-label="Only {}">{}</a>',
                data.url, lane.ref, lane.name, name,
            )
            if lane.ref
            else name
        )  # fmt: skip
        if lane.open_from and data.end > lane.open_from:
            first = axis.x(max(lane.open_from, data.start))
            last = axis.x(lane.open_until) if lane.open_until else axis.right
            state = "scope open" if lane.is_open else "scope was open"
            if last > first:
                words = f"{lane.name}: {state}"
                parts.append(
                    pen.rect("degraded", first, y - 5, last - first, 10, words)
                )
    crowded = data.marks > MANY
    for index, lane in enumerate(data.lanes):
        y = top + row_height * index + row_height / 2
        draw = _stretches if crowded else _single
        parts += draw(axis, lane.rows, y, data)
    parts.append(pen.line("axis", axis.left, bottom, axis.right, bottom))
    return format_html(
        "{}{}</svg>",
        open_svg(
            pen, width, bottom + 24,
            f"{summary(data)} The list below holds the same.", "lanes", "pm-lanechart",
            scale=axis,
        ),
        join(parts),
    )  # fmt: skip


def _marks(row: Any) -> bool:
    return bool(getattr(row, "live_milestones", ()))


def _single(
    axis: Axis, rows: Sequence[EntryLike], y: float, data: LaneChart
) -> list[SafeString]:
    """A mark for each entry, with a line to its end where it is an interval."""
    pen = Pen("page")
    found = []
    for row in rows:
        assert row.occurred_at is not None
        state = "provisional" if row.is_provisional else "confirmed"
        words = f"{_when(row, data.zone)} {shortened(row.headline, 90)} ({state})"
        start = axis.x(row.occurred_at)
        shape = _shape(start, y, _marks(row), row.is_provisional)
        if row.occurred_until and (end := axis.x(row.occurred_until)) > start:
            css = "mark unproven" if row.is_provisional else "mark"
            shape = pen.line(css, start, y, end, y) + shape
        found.append(_link(data, row.ref, words, shape))
    return found


def _when(row: EntryLike, zone: str) -> str:
    """'14:05', 'about 14:05 to 14:20'."""
    about = "about " if row.precision == Entry.Precision.APPROX else ""
    until = f" to {clock_words(row.occurred_until, zone)}" if row.occurred_until else ""
    return f"{about}{clock_words(row.occurred_at, zone)}{until}"


def _stretches(
    axis: Axis, rows: Sequence[EntryLike], y: float, data: LaneChart
) -> list[SafeString]:
    """A mark for each stretch of the clock that holds entries: taller for more, so that
    thousands of entries stay a small drawing. Milestones keep their own marks."""
    slots: dict[int, list[EntryLike]] = {}
    for row in rows:
        assert row.occurred_at is not None
        place = int((axis.x(row.occurred_at) - axis.left) // STRETCH)
        slots.setdefault(place, []).append(row)
    most = max((len(held) for held in slots.values()), default=1)
    found = []
    for place, held in sorted(slots.items()):
        unproven = sum(1 for row in held if row.is_provisional)
        first, last = held[0].occurred_at, held[-1].occurred_at
        words = (
            f"{len(held)} entr{'y' if len(held) == 1 else 'ies'}, "
            f"{clock_words(first, data.zone)} to {clock_words(last, data.zone)}"
            + (f", {unproven} provisional" if unproven else "")
        )
        height = round(5 + 13 * len(held) / most, 1)
        shape = format_html(
            '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="1"></rect>',
            "stretch unproven" if unproven * 2 > len(held) else "stretch",
            round(axis.left + place * STRETCH + 1, 1),
            round(y - height / 2, 1),
            STRETCH - 2,
            height,
        )
        found.append(_link(data, held[0].ref, words, shape))
        for row in held:
            if _marks(row) and row.occurred_at:
                at = clock_words(row.occurred_at, data.zone)
                shape = _shape(axis.x(row.occurred_at), y, True, row.is_provisional)
                found.append(
                    _link(data, row.ref, f"{at} {shortened(row.headline, 90)}", shape)
                )
    return found


def _shape(x: float, y: float, is_milestone: bool, is_provisional: bool) -> SafeString:
    css = "provisional" if is_provisional else "confirmed"
    if not is_milestone:
        return format_html(
            '<circle class="{}" cx="{}" cy="{}" r="4.5"></circle>', css, x, y
        )
    return format_html(
        '<rect class="{}" x="{}" y="{}" width="8" height="8" rx="1" '
        'transform="rotate(45 {} {})"></rect>',
        css if is_provisional else "milestone",
        round(x - 4, 1),
        y - 4,
        x,
        y,
    )


def _link(data: LaneChart, ref: str, words: str, shape: SafeString) -> SafeString:
    return format_html(
        '<a href="{}?at={}#{}" aria-label="{}">{}{}</a>',
        data.url, ref, ref, words, titled(words), shape,
    )  # fmt: skip


def spark_svg(data: LaneChart, *, width: int = 366) -> SafeString:
    """The chart of a phone: one row of ticks, gaps hatched (picture 13)."""
    if data.start is None or data.end is None:
        return SafeString("")
    pen = Pen("page")
    axis = Axis(data.start, data.end, 4.0, width - 4.0, data.zone)
    top, bottom = 20.0, 46.0
    parts: list[SafeString] = [hatch(pen, "spark")]
    parts += draw_gaps(pen, axis, data.gaps, top, bottom, "spark")
    ticks: dict[tuple[float, str], None] = {}
    open_marks: dict[float, None] = {}
    for lane in data.lanes:
        for row in lane.rows:
            assert row.occurred_at is not None
            x = axis.x(row.occurred_at)
            if data.marks > MANY:
                x = round(x / 2) * 2.0
            if row.is_provisional:
                open_marks[x] = None
            else:
                ticks[x, "tickmark strong" if _marks(row) else "tickmark"] = None
    for x, css in ticks:
        parts.append(
            pen.line(css, x, top + (2 if css.endswith("strong") else 5), x, bottom - 3)
        )
    parts += [
        format_html('<circle class="provisional" cx="{}" cy="33" r="5"></circle>', x)
        for x in open_marks
    ]
    for x, label in axis.ticks(60):
        if 16 < x < width - 16:
            parts.append(pen.text("tick", x, 62, label, "middle"))
    title = f"{data.marks} entries, {between(data.start, data.end, data.zone)}"
    return format_html(
        "{}{}</svg>",
        open_svg(pen, width, 68, title, "spark", "pm-spark", scale=axis),
        join(parts),
    )

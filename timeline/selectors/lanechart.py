"""The lane chart above the timeline, and its one-row form for a phone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.html import format_html
from django.utils.safestring import SafeString

from incidents.models import Incident, ScopeStatement
from timeline.models import Entry, Milestone
from timeline.selectors.analysis import Gap, between
from timeline.selectors.durations import feeding
from timeline.selectors.rows import lanes
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


@dataclass(frozen=True)
class LaneRow:
    """One row of the lane chart: its marks, and how long its scope stood open."""

    name: str
    rows: list[Entry]
    open_from: datetime | None = None
    open_until: datetime | None = None
    is_open: bool = False


@dataclass(frozen=True)
class LaneChart:
    """What the chart above the timeline shows."""

    zone: str
    start: datetime | None
    end: datetime | None
    lanes: list[LaneRow]
    gaps: list[Gap]

    @property
    def marks(self) -> int:
        return sum(len(lane.rows) for lane in self.lanes)


def lane_chart(
    incident: Incident,
    rows: Sequence[Entry],
    marks: Sequence[Milestone],
    found: Sequence[Gap],
) -> LaneChart:
    """Lanes and their dated entries inside the incident (background is left out)."""
    fed = feeding(marks)
    impact = fed.get(Kind.FIRST_IMPACT)
    start = impact.entry.occurred_at if impact and impact.entry else None
    dated = [
        row
        for row in rows
        if row.occurred_at
        and row.kind != Entry.Kind.NO_RECORD
        and row.precision != Entry.Precision.DAY
        and (start is None or row.occurred_at >= start - timedelta(hours=3))
    ]
    decides = {Entry.Kind.DECISION, Entry.Kind.COMMS}
    scopes = ScopeStatement.objects.filter(
        incident=incident, retracted_at=None, lane__isnull=False
    )
    by_lane: dict[int, list[ScopeStatement]] = {}
    for scope in scopes:
        by_lane.setdefault(scope.lane_id or 0, []).append(scope)
    table = []
    for lane in lanes(incident):
        own = [
            row for row in dated if row.lane_id == lane.pk and row.kind not in decides
        ]
        of_lane = by_lane.get(lane.pk, [])
        still = any(scope.state == ScopeStatement.State.OPEN for scope in of_lane)
        closed = [scope.closed_at for scope in of_lane if scope.closed_at]
        if own or of_lane:
            table.append(
                LaneRow(
                    name=lane.name,
                    rows=own,
                    open_from=start if of_lane else None,
                    open_until=None if still else max(closed, default=None),
                    is_open=still,
                )
            )
    rest = [row for row in dated if row.lane_id is None and row.kind not in decides]
    if rest:
        table.append(LaneRow("No lane", rest))
    talk = [row for row in dated if row.kind in decides]
    if talk:
        table.append(LaneRow("Decisions and comms", talk))
    times = [row.occurred_at for row in dated if row.occurred_at]
    return LaneChart(
        zone=incident.clock_zone,
        start=min(times, default=None),
        end=max(times, default=None),
        lanes=table,
        gaps=list(found),
    )


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
        parts.append(pen.text("label", axis.left - 12, y + 4, _cut(lane.name), "end"))
        if lane.open_from:
            first = axis.x(max(lane.open_from, data.start))
            last = axis.x(lane.open_until) if lane.open_until else axis.right
            state = "scope open" if lane.is_open else "scope was open"
            if last > first:
                words = f"{lane.name}: {state}"
                parts.append(
                    pen.rect("degraded", first, y - 5, last - first, 10, words)
                )
    for index, lane in enumerate(data.lanes):
        y = top + row_height * index + row_height / 2
        parts.extend(_lane_mark(axis, row, y, data.zone) for row in lane.rows)
    parts.append(pen.line("axis", axis.left, bottom, axis.right, bottom))
    title = (
        f"{data.marks} entries on {len(data.lanes)} lanes, "
        f"{between(data.start, data.end, data.zone)}. The list below holds the same."
    )
    return format_html(
        "{}{}</svg>",
        open_svg(pen, width, bottom + 24, title, "lanes", "pm-lanechart"),
        join(parts),
    )


def _cut(words: str, limit: int = 22) -> str:
    return words if len(words) <= limit else f"{words[: limit - 1]}…"


def _lane_mark(axis: Axis, row: Entry, y: float, zone: str) -> SafeString:
    assert row.occurred_at is not None
    x = axis.x(row.occurred_at)
    css = "provisional" if row.is_provisional else "confirmed"
    if getattr(row, "live_milestones", ()):
        shape = format_html(
            '<rect class="{}" x="{}" y="{}" width="8" height="8" rx="1" '
            'transform="rotate(45 {} {})"></rect>',
            css if row.is_provisional else "milestone",
            round(x - 4, 1),
            y - 4,
            x,
            y,
        )
    else:
        shape = format_html(
            '<circle class="{}" cx="{}" cy="{}" r="4.5"></circle>', css, x, y
        )
    state = "provisional" if row.is_provisional else "confirmed"
    words = f"{clock_words(row.occurred_at, zone)} {_cut(row.headline, 90)} ({state})"
    return format_html(
        '<a href="#{}" aria-label="{}">{}{}</a>', row.ref, words, titled(words), shape
    )


def spark_svg(data: LaneChart, *, width: int = 366) -> SafeString:
    """The chart of a phone: one row of ticks, gaps hatched (picture 13)."""
    if data.start is None or data.end is None:
        return SafeString("")
    pen = Pen("page")
    axis = Axis(data.start, data.end, 4.0, width - 4.0, data.zone)
    top, bottom = 20.0, 46.0
    parts: list[SafeString] = [hatch(pen, "spark")]
    parts += draw_gaps(pen, axis, data.gaps, top, bottom, "spark")
    for lane in data.lanes:
        for row in lane.rows:
            assert row.occurred_at is not None
            x = axis.x(row.occurred_at)
            strong = bool(getattr(row, "live_milestones", ()))
            if row.is_provisional:
                parts.append(
                    format_html(
                        '<circle class="provisional" cx="{}" cy="33" r="5"></circle>', x
                    )
                )
            else:
                css = "tickmark strong" if strong else "tickmark"
                parts.append(
                    pen.line(css, x, top + (2 if strong else 5), x, bottom - 3)
                )
    for x, label in axis.ticks(60):
        if 16 < x < width - 16:
            parts.append(pen.text("tick", x, 62, label, "middle"))
    title = f"{data.marks} entries, {between(data.start, data.end, data.zone)}"
    return format_html(
        "{}{}</svg>",
        open_svg(pen, width, 68, title, "spark", "pm-spark"),
        join(parts),
    )

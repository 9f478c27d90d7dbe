"""The recovery strip: drawn from milestones and scope states, never a guessed curve."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.utils.html import format_html
from django.utils.safestring import SafeString

from incidents.models import Incident, ScopeStatement
from incidents.selectors import policy
from postmortem.lib.record import live_rows
from timeline.models import Entry, Milestone
from timeline.selectors.analysis import Gap, stated_stretches, timeline_gaps
from timeline.selectors.durations import (
    Duration,
    LaneRecovery,
    durations_of,
    feeding,
    instant,
    lane_recoveries,
)
from timeline.selectors.rows import (
    entries,
    lanes,
    milestones,
    own_declaration,
)
from timeline.selectors.svg import (
    Axis,
    Pen,
    Theme,
    clock_words,
    draw_gaps,
    gap_words,
    hatch,
    join,
    open_svg,
    spread,
    titled,
)

Kind = Milestone.Kind

# The six numbered moments of the strip, in the order of picture 03.
NUMBERED: tuple[tuple[str, str], ...] = (
    (Kind.FIRST_IMPACT, "First impact"),
    (Kind.FIRST_ALERT, "First alert"),
    (Kind.DECLARED, "Declared"),
    (Kind.FIRST_MITIGATION, "First mitigation"),
    (Kind.CUSTOMER_RECOVERED, "Customers recovered"),
    (Kind.LEDGER_RECOVERED, "Ledger recovered"),
)
METRICS = ("detect", "declare", "mitigate", "recover_customers", "recover_ledger")


@dataclass(frozen=True)
class Mark:
    """A numbered moment; `at` is None when it is not recorded."""

    number: int
    kind: str
    label: str
    at: datetime | None
    is_provisional: bool
    not_applicable: bool
    milestone: Milestone | None = None

    @property
    def state(self) -> str:
        if self.not_applicable:
            return "not applicable"
        if self.milestone is not None and self.at is None:
            return "without a time of the clock"
        if self.at is None:
            return "not recorded"
        return "provisional" if self.is_provisional else "confirmed"


@dataclass(frozen=True)
class Bar:
    """How long one side was affected, as its duration says. start, end: the moments
    that it is drawn between; None where there is none, as while it is not recovered."""

    name: str
    css: str
    start: datetime | None
    end: datetime | None
    duration: Duration
    open_scopes: int

    @property
    def length(self) -> str:
        """What stands on the bar: 'about 1 h', 'recovery not recorded'."""
        if self.duration.state == "recorded":
            return self.duration.text
        if self.duration.state == "invalid":
            return "invalid: recovery before first impact"
        if self.duration.start is None:
            return "first impact not recorded"
        return "recovery not recorded"

    @property
    def words(self) -> str:
        if self.duration.state != "recorded":
            return self.length
        unproven = ", provisional" if self.duration.is_provisional else ""
        still = f", {self.open_scopes} scope still open" if self.open_scopes else ""
        return f"affected for {self.length}{unproven}{still}"


@dataclass(frozen=True)
class Metric:
    """One headline duration under the strip, with what proves its end."""

    number: int
    duration: Duration
    milestone: Milestone | None

    @property
    def parts(self) -> list[tuple[str, str]]:
        """[('5', 'h'), ('37', 'min')] when it is one plain length of time."""
        words = self.duration.text.split()
        plain = self.duration.state == "recorded" and not self.duration.is_range
        if not plain or len(words) % 2 or not words[0].isdecimal():
            return []
        return list(zip(words[::2], words[1::2], strict=True))


@dataclass(frozen=True)
class Strip:
    """Everything that the recovery strip shows, also in words and as a table."""

    zone: str
    start: datetime | None
    end: datetime | None
    marks: list[Mark]
    bars: list[Bar]
    gaps: list[Gap]
    stated: list[Gap]
    metrics: list[Metric] = field(default_factory=list)
    durations: list[Duration] = field(default_factory=list)
    by_lane: list[LaneRecovery] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return self.start is None or self.end is None

    @property
    def stretches(self) -> list[Gap]:
        """What is drawn as having no record: found or stated, earliest first."""
        return sorted([*self.gaps, *self.stated])

    @property
    def summary(self) -> str:
        """The chart in one paragraph."""
        parts = [
            f"{mark.label} {clock_words(mark.at, self.zone)}"
            + (", provisional" if mark.is_provisional else "")
            if mark.at
            else f"{mark.label} {mark.state}"
            for mark in self.marks
        ]
        parts += [f"{bar.name}: {bar.words}" for bar in self.bars]
        parts += [gap.words(self.zone) for gap in self.stretches]
        return ". ".join(parts) + "."


def recovery_strip(
    incident: Incident,
    rows: list[Entry] | None = None,
    marks: list[Milestone] | None = None,
    longest_gap: timedelta | None = None,
) -> Strip:
    """What the strip of an incident shows; a constant number of queries. rows, marks,
    longest_gap: its entries, its milestones and what its policy says, if they were read
    already."""
    rows = entries(incident) if rows is None else rows
    marks = milestones(incident) if marks is None else marks
    fed = feeding(marks)
    excluded = {row.kind for row in marks if row.not_applicable} - set(fed)
    numbered = [
        _mark(number, kind, label, fed.get(kind), kind in excluded)
        for number, (kind, label) in enumerate(NUMBERED)
    ]
    scopes = [
        row.audience
        for row in live_rows(incident, ScopeStatement.objects.all())
        if row.state == ScopeStatement.State.OPEN
    ]
    every = durations_of(incident, marks)
    by_key = {item.key: item for item in every}
    audience = ScopeStatement.Audience
    bars = [
        Bar(
            name=name,
            css=name.lower(),
            start=numbered[0].at,
            end=numbered[last].at,
            duration=by_key[key],
            open_scopes=scopes.count(side),
        )
        for name, last, key, side in (
            ("Customers", 4, "recover_customers", audience.EXPERIENCED),
            ("Ledger", 5, "recover_ledger", audience.INTERNAL),
        )
    ]
    own = own_declaration(incident)
    others = any(mark.at for mark in numbered)  # a lone declaration draws no strip
    if own and others and numbered[2].at is None and not numbered[2].not_applicable:
        numbered[2] = replace(numbered[2], at=own)
    stable = _mark(6, Kind.STABILIZED, "Stabilized", fed.get(Kind.STABILIZED), False)
    times = sorted(mark.at for mark in (*numbered, stable) if mark.at)
    return Strip(
        zone=incident.clock_zone,
        start=times[0] if times else None,
        end=times[-1] if times else None,
        marks=numbered,
        bars=bars,
        gaps=timeline_gaps(rows, marks, longest_gap or policy(incident).longest_gap),
        stated=stated_stretches(rows),
        metrics=[
            Metric(number, by_key[key], numbered[number].milestone)
            for number, key in enumerate(METRICS, start=1)
        ],
        durations=every,
        by_lane=lane_recoveries(incident, marks, lanes(incident)),
    )


def _mark(
    number: int, kind: str, label: str, row: Milestone | None, excluded: bool
) -> Mark:
    entry = row.entry if row else None
    return Mark(
        number=number,
        kind=kind,
        label=label,
        at=instant(entry),
        is_provisional=bool(entry and entry.is_provisional),
        not_applicable=excluded,
        milestone=row,
    )


def strip_svg(
    incident_data: Strip | Incident,
    *,
    width: int = 980,
    height: int = 168,
    theme: Theme = "page",
) -> SafeString:
    """The recovery strip as one SVG element; an empty text when nothing is dated.

    incident_data: what `recovery_strip` read, or the incident, which is read then.

    theme 'page' colours by CSS classes, 'print' by attributes (for WeasyPrint).
    """
    data = (
        incident_data
        if isinstance(incident_data, Strip)
        else recovery_strip(incident_data)
    )
    if data.start is None or data.end is None:
        return SafeString("")
    pen = Pen(theme)
    ident = f"strip-{theme}-{width}"
    wide = width >= 500
    left = (74.0 if wide else 8.0) * (0.75 if pen.is_print else 1)
    axis = Axis(data.start, data.end, left, width - 10.0, data.zone)
    bottom = height - 20.0
    top = 30.0
    parts: list[SafeString] = [hatch(pen, ident)]
    # In print a letter takes as long as a line of the page: fewer, wider apart.
    ticks = axis.ticks(room=80) if pen.is_print else axis.ticks()
    parts.append(pen.lines("grid", [(x, top, x, bottom) for x, _ in ticks]))
    parts += [pen.text("tick", x, height - 6, label, "middle") for x, label in ticks]
    parts += draw_gaps(pen, axis, data.stretches, top + 14, bottom, ident, words=False)
    parts.append(pen.line("axis", left, bottom, axis.right, bottom))
    room = (bottom - top - 18) / 2
    parts += _draw_marks(pen, axis, data, top, bottom)
    for index, bar in enumerate(data.bars):  # above the lines, so that words stay clear
        parts += _draw_bar(pen, axis, bar, top + 18 + index * room, room, wide)
    parts += gap_words(pen, axis, data.stretches, top + 14)
    return format_html(
        "{}{}</svg>",
        open_svg(pen, width, height, f"Recovery. {data.summary}", ident, "pm-strip"),
        join(parts),
    )


def _draw_bar(
    pen: Pen, axis: Axis, bar: Bar, top: float, room: float, wide: bool
) -> list[SafeString]:
    parts = []
    high = round(min(18.0, room - 8), 1)
    y = round(top + (room - high) / 2 + (0 if wide else 5), 1)
    middle = round(y + high / 2, 1)
    if wide:
        parts.append(pen.text("label", axis.left - 8, middle + 4, bar.name, "end"))
    else:
        parts.append(pen.text("label", axis.left, y - 4, f"{bar.name}: {bar.words}"))
    if bar.start is None:
        if wide:
            place = (axis.right - 8, middle + 4)
            parts.append(pen.clear("bar-text", *place, bar.length, "end"))
        return parts
    if bar.end is not None and bar.end < bar.start:
        return parts
    start = axis.x(bar.start)
    end = axis.x(bar.end) if bar.end else axis.right
    unproven = bar.duration.is_provisional or bar.end is None
    css = "bar unproven" if unproven else f"bar {bar.css}"
    parts.append(pen.rect(css, start, y, end - start, high, f"{bar.name}: {bar.words}"))
    if bar.end and bar.open_scopes == 0:
        parts.append(pen.line(f"after {bar.css}", end, middle, axis.right, middle))
    if pen.is_print and bar.duration.state == "recorded":
        return parts  # the one-pager says it above the strip, with its evidence
    words = bar.length
    if wide and end - start > 12 + 6.2 * len(words):
        parts.append(pen.text("bar-text", end - 7, middle + 4, words, "end"))
    elif wide and axis.right - end > 12 + 6.2 * len(words):
        parts.append(pen.text("bar-text", end + 6, middle - 4, words))
    return parts


def _draw_marks(
    pen: Pen, axis: Axis, data: Strip, top: float, bottom: float
) -> list[SafeString]:
    dated = sorted(
        (mark for mark in data.marks if mark.at), key=lambda m: (m.at, m.number)
    )
    places = [axis.x(mark.at) for mark in dated if mark.at]
    heads = spread(places, 19, axis.right)
    parts = []
    for mark, x, head in zip(dated, places, heads, strict=True):
        unproven = " unproven" if mark.is_provisional else ""
        at = clock_words(mark.at, axis.zone)
        words = f"{mark.number} {mark.label}, {at}, {mark.state}"
        parts.append(
            format_html(
                "<g>{}{}{}{}</g>",
                titled(words),
                pen.lines(
                    f"mark{unproven}",
                    [(head, 20, x, top + 2), (x, top + 2, x, bottom)],
                ),
                format_html(
                    '<circle {} cx="{}" cy="12" r="8"></circle>',
                    pen.look(f"dot{unproven}"),
                    head,
                ),
                pen.text(
                    f"dot-text{unproven}", head, 15.5, str(mark.number), "middle", 10
                ),
            )
        )
    return parts

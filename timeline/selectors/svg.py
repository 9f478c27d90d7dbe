"""Drawing tools of the charts: SVG made on the server (decision 17), no chart library.

Pages color the elements by CSS classes, so both themes read one drawing; the theme
'print' writes the colors into it, for a PDF that reads no style sheet inside an SVG.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from postmortem.lib.times import on_clock, span, start_of_day
from timeline.selectors.analysis import Gap

Theme = Literal["page", "print"]
PRINT_CHAR = 4.6  # widest average of a character in print, in pixels of the drawing

_STEPS = [
    timedelta(minutes=minutes)
    for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440)
]
# class: attributes in print, where no style sheet is read; greyscale keeps the meaning.
_PRINT: dict[str, str] = {
    "axis": 'stroke="#434e5d" stroke-width="0.8"',
    "grid": 'stroke="#d3d7dd" stroke-width="0.6"',
    "mark": 'stroke="#434e5d" stroke-width="0.8"',
    "mark unproven": 'stroke="#855300" stroke-width="0.8" stroke-dasharray="3 2"',
    "label": 'fill="#222b36"',
    "tick": 'fill="#434e5d"',
    "dot": 'fill="#222b36"',
    "dot unproven": 'fill="#fff" stroke="#855300" stroke-width="1.4" '
    'stroke-dasharray="3 2"',
    "dot-text": 'fill="#fff" font-weight="600"',
    "dot-text unproven": 'fill="#855300" font-weight="600"',
    "bar customers": 'fill="#dfe4f7" stroke="#2b46b8" stroke-width="1.2"',
    "bar ledger": 'fill="#dcefec" stroke="#0f7a6c" stroke-width="1.2" '
    'stroke-dasharray="5 3"',
    "bar unproven": 'fill="#fdf7e7" stroke="#855300" stroke-width="1.2" '
    'stroke-dasharray="3 2"',
    "after customers": 'stroke="#2b46b8" stroke-width="1.6"',
    "after ledger": 'stroke="#0f7a6c" stroke-width="1.6" stroke-dasharray="5 3"',
    "bar-text": 'fill="#161d27"',
    "gap": 'fill="#fdf7e7" stroke="#daa83e" stroke-width="0.8" stroke-dasharray="3 2"',
    "gap stated": 'fill="#fdf7e7" stroke="#855300" stroke-width="1"',
    "gap-text": 'fill="#855300" font-weight="600"',
    "hatch": 'stroke="#d8b25c" stroke-width="0.8"',
}


class Axis:
    """Moments to pixels, with ticks on round times of the incident clock."""

    def __init__(
        self, start: datetime, end: datetime, left: float, right: float, zone: str
    ) -> None:
        room = max((end - start) * 0.03, timedelta(minutes=2))
        self.start, self.end = start - room, end + room
        self.left, self.right, self.zone = left, right, zone

    def x(self, moment: datetime) -> float:
        share = (moment - self.start) / (self.end - self.start)
        place = self.left + share * (self.right - self.left)
        return round(min(max(place, self.left), self.right), 1)

    def ticks(self, room: float = 54) -> list[tuple[float, str]]:
        """[(x, label)], at least `room` pixels apart."""
        most = max(2, int((self.right - self.left) / room))
        length = self.end - self.start
        step = next((step for step in _STEPS if length / step <= most), None)
        if step is None:
            days = -(-length // (timedelta(days=1) * most))
            step = timedelta(days=days)
        at = start_of_day(on_clock(self.start, self.zone).date(), self.zone)
        found = []
        while at <= self.end:
            if at >= self.start and self.x(at) <= self.right - 6:
                found.append((self.x(at), self._label(at, step)))
            at += step
        return found

    def _label(self, at: datetime, step: timedelta) -> str:
        here = on_clock(at, self.zone)
        if step >= timedelta(days=1) or (here.hour, here.minute) == (0, 0):
            return f"{here.day} {here:%b}"
        return f"{here:%H:%M}"


class Pen:
    """Elements with a class on pages, with written-out colors in print."""

    def __init__(self, theme: str) -> None:
        self.is_print = theme == "print"

    def look(self, css: str) -> SafeString:
        if not self.is_print:
            return format_html('class="{}"', css)
        return mark_safe(_PRINT.get(css, ""))  # noqa: S308 - constants of this module

    def line(self, css: str, x1: float, y1: float, x2: float, y2: float) -> SafeString:
        return format_html(
            '<line {} x1="{}" y1="{}" x2="{}" y2="{}"></line>',
            self.look(css), x1, y1, x2, y2,
        )  # fmt: skip

    def lines(
        self, css: str, places: Iterable[tuple[float, float, float, float]]
    ) -> SafeString:
        """Lines of one look, (x1, y1, x2, y2): one path in print, where each element
        takes as long as twenty lines of a path."""
        if not self.is_print:
            return join(self.line(css, *place) for place in places)
        drawn = "".join(f"M{x1} {y1}L{x2} {y2}" for x1, y1, x2, y2 in places)
        return format_html('<path {} d="{}"></path>', self.look(css), drawn)

    def rect(
        self,
        css: str,
        x: float,
        y: float,
        width: float,
        height: float,
        title: str = "",
        fill: str = "",
    ) -> SafeString:
        return format_html(
            '<rect {}{} x="{}" y="{}" width="{}" height="{}" rx="2">{}</rect>',
            self.look(css) if not fill else "",
            format_html(' fill="{}"', fill) if fill else "",
            x, y, round(max(width, 1), 1), height,
            titled(title),
        )  # fmt: skip

    def text(
        self, css: str, x: float, y: float, words: str, anchor: str = "start",
        size: float = 0,
    ) -> SafeString:  # fmt: skip
        return format_html(
            '<text {} x="{}" y="{}" text-anchor="{}"{}>{}</text>',
            self.look(css), x, y, anchor,
            format_html(' font-size="{}"', size) if size else "",
            words,
        )  # fmt: skip

    def clear(
        self, css: str, x: float, y: float, words: str, anchor: str = "start"
    ) -> SafeString:
        """Words that hide the lines behind them: in print by a white ground, on pages
        by the style sheet, which knows the theme."""
        text = self.text(css, x, y, words, anchor)
        if not self.is_print:
            return text
        width = round(PRINT_CHAR * len(words) + 4, 1)
        left = {"start": x - 2, "middle": x - width / 2, "end": x - width + 2}[anchor]
        return self.rect("", round(left, 1), y - 7.5, width, 10, fill="#fff") + text


def titled(words: str) -> SafeString:
    return format_html("<title>{}</title>", words) if words else SafeString("")


def join(parts: Iterable[SafeString]) -> SafeString:
    return format_html_join("", "{}", ((part,) for part in parts))


def clock_words(moment: datetime | None, zone: str) -> str:
    return f"{on_clock(moment, zone):%H:%M}" if moment else "not recorded"


def spread(places: Sequence[float], apart: float, high: float) -> list[float]:
    """Move places apart to the right, then back from the right edge."""
    found = list(places)
    for index in range(1, len(found)):
        found[index] = max(found[index], found[index - 1] + apart)
    if found and found[-1] > high:
        found[-1] = high
        for index in range(len(found) - 2, -1, -1):
            found[index] = min(found[index], found[index + 1] - apart)
    return [round(place, 1) for place in found]


def open_svg(
    pen: Pen,
    width: int,
    height: int,
    title: str,
    ident: str,
    css: str,
    *,
    scale: Axis | None = None,
) -> SafeString:
    """`scale`: written into the element, so that a script can read a time off it."""
    style = (
        'font-family="Inter Variable, Inter, sans-serif" font-size="8.5"'
        if pen.is_print
        else format_html('class="pm-chart {}"', css)
    )
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" {} viewBox="0 0 {} {}" {} role="{}" '
        'aria-labelledby="{}-title"{}><title id="{}-title">{}</title>',
        SafeString(style),
        width,
        height,
        format_html('width="{}" height="{}"', width, height) if pen.is_print else "",
        # The marks of the lanes are links, which an image would hide.
        "group" if ident == "lanes" and not pen.is_print else "img",
        ident,
        format_html(
            ' data-from="{}" data-to="{}" data-left="{}" data-right="{}"',
            scale.start.timestamp(),
            scale.end.timestamp(),
            scale.left,
            scale.right,
        )
        if scale and not pen.is_print
        else "",
        ident,
        title,
    )


def hatch(pen: Pen, ident: str) -> SafeString:
    return format_html(
        '<defs><pattern id="{}-hatch" width="7" height="7" '
        'patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<line {} x1="0" y1="0" x2="0" y2="7"></line></pattern></defs>',
        ident,
        pen.look("hatch"),
    )


def draw_gaps(
    pen: Pen,
    axis: Axis,
    found: Iterable[Gap],
    top: float,
    bottom: float,
    ident: str,
    *,
    words: bool = True,
) -> list[SafeString]:
    """Hatched stretches with their length above, where there is room for the words."""
    parts = []
    stretches = [g for g in found if g.end > axis.start and g.start < axis.end]
    for gap in stretches:
        left, right = axis.x(gap.start), axis.x(gap.end)
        box = (left, top, right - left, bottom - top, gap.words(axis.zone))
        parts.append(pen.rect("gap stated" if gap.is_stated else "gap", *box))
        parts.append(pen.rect("", *box, f"url(#{ident}-hatch)"))
    return parts + (gap_words(pen, axis, stretches, top) if words else [])


def gap_words(
    pen: Pen, axis: Axis, found: Sequence[Gap], top: float
) -> list[SafeString]:
    """The lengths above the gaps; drawn last where lines would run through them."""
    return [
        pen.clear("gap-text", middle, top - 4, label, "middle")
        for middle, label in gap_labels(axis, found)
    ]


def _gap_names(gap: Gap) -> tuple[str, ...]:
    """What may stand above a gap, longest first."""
    if gap.is_stated:
        return f"{span(gap.length)}, stated gap", "stated gap", "stated"
    return f"{span(gap.length)}, no evidence", span(gap.length)


NARROW = 500.0  # below this width only the longest gap gets words
CHAR = 6.2  # widest average of a character of the chart's font, in pixels


def gap_labels(axis: Axis, found: Sequence[Gap]) -> list[tuple[float, str]]:
    """[(middle, words)] that never overlap: the longest gap first, then each that still
    has room above itself; in the order of time."""
    taken: list[tuple[float, float]] = []
    labels = []
    inside = (gap for gap in found if gap.end > axis.start and gap.start < axis.end)
    ordered = sorted(inside, key=lambda gap: (-gap.length, gap.start))
    if axis.right - axis.left < NARROW:
        ordered = ordered[:1]
    for gap in ordered:
        left, right = axis.x(gap.start), axis.x(gap.end)
        for label in _gap_names(gap):
            half = CHAR * len(label) / 2
            over = 40 if gap.is_stated else 14  # a stated one never goes nameless
            if half > (right - left) / 2 + over or 2 * half > axis.right - axis.left:
                continue
            middle = min(max((left + right) / 2, axis.left + half), axis.right - half)
            if all(
                middle + half + 8 <= first or last + 8 <= middle - half
                for first, last in taken
            ):
                taken.append((middle - half, middle + half))
                labels.append((round(middle, 1), label))
                break
    return sorted(labels)

"""What of a timeline is shown: the filters of the address, and the part of a long list
that stands on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from timeline.models import Entry
from timeline.selectors.outline import Line, Outline

SHOWS = ("all", "milestones", "decisions", "provisional", "gaps")
PAGE = 50
MOST = 400  # lines of a page that somebody has grown by 'earlier' and 'later'


@dataclass(frozen=True)
class Choice:
    """Filters: one of SHOWS, refs of a lane and a dependency, the id of a person, a
    part of the clock, which an interval only has to touch. Empty: not filtered."""

    show: str = "all"
    lane: str = ""
    dependency: str = ""
    owner: str = ""
    start: datetime | None = None
    end: datetime | None = None

    @property
    def is_plain(self) -> bool:
        return self == Choice()

    def lines(self, whole: Outline) -> list[Line]:
        """The lines that pass, in order. A gap belongs to no lane and to nobody."""
        if self.is_plain:
            return whole.lines
        lane = {row.ref: row.pk for row in whole.lanes}.get(self.lane, 0)
        dependency = {row.ref: row.pk for row in whole.checkpoints}.get(
            self.dependency, 0
        )
        owner = int(self.owner) if self.owner.isdecimal() else 0
        narrow = bool(self.lane or self.dependency or self.owner)

        def passes(line: Line) -> bool:
            if line.gap is not None:
                if narrow or self.show not in {"all", "gaps"}:
                    return False
                return not (
                    (self.start and line.gap.end <= self.start)
                    or (self.end and line.gap.start >= self.end)
                )
            if line.is_stated_gap and (narrow or self.show not in {"all", "gaps"}):
                return False
            if self.start and (line.until is None or line.until < self.start):
                return False
            if self.end and (line.at is None or line.at > self.end):
                return False
            if self.lane and line.lane_id != lane:
                return False
            if self.dependency and line.dependency_id != dependency:
                return False
            if self.owner and line.owner_id != owner:
                return False
            if self.show == "milestones":
                return line.is_milestone
            if self.show == "decisions":
                return line.kind == Entry.Kind.DECISION and not line.is_retracted
            if self.show == "provisional":
                return line.is_provisional and not line.is_stated_gap
            return self.show == "all" or line.is_stated_gap

        return [line for line in whole.lines if passes(line)]


@dataclass(frozen=True)
class Window:
    """The lines on the page; `earlier` and `later` are the keys to go on from."""

    lines: list[Line]
    earlier: str = ""
    later: str = ""

    @property
    def first(self) -> str:
        """The key that the window begins with; empty: with the list."""
        return self.lines[0].key if self.lines and self.earlier else ""

    @property
    def last(self) -> str:
        """The key that the window ends with; empty: with the list."""
        return self.lines[-1].key if self.lines and self.later else ""


def place_of(lines: Sequence[Line], key: str) -> int | None:
    """The index of a row by its id on the page (`TL-12`, `gap-…`)."""
    prefix, _, number = key.partition("-")
    if prefix == Entry.prefix and number.isdecimal() and len(number) < 10:
        wanted = int(number)
        return next(
            (
                i
                for i, line in enumerate(lines)
                if line.number == wanted and not line.gap
            ),
            None,
        )
    if prefix == "gap":
        return next(
            (i for i, line in enumerate(lines) if line.gap and line.key == key), None
        )
    return None


def place_at(lines: Sequence[Line], moment: datetime) -> int | None:
    """The index of the first line at this time or behind it."""
    return next(
        (i for i, line in enumerate(lines) if line.at and line.at >= moment), None
    )


def window_around(
    lines: list[Line], place: int | None, *, newest: bool = False
) -> Window:
    """Fifty lines around a place; without one the first, or the newest."""
    if place is None:
        start = max(0, len(lines) - PAGE) if newest else 0
    else:
        start = min(max(0, place - PAGE // 2), max(0, len(lines) - PAGE))
    return _cut(lines, start, start + PAGE)


def window_after(lines: list[Line], key: str) -> Window:
    """The lines behind a row; a row that has gone meanwhile begins at the top."""
    place = place_of(lines, key)
    start = 0 if place is None else place + 1
    return _cut(lines, start, start + PAGE)


def window_before(lines: list[Line], key: str) -> Window:
    """The lines before a row."""
    place = place_of(lines, key) or 0
    return _cut(lines, max(0, place - PAGE), place)


def window_between(lines: list[Line], first: str, last: str) -> Window:
    """From row to row, as a browser has it open; empty keys: the ends of the list."""
    start = (place_of(lines, first) or 0) if first else 0
    end = place_of(lines, last) if last else None
    stop = len(lines) if end is None else end + 1
    if first and not last:
        return _cut(lines, max(start, stop - MOST), stop)
    return _cut(lines, start, min(stop, start + MOST))


def _cut(lines: list[Line], start: int, stop: int) -> Window:
    shown = lines[start:stop]
    return Window(
        shown,
        earlier=shown[0].key if shown and start > 0 else "",
        later=shown[-1].key if shown and stop < len(lines) else "",
    )

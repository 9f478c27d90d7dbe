"""A chat log as it is pasted: one message a line, or a name with a time and the words
below it. Lines without a time belong to the message above."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import IO

from timeline.services.intake.lines import (
    CLOCK,
    MAX_RAW,
    MAX_TEXT,
    Clock,
    Context,
    Line,
    Row,
    Skipped,
    find_day,
    read_lines,
    refuse,
)

_DATE = r"(?:(?P<date>\d{4}-\d{2}-\d{2}|\d{1,2}\.\d{1,2}\.\d{2}(?:\d{2})?)[T, ]\s?)?"
_SLASHES = re.compile(r"^[\[(]?\d{1,2}/\d{1,2}/\d{2,4}[, ]")
# [14:05:33] Anna: words | 14:05 <anna> words | 2026-03-10 14:05 Anna - words
_ONE_LINE = re.compile(
    rf"^\s*[\[(]?{_DATE}{CLOCK}[\])]?\s*[-–—]?\s*"
    r"(?:<(?P<irc>[^>]{1,80})>\s*|(?P<name>[^\s:][^:\n]{0,60}?):\s+)?(?P<text>\S.*)$",
    re.IGNORECASE,
)
# Anna Smith  [2:05 PM]   or   Anna Smith 14:05   with the words on the next lines
_HEAD = re.compile(
    rf"^\s*(?P<name>[^\d\s:\[(][^:\n\[(]{{0,60}}?)(?:\s+APP)?\s+[\[(]?{_DATE}{CLOCK}[\])]?\s*$",
    re.IGNORECASE,
)


def read(source: IO[bytes], context: Context) -> Iterator[Row]:
    """Messages in the order of the log."""
    clock = Clock(context)
    message: Line | None = None
    found_one = False
    for number, raw in read_lines(source, "log"):
        line = raw.strip()
        place = f"line {number}"
        head = _HEAD.match(line)
        if _SLASHES.match(line):
            yield Skipped(place, "its date can mean two days; write 2026-03-10")
        elif match := head or _ONE_LINE.match(line):
            if message:
                yield _checked(message)
            found_one = True
            if match["date"] and (day := _read_date(match["date"])):
                clock.set_day(day)
            moment, precision = clock.read(match)
            message = Line(
                place=place,
                occurred_at=moment,
                precision=precision,
                author=(match["name"] or (not head and match["irc"]) or "").strip(),
                text="" if head else match["text"].strip()[:MAX_TEXT],
                raw=raw[:MAX_RAW],
                at_text="" if moment else _time_words(match),
            )
        elif day := _day_alone(line):
            clock.set_day(day)
        elif line and message:
            message = message.with_more(line, raw)
        elif line:
            yield Skipped(place, "stands before the first time")
    if message:
        yield _checked(message)
    if not found_one:
        raise refuse(
            "No line of this log begins with a time, such as “14:05 Anna: rate down”."
        )


def _time_words(match: re.Match[str]) -> str:
    """The time as it stands there."""
    ends = ("minute", "second", "half", "offset", "zone")
    first = match.start("date") if match["date"] else match.start("hour")
    return match[0][first - match.start() : max(map(match.end, ends)) - match.start()]


def names_author(line: str) -> bool:
    """Whether a line is that of a chat: a time and who speaks."""
    match = _ONE_LINE.match(line)
    return bool(_HEAD.match(line) or (match and (match["irc"] or match["name"])))


def _checked(message: Line) -> Row:
    return message if message.text else Skipped(message.place, "without text")


def _read_date(words: str) -> date | None:
    """2026-03-10, or 10.03.26 as it is written where points stand between."""
    if "." not in words:
        return find_day(words)
    day, month, year = map(int, words.split("."))
    try:
        return date(year if year > 99 else 2000 + year, month, day)
    except ValueError:
        return None


def _day_alone(line: str) -> date | None:
    """The day of a line that names it and says next to nothing else."""
    rest = re.sub(r"[\W\d]+", " ", line).split()
    return find_day(line) if len(rest) <= 3 else None

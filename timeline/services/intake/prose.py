"""The timeline of an old post-mortem, as Markdown or plain text: bullets, paragraphs or
rows of a table that begin with a time, under headings that name the day."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
    written_time,
)

_MARKS = re.compile(r"^\s*(?:[-*+•]|\d+[.)]|>)?\s*")
_ABOUT = r"(?P<about>(?:about|around|circa|ca\.|approximately|approx\.?|~)\s*)?"
_SPAN = rf"{CLOCK}(?:\s?[-–—]\s?{written_time('until_')})?"
_DAY = r"\d{4}-\d{2}-\d{2}[,:]?\s+|\w+ \w+,? \d{4}[,:]?\s+"
_START = re.compile(
    rf"^(?:(?P<iso>\d{{4}}-\d{{2}}-\d{{2}}T[\d:.,]+(?:Z|[+-]\d{{2}}:?\d{{2}})?)"
    rf"|(?P<day>{_DAY})?{_ABOUT}{_SPAN})"
    r"\s*[\]|:–—-]*\s*(?P<text>.*)$",
    re.IGNORECASE,
)


def read(source: IO[bytes], context: Context) -> Iterator[Row]:
    """Events in the order of the text; what has no time is left out and counted."""
    clock = Clock(context)
    found_one = False
    pending: Line | None = None
    for number, raw in read_lines(source, "text"):
        line = raw.strip()
        place = f"line {number}"
        if not line or set(line) <= set("-=|:+ *_"):
            continue
        heading = line.startswith("#")
        words = _words(line)
        match = None if heading else _START.match(words)
        if match is None:
            day = find_day(words)
            if day and (heading or len(words) <= 60):
                clock.set_day(day)
            elif (
                pending and not heading and raw[:1] in {" ", "\t"} and len(line) < 2000
            ):
                pending = pending.with_more(words, raw)
            elif not heading:
                yield Skipped(place, "names no time")
            continue
        if pending:
            yield pending
            pending = None
        found_one = True
        if match["day"] and (day := find_day(match["day"])):
            clock.set_day(day)
        event = _event(match, clock, place, raw)
        if isinstance(event, Line):
            pending = event
        else:
            yield event
    if pending:
        yield pending
    if not found_one:
        raise refuse(
            "No line of this text begins with a time, such as “- 14:05 UTC: rate is "
            "down”. Put the time first, one event a line."
        )


def _words(line: str) -> str:
    """The line without the marks of Markdown: bullets, emphasis, bars of tables."""
    if line.startswith("|"):
        line = " ".join(cell.strip() for cell in line.strip("|").split("|"))
    line = _MARKS.sub("", line, count=1)
    line = re.sub(r"(\*\*|__|`)", "", line)
    return line.lstrip("[(").strip()


def _event(match: re.Match[str], clock: Clock, place: str, raw: str) -> Row:
    text = match["text"].strip()
    if not text:
        return Skipped(place, "without text")
    until = None
    if match["iso"]:
        moment, precision = clock.read_words(match["iso"])
    else:
        moment, precision = clock.read(match, other="until_")
        if moment and match["until_hour"]:
            until, _ = clock.read(match, "until_")
        if moment and until and until < moment:
            # 11:50-12:10 PM, or a slip of the pen: neither end is certain.
            moment, until, precision = None, None, "unknown"
    if moment and match["about"]:
        precision = "approx"
    return Line(
        place=place,
        occurred_at=moment,
        precision=precision,
        author="",
        text=text[:MAX_TEXT],
        raw=raw[:MAX_RAW],
        at_text=""
        if moment
        else match[0][: match.start("text")].strip(" ]|:–—-")[:120],
        until=until,
    )

"""What every reader of a foreign log gives: lines with their place, and faults."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from io import IncrementalNewlineDecoder
from typing import IO
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError

from postmortem.lib import sensitive
from postmortem.lib.errors import field_error
from postmortem.lib.times import read_time, zone

MAX_ROWS = 100_000
MAX_TEXT = 10_000  # of one row
MAX_RAW = 2_000
MAX_FILE = 200 * 1024 * 1024
MAX_LINES = 1_000_000  # of a text, whatever they say
MAX_LINE = 1_000_000  # signs
_PIECE = 64 * 1024


@dataclass(frozen=True)
class Line:
    """One row of a source, as it was found. Nothing of it is a fact yet.

    place: where it stands ('line 12'). occurred_at: aware UTC, or None when the source
    gives no time that can be read; at_text keeps its words. precision: a value of
    Entry.Precision; until: the end of a span. raw: the source's own line, at most
    2,000 characters.
    """

    place: str
    occurred_at: datetime | None
    precision: str
    author: str
    text: str
    raw: str
    at_text: str = ""
    until: datetime | None = None

    def with_more(self, words: str, raw: str) -> Line:
        """The same event with one more line of its source."""
        if len(self.text) >= MAX_TEXT and len(self.raw) >= MAX_RAW:
            return self
        return replace(
            self,
            text=f"{self.text}\n{words}".strip()[:MAX_TEXT],
            raw=f"{self.raw}\n{raw}"[:MAX_RAW],
        )


@dataclass(frozen=True)
class Skipped:
    """A row that is no message (somebody joined) or could not be read, and why."""

    place: str
    reason: str


Row = Line | Skipped
Reader = Callable[[IO[bytes], "Context"], Iterator[Row]]


@dataclass(frozen=True)
class Context:
    """How times without a date or an offset are read.

    clock_zone: IANA name. day: the day of times that stand without one; rows that go
    back by more than half a day begin the next.
    """

    clock_zone: str
    day: date
    filename: str = ""

    @property
    def here(self) -> ZoneInfo:
        return zone(self.clock_zone)


def refuse(words: str, code: str = "unreadable") -> ValidationError:
    """Nothing of this source can be taken."""
    return field_error("upload", words, code)


def refuse_sensitive(text: str, place: str) -> None:
    """Card numbers and secrets, with their place in the source."""
    for hit in sensitive.find(text):
        raise refuse(sensitive.words(hit, f" in {place}"), hit.code)


def too_many() -> ValidationError:
    """More rows than one import makes candidates of."""
    return refuse(
        f"This source has more than {MAX_ROWS:,} lines. Split it, or export fewer "
        "days.",
        "too_many",
    )


def read_lines(source: IO[bytes], what: str) -> Iterator[tuple[int, str]]:
    """The lines of a text with their numbers, from 1; never more than one piece of it
    is held. UTF-8, or UTF-16 with its mark; mixed and old encodings are refused with
    the line: a guessed letter would be no evidence."""
    wide = source.read(2) in {b"\xff\xfe", b"\xfe\xff"}
    source.seek(0)
    plain = codecs.getincrementaldecoder("utf-16" if wide else "utf-8-sig")()
    decoder = IncrementalNewlineDecoder(plain, translate=True)
    number, rest, piece = 0, "", b"-"
    while piece:
        piece = source.read(_PIECE)
        try:
            text = rest + decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            good = error.object[: error.start].count(b"\n")
            raise refuse(
                f"Line {number + good + 1} of the {what} is not "
                "UTF-8 text. Save the whole file as UTF-8; files that mix encodings "
                "cannot be read without guessing.",
                "encoding",
            ) from error
        *lines, rest = text.split("\n")
        for line in (*lines, *([rest] if rest and not piece else [])):
            number += 1
            _refuse_line(line, number, what)
            yield number, line
        _refuse_line(rest, number + 1, what)


def _refuse_line(line: str, number: int, what: str) -> None:
    if number > MAX_LINES:
        raise refuse(
            f"The {what} has more than {MAX_LINES:,} lines. Split it, or export fewer "
            "days.",
            "too_many",
        )
    if len(line) > MAX_LINE:
        raise refuse(
            f"Line {number} of the {what} is longer than {MAX_LINE:,} signs: that is "
            "no log.",
            "too_large",
        )
    if "\x00" in line:
        raise refuse(f"Line {number} of the {what} holds binary data.", "binary")


# --- times in prose -------------------------------------------------------------------

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"),
            ("february", "feb"),
            ("march", "mar"),
            ("april", "apr"),
            ("may",),
            ("june", "jun"),
            ("july", "jul"),
            ("august", "aug"),
            ("september", "sep", "sept"),
            ("october", "oct"),
            ("november", "nov"),
            ("december", "dec"),
        ),
        start=1,
    )
    for name in names
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DAY = re.compile(
    rf"\b(?:(?P<iso>\d{{4}}-\d{{2}}-\d{{2}})"
    rf"|(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?\.? (?P<m1>{_MONTH})\.?,? (?P<y1>\d{{4}})"
    rf"|(?P<m2>{_MONTH})\.? (?P<d2>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y2>\d{{4}}))\b",
    re.IGNORECASE,
)
# Names of zones that stand for several offsets, or for one that the day did not have.
# In capitals only: `14:05 test` is a word.
_ZONES = (
    r"(?-i:A[CEKW]?[SD]T|BRT|BST|[CEMPNH][SD]T|[CEMP]T|CES?T|EES?T|GST|HKT|"
    r"IST|JST|KST|MSK|NZ[SD]T|PKT|SAST|SGT|WES?T|WIB)"
)


def written_time(name: str = "") -> str:
    """The pattern of a clock time and of what says on which clock, with groups of this
    name: `14:05`, `2:05 PM`, `14:05:33Z`, `14:05 (UTC+1)`, `14:05 CET`."""
    hour, minute, second, half, offset, zone = (
        f"{name}{group}"
        for group in ("hour", "minute", "second", "half", "offset", "zone")
    )
    return (
        rf"(?P<{hour}>\d{{1,2}})[:.](?P<{minute}>\d{{2}})"
        rf"(?::(?P<{second}>\d{{2}})(?:[.,]\d+)?)?"
        rf"(?:\s?(?P<{half}>[ap])\.?m\.?(?!\w))?"
        # A minus behind minutes is a span (14:05-14:20), behind seconds an offset.
        rf"(?:\s?\(?(?:(?P<{offset}>Z|(?:UTC|GMT)(?:[+-]\d{{1,2}}(?::?\d{{2}})?)?"
        rf"|\+\d{{2}}:?\d{{2}}|(?({second})-(?:0\d|1[0-2]):?\d{{2}}(?!:)|(?!)))"
        rf"|(?P<{zone}>{_ZONES}))(?!\w)\)?)?"
    )


CLOCK = written_time()


def find_day(text: str) -> date | None:
    """The day that a heading or a line names, or None. `03/10/2026` is not read: it
    means two days."""
    found = _DAY.search(text)
    if not found:
        return None
    try:
        if found["iso"]:
            return date.fromisoformat(found["iso"])
        day, month, year = (
            (found["d1"], found["m1"], found["y1"])
            if found["d1"]
            else (found["d2"], found["m2"], found["y2"])
        )
        return date(int(year), _MONTHS[month.lower()], int(day))
    except ValueError:
        return None


_CLOCK = re.compile(CLOCK, re.IGNORECASE)
_ISO_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?P<second>:\d{2}(?:[.,]\d+)?)?"
    r"\s?(?P<offset>Z|UTC|GMT|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)


def _offset(words: str) -> str:
    """`Z`, `UTC`, `UTC+1`, `GMT-05:00`, `+0100` as ISO 8601 writes it; '' for none."""
    if not words:
        return ""
    found = re.search(r"([+-])(\d{1,2}):?(\d{2})?$", words)
    if not found:
        return "+00:00"
    return f"{found[1]}{int(found[2]):02}:{found[3] or '00'}"


class Clock:
    """Reads the times of one log from its first line to its last: keeps the day that a
    heading named and goes on to the next when the times pass midnight."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.day = context.day
        self._last: datetime | None = None

    def set_day(self, day: date) -> None:
        self.day = day
        self._last = None

    def read(
        self, found: re.Match[str], name: str = "", other: str = ""
    ) -> tuple[datetime | None, str]:
        """The moment of a `written_time` and its precision; (None, 'unknown') when the
        clock does not show that time, or names no offset that is certain. other: the
        name of the time at the other end of a span, which may say the offset of both.
        """
        hour, minute, second = (
            int(found[f"{name}{part}"] or 0) for part in ("hour", "minute", "second")
        )
        half, offset, zone = (
            found[f"{name}{part}"] or found[f"{other}{part}"]
            for part in ("half", "offset", "zone")
        )
        if half:
            if not 1 <= hour <= 12:
                return None, "unknown"
            hour = hour % 12 + (12 if half.lower() == "p" else 0)
        if zone or hour > 23 or minute > 59 or second > 59:
            return None, "unknown"
        here = datetime.combine(self.day, time(hour, minute, second))
        if self._last and self._last - here > timedelta(hours=12):
            self.day += timedelta(days=1)
            here += timedelta(days=1)
        self._last = here
        written = here.isoformat() + _offset(offset or "")
        try:
            moment = read_time(written, clock_zone=self.context.clock_zone)
        except ValidationError:
            return None, "unknown"
        precision = "second" if found[f"{name}second"] else "minute"
        return moment.astimezone(UTC), precision

    def read_words(self, words: str) -> tuple[datetime | None, str]:
        """A cell or a bracket that holds nothing but a time: ISO 8601, a clock time,
        or seconds since 1970 as the chat tools write them."""
        words = words.strip()
        if found := _ISO_TIME.fullmatch(words):
            written = words.replace(",", ".").upper()
            for name in ("UTC", "GMT"):
                written = written.replace(f" {name}", "Z").replace(name, "Z")
            try:
                moment = read_time(written, clock_zone=self.context.clock_zone)
            except ValidationError:
                return None, "unknown"
            self.set_day(moment.astimezone(self.context.here).date())
            return moment, "second" if found["second"] else "minute"
        if found := _CLOCK.fullmatch(words):
            return self.read(found)
        if re.fullmatch(r"1[0-9]{9}(\.\d+)?", words):
            return datetime.fromtimestamp(int(words[:10]), UTC), "second"
        return None, "unknown"

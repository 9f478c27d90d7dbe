"""A line as the candidate that it would become: what a field may hold, a time that a
record can mean, and a fingerprint by which the same line is known again."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from dataclasses import dataclass, replace

from django.core.exceptions import ValidationError

from postmortem.lib.fields import NEVER_HELD
from postmortem.lib.times import refuse_odd_year
from timeline.services.intake.lines import MAX_RAW, Line

# Of a candidate, so that its author fits before it in an entry.
LONGEST = 9_800


@dataclass(frozen=True)
class Found:
    """A tidied line. fingerprint: time, author, text and how often they occurred
    before, so that what was said twice stays two lines."""

    line: Line
    fingerprint: str


class Fingerprints:
    """Of the lines of one source, in any order."""

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()

    def of(self, line: Line) -> str:
        when = line.occurred_at.isoformat() if line.occurred_at else line.at_text
        said = hashlib.sha256(
            "\x1f".join((when, line.author, line.text)).encode()
        ).digest()
        self._seen[said] += 1
        return hashlib.sha256(said + str(self._seen[said]).encode()).hexdigest()[:32]


def tidied(line: Line) -> Line:
    """The same line within the bounds of a candidate."""
    text = _plain(line.text)
    if len(text) > LONGEST:
        text = f"{text[: LONGEST - 1]}…"
    at, until, precision = line.occurred_at, line.until, line.precision
    at_text = " ".join(_plain(line.at_text).split())
    try:
        refuse_odd_year(at)
    except ValidationError:
        at_text, at = f"the year {at.year}" if at else "", None
    if at is None:
        until, precision = None, "unknown"
        at_text = at_text or "no time in the source"
    elif until is not None and until < at:
        until = None
    return replace(
        line,
        place=_plain(line.place)[:200],
        occurred_at=at,
        until=until,
        precision=precision,
        author=" ".join(_plain(line.author).split())[:120],
        text=text,
        raw=_plain(line.raw)[:MAX_RAW],
        at_text=at_text[:120],
    )


def _plain(text: str) -> str:
    """Text without the signs and the halves of pairs that no field holds."""
    text = text.encode("utf-8", "replace").decode().replace("\r\n", "\n")
    return NEVER_HELD.sub("", unicodedata.normalize("NFC", text)).strip()

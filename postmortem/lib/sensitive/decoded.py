"""A text as it reads once its escapes are undone: `%34`, `\\u0034`, `&#52;`, and the
signs that nobody sees. Each reading knows where its signs stand in the text itself."""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

# Escapes of escapes: a link in a query of a link in a JSON string.
_DEEPEST = 4
_X = "[0-9A-Fa-f]"
# One piece, one sign. Backslashes are bounded, so that a wall of them is read once.
_CODED = re.compile(
    "[\x00\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]"
    rf"|%(?:[0-7]{_X}|[CDcd]{_X}%{_X}{{2}}|[Ee]{_X}%{_X}{{2}}%{_X}{{2}})"
    rf"|\\{{1,8}}(?:u{_X}{{4}}|x{_X}{{2}}|[bfnrt\"'/])"
    rf"|&(?:#[0-9]{{1,6}}|#[xX]{_X}{{1,5}}|[A-Za-z]{{2,8}});"
)


@dataclass(frozen=True)
class Reading:
    """The text after `below` was decoded once; the text itself has nothing below it.

    ends: where a decoded piece ends in this text. shifts: how far its end lies behind
    that in the text below.
    """

    text: str
    below: Reading | None = None
    ends: list[int] = field(default_factory=list)
    shifts: list[int] = field(default_factory=list)

    def place(self, at: int) -> int:
        """Where a place of this reading lies in the text itself."""
        reading = self
        while reading.below is not None:
            found = bisect_right(reading.ends, at)
            at += reading.shifts[found - 1] if found else 0
            reading = reading.below
        return at


def readings(text: str) -> Iterator[Reading]:
    """The text, and what it reads as when it is decoded once, twice, …"""
    reading = Reading(text)
    yield reading
    for _ in range(_DEEPEST):
        decoded = _decoded(reading)
        if decoded.text == reading.text:
            return
        reading = decoded
        yield reading


def _decoded(reading: Reading) -> Reading:
    parts: list[str] = []
    ends: list[int] = []
    shifts: list[int] = []
    done = length = 0
    for found in _CODED.finditer(reading.text):
        piece = _sign(found[0])
        parts += (reading.text[done : found.start()], piece)
        length += found.start() - done + len(piece)
        done = found.end()
        ends.append(length)
        shifts.append(done - length)
    parts.append(reading.text[done:])
    return Reading("".join(parts), reading, ends, shifts)


_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def _sign(code: str) -> str:
    if code[0] == "%":
        return chr(int(code[1:], 16)) if len(code) == 3 else unquote(code)
    if code[0] == "&":
        return html.unescape(code)
    if code[0] != "\\":
        return ""
    code = code.lstrip("\\")
    if len(code) > 1:
        return chr(int(code[1:], 16))
    return _LETTERS.get(code, code)

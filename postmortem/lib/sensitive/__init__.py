"""Card numbers and secrets in text: found, named, masked. They never get into a record.

What is looked for stands in the data files beside this module: the number ranges of
the card schemes, the published test numbers of the providers (which pass), and the
shapes of live keys (test keys such as `sk_test_…` pass). A text is looked at as it
stands and as it reads when its escapes are undone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from django.core.exceptions import ValidationError

from postmortem.lib.sensitive import cards
from postmortem.lib.sensitive.cards import scheme_of
from postmortem.lib.sensitive.data import rows
from postmortem.lib.sensitive.decoded import readings

__all__ = ["Hit", "find", "find_in", "mask", "refuse", "scheme_of", "words"]


@dataclass(frozen=True)
class Hit:
    """Something that may not be kept, and its place in the text. `code` is that of the
    error; `masked` may be shown and logged: a card keeps six and four digits, a secret
    its first four signs.
    """

    code: str
    name: str
    start: int
    end: int
    masked: str


# --- secrets --------------------------------------------------------------------------

_KEYS = [
    (row["name"], row["hint"], re.compile(row["pattern"])) for row in rows("keys.csv")
]


def _secrets(text: str) -> Iterator[Hit]:
    low = text.lower()
    for name, hint, pattern in _KEYS:
        if hint not in low:
            continue
        for found in pattern.finditer(text):
            start = found.start()
            # A shape that begins with a letter must not begin inside a word.
            if start and text[start].isalnum() and _is_word(text[start - 1]):
                continue
            yield Hit("secret", name, start, found.end(), f"{found[0][:4]}…")


def _is_word(sign: str) -> bool:
    return sign == "_" or sign.isalnum()


def _cards(text: str) -> Iterator[Hit]:
    for card in cards.find(text):
        name = f"{card.scheme} card number"
        yield Hit("card_number", name, card.start, card.end, card.masked)


# --- what callers use -----------------------------------------------------------------


def find(text: str) -> list[Hit]:
    """Card numbers and live secrets in a text, in its order, none over another."""
    found = [
        Hit(
            hit.code,
            hit.name,
            reading.place(hit.start),
            reading.place(hit.end),
            hit.masked,
        )
        for reading in readings(text)
        for hit in (*_cards(reading.text), *_secrets(reading.text))
    ]
    apart: list[Hit] = []
    # Of two that begin alike the longer one says it all: the other read an escape as
    # the end of the number.
    for hit in sorted(found, key=lambda hit: (hit.start, -hit.end)):
        last = apart[-1] if apart else None
        if last is None or hit.start >= last.end:
            apart.append(hit)
        elif hit.end > last.end:
            apart[-1] = Hit(last.code, last.name, last.start, hit.end, last.masked)
    return apart


_PIECE = 256 * 1024
# The end of a piece that is read again with the next: longer than what is looked for.
_AGAIN = 8 * 1024
_EDGE = 512


def find_in(source: TextIO) -> tuple[Hit, int] | None:
    """The first finding in a text that is read piece by piece, and its line, from 1."""
    line, held, is_cut = 1, "", False
    while True:
        piece = source.read(_PIECE)
        text = held + piece
        for hit in find(text):
            # What stands beside it is not whole here: it is in the other piece.
            near_start = is_cut and hit.start < _EDGE
            near_end = piece and hit.end > len(text) - _EDGE
            if not near_start and not near_end:
                return hit, line + text.count("\n", 0, hit.start)
        if not piece:
            return None
        is_cut = is_cut or len(text) > _AGAIN
        line += text.count("\n", 0, max(0, len(text) - _AGAIN))
        held = text[-_AGAIN:]


def mask(text: str) -> str:
    """The text with everything masked that may not be kept."""
    parts, at = [], 0
    for hit in find(text):
        parts += [text[at : hit.start], hit.masked]
        at = hit.end
    return "".join([*parts, text[at:]])


def refuse(text: str) -> None:
    """Validator of every text field: raises with the code `card_number` or `secret`.
    The message shows the masked form only."""
    for hit in find(text):
        raise ValidationError(words(hit), code=hit.code)


def words(hit: Hit, place: str = "") -> str:
    """What is wrong, where, what to do. place: such as ' in line 3'."""
    if hit.code == "card_number":
        return (
            f"{hit.masked} looks like a full {hit.name}{place}. Keep at most the first "
            "six and the last four digits; nothing was stored."
        )
    return (
        f"{hit.masked} looks like a live secret ({hit.name}){place}. Take it out, and "
        "have it replaced where it is used; nothing was stored."
    )

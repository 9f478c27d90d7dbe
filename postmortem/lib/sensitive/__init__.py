"""Card numbers and secrets in text: found, named, masked. They never get into a record.

What is looked for stands in the data files beside this module: the number ranges of
the card schemes, the published test numbers of the providers (which pass), and the
shapes of live keys (test keys such as `sk_test_…` pass).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ValidationError

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Hit:
    """Something that may not be kept. `code` is that of the error; `masked` may be
    shown and logged: a card keeps six and four digits, a secret its first four signs.
    """

    code: str
    name: str
    start: int
    end: int
    masked: str


def _rows(name: str) -> list[dict[str, str]]:
    with (_HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- cards ----------------------------------------------------------------------------

_RANGES = [
    (row["scheme"], row["from"], row["to"], set(map(int, row["lengths"].split())))
    for row in _rows("card_ranges.csv")
]
_TEST_CARDS = frozenset(row["number"] for row in _rows("test_cards.csv"))

# Digits in one piece, or in the groups of a card with one kind of separator. What
# stands beside them tells a card from a hash, an id, a telephone number and an amount:
# a letter, another digit, a plus sign, a decimal point.
_APART = "[ \\t\u00a0\u2007\u202f.\u2010-\u2013-]"
_CARD = re.compile(
    r"(?<![\w+])(?<!\d\.)(?:"
    r"\d{13,19}"
    rf"|(?<![\w-][-.])\d{{4}}(?P<a>{_APART})\d{{4}}(?:(?P=a)\d{{4}}){{2}}(?P<tail>(?P=a)\d{{1,3}})?"
    rf"|(?<![\w-][-.])\d{{4}}(?P<b>{_APART})\d{{6}}(?P=b)\d{{4,5}}"
    rf"|(?<![\w-][-.])\d{{8}}{_APART}\d{{8}}"
    rf"|(?<![\w-][-.])\d(?:(?P<c>{_APART})\d)(?:(?P=c)\d){{11,17}}"
    r")(?!\w)(?!\.\d)(?!-\w)"
)
_LONG = re.compile(r"\d(?:\W?\d){12}")  # the quick look that most text does not pass
_INVISIBLE = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")


def scheme_of(digits: str) -> str:
    """The scheme whose ranges and lengths fit and whose check digit is right, or ''."""
    for scheme, first, last, lengths in _RANGES:
        if len(digits) in lengths and first <= digits[: len(first)] <= last:
            return scheme if _luhn(digits) else ""
    return ""


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    doubled = [
        int(d) if i % 2 == 0 else sum(divmod(int(d) * 2, 10))
        for i, d in enumerate(reversed(digits))
    ]
    return sum(doubled) % 10 == 0


def _cards(text: str) -> Iterator[Hit]:
    if not _LONG.search(text):
        return
    for found in _CARD.finditer(text):
        for end in {found.end(), found.start("tail")} - {-1}:
            # `int` reads the digits of every script.
            signs = filter(str.isdecimal, text[found.start() : end])
            digits = "".join(str(int(sign)) for sign in signs)
            scheme = scheme_of(digits)
            if scheme and digits not in _TEST_CARDS and len(set(digits)) > 1:
                masked = f"{digits[:6]}{'*' * (len(digits) - 10)}{digits[-4:]}"
                name = f"{scheme} card number"
                yield Hit("card_number", name, found.start(), end, masked)
                break


# --- secrets --------------------------------------------------------------------------

_KEYS = [
    (row["name"], row["hint"], re.compile(row["pattern"])) for row in _rows("keys.csv")
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


# --- what callers use -----------------------------------------------------------------


def find(text: str) -> list[Hit]:
    """Card numbers and live secrets in a text, in its order. Signs that nobody sees do
    not hide one; places count in the text without them."""
    seen = _INVISIBLE.sub("", text)
    return sorted([*_cards(seen), *_secrets(seen)], key=lambda hit: hit.start)


def mask(text: str) -> str:
    """The text with everything masked that may not be kept."""
    seen = _INVISIBLE.sub("", text)
    parts, at = [], 0
    for hit in find(seen):
        if hit.start >= at:
            parts += [seen[at : hit.start], hit.masked]
            at = hit.end
    return "".join([*parts, seen[at:]]) if parts else text


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

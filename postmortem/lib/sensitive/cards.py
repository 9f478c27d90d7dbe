"""Card numbers in text that is decoded already: by shape, scheme and check digit, and
by what stands beside them, which tells a card from a hash, an id, a telephone number
and an amount."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from postmortem.lib.sensitive.data import rows


@dataclass(frozen=True)
class Card:
    """A card number in a text; `end` lies behind the rest of its magnetic track."""

    scheme: str
    digits: str
    start: int
    end: int

    @property
    def masked(self) -> str:
        """Six and four digits, as PCI DSS allows them to be shown."""
        return f"{self.digits[:6]}{'*' * (len(self.digits) - 10)}{self.digits[-4:]}"


_TEST_CARDS = frozenset(row["number"] for row in rows("test_cards.csv"))
# Scheme, range and lengths by the two digits that numbers of the range begin with.
_RANGES: dict[str, list[tuple[str, str, str, frozenset[int]]]] = {}
for _row in rows("card_ranges.csv"):
    _lengths = frozenset(map(int, _row["lengths"].split()))
    for _number in range(int(f"{_row['from']}0"[:2]), int(f"{_row['to']}9"[:2]) + 1):
        _RANGES.setdefault(str(_number), []).append(
            (_row["scheme"], _row["from"], _row["to"], _lengths)
        )
_DOUBLED = str.maketrans("0123456789", "0246813579")


def scheme_of(digits: str) -> str:
    """The scheme whose ranges and lengths fit and whose check digit is right, or ''."""
    for scheme, first, last, lengths in _RANGES.get(digits[:2], ()):
        if len(digits) in lengths and first <= digits[: len(first)] <= last:
            return scheme if _luhn(digits) else ""
    return ""


def _luhn(digits: str) -> bool:
    """ISO/IEC 7812-1, annex B; the digits of a doubled one are added up."""
    doubled = digits[-2::-2].translate(_DOUBLED)
    return sum(map(int, digits[::-2] + doubled)) % 10 == 0


# --- the shapes -----------------------------------------------------------------------

_APART = (
    " \\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"  # spaces
    "\u2010-\u2015\u2212\ufe63\uff0d.\u00b7\u2022\uff0e"  # dashes, dots
    "_/+-"  # of names of files, and of a form
)
_S = f"[{_APART}]{{1,3}}"
# Digits in one piece, in the groups that are printed on cards, or one by one. Each
# first digit is looked at, so that a number in front of a card does not hide it.
_SHAPE = re.compile(
    r"\d(?<!\d\d)(?="
    r"(?P<solid>\d{12,18})(?!\d)"
    rf"|(?P<fours>\d{{3}}(?:{_S}\d{{4}}){{2}}{_S}\d{{1,4}})(?!\d)"
    rf"(?P<tail>{_S}\d{{1,3}}(?!\d))?"
    rf"|(?P<groups>\d{{3}}{_S}\d{{6}}{_S}\d{{4,5}}|\d{{7}}{_S}\d{{8}})(?!\d)"
    rf"|(?P<ones>(?P<sep>[{_APART}])\d(?:(?P=sep)\d){{11,17}})(?!\d|(?P=sep)\d(?!\d))"
    r")"
)
_FOREIGN = re.compile(r"(?![0-9])\d")  # a digit of another script
_OTHER = re.compile("[^0-9]+")


def find(text: str) -> Iterator[Card]:
    """The card numbers of a text, in its order, then those of chip tags."""
    if not text.isascii():
        text = _FOREIGN.sub(lambda sign: str(int(sign[0])), text)
    for found in _SHAPE.finditer(text):
        start = found.start()
        first = text[start] + text[start + (2 if found["ones"] else 1)]
        if first not in _RANGES:
            continue  # most numbers end here
        numbers = {_OTHER.sub("", text[start:end]): end for end in _ends(found)}
        if not _TEST_CARDS.isdisjoint(numbers):
            continue
        for digits, end in numbers.items():
            scheme = scheme_of(digits)
            if scheme and _stands_apart(text, start, end, len(digits)):
                yield Card(scheme, digits, start, _end_of_track(text, end))
                break
    yield from _find_tags(text)


def _ends(found: re.Match[str]) -> list[int]:
    """Where a number of this shape may end, the longest first: a security code may
    stand behind it like a last group."""
    if found["ones"]:
        last, shortest = found.end("ones"), found.start() + 2 * 13 - 1
        if _ONE_BEFORE.search(found.string, max(0, found.start() - 3), found.start()):
            return []  # the rest of a longer row of digits
        return list(range(last, shortest - 1, -2))
    shape = next(name for name in ("solid", "fours", "groups") if found[name])
    return [found.end("tail")] * bool(found["tail"]) + [found.end(shape)]


# --- what stands beside ---------------------------------------------------------------

# Words that are pasted together with a number: "Card number4539…", "PAN4539…". Any
# other letter or underscore before it makes an id of it: "order_4539…", "ch4539…".
_WORD_BEFORE = re.compile(
    r"(?:pan|card|number|nummer|num|visa|maestro|amex|express|discover|diners|club|jcb"
    r"|unionpay|rupay|mir|karte|carte|carta|tarjeta"
    r"|(?<![a-z0-9])(?:ccn?|mc|no|nr))[_.-]?$",
    re.IGNORECASE,
)
_WORD_AFTER = re.compile(r"_?(?:exp|cv[cv]|cid|valid|thru)", re.IGNORECASE)
_EXPIRY = re.compile(r"-(?:0[1-9]|1[0-2])[/.-]?(?:20)?\d\d(?!\w)")
# Track 1 after its number: name, expiry and the rest; track 2 likewise, also as the
# chip writes it with D. Both may have lost their end.
_TRACK = re.compile(r"\^[^^\r\n]{0,30}\^[^?\s]{0,60}\??|[=D]\d{4,}F?\??", re.IGNORECASE)
_ONE_BEFORE = re.compile(rf"(?<!\d)\d[{_APART}]$")
_COLUMN_BEFORE = re.compile(r"\d[ \t]{2,}$")
_COLUMN_AFTER = re.compile(r"[ \t]{2,}\d")
_BESIDE = 24


def _stands_apart(text: str, start: int, end: int, length: int) -> bool:
    before = text[max(0, start - _BESIDE) : start]
    after = text[end : end + _BESIDE]
    gaps = re.findall(rf"[{_APART}]+", text[start:end])
    gap = gaps[0] if gaps else ""
    aligned = max(map(len, gaps), default=0) > 1 and not "".join(gaps).strip()
    if aligned and (_COLUMN_BEFORE.search(before) or _COLUMN_AFTER.match(after)):
        return False  # a row of a table whose columns are aligned by spaces
    return _may_begin(before, after, gap, length) and _may_end(after, gap, length)


def _may_begin(before: str, after: str, gap: str, length: int) -> bool:
    last, other = before[-1:], before[-2:-1]
    if not last or _WORD_BEFORE.search(before):
        return True
    if _is_glue(last):
        # %B4539…^NAME^: the format code of track 1.
        return after.startswith("^") and last in "Bb" and not _is_glue(other)
    if last == "+":
        return length > 15  # the longest telephone number
    if last == "." and other.isdigit():
        return False  # the rest of a decimal
    # Joined on by what stands between its groups, it is the end of a longer id.
    return not (last == gap and last in ".-" and (_is_glue(other) or other == last))


def _may_end(after: str, gap: str, length: int) -> bool:
    if not after or _WORD_AFTER.match(after):
        return True
    if re.match(r"[Dd]\d{4}", after):
        return True  # track 2 of a chip
    if re.match(r"[Ff](?![0-9A-Za-z])", after):
        return length % 2 == 1  # filled up to whole bytes
    if _is_glue(after[0]):
        return False
    if re.match(r"\.\d", after):
        return bool(re.match(r"\.0(?!\d)", after))  # a table turned it into a decimal
    if gap == "-" and re.match(r"-\w", after):
        return bool(_EXPIRY.match(after))
    return True


def _is_glue(sign: str) -> bool:
    """What makes one word with a number in an id. Letters of other scripts do not:
    they often stand beside numbers without a space."""
    return sign.isascii() and (sign.isalnum() or sign == "_")


def _end_of_track(text: str, end: int) -> int:
    found = _TRACK.match(text, end)
    return found.end() if found else end


# --- tags of a chip -------------------------------------------------------------------

# EMV book 3, annex A: 5A is the number, 57 is track 2; then the length in bytes, then
# two digits a byte. Written in hex, with or without something between the bytes.
_TAG = re.compile(
    r"5[Aa7](?=[\s:=,\"'-]{0,4}(?P<bytes>0[7-9A-Fa-f]|1[0-3])[\s:=,\"'-]{0,4}"
    r"(?P<value>[2-68](?:[ :-]?[0-9DFdf]){12,37}))"
)


def _find_tags(text: str) -> Iterator[Card]:
    for found in _TAG.finditer(text):
        value = re.sub(r"[ :-]", "", found["value"]).upper()
        value = value[: 2 * int(found["bytes"], 16)]
        digits = re.split("[DF]", value, maxsplit=1)[0]
        if found[0] == "57" and "D" not in value:
            continue
        scheme = scheme_of(digits)
        if scheme and digits not in _TEST_CARDS:
            yield Card(scheme, digits, found.start("value"), found.end("value"))

"""How wide text will be and how it will wrap, from the fonts that print the page.

The page is cut by these figures before the PDF engine sees it, so that it lays out one
page once. They leave kerning out and break lines only behind spaces, hyphens and
slashes: a little too wide rather than too narrow. The engine has the last word.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO
from itertools import groupby
from pathlib import Path

FONTS = Path(__file__).parent / "fonts"
SANS, BOLD, MONO = "sans-regular", "sans-semibold", "mono-regular"
FALLBACKS = ("hebrew", "arabic", "cjk", "devanagari", "thai", "emoji")
_BREAK = re.compile(r"(?<=[\s/\-–—])|(?<=[\u2e80-\ud7ff\uf900-\uffef])")
_INVISIBLE = "\u200c\u200d\ufe0e\ufe0f"  # joiners and the choice of an emoji's look
ELLIPSIS = "…"


@cache
def _widths(name: str) -> dict[int, float]:
    """The advance of every character of one font, in ems."""
    # Only the worker that makes a report needs it; web processes stay smaller.
    from fontTools.ttLib import TTFont

    font = TTFont(BytesIO((FONTS / f"report-{name}.ttf").read_bytes()), lazy=True)
    advances, scale = font["hmtx"].metrics, font["head"].unitsPerEm
    return {
        code: advances[glyph][0] / scale
        for code, glyph in font["cmap"].getBestCmap().items()
    }


@lru_cache(maxsize=4096)
def _fallback(code: int) -> float | None:
    for name in FALLBACKS:
        found = _widths(name).get(code)
        if found is not None:
            return found
    return None


def _is_printable(character: str) -> bool:
    code = ord(character)
    return (
        code in _widths(SANS)
        or character in _INVISIBLE
        or _is_tag(character)
        or _fallback(code) is not None
    )


def _is_visible(character: str) -> bool:
    """Not a control or format character, save those that shape a letter."""
    return (
        character in _INVISIBLE
        or _is_tag(character)
        or unicodedata.category(character) not in {"Cc", "Cf", "Cs"}
    )


def _is_tag(character: str) -> bool:
    """Tags make the flags of England, Scotland and Wales."""
    return 0xE0020 <= ord(character) <= 0xE007F


def printable(text: str) -> str:
    """The text with what our fonts can draw, in one line, and the same on every
    machine: other letters become their code, or the number and name of their script,
    in brackets. Characters that turn the direction of others are left out: they could
    make a page read differently from its record."""
    text = " ".join(text.split())
    if text.isascii() and text.isprintable():
        return text
    text = unicodedata.normalize("NFC", text)
    kept = [c for c in text if _is_visible(c)]
    parts = []
    for is_known, run in groupby(kept, _is_printable):
        letters = "".join(run)
        parts.append(letters if is_known else _named(letters))
    return "".join(parts)


def _named(letters: str) -> str:
    if len(letters) == 1:
        return f"[U+{ord(letters):04X}]"
    script = unicodedata.name(letters[0], "").split(" ")[0].capitalize()
    return f"[{len(letters)} {script or 'unknown'} characters]"


@lru_cache(maxsize=16384)
def _word(word: str, font: str) -> float:
    widths = _widths(font)
    total = 0.0
    for character in word:
        found = widths.get(ord(character))
        if found is None:
            found = 0.0 if character in _INVISIBLE else _fallback(ord(character))
        total += 1.0 if found is None else found
    return total


def width(text: str, size: float, font: str = SANS) -> float:
    """The width of a text in one line, in the unit of `size`."""
    return sum(_word(word, font) for word in _BREAK.split(text)) * size


@dataclass(frozen=True)
class Column:
    """A column that text runs in: its width and the type size, both in points."""

    width: float
    size: float
    font: str = SANS

    @lru_cache(maxsize=8192)  # noqa: B019 - columns are constants
    def lines(self, text: str, tail: float = 0) -> int:
        """The lines that a text takes, with `tail` points of refs behind it."""
        number, at = 1, 0.0
        for word in [*_BREAK.split(text), None]:
            long = tail if word is None else _word(word, self.font) * self.size
            shown = long if word is None else long - self._space(word)
            if at and at + shown > self.width:
                number, at = number + 1, 0.0
            while long > self.width:  # a word longer than the column is broken
                number, long = number + 1, long - self.width
            at += long
        return number

    def _space(self, word: str) -> float:
        return _word(" ", self.font) * self.size if word.endswith(" ") else 0.0

    @lru_cache(maxsize=4096)  # noqa: B019 - columns are constants
    def fit(self, text: str, lines: int, tail: float = 0) -> str:
        """The text, cut behind a word with an ellipsis when it takes more lines."""
        if self.lines(text, tail) <= lines:
            return text
        words = _BREAK.split(text)
        low, high = 0, len(words)
        while low < high - 1:
            middle = (low + high) // 2
            if self.lines(_ended(words[:middle]), tail) <= lines:
                low = middle
            else:
                high = middle
        kept = _ended(words[:low])
        if width(kept, self.size, self.font) >= self.width * (lines - 0.5):
            return kept
        return self._fit_letters(kept, words[low], lines, tail)

    def _fit_letters(self, kept: str, word: str, lines: int, tail: float) -> str:
        """The same where the next word is as long as a line: cut between letters."""
        start = kept.removesuffix(ELLIPSIS)
        if len(word) < 16:
            return kept
        start += " " if start else ""
        low, high = 0, len(word)
        while low < high - 1:
            middle = (low + high) // 2
            if self.lines(start + word[:middle] + ELLIPSIS, tail) <= lines:
                low = middle
            else:
                high = middle
        return f"{start}{word[:low].rstrip(_INVISIBLE)}{ELLIPSIS}"


def _ended(words: Iterable[str]) -> str:
    return "".join(words).rstrip(" ,;:.-–—/") + ELLIPSIS

"""Two texts side by side: which words left and which came."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

_WORD = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True)
class Piece:
    """Words that stand in both texts (`same`), only in the old or only in the new."""

    kind: str
    text: str


def pieces(old: str, new: str) -> list[Piece]:
    """The words of both texts in order. Joining `same` and `old` gives the old text,
    joining `same` and `new` the new one."""
    left, right = _WORD.findall(old), _WORD.findall(new)
    found: list[Piece] = []
    # Words are compared without the white space behind them: a wrapped line is no edit.
    matcher = SequenceMatcher(
        None, [w.rstrip() for w in left], [w.rstrip() for w in right]
    )
    for kind, start, end, begin, stop in matcher.get_opcodes():
        if kind == "equal":
            for was, now in zip(left[start:end], right[begin:stop], strict=True):
                if was == now:
                    found.append(Piece("same", was))
                else:
                    word = now.rstrip()
                    found += [
                        Piece("same", word),
                        Piece("old", was[len(word) :]),
                        Piece("new", now[len(word) :]),
                    ]
            continue
        if start < end:
            found.append(Piece("old", "".join(left[start:end])))
        if begin < stop:
            found.append(Piece("new", "".join(right[begin:stop])))
    return found


def _side(old: str, new: str, kind: str, tag: str) -> SafeString:
    shown = [piece for piece in pieces(old, new) if piece.kind in {"same", kind}]
    if not any(piece.kind == "same" and piece.text.strip() for piece in shown):
        return _lines(conditional_escape(new if kind == "new" else old))
    return _lines(
        format_html_join(
            "",
            "{}",
            (
                (
                    piece.text
                    if piece.kind == "same" or not piece.text.strip()
                    else format_html(
                        f"<{tag}>{{}}</{tag}>{{}}",
                        piece.text.rstrip(),
                        piece.text[len(piece.text.rstrip()) :],
                    ),
                )
                for piece in shown
            ),
        )
    )


def _lines(html: SafeString) -> SafeString:
    return mark_safe(html.replace("\n", "<br>"))  # noqa: S308  both parts are escaped


def words_gone(old: str, new: str) -> SafeString:
    """The old text; words that are gone stand in `del`. Nothing is marked when the two
    texts have no word in common: then everything changed."""
    return _side(str(old), str(new), "old", "del")


def words_come(new: str, old: str) -> SafeString:
    """The new text; words that came stand in `ins`."""
    return _side(str(old), str(new), "new", "ins")


def words_apart(text: str, other: str) -> SafeString:
    """A text of which the words that the other lacks stand in `mark`."""
    return _side(str(other), str(text), "new", "mark")


def sentence_case(words: str) -> str:
    """'Two-Factor Authentication' as 'Two-factor authentication': for the words of the
    sign-in library, which writes in title case. Abbreviations stay."""
    first, *others = re.split(r"(?<=[ -])", words.strip())
    return first + "".join(
        word.lower() if re.fullmatch(r"\(?[A-Z][a-z]+\W*", word) else word
        for word in others
    )

"""Lists and beginnings of texts, as sentences for people need them."""

from __future__ import annotations

from collections.abc import Sequence


def listed(words: Sequence[str], last: str = "and", *, most: int = 0) -> str:
    """'a', 'a and b', 'a, b and c'. most: 'a, b and 3 more' beyond so many."""
    shown = list(words)
    if most and len(shown) > most:
        shown = [*shown[:most], f"{len(shown) - most} more"]
    return f" {last} ".join([", ".join(shown[:-1]), shown[-1]] if shown[1:] else shown)


def shortened(text: str, limit: int = 80) -> str:
    """The text in one line of at most `limit` characters, with an ellipsis if cut."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"

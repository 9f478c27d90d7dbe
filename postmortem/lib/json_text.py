"""JSON that somebody sent: each key once, numbers that are some, and no more values
than a process has room for."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


def read_json(
    text: str, *, most: int, read_float: Callable[[str], Any] | None = None
) -> Any:
    """The value of a JSON text. ValueError says what is wrong with it; RecursionError:
    it is nested too deeply.

    most: how many values it may hold. Three bytes make one that takes a hundred, so
    that the size of a text alone bounds nothing.
    """
    if _holds_more(text, most):
        raise ValueError(f"it holds more than {most} values.")
    read_float = read_float or _finite
    return json.loads(
        text,
        parse_float=read_float,
        parse_constant=read_float,
        object_pairs_hook=_no_twins,
    )


def _holds_more(text: str, most: int) -> bool:
    """Whether it holds more values than so many: there is a sign before each, and what
    stands in strings is none, which takes a longer look."""
    return _signs(text) > most and _signs(_STRING.sub("", text)) > most


def _signs(text: str) -> int:
    return sum(map(text.count, "[{,"))


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:  # NaN, Infinity, 1e999
        raise ValueError(f"{text} is no number.")
    return number


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    item = dict(pairs)
    if len(item) != len(pairs):
        twin, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key “{twin}” stands twice in one object.")
    return item

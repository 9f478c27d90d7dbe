"""What a process remembers between requests, by the state of a record."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

T = TypeVar("T")
Key = tuple[Any, ...]
KEPT_FOR = 300.0  # seconds: names of people may change without moving the record


class Kept:
    """The newest answers to one question, at most `states` of them.

    The head of an incident's activity chain names its state, and nothing is written
    without moving it: what only the record decides is worked out once for each head.
    """

    def __init__(self, states: int) -> None:
        self._states = states
        self._known: OrderedDict[Key, tuple[float, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, make: Callable[[], T]) -> T:
        """What `make` gives, or gave when the record stood as this key says."""
        now = time.monotonic()
        with self._lock:
            found = self._known.get(key)
            if found is not None and now - found[0] < KEPT_FOR:
                self._known.move_to_end(key)
                return cast("T", found[1])
        made = make()
        with self._lock:
            self._known[key] = (now, made)
            self._known.move_to_end(key)
            while len(self._known) > self._states:
                self._known.popitem(last=False)
        return made

    def each(
        self, keys: Sequence[Key], make: Callable[[list[Key]], dict[Key, T]]
    ) -> list[T]:
        """The answers under these keys; `make` works out those that are not known."""
        now = time.monotonic()
        with self._lock:
            known = {key: self._known[key] for key in keys if key in self._known}
        found = {key: made for key, (at, made) in known.items() if now - at < KEPT_FOR}
        new = make(missing) if (missing := [k for k in keys if k not in found]) else {}
        with self._lock:
            for key, made in new.items():
                self._known[key] = (now, made)
            while len(self._known) > self._states:
                self._known.popitem(last=False)
        return [new[key] if key in new else found[key] for key in keys]

    def peek(self, start: Key) -> Any:
        """The newest answer whose key begins like this, or None; works nothing out."""
        with self._lock:
            found = [
                made
                for key, (_, made) in self._known.items()
                if key[: len(start)] == start
            ]
        return found[-1] if found else None

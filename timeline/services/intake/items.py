"""JSON of any size, one item of a list after the other: a file of 50 MB that is read
whole may take 2 GB of memory."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import IO, Any, Final

from django.core.exceptions import ValidationError

from timeline.services.intake.lines import refuse

MAX_MEMBER = 50 * 1024 * 1024
MAX_ITEM = 1024 * 1024  # signs of one item
_PIECE = 256 * 1024
_SPACE = re.compile(r"[ \t\r\n]*")

NOTHING: Final = object()  # the item of a list without items


def read_items(source: IO[bytes], name: str) -> Iterator[tuple[str, Any]]:
    """The items of a list with '', or those of the lists in an object with its key.
    Refused: what is no JSON, too large, or nested too deeply."""
    text = _Text(source, name)
    try:
        if text.next() == "[":
            yield from _items(text, "")
        elif text.next() == "{":
            yield from _members(text)
        else:
            text.value()
        if text.next():
            raise text.fault("there is more behind its end")
    except RecursionError as error:
        raise refuse(f"“{name[:80]}” is nested too deeply.") from error
    except ValueError as error:  # UnicodeDecodeError is one
        raise text.fault(str(error)) from error


def _items(text: _Text, key: str) -> Iterator[tuple[str, Any]]:
    yield key, NOTHING
    text.take("[")
    if text.next() != "]":
        yield key, text.value()
        while text.next() == ",":
            text.take(",")
            yield key, text.value()
    text.take("]")


def _members(text: _Text) -> Iterator[tuple[str, Any]]:
    text.take("{")
    while text.next() == '"':
        key = str(text.value())
        text.take(":")
        if text.next() == "[":
            yield from _items(text, key)
        else:
            text.value()
        if text.next() != ",":
            break
        text.take(",")
    text.take("}")


class _Text:
    """The text of a file, of which an item and little more is held."""

    def __init__(self, source: IO[bytes], name: str) -> None:
        self.source = source
        self.name = name
        self.decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self.held, self.at, self.read, self.is_whole = "", 0, 0, False

    def next(self) -> str:
        """The next sign that is no space; '' at the end."""
        while True:
            self._fill()
            self.at = _SPACE.match(self.held, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self.held) or self.is_whole:
                return self.held[self.at : self.at + 1]

    def take(self, sign: str) -> None:
        if self.next() != sign:
            raise self.fault(f"“{sign}” is missing")
        self.at += 1

    def value(self) -> Any:
        self.next()
        self._fill()
        try:
            found, self.at = _DECODER.raw_decode(self.held, self.at)
        except ValueError as error:
            if len(self.held) - self.at > MAX_ITEM:
                raise self.fault(
                    f"{error}, or this part of it is larger than 1 MB"
                ) from error
            raise
        return found

    def fault(self, words: str) -> ValidationError:
        return refuse(f"“{self.name[:80]}” is not JSON: {words[:160]}")

    def _fill(self) -> None:
        """Hold more than the largest item, as long as there is more."""
        if self.is_whole or len(self.held) - self.at > MAX_ITEM:
            return
        parts = [self.held[self.at :]]
        length = len(parts[0])
        while not self.is_whole and length <= MAX_ITEM + _PIECE:
            # The sizes in a ZIP's directory are claims: reading stops at the limit.
            piece = self.source.read(_PIECE)
            self.read += len(piece)
            if self.read > MAX_MEMBER:
                raise refuse(
                    f"“{self.name[:80]}” is larger than 50 MB. Export fewer days.",
                    "too_large",
                )
            self.is_whole = not piece
            parts.append(self.decoder.decode(piece, final=self.is_whole))
            length += len(parts[-1])
        self.held, self.at = "".join(parts), 0


_DECODER = json.JSONDecoder()

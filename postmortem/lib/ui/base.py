"""What the tags and filters share: the library, and reading any kind of value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import template

register = template.Library()


def read(thing: Any, name: str, default: Any = "") -> Any:
    """An attribute of an object or a key of a mapping; missing is `default`."""
    if isinstance(thing, Mapping):
        return thing.get(name, default)
    return getattr(thing, name, default)


def url_of(thing: Any) -> str:
    """Where a thing has its page: its `get_absolute_url()` or `url`, else nothing."""
    page = getattr(thing, "get_absolute_url", None)
    return str(page() if callable(page) else read(thing, "url", ""))


def value_of(choice: Any) -> str:
    """The stored text of a plain value or of an enum member."""
    return str(getattr(choice, "value", choice))

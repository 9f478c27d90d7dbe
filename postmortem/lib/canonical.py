"""Canonical JSON (decision 3) and SHA-256 over it: the bytes that hashes cover."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
Json = dict[str, Any] | list[Any] | str | int | bool | None


def plain(value: Any) -> Json:
    """A value as canonical JSON allows it: str, int, bool, null, lists and objects.

    Times become UTC strings ending in Z, decimals plain strings, text NFC.
    Floats are refused: two machines may print them differently.
    """
    if isinstance(value, str):
        # ASCII is NFC already; most of a record is.
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if value is None or isinstance(value, int):  # a bool is one
        return value
    if isinstance(value, datetime):
        return utc_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, dict):
        # Half of a row is empty, and its keys are plain: no call for those.
        return {
            key if type(key) is str and key.isascii() else _key(key): item
            if item is None
            else plain(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no canonical form: {value!r}")


def _key(key: Any) -> str:
    text = str(key)
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def utc_text(moment: datetime) -> str:
    """An aware moment as `2026-03-10T14:05:00Z`, microseconds only when present."""
    if moment.tzinfo is None:
        raise TypeError(f"{moment!r} has no zone")
    return f"{moment.astimezone(UTC).isoformat()[:-6]}Z"


def decimal_text(value: Decimal) -> str:
    """A decimal without exponent: `412860.20`."""
    return f"{value:f}"


def canonical_bytes(value: Any) -> bytes:
    """RFC 8785 bytes of a value that `plain` accepts."""
    return _JSON.encode(plain(value)).encode()


def digest(value: Any) -> str:
    """SHA-256 (hex) of the canonical bytes."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()

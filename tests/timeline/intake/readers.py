"""What a reader makes of a source, without anything stored."""

from __future__ import annotations

import datetime as dt
import io

import pytest
from django.core.exceptions import ValidationError

from timeline.services.intake.lines import Context, Line, Reader, Row

UTC = Context("UTC", dt.date(2026, 3, 10))


def read_by(reader: Reader, source: str | bytes, context: Context = UTC) -> list[Row]:
    data = source.encode() if isinstance(source, str) else source
    return list(reader(io.BytesIO(data), context))


def told(rows: list[Row]) -> list[tuple[str, str, str]]:
    """(time, author, text) of the lines."""
    return [
        (
            f"{row.occurred_at:%d %H:%M:%S}" if row.occurred_at else "not known",
            row.author,
            row.text,
        )
        for row in rows
        if isinstance(row, Line)
    ]


def refused(reader: Reader, source: str | bytes) -> str:
    with pytest.raises(ValidationError) as caught:
        read_by(reader, source)
    (words,) = caught.value.message_dict["upload"]
    return str(words)

"""CSV with a header line: one row, one event."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import chain
from typing import IO

from timeline.services.intake.lines import (
    MAX_RAW,
    MAX_TEXT,
    Clock,
    Context,
    Line,
    Row,
    Skipped,
    find_day,
    read_lines,
    refuse,
)

TIME = ("time", "timestamp", "occurred_at", "datetime", "date_time", "when", "ts", "at")
DAY = ("date", "day")
TEXT = ("text", "message", "event", "description", "what", "summary", "content", "note")
AUTHOR = ("author", "user", "who", "owner", "name", "from", "person", "sender")
# A cell that a spreadsheet would run. Numbers with a sign are none.
_FORMULA = re.compile(r"^\s*(?:[=@\t\r]|[+-](?![\d\s.,]))")


def read(source: IO[bytes], context: Context) -> Iterator[Row]:
    """Rows in the file's order. Refused: no column of text, formulas, encodings."""
    lines = (f"{line}\n" for _, line in read_lines(source, "CSV file"))
    first = next(lines, "")
    between = max(",;\t|", key=first.count)
    rows = csv.reader(chain([first], lines), delimiter=between, strict=True)
    try:
        header = [re.sub(r"[\s-]+", "_", name.strip().lower()) for name in next(rows)]
    except (StopIteration, csv.Error) as error:
        raise refuse("This CSV file has no header line.") from error
    at, day, said, who = (_column(header, names) for names in (TIME, DAY, TEXT, AUTHOR))
    if said is None:
        raise refuse(
            "No column of this CSV file holds the text. Name one of them "
            f"{', '.join(TEXT[:4])}."
        )
    clock = Clock(context)
    try:
        for row in rows:
            place = f"line {rows.line_num}"
            for cell in row:
                if _FORMULA.match(cell):
                    raise refuse(
                        f"{place.capitalize()} of this CSV file holds a formula "
                        f"(“{cell.strip()[:40]}”). Export the values only; nothing "
                        "was read.",
                        "formula",
                    )
            yield _line(row, place, clock, (at, day, said, who))
    except csv.Error as error:
        raise refuse(f"Line {rows.line_num} of this CSV file: {error}.") from error


def _column(header: list[str], names: tuple[str, ...]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _line(
    row: list[str],
    place: str,
    clock: Clock,
    columns: tuple[int | None, int | None, int, int | None],
) -> Row:
    def cell(column: int | None) -> str:
        return row[column].strip() if column is not None and column < len(row) else ""

    at, day, said, who = columns
    text = cell(said)
    if not text:
        return Skipped(place, "without text")
    words = f"{cell(day)} {cell(at)}".strip()
    named = find_day(cell(day) or cell(at))
    if named:
        clock.set_day(named)
    moment, precision = clock.read_words(cell(at))
    return Line(
        place=place,
        occurred_at=moment,
        precision=precision,
        author=cell(who)[:120],
        text=text[:MAX_TEXT],
        raw=",".join(row)[:MAX_RAW],
        at_text="" if moment else words[:120],
    )

"""Loading many complete rows at once, for generated data: never for a write verb."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, models

# A row: a model instance, or its values by attribute (quicker where there are many).
Row = models.Model | dict[str, Any]
Rows = Mapping[type[models.Model], Sequence[Row]]
ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})


def highest_key() -> int:
    """The highest primary key that any table has given out."""
    return max(
        model._base_manager.aggregate(highest=models.Max("pk"))["highest"] or 0
        for model in apps.get_models(include_auto_created=True)
        if isinstance(model._meta.pk, models.AutoField)
    )


def settle() -> None:
    """Let the database's own counters go on from the highest key of each table."""
    made = list(apps.get_models(include_auto_created=True))
    with connection.cursor() as cursor:
        for sql in connection.ops.sequence_reset_sql(no_style(), made):
            cursor.execute(sql)


def load(rows: Rows) -> None:
    """Store rows that are complete, keys included: COPY on PostgreSQL."""
    for model, items in rows.items():
        if connection.vendor == "postgresql":
            _copy(model, items)
        else:
            made = [model(**item) if isinstance(item, dict) else item for item in items]
            model._base_manager.bulk_create(made, batch_size=200)


def _copy(model: type[models.Model], items: Sequence[Row]) -> None:
    fields = model._meta.concrete_fields
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    into = f"COPY {quote(model._meta.db_table)} ({columns}) FROM STDIN"
    names = [field.attname for field in fields]
    cursor: Any
    with connection.cursor() as cursor, cursor.copy(into) as copy:
        for item in items:
            values = item if isinstance(item, dict) else vars(item)
            copy.write("\t".join([_text(values[name]) for name in names]) + "\n")


def _text(value: Any) -> str:
    """A value in the text form of COPY. Written here because asking field and driver
    for each value takes five times as long; lists and objects are those of JSON."""
    if value is None:
        return r"\N"
    if isinstance(value, str):
        return value.translate(ESCAPES)
    if isinstance(value, dict | list):
        return json.dumps(value).translate(ESCAPES)
    if isinstance(value, bytes):
        return rf"\\x{value.hex()}"
    return str(value)

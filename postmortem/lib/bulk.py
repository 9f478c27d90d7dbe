"""Loading many complete rows at once, for generated data: never for a write verb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.management.color import no_style
from django.db import DEFAULT_DB_ALIAS, connection, connections, models

Rows = Mapping[type[models.Model], Sequence[models.Model]]


class Keys:
    """Primary keys given out in advance, on from the highest of each table, so that
    rows can name each other before any of them is stored."""

    def __init__(self) -> None:
        self._last: dict[type[models.Model], int] = {}

    def next(self, model: type[models.Model]) -> int:
        last = self._last.get(model)
        if last is None:
            highest = model._base_manager.aggregate(highest=models.Max("pk"))["highest"]
            last = highest or 0
        self._last[model] = last + 1
        return last + 1

    def settle(self) -> None:
        """Let the database's own counters go on from the keys that were given out."""
        made = list(self._last)
        with connection.cursor() as cursor:
            for sql in connection.ops.sequence_reset_sql(no_style(), made):
                cursor.execute(sql)


def load(rows: Rows) -> None:
    """Store rows that are complete, keys included: COPY on PostgreSQL."""
    for model, items in rows.items():
        if connection.vendor == "postgresql":
            _copy(model, items)
        else:
            model._base_manager.bulk_create(items, batch_size=200)


def _copy(model: type[models.Model], items: Sequence[models.Model]) -> None:
    fields = model._meta.concrete_fields
    database = connections[DEFAULT_DB_ALIAS]  # itself: the proxy costs at each field
    quote = database.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    into = f"COPY {quote(model._meta.db_table)} ({columns}) FROM STDIN"
    ready = [(field.attname, field.get_db_prep_save) for field in fields]
    cursor: Any
    with database.cursor() as cursor, cursor.copy(into) as copy:
        for item in items:
            copy.write_row(
                [prepare(getattr(item, name), database) for name, prepare in ready]
            )

"""The rows of a record: each table of an incident read once, and joined in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connection, models

from postmortem.lib.hanging import grouped, hold_each
from postmortem.lib.record.shapes import SHAPES, Shape, is_person

if TYPE_CHECKING:
    from incidents.models import Incident

T = TypeVar("T", bound=models.Model)


@dataclass(frozen=True)
class Rows:
    """tables: the rows of each model of the record, withdrawn ones too, and the links
    in force. people: whom they name, by primary key."""

    tables: dict[type[models.Model], list[Any]]
    people: dict[int, Any]


def read_rows(incident: Incident) -> Rows:
    """One query for each table of the record, and one for the people."""
    tables = {
        query.model: query.rows(answer)
        for query, answer in zip(_queries(), _answers(incident.pk), strict=True)
    }
    return Rows(tables, _people(tables))


def with_rows(incident: Incident) -> Incident:
    """A copy of the incident that carries its rows: what reads by `live_rows` costs no
    query on it. For whoever needs most of the record at one moment; the incident itself
    goes on reading the database."""
    carrying = copy(incident)
    carrying.rows = read_rows(incident)
    _join(carrying, carrying.rows)
    return carrying


def live_rows(incident: Incident, found: models.QuerySet[T]) -> list[T]:
    """The rows in force of one model. found: the query that reads them with what hangs
    on them, without a condition; an incident that carries its rows needs none."""
    if incident.rows is None:
        return list(found.filter(incident=incident, retracted_at=None))
    return [
        row for row in incident.rows.tables[found.model] if row.retracted_at is None
    ]


def every_row(incident: Incident, found: models.QuerySet[T]) -> list[T]:
    """As `live_rows`, and those withdrawn."""
    if incident.rows is None:
        return list(found.filter(incident=incident))
    return list(incident.rows.tables[found.model])


@dataclass(frozen=True)
class _Query:
    """The query of one table, with a place for the incident."""

    model: type[models.Model]
    compiler: Any
    statement: str
    names: list[str]
    converters: dict[int, Any]

    def rows(self, answer: Iterable[Any]) -> list[Any]:
        if self.converters:
            answer = self.compiler.apply_converters(answer, self.converters)
        return [
            self.model.from_db(connection.alias, self.names, values)
            for values in answer
        ]


@cache
def _queries() -> list[_Query]:
    """Written once in a process: for 35 tables Django took four times as long to write
    them, and to learn again what comes back, as the database took to answer."""
    found = []
    for shape in SHAPES.values():
        key = "incident" if shape.base else "pk"
        found.append(_query(shape.model._default_manager.filter(**{key: 0})))
    for shape in SHAPES.values():
        for model in _link_tables(shape):
            live = model._default_manager.filter(incident=0, retracted_at=None)
            found.append(_query(live))
    return found


def _query(found: models.QuerySet[Any]) -> _Query:
    compiler = found.query.get_compiler(connection=connection)
    statement, _ = compiler.as_sql()
    columns = [column for column, _, _ in compiler.select]
    names = [column.target.attname for column in columns]
    converters = compiler.get_converters(columns)
    return _Query(found.model, compiler, statement, names, converters)


def _answers(incident_id: int) -> Iterator[list[Any]]:
    """What the database says to each query; PostgreSQL takes them in one message."""
    statements = [query.statement for query in _queries()]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("; ".join(statements), [incident_id] * len(statements))
            for _ in statements:
                yield cursor.fetchall()
                cursor.nextset()
        else:
            for statement in statements:
                cursor.execute(statement, [incident_id])
                yield cursor.fetchall()


def _link_tables(shape: Shape) -> list[type[models.Model]]:
    return [
        *(links.model for links in shape.links.values()),
        *(many.model for many in shape.refs.values()),
    ]


def _people(tables: dict[type[models.Model], list[Any]]) -> dict[int, Any]:
    ids: set[int] = set()
    user_model: Any = None
    for shape in SHAPES.values():
        for _, item in shape.columns:
            if is_person(item):
                user_model = item.related_model
                ids |= {getattr(row, item.attname) for row in tables[shape.model]}
    return dict(user_model._default_manager.in_bulk(ids - {None}))


def _join(incident: Incident, rows: Rows) -> None:
    """Give each row what it names and what hangs on it."""
    known = {
        model: {row.pk: row for row in items} for model, items in rows.tables.items()
    }
    known[type(incident)] = {incident.pk: incident}
    for model, items in rows.tables.items():
        for item in model._meta.concrete_fields:
            if isinstance(item, models.ForeignKey):
                named = (
                    rows.people
                    if is_person(item)
                    else known.get(item.related_model, {})
                )
                for row in items:
                    found = named.get(getattr(row, item.attname))
                    if found is not None:
                        item.set_cached_value(row, found)
    for shape in SHAPES.values():
        for links in shape.links.values():
            _hang(links.model, "claim", rows)
        for many in shape.refs.values():
            _hang(many.model, many.source, rows)
        for name in shape.part_of:
            _hang(shape.model, name, rows)


def _hang(model: type[models.Model], name: str, rows: Rows) -> None:
    """Keep the rows of `model` at those that they name by this foreign key."""
    item: Any = model._meta.get_field(name)
    owners = rows.tables[item.related_model]
    kept_as = item.remote_field.get_accessor_name()
    hold_each(owners, kept_as, grouped(rows.tables[model], item.attname))

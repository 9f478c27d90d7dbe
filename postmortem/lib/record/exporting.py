"""Rows to canonical JSON: the recorded facts of an incident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from postmortem.lib.canonical import Json, plain
from postmortem.lib.record.reading import read_rows
from postmortem.lib.record.shapes import (
    SCHEMA_VERSION,
    SHAPES,
    Shape,
    is_person,
)

if TYPE_CHECKING:
    from incidents.models import Incident


def build_record(incident: Incident) -> dict[str, Json]:
    """The recorded facts of an incident in canonical form (decisions 1 and 3)."""
    rows = incident.rows or read_rows(incident)
    return record_of(
        rows.tables, {pk: person.handle for pk, person in rows.people.items()}
    )


def record_of(
    rows: dict[type[models.Model], list[Any]], people: dict[int, str]
) -> dict[str, Json]:
    """The canonical record of rows at hand: by model, the links in force among them,
    and the handles of the people they name."""
    refs = {
        (shape.model, row.pk): str(getattr(row, "ref", ""))
        for shape in SHAPES.values()
        for row in rows.get(shape.model, ())
    }
    record: dict[str, Json] = {"schema": SCHEMA_VERSION}
    for shape in SHAPES.values():
        lists = _lists(shape, rows, refs)
        items = [
            _row_out(shape, row, refs, people, lists)
            for row in sorted(
                rows.get(shape.model, ()), key=lambda r: getattr(r, "number", 0)
            )
        ]
        record[shape.name] = (items[0] if items else None) if shape.single else items
    return record


def _lists(
    shape: Shape, rows: dict[type[models.Model], list[Any]], refs: dict[Any, str]
) -> dict[str, dict[int, list[Json]]]:
    found: dict[str, dict[int, list[Json]]] = {}
    for key, links in shape.links.items():
        per_row: dict[int, list[Json]] = {}
        evidence = links.model._meta.get_field("evidence").related_model
        for link in rows.get(links.model, ()):
            item = {name: _text_out(getattr(link, name)) for name in links.fields}
            item["evidence"] = refs[(evidence, link.evidence_id)]
            per_row.setdefault(link.claim_id, []).append(item)
        for items in per_row.values():
            items.sort(key=lambda i: (ref_order(i["evidence"]), str(i)))  # type: ignore[index,call-overload]
        found[key] = per_row
    for key, many in shape.refs.items():
        per_row = {}
        target = many.model._meta.get_field(many.target).related_model
        for link in rows.get(many.model, ()):
            per_row.setdefault(getattr(link, f"{many.source}_id"), []).append(
                refs[(target, getattr(link, f"{many.target}_id"))]
            )
        for items in per_row.values():
            items.sort(key=ref_order)  # type: ignore[arg-type]
        found[key] = per_row
    return found


def _row_out(
    shape: Shape,
    row: models.Model,
    refs: dict[Any, str],
    people: dict[int, str],
    lists: dict[str, dict[int, list[Json]]],
) -> dict[str, Json]:
    item: dict[str, Json] = {}
    if shape.base:
        item["ref"] = str(row.ref)  # type: ignore[attr-defined]
    item["extra"] = plain(row.extra)  # type: ignore[attr-defined]
    for name, model_field in shape.columns:
        value = getattr(row, model_field.attname)
        if isinstance(model_field, models.ForeignKey) and value is not None:
            value = (
                people[value]
                if is_person(model_field)
                else refs[(model_field.related_model, value)]
            )
        elif isinstance(model_field, models.DecimalField) and value is not None:
            value = f"{value:.{model_field.decimal_places}f}"
        item[name] = _text_out(value)
    for key, per_row in lists.items():
        item[key] = per_row.get(row.pk, [])
    return item


def _text_out(value: Any) -> Json:
    return None if value == "" else plain(value)


def ref_order(ref: str) -> tuple[str, int]:
    prefix, _, number = ref.rpartition("-")
    return prefix, int(number)

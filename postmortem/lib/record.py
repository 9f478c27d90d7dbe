"""Record sections: each app declares which fields of its models are recorded facts.

From one declaration (`Shape`) come the canonical JSON that the content hash covers, the
JSON Schema of the case format, and the import. Sections stand in the order of the
story; inside a section rows are ordered by number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models

from postmortem.lib import persistence
from postmortem.lib.canonical import Json, plain

if TYPE_CHECKING:
    from accounts.models import User
    from incidents.models import Incident

SCHEMA_VERSION = 1
BASE_FIELDS = (
    "recorded_at",
    "recorded_by",
    "retracted_at",
    "retracted_by",
    "retraction_reason",
)
REF = re.compile(r"^([A-Z]{2,4})-([1-9]\d{0,8})\Z")
# What the history of an imported row says; by it an upload is told from an import.
IMPORT_REASON = "case import"
# Refs have at most nine digits, and the next row counts on from the highest.
HIGHEST_GIVEN = 99_999_999


@dataclass(frozen=True)
class Fault:
    """One fault of a case file: the JSON path and the reason in words."""

    path: str
    reason: str


class MalformedCase(ValidationError):
    """A case file that cannot be read. All faults at once; nothing was imported."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = sorted(set(faults), key=lambda f: _natural(f.path))
        super().__init__(
            [f"{fault.path}: {fault.reason}" for fault in self.faults],
            code="malformed_case",
        )


@dataclass(frozen=True)
class Links:
    """Evidence of a claim: a link table, exported as [{evidence, note, …}]."""

    model: type[models.Model]
    fields: tuple[str, ...] = ("note",)


@dataclass(frozen=True)
class Refs:
    """A many-to-many table between rows of the case, exported as a list of refs."""

    model: type[models.Model]
    source: str
    target: str


@dataclass(frozen=True)
class Shape:
    """What of a model belongs to the record.

    name: key of the section. fields: model fields, exported under their own names.
    links / refs: extra lists. single: an object or null instead of a list.
    base: the fields that every CaseRecord has (number, author, retraction, extra).
    on_import: fields outside the record that an imported row gets.
    chains: fields that lead from row to row of this section and never back.
    """

    name: str
    model: type[models.Model]
    fields: tuple[str, ...]
    links: dict[str, Links] = field(default_factory=dict)
    refs: dict[str, Refs] = field(default_factory=dict)
    single: bool = False
    base: bool = True
    on_import: dict[str, Any] = field(default_factory=dict)
    chains: tuple[str, ...] = ()

    @property
    def all_fields(self) -> tuple[str, ...]:
        return (*self.fields, *BASE_FIELDS) if self.base else self.fields

    @property
    def prefix(self) -> str:
        return str(getattr(self.model, "prefix", ""))

    def model_field(self, name: str) -> models.Field[Any, Any]:
        found = self.model._meta.get_field(name)
        assert isinstance(found, models.Field)
        return found

    def known_keys(self) -> set[str]:
        keys = {*self.all_fields, *self.links, *self.refs}
        return keys | {"ref", "extra"} if self.base else keys | {"extra"}


SHAPES: dict[str, Shape] = {}


def register(shape: Shape) -> Shape:
    """Add a section. Apps register theirs in the order of the story."""
    if shape.name in SHAPES:
        raise ValueError(f"record section {shape.name} is registered twice")
    SHAPES[shape.name] = shape
    return shape


def _is_person(item: models.Field[Any, Any]) -> bool:
    return (
        isinstance(item, models.ForeignKey)
        and item.related_model._meta.label == "accounts.User"
    )


# --- out ---------------------------------------------------------------------------


def build_record(incident: Incident) -> dict[str, Json]:
    """The recorded facts of an incident in canonical form (decisions 1 and 3)."""
    rows: dict[str, list[models.Model]] = {
        shape.name: list(shape.model._default_manager.filter(**_of(shape, incident)))
        for shape in SHAPES.values()
    }
    refs = {
        (shape.model, row.pk): str(getattr(row, "ref", ""))
        for shape in SHAPES.values()
        for row in rows[shape.name]
    }
    people = _handles(rows)
    record: dict[str, Json] = {"schema": SCHEMA_VERSION}
    for shape in SHAPES.values():
        lists = _lists(shape, incident, refs)
        items = [
            _row_out(shape, row, refs, people, lists)
            for row in sorted(rows[shape.name], key=lambda r: getattr(r, "number", 0))
        ]
        record[shape.name] = (items[0] if items else None) if shape.single else items
    return record


def _of(shape: Shape, incident: Incident) -> dict[str, Any]:
    return {"incident": incident} if shape.base else {"pk": incident.pk}


def _handles(rows: dict[str, list[models.Model]]) -> dict[int, str]:
    ids: set[int] = set()
    user_model: Any = None
    for shape in SHAPES.values():
        for name in shape.all_fields:
            item = shape.model_field(name)
            if _is_person(item):
                user_model = item.related_model
                ids |= {getattr(row, item.attname) for row in rows[shape.name]}
    ids.discard(None)
    if not ids:
        return {}
    return dict(user_model.objects.filter(pk__in=ids).values_list("pk", "handle"))


def _lists(
    shape: Shape, incident: Incident, refs: dict[Any, str]
) -> dict[str, dict[int, list[Json]]]:
    found: dict[str, dict[int, list[Json]]] = {}
    for key, links in shape.links.items():
        per_row: dict[int, list[Json]] = {}
        evidence = links.model._meta.get_field("evidence").related_model
        for link in links.model._default_manager.filter(
            incident=incident, retracted_at=None
        ):
            item = {name: _text_out(getattr(link, name)) for name in links.fields}
            item["evidence"] = refs[(evidence, link.evidence_id)]  # type: ignore[attr-defined]
            per_row.setdefault(link.claim_id, []).append(item)  # type: ignore[attr-defined]
        for items in per_row.values():
            items.sort(key=lambda i: (ref_order(i["evidence"]), str(i)))  # type: ignore[index,call-overload]
        found[key] = per_row
    for key, many in shape.refs.items():
        per_row = {}
        target = many.model._meta.get_field(many.target).related_model
        for link in many.model._default_manager.filter(
            incident=incident, retracted_at=None
        ):
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
    for name in shape.all_fields:
        model_field = shape.model_field(name)
        value = getattr(row, model_field.attname)
        if isinstance(model_field, models.ForeignKey) and value is not None:
            value = (
                people[value]
                if _is_person(model_field)
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


def _natural(path: str) -> list[Any]:
    return [
        (0, int(p), "") if p.isdecimal() else (1, 0, p)
        for p in re.split(r"(\d+)", path)
    ]


# --- schema ------------------------------------------------------------------------


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the `record` member of a case file."""
    properties: dict[str, Any] = {"schema": {"const": SCHEMA_VERSION}}
    for shape in SHAPES.values():
        item = _shape_schema(shape)
        properties[shape.name] = (
            {"anyOf": [item, {"type": "null"}]}
            if shape.single and shape.base
            else item
            if shape.single
            else {"type": "array", "items": item}
        )
    return {
        "type": "object",
        "required": ["schema", "incident"],
        "properties": properties,
    }


def _shape_schema(shape: Shape) -> dict[str, Any]:
    properties: dict[str, Any] = {"extra": {"type": "object"}}
    if shape.base:
        properties["ref"] = {
            "type": "string",
            "pattern": f"^{shape.prefix}-[1-9][0-9]{{0,8}}$",
        }
    required = []
    for name in shape.all_fields:
        model_field = shape.model_field(name)
        properties[name] = _field_schema(model_field)
        if model_field.choices and not model_field.has_default():
            required.append(name)
    for key, links in shape.links.items():
        properties[key] = {"type": "array", "items": _link_schema(links)}
    for key, many in shape.refs.items():
        target = many.model._meta.get_field(many.target).related_model
        properties[key] = {"type": "array", "items": _ref_schema(target)}
    return {"type": "object", "required": required, "properties": properties}


def _ref_schema(model: Any) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{model.prefix}-[1-9][0-9]{{0,8}}$"}


def _link_schema(links: Links) -> dict[str, Any]:
    evidence = links.model._meta.get_field("evidence").related_model
    properties: dict[str, Any] = {"evidence": _ref_schema(evidence)}
    for name in links.fields:
        item = links.model._meta.get_field(name)
        assert isinstance(item, models.Field)
        properties[name] = _field_schema(item)
    return {
        "type": "object",
        "required": ["evidence"],
        "properties": properties,
        "additionalProperties": False,
    }


def _field_schema(item: models.Field[Any, Any]) -> dict[str, Any]:
    nullable = item.null or isinstance(item, models.CharField | models.TextField)
    schema: dict[str, Any]
    if item.choices:
        values: list[Any] = [value for value, _ in item.flatchoices if value != ""]
        return {"enum": [*values, None] if nullable and item.blank else values}
    if isinstance(item, models.ForeignKey):
        schema = (
            {"type": "string", "minLength": 1, "maxLength": 200}
            if _is_person(item)
            else _ref_schema(item.related_model)
        )
    elif isinstance(item, models.BooleanField):
        schema = {"type": "boolean"}
    elif isinstance(item, models.DecimalField):
        schema = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
    elif isinstance(item, models.IntegerField):
        schema = {"type": "integer"}
    elif isinstance(item, models.DateTimeField):
        schema = {"type": "string", "format": "date-time"}
    elif isinstance(item, models.DateField):
        schema = {"type": "string", "format": "date"}
    elif isinstance(item, models.UUIDField):
        schema = {"type": "string", "format": "uuid"}
    elif isinstance(item, models.JSONField):
        schema = {"type": ["object", "array"]}
    else:
        schema = {"type": "string"}
        if item.max_length:
            schema["maxLength"] = item.max_length
    if nullable:
        schema["type"] = (
            [*schema["type"], "null"]
            if isinstance(schema["type"], list)
            else [schema["type"], "null"]
        )
    return schema


# --- in ----------------------------------------------------------------------------


class Loader:
    """Builds the rows of one incident from a record whose shape has been validated.

    It collects every fault; the caller raises `MalformedCase` if there are any and
    rolls back. `person(handle)` gives the user of a handle.
    """

    def __init__(
        self, incident: Incident, *, actor: User, person: Callable[[str], User]
    ) -> None:
        self.incident = incident
        self.actor = actor
        self.person = person
        self.faults: list[Fault] = []
        self.by_ref: dict[str, models.Model] = {}

    def load(self, record: dict[str, Any]) -> None:
        for shape in SHAPES.values():
            if not shape.base:
                continue
            data = record.get(shape.name)
            items = ([data] if data else []) if shape.single else (data or [])
            self._load_shape(shape, items)

    def path(self, shape: Shape, index: int, name: str = "") -> str:
        where = f"$.record.{shape.name}" + ("" if shape.single else f"[{index}]")
        return f"{where}.{name}" if name else where

    def _load_shape(self, shape: Shape, items: list[dict[str, Any]]) -> None:
        numbers = self._numbers(shape, items)
        rows: list[models.Model] = []
        later: list[tuple[int, models.Model, str, str]] = []
        for index, item in enumerate(items):
            row = shape.model(
                incident=self.incident, number=numbers[index], **shape.on_import
            )
            before = len(self.faults)
            row.extra = self.unknown_keys(shape, index, item)  # type: ignore[attr-defined]
            for name in shape.all_fields:
                model_field = shape.model_field(name)
                if name not in item:
                    continue
                if model_field.related_model is shape.model and item[name]:
                    later.append((index, row, name, item[name]))
                    continue
                self.set_value(
                    row, model_field, item[name], self.path(shape, index, name)
                )
            if len(self.faults) == before:  # a value that cannot be read says enough
                self.validate(row, shape, index)
            rows.append(row)
        self._refuse_twins(shape, rows)
        if not self.faults:
            persistence.save_many(rows, actor=self.actor, reason=IMPORT_REASON)
        for row in rows:
            self.by_ref[str(row.ref)] = row  # type: ignore[attr-defined]
        changed: dict[int, models.Model] = {}
        for index, row, name, ref in later:
            self.set_value(
                row, shape.model_field(name), ref, self.path(shape, index, name)
            )
            changed[index] = row
        for index, row in changed.items():
            self.validate(row, shape, index)
        self._refuse_rings(shape, changed)
        if not self.faults:
            for row in changed.values():
                persistence.save(row, actor=self.actor, reason=IMPORT_REASON)
        self._load_lists(shape, items, rows)

    def _numbers(self, shape: Shape, items: list[dict[str, Any]]) -> list[int]:
        given = [REF.match(item.get("ref") or "") for item in items]
        taken: set[int] = set()
        numbers: list[int] = []
        for index, match in enumerate(given):
            number = int(match.group(2)) if match else 0
            if number > HIGHEST_GIVEN:
                self.faults.append(
                    Fault(
                        self.path(shape, index, "ref"),
                        f"{items[index]['ref']} is too high a number.",
                    )
                )
                number = 0
            if number and number in taken:
                self.faults.append(
                    Fault(
                        self.path(shape, index, "ref"),
                        f"{items[index]['ref']} stands twice in this section.",
                    )
                )
            taken.add(number)
            numbers.append(number)
        following = max(taken, default=0)
        for index, number in enumerate(numbers):
            if not number:
                following += 1
                numbers[index] = following
        return numbers

    def _refuse_twins(self, shape: Shape, rows: list[models.Model]) -> None:
        """Rows of one section that may not stand beside each other, as two lanes of one
        name or two commanders at a time: the database would refuse the whole file."""
        for rule in shape.model._meta.constraints:
            if not isinstance(rule, models.UniqueConstraint) or "number" in rule.fields:
                continue
            seen: set[tuple[Any, ...]] = set()
            for index, row in enumerate(rows):
                if rule.condition is not None and not _meets(rule.condition, row):
                    continue
                key = tuple(
                    getattr(row, shape.model_field(name).name) for name in rule.fields
                )
                if key in seen:
                    words = rule.get_violation_error_message()
                    self.faults.append(Fault(self.path(shape, index), str(words)))
                seen.add(key)

    def _refuse_rings(self, shape: Shape, changed: dict[int, models.Model]) -> None:
        """A chain such as 'superseded by' that leads back to where it began."""
        for name in shape.chains:
            for index, row in changed.items():
                following, steps = getattr(row, name), 0
                while following is not None and following is not row:
                    following, steps = getattr(following, name), steps + 1
                    if steps > len(changed):
                        break  # a ring further on: its own rows are told
                if following is row:
                    self.faults.append(
                        Fault(
                            self.path(shape, index, name),
                            f"leads back to {row.ref} itself.",
                        )
                    )

    def _once(self, ref: str, seen: set[str], path: str) -> None:
        if ref in seen:
            self.faults.append(Fault(path, f"{ref} stands twice in this list."))
        seen.add(ref)

    def unknown_keys(
        self, shape: Shape, index: int, item: dict[str, Any]
    ) -> dict[str, Any]:
        """Unknown keys are kept under `extra` (decision 4)."""
        unknown = {k: v for k, v in item.items() if k not in shape.known_keys()}
        try:
            kept = plain({**(item.get("extra") or {}), **unknown})
        except TypeError as error:
            self.faults.append(Fault(self.path(shape, index), f"{error}"))
            return {}
        assert isinstance(kept, dict)
        return kept

    def validate(self, row: models.Model, shape: Shape, index: int) -> None:
        try:
            persistence.validate(row, new=True)
        except ValidationError as error:
            unsaved = _waiting(row)
            for name, messages in error.message_dict.items():
                if name in unsaved:  # it names a row that could not be stored itself
                    continue
                where = "" if name == NON_FIELD_ERRORS else name
                self.faults.extend(
                    Fault(self.path(shape, index, where), text) for text in messages
                )

    def set_value(
        self, row: models.Model, item: models.Field[Any, Any], value: Any, path: str
    ) -> None:
        if isinstance(item, models.ForeignKey):
            if value is None:
                setattr(row, item.name, None)
            elif _is_person(item):
                setattr(row, item.name, self.person(value))
            elif (target := self.find(value, item.related_model, path)) is not None:
                setattr(row, item.name, target)
            return
        try:
            setattr(row, item.name, read_value(item, value))
        except (ValueError, InvalidOperation) as error:
            self.faults.append(Fault(path, str(error)))

    def find(self, ref: str, model: Any, path: str) -> models.Model | None:
        target = self.by_ref.get(ref)
        if target is None or not isinstance(target, model):
            self.faults.append(Fault(path, f"There is no {ref} in this file."))
            return None
        return target

    def _load_lists(
        self, shape: Shape, items: list[dict[str, Any]], rows: list[models.Model]
    ) -> None:
        for key, links in shape.links.items():
            evidence = links.model._meta.get_field("evidence").related_model
            made: list[models.Model] = []
            for index, item in enumerate(items):
                seen: set[str] = set()
                for at, link in enumerate(item.get(key) or []):
                    path = f"{self.path(shape, index, key)}[{at}]"
                    self._once(link["evidence"], seen, path)
                    target = self.find(link["evidence"], evidence, f"{path}.evidence")
                    new = links.model(incident=self.incident, claim_id=rows[index].pk)
                    if target is not None:
                        new.evidence_id = target.pk  # type: ignore[attr-defined]
                    for name in links.fields:
                        link_field = links.model._meta.get_field(name)
                        assert isinstance(link_field, models.Field)
                        if name in link:
                            self.set_value(
                                new, link_field, link[name], f"{path}.{name}"
                            )
                    made.append(new)
            if not self.faults:
                persistence.save_many(made, actor=self.actor, reason=IMPORT_REASON)
        for key, many in shape.refs.items():
            target_model = many.model._meta.get_field(many.target).related_model
            made = []
            for index, item in enumerate(items):
                seen = set()
                for at, ref in enumerate(item.get(key) or []):
                    path = f"{self.path(shape, index, key)}[{at}]"
                    self._once(ref, seen, path)
                    target = self.find(ref, target_model, path)
                    if target is not None:
                        made.append(
                            many.model(
                                incident=self.incident,
                                **{
                                    f"{many.source}_id": rows[index].pk,
                                    f"{many.target}_id": target.pk,
                                },
                            )
                        )
            if not self.faults:
                persistence.save_many(made, actor=self.actor, reason=IMPORT_REASON)


def _meets(condition: models.Q, row: models.Model) -> bool:
    """Whether a row falls under a constraint's condition (equalities joined by AND)."""
    assert condition.connector == models.Q.AND
    assert not condition.negated
    return all(getattr(row, name) == value for name, value in condition.children)  # type: ignore[misc]


def _waiting(row: models.Model) -> set[str]:
    """Foreign keys of a row whose target is there but not stored."""
    return {
        item.name
        for item in row._meta.concrete_fields
        if isinstance(item, models.ForeignKey)
        and (target := row._state.fields_cache.get(item.name)) is not None
        and target.pk is None
    }


def read_value(item: models.Field[Any, Any], value: Any) -> Any:
    """One JSON value as the model field keeps it; ValueError says what is wrong."""
    if value is None:
        if isinstance(item, models.CharField | models.TextField) and not item.null:
            return ""
        return None
    if isinstance(item, models.DateTimeField):
        try:
            moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            raise ValueError(
                f"“{value}” is not a time such as 2026-03-10T14:05:00Z."
            ) from None
        if moment.tzinfo is None:
            raise ValueError(f"“{value}” has no offset; write Z or +01:00 behind it.")
        return moment
    if isinstance(item, models.DateField):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"“{value}” is not a date such as 2026-03-10.") from None
    if isinstance(item, models.DecimalField):
        return Decimal(value)
    if isinstance(item, models.UUIDField):
        try:
            return UUID(value)
        except ValueError:
            raise ValueError(f"“{value}” is not a UUID.") from None
    if isinstance(item, models.JSONField):
        return plain(value)
    return value

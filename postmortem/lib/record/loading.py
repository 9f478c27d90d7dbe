"""Canonical JSON to rows: collects every fault, stores nothing when there is one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models

from postmortem.lib import persistence
from postmortem.lib.canonical import plain
from postmortem.lib.record.shapes import (
    ENOUGH_FAULTS,
    REF,
    SHAPES,
    Fault,
    MalformedCase,
    Shape,
    is_person,
)

if TYPE_CHECKING:
    from accounts.models import User
    from incidents.models import Incident

# What the history of an imported row says; by it an upload is told from an import.
IMPORT_REASON = "case import"
# Refs have at most nine digits, and the next row counts on from the highest.
HIGHEST_GIVEN = 99_999_999


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
        # Paths of rows of which a value could not be read: what they say as a whole
        # cannot be judged.
        self.spoiled: set[str] = set()
        self.by_ref: dict[str, models.Model] = {}

    def read_incident(self, data: dict[str, Any]) -> None:
        """Fill in the incident itself, which the caller stores before its rows."""
        shape = SHAPES["incident"]
        self.incident.extra |= self.unknown_keys(shape, 0, data)
        for name in shape.all_fields:
            if data.get(name) is not None:
                path = self.path(shape, 0, name)
                self.set_value(self.incident, shape.model_field(name), data[name], path)
        self.validate(self.incident, shape, 0)

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
                values = (
                    getattr(row, shape.model_field(name).name) for name in rule.fields
                )
                # After a fault the rows are not stored: no other may be compared by it.
                key = tuple(
                    id(value) if isinstance(value, models.Model) else value
                    for value in values
                )
                if key in seen:
                    words = rule.get_violation_error_message()
                    self.faults.append(Fault(self.path(shape, index), str(words)))
                seen.add(key)

    def _refuse_rings(self, shape: Shape, changed: dict[int, models.Model]) -> None:
        """A chain such as 'superseded by' that leads back to where it began."""
        for name in shape.chains:
            seen: set[int] = set()  # by identity: none of them is stored
            rings: set[int] = set()
            for row in changed.values():
                step: models.Model | None = row
                walked: list[int] = []
                while step is not None and id(step) not in seen:
                    seen.add(id(step))
                    walked.append(id(step))
                    step = getattr(step, name)
                if id(step) in walked:
                    rings.update(walked[walked.index(id(step)) :])
            for index, row in changed.items():
                if id(row) in rings:
                    self.faults.append(
                        Fault(
                            self.path(shape, index, name),
                            f"leads back to {row.ref} itself.",  # type: ignore[attr-defined]
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
        """The faults of a row beside those of its values. Raises MalformedCase where
        the file has enough of them."""
        if len(self.faults) >= ENOUGH_FAULTS:
            raise MalformedCase(self.faults)
        try:
            if self.path(shape, index) in self.spoiled:
                row.clean_fields()
            else:
                persistence.validate(row, new=True)
        except ValidationError as error:
            unsaved = _waiting(row)
            told = {fault.path for fault in self.faults}
            for name, messages in error.message_dict.items():
                if name in unsaved:  # it names a row that could not be stored itself
                    continue
                where = "" if name == NON_FIELD_ERRORS else name
                path = self.path(shape, index, where)
                if path not in told:
                    self.faults.extend(Fault(path, text) for text in messages)

    def set_value(
        self, row: models.Model, item: models.Field[Any, Any], value: Any, path: str
    ) -> None:
        if isinstance(item, models.ForeignKey):
            if value is None:
                setattr(row, item.name, None)
            elif is_person(item):
                setattr(row, item.name, self.person(value))
            elif (target := self.find(value, item.related_model, path)) is not None:
                setattr(row, item.name, target)
            return
        try:
            setattr(row, item.name, read_value(item, value))
        except ValueError as error:
            self.faults.append(Fault(path, str(error)))
            self.spoiled.add(path.rpartition(".")[0])

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

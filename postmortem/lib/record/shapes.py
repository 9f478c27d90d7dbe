"""The declaration of a section, and the faults of a file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

SCHEMA_VERSION = 1
BASE_FIELDS = (
    "recorded_at",
    "recorded_by",
    "retracted_at",
    "retracted_by",
    "retraction_reason",
)
# So many faults of a file are named, and so many looked for: a file of another kind
# has one in every line, and nobody reads them all.
MOST_FAULTS = 200
ENOUGH_FAULTS = 1_000
REF = re.compile(r"^([A-Z]{2,4})-([1-9]\d{0,8})\Z")


@dataclass(frozen=True)
class Fault:
    """One fault of a case file: the JSON path and the reason in words."""

    path: str
    reason: str


class MalformedCase(ValidationError):
    """A case file that cannot be read. All faults at once, the last of very many by
    their number; nothing was imported."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        found = list(faults)
        every = sorted(set(found), key=lambda f: natural_order(f.path))
        self.count = len(every)
        self.faults = every[:MOST_FAULTS]
        if self.count > MOST_FAULTS:
            more = f"And {self.count - MOST_FAULTS} more."
            if len(found) >= ENOUGH_FAULTS:
                more += " The rest of the file was not looked at."
            self.faults.append(Fault("$", more))
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
    part_of: fields that name the row which a row of this section hangs on.
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
    part_of: tuple[str, ...] = ()

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

    @cached_property
    def columns(self) -> list[tuple[str, models.Field[Any, Any]]]:
        """The model field of each name: asked for every row of every record."""
        return [(name, self.model_field(name)) for name in self.all_fields]

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


def is_person(item: models.Field[Any, Any]) -> bool:
    return (
        isinstance(item, models.ForeignKey)
        and item.related_model._meta.label == "accounts.User"
    )


def natural_order(path: str) -> list[Any]:
    return [
        (0, int(p), "") if p.isdecimal() else (1, 0, p)
        for p in re.split(r"(\d+)", path)
    ]

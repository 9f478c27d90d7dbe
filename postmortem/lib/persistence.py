"""The only write path: `@service` opens the unit of work, `save` validates, saves and
writes the history row, and the activity entry takes the digests of those rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models, transaction
from django.utils import timezone

from postmortem.lib import sensitive
from postmortem.lib.canonical import digest
from postmortem.lib.times import refuse_odd_year

if TYPE_CHECKING:
    from accounts.models import User

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True)
class HistoryRow:
    """One history row written in this unit of work, with its digest."""

    model: str
    history_id: int
    digest: str


_written: ContextVar[list[HistoryRow] | None] = ContextVar("written", default=None)


@contextmanager
def unit_of_work() -> Iterator[None]:
    """One transaction whose history rows must all be covered by activity entries."""
    rows = _written.get()
    if rows is not None:  # a service inside a service: a savepoint of the same unit
        mark = len(rows)
        try:
            with transaction.atomic():
                yield
        except BaseException:
            del rows[mark:]
            raise
        return
    token = _written.set([])
    try:
        with transaction.atomic():
            yield
            left = _written.get()
            if left:
                raise RuntimeError(
                    f"{len(left)} history rows written without an activity entry: "
                    f"{sorted({row.model for row in left})}"
                )
    finally:
        _written.reset(token)


def service(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a write verb: atomic, and every row it writes is told by an activity."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with unit_of_work():
            return function(*args, **kwargs)

    return run


def take_written() -> list[HistoryRow]:
    """The history rows since the last activity entry; the caller covers them."""
    rows = _written.get()
    if rows is None:
        raise RuntimeError("write outside a @service")
    taken = list(rows)
    rows.clear()
    return taken


def validate(obj: models.Model, *, new: bool) -> None:
    """Field shape, `clean` and row constraints, as one ValidationError.

    Foreign keys are not looked up again (the service just loaded them) and the number
    is given out under the incident's lock, so its uniqueness is not queried.
    """
    errors: dict[str, list[ValidationError]] = {}
    related = {
        field.name
        for field in obj._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and getattr(obj, field.attname)
    }
    steps: list[Callable[[], None]] = [
        lambda: obj.clean_fields(exclude=related),
        lambda: _refuse_odd_years(obj),
        lambda: _refuse_sensitive_json(obj),
        obj.clean,
        lambda: obj.validate_constraints(exclude={"number"}),
    ]
    if new or any(f.unique and not f.primary_key for f in obj._meta.concrete_fields):
        steps.insert(
            4,
            lambda: obj.validate_unique(
                exclude=related
                | {
                    "number",
                    "uuid",
                    "id",
                    *(k for k in errors if k != NON_FIELD_ERRORS),
                }
            ),
        )
    for step in steps:
        try:
            step()
        except ValidationError as error:
            for name, items in (
                error.error_dict.items()
                if hasattr(error, "error_dict")
                else [(NON_FIELD_ERRORS, error.error_list)]
            ):
                errors.setdefault(name, []).extend(items)
    if errors:
        raise ValidationError(errors)


def _refuse_odd_years(obj: models.Model) -> None:
    """A time far off the calendar's middle cannot be shown in every zone."""
    faults = {}
    for field in obj._meta.concrete_fields:
        if isinstance(field, models.DateField):  # a DateTimeField is one
            try:
                refuse_odd_year(getattr(obj, field.attname))
            except ValidationError as error:
                faults[field.name] = error
    if faults:
        raise ValidationError(faults)


def _refuse_sensitive_json(obj: models.Model) -> None:
    """Text that came along with a case file is no place for card numbers either."""
    faults = {}
    for field in obj._meta.concrete_fields:
        is_json = isinstance(field, models.JSONField)
        if is_json and (kept := getattr(obj, field.attname)):
            try:
                sensitive.refuse(json.dumps(kept, ensure_ascii=False, default=str))
            except ValidationError as error:
                faults[field.name] = error
    if faults:
        raise ValidationError(faults)


def save(obj: M, *, actor: User, reason: str = "") -> M:
    """Validate and store one row, with its history row and digest.

    A row that exists gets the next `version` (optimistic lock) when it has one.
    """
    new = obj._state.adding
    if not new and hasattr(obj, "version"):
        obj.version += 1
    validate(obj, new=new)
    if history_model(type(obj)) is None:
        obj.save()
        return obj
    obj.skip_history_when_saving = True  # type: ignore[attr-defined]
    obj.save()
    _write_history([obj], actor=actor, reason=reason, new=new)
    return obj


def save_many(objs: Sequence[M], *, actor: User, reason: str = "") -> list[M]:
    """Store many new rows of one model in two statements, history included.

    The caller has validated them (`validate`) and reports every fault at once.
    """
    if not objs:
        return []
    model = type(objs[0])
    made = model._default_manager.bulk_create(objs, batch_size=500)
    if history_model(model) is not None:
        _write_history(made, actor=actor, reason=reason, new=True)
    return made


@cache
def history_model(model: type[models.Model]) -> Any:
    """The model of a row's versions, or None. Kept, because `Model.history` builds a
    manager class anew each time that it is asked."""
    return model.history.model if hasattr(model, "history") else None


def history_values(
    obj: models.Model, *, actor: User, reason: str, new: bool, at: datetime
) -> dict[str, Any]:
    """What the history row of `obj` will say, by attribute; its own id is to come."""
    history = history_model(type(obj))
    values = {
        "history_date": at,
        "history_user_id": actor.pk,
        "history_change_reason": reason[:100],
        "history_type": "+" if new else "~",
    }
    if hasattr(history, "history_relation"):
        values["history_relation_id"] = obj.pk
    for field in history.tracked_fields:
        values[field.attname] = getattr(obj, field.attname)
    return values


def history_digest(history: type[models.Model], values: Mapping[str, Any]) -> str:
    """Digest of everything a history row says, except its own id."""
    return digest(
        {
            name: f"{values[name]:.{places}f}"
            if places is not None and values[name] is not None
            else values[name]
            for name, places in _digested(history)
        }
    )


@cache
def _digested(history: type[models.Model]) -> list[tuple[str, int | None]]:
    """The attributes that a digest covers, with the decimal places of an amount."""
    return [
        (field.attname, getattr(field, "decimal_places", None))
        for field in history._meta.concrete_fields
        if not field.primary_key
    ]


def told(obj: models.Model, values: Mapping[str, Any]) -> HistoryRow:
    """What an activity entry says of the history row of `obj` that says `values`."""
    return HistoryRow(
        model=obj._meta.label,
        history_id=values["history_id"],
        digest=history_digest(history_model(type(obj)), values),
    )


def _write_history(
    objs: Iterable[models.Model], *, actor: User, reason: str, new: bool
) -> None:
    rows = _written.get()
    if rows is None:
        raise RuntimeError("write outside a @service")
    objs = list(objs)
    now = timezone.now()
    history = history_model(type(objs[0]))
    made = [
        history(**history_values(obj, actor=actor, reason=reason, new=new, at=now))
        for obj in objs
    ]
    history._default_manager.bulk_create(made, batch_size=500)
    rows.extend(told(obj, vars(row)) for obj, row in zip(objs, made, strict=True))

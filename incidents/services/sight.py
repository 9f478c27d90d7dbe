"""Whoever a restricted incident names can open it: a duty that its owner cannot read
is in nobody's hands (decision 12)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models

from accounts.models import User
from incidents.models import CaseRecord, Incident, Participation
from postmortem.lib.errors import field_error
from postmortem.lib.words import listed


@cache
def named_fields(model: type[models.Model]) -> tuple[str, ...]:
    """The fields of a row that name somebody. Who wrote it is none of them, nor is the
    person of a duty: by it they see the incident."""
    if not issubclass(model, CaseRecord) or issubclass(model, Participation):
        return ()
    return tuple(
        field.name
        for field in model._meta.concrete_fields
        if field.editable and field.related_model is User
    )


def is_blind(incident: Incident, user: User) -> bool:
    """Whether this person sees other incidents, but not this one. Whoever sees none, by
    the lack of a role or of an account in use, is the administrators' matter."""
    return (
        incident.is_restricted
        and user.is_active
        and bool(user.roles)
        and not incident.is_visible_to(user)
    )


def cannot_see(incident: Incident, user: User) -> str:
    """What is wrong with naming this person, and what to do."""
    return (
        f"{user.label} cannot see {incident.key}, which is restricted. Give them a "
        "duty in it first, or name somebody else."
    )


def require_sight(row: CaseRecord, names: Iterable[str]) -> None:
    """Refuse somebody who is named in one of these fields and cannot see the incident.
    Whoever was named before it was restricted stays until another is."""
    faults = {
        name: ValidationError(cannot_see(row.incident, user), code="cannot_see")
        for name in named_fields(type(row))
        if name in names
        and (user := getattr(row, name)) is not None
        and is_blind(row.incident, user)
    }
    if faults:
        raise ValidationError(faults)


def require_no_loss(incident: Incident) -> None:
    """Refuse that an incident is restricted while rows that stand name people who would
    not see it any more, in a sentence that says who and where. The caller has stored
    that it is restricted."""
    held: defaultdict[int, list[str]] = defaultdict(list)
    rows_of_cases = (m for m in apps.get_models() if issubclass(m, CaseRecord))
    for model in rows_of_cases:
        for name in named_fields(model):
            rows = model._default_manager.filter(incident=incident, retracted_at=None)
            named = rows.exclude(**{name: None}).values_list(f"{name}_id", "number")
            for user_id, number in named:
                held[user_id].append(f"{model.prefix}-{number}")
    people = User.objects.filter(pk__in=held).order_by("name")
    losing = [
        f"{user.label} ({listed(list(dict.fromkeys(held[user.pk])), most=5)})"
        for user in people
        if is_blind(incident, user)
    ]
    if losing:
        raise field_error(
            "is_restricted",
            f"Rows of {incident.key} name people who would not see it any "
            f"more: {listed(losing, most=10)}. Give them a duty in it first, "
            "or choose to restrict it all the same.",
            "loses_sight",
        )

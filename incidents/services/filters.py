"""Filters of the list that a person saves by name: theirs alone, in no record."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import QueryDict

from accounts.models import User
from incidents.models import SavedFilter
from incidents.selectors import Filters, forget_filters
from postmortem.lib.errors import field_error
from postmortem.lib.persistence import save


@transaction.atomic
def save_filter(*, actor: User, name: str, query: str) -> SavedFilter:
    """Keep what the list is asked by `query`, as it stands in an address. A person has
    at most SavedFilter.MOST of them; a value that does not exist is refused."""
    mine = _held(actor)
    asked = Filters.read(QueryDict(query))
    if asked.unknown:
        values = ", ".join(f"{name} “{value}”" for name, value in asked.unknown)
        raise field_error("query", f"This asks for what does not exist: {values}.")
    if mine.count() >= SavedFilter.MOST:
        raise ValidationError(
            f"You have {SavedFilter.MOST} saved filters, and there is room for no "
            "more. Delete one first.",
            code="too_many",
        )
    return _stored(SavedFilter(owner=actor, name=name, query=asked.query()))


@transaction.atomic
def rename_filter(*, actor: User, pk: int, name: str) -> SavedFilter:
    """Another name for a filter of `actor`; DoesNotExist for one of somebody else."""
    row = _held(actor).get(pk=pk)
    row.name = name
    return _stored(row)


@transaction.atomic
def delete_filter(*, actor: User, pk: int) -> None:
    """Forget a filter of `actor`; DoesNotExist for one of somebody else."""
    _held(actor).get(pk=pk).delete()
    transaction.on_commit(lambda: forget_filters(actor))


def _held(actor: User) -> QuerySet[SavedFilter]:
    """The filters of this person, who is held until the transaction ends, so that two
    tabs of one browser save no thirteenth."""
    User.objects.select_for_update(no_key=True).get(pk=actor.pk)
    return SavedFilter.objects.filter(owner=actor)


def _stored(row: SavedFilter) -> SavedFilter:
    save(row, actor=row.owner)
    transaction.on_commit(lambda: forget_filters(row.owner))
    return row

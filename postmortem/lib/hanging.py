"""Rows that were read apart, kept at those that they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models


def grouped(rows: Iterable[Any], by: str) -> dict[int, list[Any]]:
    """These rows by what their foreign key `by` holds."""
    groups: dict[int, list[Any]] = {}
    for row in rows:
        groups.setdefault(getattr(row, by), []).append(row)
    return groups


def hold_each(rows: Iterable[Any], name: str, groups: dict[int, list[Any]]) -> None:
    """`hold` for each of these rows what is grouped under its key."""
    for row in rows:
        hold(row, **{name: groups.get(row.pk, [])})


def hold(row: models.Model, **rows: list[Any]) -> None:
    """Have `row.<name>.all()` give these, as `prefetch_related` does, whose own way
    takes longer than the queries. Lists and no query sets: a further condition would
    ask the database, and on these it fails at once."""
    row.__dict__.setdefault("_prefetched_objects_cache", {}).update(rows)

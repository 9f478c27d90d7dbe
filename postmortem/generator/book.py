"""The book of one generated case: rows with their history, and the chain of deeds.

Nothing is stored here. Numbers, history rows, digests and the chain are made by the
functions that the services use, so `manage.py verify` finds nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any, TypeVar

from django.db import models

from accounts.models import User
from incidents import activity
from incidents.models import CaseRecord, Evidence, EvidenceLink, Incident
from incidents.services.core import shown
from postmortem.lib.canonical import Json
from postmortem.lib.persistence import (
    HistoryRow,
    history_model,
    history_values,
    told,
)
from postmortem.lib.record import record_of

M = TypeVar("M", bound=models.Model)


class Book:
    """All rows of one case, in the order in which they were written; the versions of
    rows as their values. keys: where its primary keys come from, for every table."""

    def __init__(self, incident: Incident, keys: Iterator[int]) -> None:
        self.incident = incident
        self.keys = keys
        self.rows: dict[type[models.Model], list[Any]] = defaultdict(list)
        self._numbers: Counter[type[models.Model]] = Counter()
        self._untold: list[HistoryRow] = []

    def keep(self, row: M) -> M:
        """A row without history: an approval, a snapshot, a deed."""
        if row._meta.pk.name == "id":
            row.pk = next(self.keys)
        self.rows[type(row)].append(row)
        return row

    def add(self, row: M, *, actor: User, at: datetime) -> M:
        """A new row with its first version."""
        if isinstance(row, CaseRecord):
            self._numbers[type(row)] += 1
            row.number = self._numbers[type(row)]
            row.recorded_at = at
            row.recorded_by = actor
        self.keep(row)
        self._version(row, actor=actor, at=at, reason="", new=True)
        return row

    def change(
        self,
        row: CaseRecord | Incident,
        *,
        actor: User,
        at: datetime,
        reason: str = "",
        **fields: Any,
    ) -> dict[str, list[Any]]:
        """The next version of a row; returns {field: [old, new]}."""
        moved = {
            name: [shown(getattr(row, name)), shown(value)]
            for name, value in fields.items()
        }
        for name, value in fields.items():
            setattr(row, name, value)
        row.version += 1
        self._version(row, actor=actor, at=at, reason=reason, new=False)
        return moved

    def link(
        self,
        model: type[EvidenceLink],
        claim: CaseRecord,
        *evidence: Evidence,
        actor: User,
        at: datetime,
        **fields: Any,
    ) -> None:
        """That a claim rests on these artifacts."""
        for item in evidence:
            row = model(
                incident=self.incident,
                claim=claim,  # type: ignore[misc]
                evidence=item,
                linked_at=at,
                linked_by=actor,
                **fields,
            )
            self.add(row, actor=actor, at=at)

    def tell(
        self,
        verb: str,
        sentence: str,
        *,
        actor: User,
        at: datetime,
        subject: CaseRecord | None = None,
        reason: str = "",
        data: dict[str, Any] | None = None,
    ) -> None:
        """The deed that covers the versions written since the last one."""
        entry = activity.next_entry(
            self.incident,
            actor=actor,
            verb=verb,
            sentence=sentence,
            subject=subject,
            reason=reason,
            data=data,
            rows=self._untold,
            at=at,
        )
        self._untold = []
        self.keep(entry)

    def record(self, handles: dict[int, str]) -> dict[str, Json]:
        """The canonical record of what the book holds now."""
        in_force: dict[type[models.Model], list[Any]] = {
            model: [
                row
                for row in rows
                if isinstance(row, CaseRecord | Incident) or row.retracted_at is None
            ]
            for model, rows in self.rows.items()
            if isinstance(rows[0], CaseRecord | Incident)
            or hasattr(rows[0], "retracted_at")
        }
        return record_of(in_force, handles)

    def _version(
        self, row: models.Model, *, actor: User, at: datetime, reason: str, new: bool
    ) -> None:
        version = history_values(row, actor=actor, reason=reason, new=new, at=at)
        version["history_id"] = next(self.keys)
        self.rows[history_model(type(row))].append(version)
        self._untold.append(told(row, version))

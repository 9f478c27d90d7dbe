"""The timeline of one incident on 10 March 2026, written through the services."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from accounts.models import User
from incidents.models import Evidence, Incident
from tests import factories
from timeline import services
from timeline.models import DependencyCheckpoint, Entry, Hypothesis, Milestone


def at(clock: str, day: int = 10) -> dt.datetime:
    """A time of March 2026, UTC."""
    hour, minute = clock.split(":")
    return dt.datetime(2026, 3, day, int(hour), int(minute), tzinfo=dt.UTC)


class Tape:
    """Short names for the verbs, on one incident, by one person."""

    def __init__(self, incident: Incident, actor: User) -> None:
        self.incident = incident
        self.actor = actor
        self._original: Evidence | None = None
        self._later: Evidence | None = None

    @property
    def _who(self) -> dict[str, Any]:
        return {"incident_id": self.incident.pk, "actor": self.actor}

    @property
    def original(self) -> Evidence:
        """EV of an original record that can be opened."""
        if self._original is None:
            self._original = factories.make_evidence(self.incident, actor=self.actor)
        return self._original

    @property
    def later(self) -> Evidence:
        """EV of a summary that was written later."""
        if self._later is None:
            self._later = factories.make_evidence(
                self.incident,
                actor=self.actor,
                title="Recollection of the rollback",
                kind="timeline_notes",
                is_original=False,
            )
        return self._later

    def add(self, when: str | None = None, text: str = "", **fields: Any) -> Entry:
        """An entry at HH:MM on 10 March; without evidence unless it is given."""
        fields.setdefault("kind", "signal")
        acts = fields["kind"] in {"action", "decision", "comms"}
        fields.setdefault(
            "action_taken" if acts else "observed_signal", text or f"At {when}"
        )
        if when:
            fields.setdefault("occurred_at", at(when))
        return services.add_entry(**self._who, **fields)

    def proven(self, when: str, text: str = "", **fields: Any) -> Entry:
        return self.add(when, text, evidence=[self.original], **fields)

    def mark(self, entry: Entry, kind: str, **fields: Any) -> Milestone:
        return services.add_milestone(**self._who, entry=entry, kind=kind, **fields)

    def skip(self, kind: str, reason: str = "Nothing to roll back") -> Milestone:
        return services.mark_not_applicable(**self._who, kind=kind, reason=reason)

    def gap(self, first: str, last: str, reason: str = "Logs had rotated") -> Entry:
        return services.state_gap(
            **self._who,
            occurred_at=at(first),
            occurred_until=at(last),
            reason=reason,
        )

    def edit(self, entry: Entry, **fields: Any) -> Entry:
        return services.edit_entry(**self._who, number=entry.number, **fields)

    def hypothesis(self, statement: str = "Gateway down", **fields: Any) -> Hypothesis:
        return services.add_hypothesis(**self._who, statement=statement, **fields)

    def settle(self, row: Hypothesis, state: str, **fields: Any) -> Hypothesis:
        fields.setdefault("what_decided", "Auth rate was at baseline on every route")
        return services.settle_hypothesis(
            **self._who, number=row.number, state=state, **fields
        )

    def checkpoint(self, **fields: Any) -> DependencyCheckpoint:
        fields.setdefault("kind", "external_gateway")
        fields.setdefault("name", "Provider A")
        return services.add_checkpoint(**self._who, **fields)

    def whole(self) -> dict[str, Entry]:
        """A complete timeline without findings of its own: a proven entry each ten
        minutes, all milestones, an action between symptom and recovery."""
        moments = {
            "13:43": ("first_impact", "signal"),
            "13:52": ("first_alert", "signal"),
            "14:00": ("declared", "note"),
            "14:10": ("first_mitigation", "action"),
            "14:20": ("rollback_or_failover", "action"),
            "14:30": ("customer_recovered", "signal"),
            "14:40": ("ledger_recovered", "signal"),
            "14:50": ("stabilized", "signal"),
        }
        return {
            kind: self.proven(when, kind=entry_kind, milestone=kind)
            for when, (kind, entry_kind) in moments.items()
        }


@pytest.fixture
def tape(incident: Incident, responder: User) -> Tape:
    return Tape(incident, responder)

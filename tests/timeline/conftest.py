"""The timeline of one incident on 10 March 2026, written through the services; rows
that are not stored; its pages."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from incidents import activity
from incidents.models import Evidence, Incident
from postmortem.lib.persistence import save, service
from tests import factories
from timeline import services
from timeline.models import (
    DependencyCheckpoint,
    Entry,
    EntryEvidence,
    Hypothesis,
    Milestone,
)


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


@service
def set_status(*, incident_id: int, actor: User, status: str) -> None:
    """Bring an incident into a status, with an activity entry."""
    row = Incident.objects.get(pk=incident_id)
    row.status = status
    save(row, actor=actor)
    activity.record(row, actor=actor, verb="tests.status", sentence="set the status")


# --- rows that are not stored ---

START = at("12:00")


def minutes(count: float) -> dt.timedelta:
    return dt.timedelta(minutes=count)


def moment(count: float) -> dt.datetime:
    return START + minutes(count)


def prove(row: Entry, proof: bool) -> None:
    """Give an entry an original record, or one that is only named."""
    link = "https://dash.pay.example/d/1" if proof else ""
    artifact = Evidence(number=1, url=link, is_original=True)
    links = [EntryEvidence(evidence=artifact)]
    vars(row)["_prefetched_objects_cache"] = {"evidence_links": links}


def entry(
    number: int,
    minute: float | None,
    *,
    until: float | None = None,
    proof: bool = True,
    **fields: Any,
) -> Entry:
    """A signal so many minutes after `START`, undated without them."""
    fields.setdefault("kind", "signal")
    fields.setdefault("precision", "unknown" if minute is None else "minute")
    row = Entry(
        pk=number,
        number=number,
        incident_id=1,
        occurred_at=None if minute is None else moment(minute),
        occurred_until=None if until is None else moment(until),
        observed_signal=f"TL-{number}",
        **fields,
    )
    prove(row, proof)
    return row


def mark(number: int, kind: str, row: Entry | None, **fields: Any) -> Milestone:
    """A milestone on an entry; without one it does not apply."""
    return Milestone(
        pk=number,
        number=number,
        incident_id=1,
        kind=kind,
        entry=row,
        not_applicable=row is None,
        **fields,
    )


# --- pages ---


@pytest.fixture
def page(client: Client, responder: User) -> Client:
    client.force_login(responder)
    return client


def url(tape: Tape, rest: str = "") -> str:
    return f"/incidents/{tape.incident.key}/timeline/{rest}"


def text(response: Any) -> str:
    """The words of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))

"""Who did what and why: the append-only, hash-chained activity of an incident."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from accounts.models import User
from incidents.models import ActivityEntry, CaseRecord, Incident
from postmortem.lib import jobs
from postmortem.lib.canonical import digest
from postmortem.lib.fields import ProseField
from postmortem.lib.persistence import HistoryRow, history_digest, take_written

# What stands in the place of a label that was erased (decision 8).
REDACTED = "redacted"


def record(
    incident: Incident,
    *,
    actor: User,
    verb: str,
    sentence: str,
    subject: CaseRecord | None = None,
    reason: str = "",
    data: dict[str, Any] | None = None,
) -> ActivityEntry:
    """Write one deed with the digests of the history rows it wrote.

    The caller holds the incident's lock, so sequence and chain are race-free. `verb` is
    `app.noun_verbed`; `sentence` is shown as it is, so it names refs, not ids.
    """
    entry = next_entry(
        incident,
        actor=actor,
        verb=verb,
        sentence=sentence,
        subject=subject,
        reason=plain_reason(reason),
        data=data,
        rows=take_written(),
        at=timezone.now(),
    )
    entry.save(force_insert=True)
    Incident.objects.filter(pk=incident.pk).update(
        activity_count=entry.sequence, activity_head=entry.hash
    )
    jobs.kick("incidents.tasks.refresh_findings", incident_id=incident.pk)
    return entry


def next_entry(
    incident: Incident,
    *,
    actor: User,
    verb: str,
    sentence: str,
    subject: CaseRecord | None,
    reason: str,
    data: dict[str, Any] | None,
    rows: Iterable[HistoryRow],
    at: datetime,
) -> ActivityEntry:
    """The next entry of the chain, not stored yet; moves the chain's end on the
    incident in memory. `rows`: the history rows that it covers."""
    entry = ActivityEntry(
        incident=incident,
        sequence=incident.activity_count + 1,
        at=at,
        actor=actor,
        actor_person=actor.person_id,
        actor_label=actor.label,
        verb=verb,
        subject_ref=subject.ref if subject else "",
        sentence=sentence,
        reason=reason,
        data=data or {},
        history_rows=[dict(vars(row)) for row in rows],
        previous_hash=incident.activity_head,
    )
    entry.label_digest = label_digest(entry.actor_person, entry.actor_label)
    entry.hash = entry_hash(entry)
    incident.activity_count = entry.sequence
    incident.activity_head = entry.hash
    return entry


def plain_reason(reason: str, *, field: str = "reason") -> str:
    """A reason as any prose: bounded, without control characters, and without card
    numbers and secrets, which nothing could ever take out of the chain again. field:
    what the verb that asks for it calls it."""
    column = ActivityEntry._meta.get_field("reason")
    assert isinstance(column, ProseField)
    try:
        return str(column.clean(reason, None))
    except ValidationError as error:
        raise ValidationError({field: error}) from error


@lru_cache(maxsize=1024)
def label_digest(person: UUID, label: str) -> str:
    """Digest of how the record names the person. The random person id in it keeps a
    label that was erased from being guessed by its digest alone."""
    return digest({"person": person, "label": label})


def entry_hash(entry: ActivityEntry) -> str:
    """Hash of an entry: everything frozen at write, of the label its digest.

    Entries written before labels had a digest are hashed without one; taking it away
    from a newer entry changes its hash.
    """
    label = {"label": entry.label_digest} if entry.label_digest else {}
    return digest(
        {
            **label,
            "incident": entry.incident.uuid,
            "sequence": entry.sequence,
            "at": entry.at,
            "person": entry.actor_person,
            "verb": entry.verb,
            "subject": entry.subject_ref,
            "sentence": entry.sentence,
            "reason": entry.reason,
            "data": entry.data,
            "history": entry.history_rows,
            "previous": entry.previous_hash,
        }
    )


@dataclass(frozen=True)
class Breach:
    """One thing that `verify` found wrong."""

    place: str
    message: str


def verify(incident: Incident) -> list[Breach]:
    """Recompute chain and history; [] means that nothing was altered since.

    Finds an edited, deleted, inserted or reordered activity entry, a truncated tail, an
    edited or deleted history row, one that no activity covers, a row whose present
    values differ from its last history row, and what `also_verifies` adds.
    """
    return [
        *_verify_chain(incident),
        *_verify_history(incident),
        *(breach for prove in ALSO_VERIFIED for breach in prove(incident)),
    ]


Proof = Callable[[Incident], Iterable[Breach]]
ALSO_VERIFIED: list[Proof] = []


def also_verifies(prove: Proof) -> Proof:
    """Have `verify` ask this too: what apps above keep outside the row history, such as
    approvals and seals."""
    ALSO_VERIFIED.append(prove)
    return prove


def _verify_chain(incident: Incident) -> list[Breach]:
    breaches: list[Breach] = []
    previous = ""
    expected = 0
    for entry in (
        ActivityEntry.objects.filter(incident=incident)
        .select_related("actor")
        .order_by("sequence")
    ):
        expected += 1
        place = f"activity {entry.sequence}"
        if entry.sequence != expected:
            breaches.append(
                Breach(place, f"entry {expected} is missing or out of order")
            )
            expected = entry.sequence
        if entry.previous_hash != previous:
            breaches.append(Breach(place, "does not follow the entry before it"))
        entry.incident = incident
        if entry_hash(entry) != entry.hash:
            breaches.append(Breach(place, "was edited after it was written"))
        elif (
            entry.actor.person_id != entry.actor_person
            and entry.actor_person not in entry.actor.person_ids
        ):
            breaches.append(Breach(place, "names another person than wrote it"))
        elif (
            entry.label_digest
            and entry.actor_label != REDACTED
            and label_digest(entry.actor_person, entry.actor_label)
            != entry.label_digest
        ):
            breaches.append(Breach(place, "names its person otherwise"))
        previous = entry.hash
    if (expected, previous) != (incident.activity_count, incident.activity_head):
        breaches.append(
            Breach(
                "activity",
                f"the chain ends at {expected}, the incident says "
                f"{incident.activity_count}: the tail was cut or rewritten",
            )
        )
    return breaches


def _verify_history(incident: Incident) -> list[Breach]:
    covered: dict[str, dict[int, str]] = {}
    for rows in ActivityEntry.objects.filter(incident=incident).values_list(
        "history_rows", flat=True
    ):
        for row in rows:
            covered.setdefault(row["model"], {})[row["history_id"]] = row["digest"]
    breaches: list[Breach] = []
    for model in recorded_models():
        label = model._meta.label
        expected = covered.pop(label, {})
        history = model.history.model  # type: ignore[attr-defined]
        of_incident: dict[str, Any] = (
            {"id": incident.pk} if model is Incident else {"incident_id": incident.pk}
        )
        latest: dict[int, models.Model] = {}
        seen: set[int] = set()
        for row in history.objects.filter(**of_incident).order_by("history_id"):
            seen.add(row.history_id)
            latest[row.id] = row
            place = f"{label} {row.id}, history {row.history_id}"
            if row.history_id not in expected:
                breaches.append(Breach(place, "was written past the services"))
            elif history_digest(history, vars(row)) != expected[row.history_id]:
                breaches.append(Breach(place, "was edited after it was written"))
        breaches.extend(
            Breach(f"{label}, history {missing}", "was deleted")
            for missing in sorted(set(expected) - seen)
        )
        breaches.extend(_verify_present(model, of_incident, latest))
    breaches.extend(
        Breach(label, "the activity names rows of a model that is not recorded")
        for label in covered
    )
    return breaches


def _verify_present(
    model: type[models.Model], of_incident: dict[str, Any], latest: dict[int, Any]
) -> list[Breach]:
    breaches: list[Breach] = []
    history = model.history.model  # type: ignore[attr-defined]
    names = [
        field.attname
        for field in history.tracked_fields
        if field.name not in {"activity_count", "activity_head"}
    ]
    label = model._meta.label
    for row in model._default_manager.filter(**of_incident):
        last = latest.pop(row.pk, None)
        if last is None:
            breaches.append(Breach(f"{label} {row.pk}", "has no history"))
            continue
        changed = [n for n in names if getattr(row, n) != getattr(last, n)]
        if changed:
            breaches.append(
                Breach(
                    f"{label} {row.pk}",
                    f"{', '.join(changed)} differs from its last history row",
                )
            )
    breaches.extend(Breach(f"{label} {pk}", "was deleted") for pk in sorted(latest))
    return breaches


def recorded_models() -> list[type[models.Model]]:
    """Every model with row history that belongs to an incident."""
    return [
        model
        for model in apps.get_models()
        if hasattr(model, "history")
        and (
            model is Incident
            or any(field.name == "incident" for field in model._meta.concrete_fields)
        )
        and not model._meta.label.split(".")[1].startswith("Historical")
    ]

"""A person decides: a candidate becomes an entry, is dismissed, or taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import User
from incidents import activity
from incidents.models import Evidence, Incident, Lane
from incidents.services.core import lock_incident, require_live, set_evidence
from postmortem.lib.errors import DomainError, field_error
from postmortem.lib.persistence import save, service
from timeline import selectors
from timeline.models import Candidate, Entry
from timeline.selectors import CandidateChoice
from timeline.services.entries import add_entry
from timeline.services.intake.candidates import count_of
from timeline.services.intake.source import refuse_source

MOST = 200  # candidates that one call accepts, dismisses or takes back by their ids
ACTS = frozenset({Entry.Kind.ACTION, Entry.Kind.DECISION, Entry.Kind.COMMS})
State = Candidate.State
_LAST = datetime.max.replace(tzinfo=UTC)


@service
def accept_candidates(
    *,
    incident_id: int,
    actor: User,
    ids: Sequence[int],
    kind: str = Entry.Kind.NOTE,
    lane: Lane | None = None,
) -> list[Candidate]:
    """Make an entry of each: all or none, refused with the place of every line that is
    wrong. One that is an entry already stays that one."""
    incident = lock_incident(incident_id, actor=actor, permission="timeline.add")
    require_live(incident, "lane", lane)
    rows = _rows(incident, actor, ids)
    faults = []
    made = []
    for row in sorted(rows, key=lambda row: (row.occurred_at or _LAST, row.pk)):
        if row.state == State.ACCEPTED:
            continue
        try:
            entry = _accept(row, incident, actor=actor, lane=lane, **said(row, kind))
        except (ValidationError, DomainError) as error:
            words = error.messages if isinstance(error, ValidationError) else [error]
            faults.append(
                ValidationError(f"{row.place}: {' '.join(map(str, words))}", code="row")
            )
            continue
        made.append(entry)
    if faults:
        raise ValidationError({"ids": faults})
    if made:
        _tell_accepted(incident, actor, made, rows)
    return rows


@service
def accept_edited(
    *,
    incident_id: int,
    actor: User,
    candidate_id: int,
    evidence: Sequence[Evidence] = (),
    **fields: Any,
) -> Entry:
    """Make an entry of one candidate with what a person corrected; `fields` are those
    of `add_entry`. Its source stays its evidence whatever else is linked."""
    incident = lock_incident(incident_id, actor=actor, permission="timeline.add")
    (row,) = _rows(incident, actor, [candidate_id])
    if row.entry is not None:
        row.entry.incident = incident
        return row.entry
    entry = _accept(row, incident, actor=actor, evidence=evidence, **fields)
    _tell_accepted(incident, actor, [entry], [row])
    return entry


@service
def dismiss_candidates(
    *,
    incident_id: int,
    actor: User,
    ids: Sequence[int] = (),
    choice: CandidateChoice | None = None,
    reason: str = "",
) -> int:
    """Say that these are no moments of the incident; returns how many changed. They
    can be taken back. choice: every waiting one that a filter shows, however many."""
    incident = lock_incident(incident_id, actor=actor, permission="timeline.add")
    reason = _reason(reason)
    if choice is not None:
        found = choice.narrow(selectors.candidates(incident, actor))
        where = Candidate.objects.filter(pk__in=found.order_by().values("pk"))
    else:
        rows = _rows(incident, actor, ids)
        faults = [
            ValidationError(
                f"{row.place}: is {row.entry.ref if row.entry else 'an entry'} "
                "already. Withdraw that entry instead.",
                code="accepted",
            )
            for row in rows
            if row.state == State.ACCEPTED
        ]
        if faults:
            raise ValidationError({"ids": faults})
        where = Candidate.objects.filter(pk__in=[row.pk for row in rows])
    return _decide(
        incident,
        where.filter(state=State.WAITING),
        actor=actor,
        state=State.DISMISSED,
        verb="timeline.candidates_dismissed",
        words="dismissed",
        reason=reason,
    )


@service
def restore_candidates(*, incident_id: int, actor: User, ids: Sequence[int]) -> int:
    """Take dismissed candidates back; returns how many wait again."""
    incident = lock_incident(incident_id, actor=actor, permission="timeline.add")
    rows = _rows(incident, actor, ids)
    return _decide(
        incident,
        Candidate.objects.filter(
            pk__in=[row.pk for row in rows],
            state=State.DISMISSED,
            source__evidence__redacted_at=None,
        ),
        actor=actor,
        state=State.WAITING,
        verb="timeline.candidates_restored",
        words="took back",
        reason="",
    )


def said(row: Candidate, kind: str) -> dict[str, Any]:
    """What a candidate says, as the fields of an entry of this kind."""
    text = f"{row.author}: {row.text}" if row.author else row.text
    return {
        "kind": kind,
        "action_taken" if kind in ACTS else "observed_signal": text,
        "occurred_at": row.occurred_at,
        "occurred_until": row.occurred_until,
        "precision": row.precision,
        "at_text": row.at_text,
    }


# --- what they share ---


def _rows(incident: Incident, actor: User, ids: Sequence[int]) -> list[Candidate]:
    """These candidates, in the order of the ids; unknown ones and too many refused."""
    wanted = list(dict.fromkeys(ids))
    if not wanted:
        raise field_error("ids", "Choose at least one candidate.", "required")
    if len(wanted) > MOST:
        raise field_error(
            "ids",
            f"{len(wanted)} candidates at once: at most {MOST} are decided in one go.",
            "too_many",
        )
    found = {
        row.pk: row
        for row in selectors.candidates(incident, actor).filter(
            pk__in=[pk for pk in wanted if 0 < pk < 2**63]  # no database holds others
        )
    }
    missing = [pk for pk in wanted if pk not in found]
    if missing:
        raise field_error(
            "ids", f"There is no candidate {missing[0]} in this incident.", "unknown"
        )
    return [found[pk] for pk in wanted]


def _accept(
    row: Candidate,
    incident: Incident,
    *,
    actor: User,
    evidence: Sequence[Evidence] = (),
    **fields: Any,
) -> Entry:
    source = row.source.evidence
    refuse_source(incident, source)
    entry = add_entry(
        incident_id=incident.pk,
        actor=actor,
        evidence=[source],
        evidence_note=row.place,
        **fields,
    )
    others = [item for item in evidence if item.pk != source.pk]
    set_evidence(entry, others, actor=actor)
    row.state = State.ACCEPTED
    row.entry = entry
    row.decided_by = actor
    row.decided_at = timezone.now()
    row.reason = ""
    return save(row, actor=actor).entry or entry


def _tell_accepted(
    incident: Incident,
    actor: User,
    entries: Sequence[Entry],
    rows: Sequence[Candidate],
) -> None:
    # The entries have moved the chain on: its end is read again.
    incident = lock_incident(incident.pk, actor=actor, permission="timeline.add")
    refs = [entry.ref for entry in entries]
    shown = refs[0] if len(refs) == 1 else f"{refs[0]} to {refs[-1]}"
    activity.record(
        incident,
        actor=actor,
        verb="timeline.candidates_accepted",
        sentence=f"accepted {count_of(len(refs), 'candidate')} from "
        f"{_refs_of(rows)} as {shown}",
        data={
            "entries": refs,
            "places": {
                row.entry.ref: row.place
                for row in rows
                if row.entry and row.entry.ref in refs
            },
        },
    )


def _decide(
    incident: Incident,
    rows: QuerySet[Candidate],
    *,
    actor: User,
    state: str,
    verb: str,
    words: str,
    reason: str,
) -> int:
    """Set the state of rows, with one activity; nothing when none changes."""
    refs = sorted(set(rows.values_list("source__evidence__number", flat=True)))
    ids = list(rows.values_list("pk", flat=True)[: MOST + 1])
    if not ids:
        return 0
    count = rows.update(
        state=state,
        decided_by=actor if state == State.DISMISSED else None,
        decided_at=timezone.now() if state == State.DISMISSED else None,
        reason=reason,
    )
    activity.record(
        incident,
        actor=actor,
        verb=verb,
        sentence=f"{words} {count_of(count, 'candidate')} from "
        f"{', '.join(f'EV-{number}' for number in refs)}",
        reason=reason,
        data={"count": count, **({"ids": ids} if len(ids) <= MOST else {})},
    )
    return count


def _refs_of(rows: Sequence[Candidate]) -> str:
    numbers = sorted({row.source.evidence.number for row in rows})
    return ", ".join(f"EV-{number}" for number in numbers)


def _reason(reason: str) -> str:
    field: Any = Candidate._meta.get_field("reason")
    try:
        return str(field.clean(reason, None))
    except ValidationError as error:
        raise ValidationError({"reason": error}) from error

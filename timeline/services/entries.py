"""Write verbs of timeline entries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError

from accounts.models import User
from incidents import activity, permissions
from incidents.models import Evidence, Incident, Lane
from incidents.services import core
from incidents.services.core import (
    KEEP,
    add_record,
    change_record,
    get_record,
    given,
    lock_incident,
    require_live,
    require_reason,
    set_evidence,
    tell_edit,
)
from postmortem.lib.errors import field_error
from postmortem.lib.persistence import service, validate
from postmortem.lib.times import (
    on_clock,
    refuse_future,
    refuse_odd_year,
    start_of_day,
)
from postmortem.lib.words import shortened
from timeline.models import DependencyCheckpoint, Entry, Hypothesis, Milestone
from timeline.selectors.rows import place
from timeline.services.milestones import carry_milestone

Precision = Entry.Precision
When = datetime | date
REFS = ("lane", "hypothesis", "dependency")


@service
def add_entry(
    *,
    incident_id: int,
    actor: User,
    kind: str,
    observed_signal: str = "",
    action_taken: str = "",
    occurred_at: When | None = None,
    occurred_until: When | None = None,
    precision: str = Precision.MINUTE,
    at_text: str = "",
    after: Entry | None = None,
    owner: User | None = None,
    lane: Lane | None = None,
    belief: str = "",
    hypothesis: Hypothesis | None = None,
    why: str = "",
    dependency: DependencyCheckpoint | None = None,
    measurement_incomplete: bool = False,
    evidence: Sequence[Evidence] = (),
    evidence_note: str = "",
    milestone: str = "",
) -> Entry:
    """Record one moment (R-TL-04). Provisional until an original record is linked.

    occurred_at: aware, or a date with precision 'day', which becomes that whole day on
    the incident clock. Precision 'unknown' takes no time but `at_text`, or `after`: the
    entry behind which it stands. dependency: the checkpoint of the external interface
    that showed it or was acted on. A decision without belief or why is kept and becomes
    a finding. milestone: a kind that the new entry carries at once. evidence_note:
    where in the evidence it stands.
    """
    incident = lock_incident(incident_id, actor=actor, permission="timeline.add")
    return put_entry(
        incident,
        actor=actor,
        evidence=evidence,
        evidence_note=evidence_note,
        milestone=milestone,
        kind=kind,
        observed_signal=observed_signal,
        action_taken=action_taken,
        occurred_at=occurred_at,
        occurred_until=occurred_until,
        precision=precision,
        at_text=at_text,
        after=after,
        owner=owner,
        lane=lane,
        belief=belief,
        hypothesis=hypothesis,
        why=why,
        dependency=dependency,
        measurement_incomplete=measurement_incomplete,
    )


def put_entry(
    incident: Incident,
    *,
    actor: User,
    evidence: Sequence[Evidence] = (),
    evidence_note: str = "",
    milestone: str = "",
    **fields: Any,
) -> Entry:
    """What `add_entry` does once the incident is locked, inside a service."""
    entry = _new_entry(incident, **fields)
    add_record(entry, actor=actor)
    note: dict[str, Any] = {"note": evidence_note} if evidence_note else {}
    set_evidence(entry, evidence, actor=actor, **note)
    if milestone:
        carry_milestone(incident, entry, milestone, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="timeline.entry_added",
        sentence=f"recorded {entry.ref}: {shortened(entry.headline, 120)}",
        subject=entry,
        data={"evidence": [item.ref for item in evidence], "milestone": milestone},
    )
    return entry


def preview_entry(*, incident: Incident, actor: User, **fields: Any) -> Entry:
    """The entry that `add_entry` would make of these fields now, held to every rule of
    it and not written: what is refused here is refused there, in the same words."""
    permissions.require(actor, "timeline.add", incident)
    entry = _new_entry(incident, **fields)
    entry.number = 0  # the next one is only known under the lock
    validate(entry, new=True)
    return entry


def _new_entry(
    incident: Incident,
    *,
    kind: str,
    occurred_at: When | None = None,
    occurred_until: When | None = None,
    precision: str = Precision.MINUTE,
    at_text: str = "",
    after: Entry | None = None,
    **fields: Any,
) -> Entry:
    _refuse_stated_gap(kind)
    require_live(incident, "after", after)
    for name in REFS:
        require_live(incident, name, fields.get(name))
    return Entry(
        incident=incident,
        kind=kind,
        **fields,
        **_times(
            incident,
            occurred_at=occurred_at,
            occurred_until=occurred_until,
            precision=precision,
            at_text=at_text,
            position=place(after) if after else None,
        ),
    )


@service
def edit_entry(
    *,
    incident_id: int,
    actor: User,
    number: int,
    version: int | None = None,
    kind: str = KEEP,
    observed_signal: str = KEEP,
    action_taken: str = KEEP,
    occurred_at: When | None = KEEP,
    occurred_until: When | None = KEEP,
    precision: str = KEEP,
    at_text: str = KEEP,
    after: Entry | None = KEEP,
    owner: User | None = KEEP,
    lane: Lane | None = KEEP,
    belief: str = KEEP,
    hypothesis: Hypothesis | None = KEEP,
    why: str = KEEP,
    dependency: DependencyCheckpoint | None = KEEP,
    measurement_incomplete: bool = KEEP,
) -> Entry:
    """Change an entry; what it said before stays as a version (R-TL-11)."""
    incident = lock_incident(incident_id, actor=actor, permission="timeline.edit")
    entry = get_record(Entry, incident, number)
    changes = given(
        kind=kind,
        observed_signal=observed_signal,
        action_taken=action_taken,
        owner=owner,
        lane=lane,
        belief=belief,
        hypothesis=hypothesis,
        why=why,
        dependency=dependency,
        measurement_incomplete=measurement_incomplete,
    )
    for name in REFS:
        require_live(incident, name, changes.get(name))
    if changes.get("kind", entry.kind) != entry.kind:
        _refuse_stated_gap(changes["kind"])
        if entry.kind == Entry.Kind.NO_RECORD:
            raise field_error(
                "kind", "A stated gap stays one; withdraw it and add an entry."
            )
    times = given(
        occurred_at=occurred_at,
        occurred_until=occurred_until,
        precision=precision,
        at_text=at_text,
    )
    if after is not KEEP:
        times["position"] = _behind(entry, after)
    if times:
        changes |= _times(incident, **_with_changed_times(entry, times))
    moved = change_record(entry, changes, actor=actor, version=version)
    tell_edit(entry, moved, actor=actor, noun="entry")
    return entry


@service
def state_gap(
    *,
    incident_id: int,
    actor: User,
    occurred_at: datetime | None,
    occurred_until: datetime | None,
    reason: str,
) -> Entry:
    """State that no record exists from one time to another, and why (R-EV-10). It
    explains a gap and stays visible when the record is approved."""
    incident = lock_incident(incident_id, actor=actor, permission="timeline.add")
    faults = {}
    for name, moment, words in (
        ("occurred_at", occurred_at, "begins"),
        ("occurred_until", occurred_until, "ends"),
    ):
        if moment is None:
            faults[name] = ValidationError(
                f"Say when the stretch without a record {words}.", code="required"
            )
    if faults:
        raise ValidationError(faults)
    reason = require_reason(reason, "no record exists")
    if occurred_at == occurred_until:
        raise field_error("occurred_until", "The end lies after the start.")
    entry = Entry(
        incident=incident,
        kind=Entry.Kind.NO_RECORD,
        observed_signal=reason,
        **_times(
            incident,
            occurred_at=occurred_at,
            occurred_until=occurred_until,
            precision=Precision.MINUTE,
            at_text="",
            position=None,
        ),
    )
    add_record(entry, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="timeline.gap_stated",
        sentence=f"stated in {entry.ref} that no record exists",
        subject=entry,
        reason=reason,
    )
    return entry


@service
def retract_entry(*, incident_id: int, actor: User, number: int, reason: str) -> Entry:
    """Withdraw an entry, and with it the milestones that it carries."""
    incident = lock_incident(incident_id, actor=actor, permission="timeline.edit")
    entry = get_record(Entry, incident, number)
    common: dict[str, Any] = {
        "incident_id": incident_id,
        "actor": actor,
        "reason": require_reason(reason, "it is withdrawn"),
        "permission": "timeline.edit",
    }
    for mark in Milestone.objects.filter(entry=entry, retracted_at=None):
        core.retract_record(model=Milestone, number=mark.number, **common)
    core.retract_record(model=Entry, number=number, **common)
    entry.refresh_from_db()
    return entry


def link_entry_evidence(
    *,
    incident_id: int,
    actor: User,
    number: int,
    evidence: list[Evidence],
    note: str = "",
) -> Entry:
    """Say that an entry rests on these artifacts."""
    return core.link_evidence(
        incident_id=incident_id,
        actor=actor,
        model=Entry,
        number=number,
        evidence=evidence,
        note=note,
        permission="timeline.edit",
    )


def unlink_entry_evidence(
    *, incident_id: int, actor: User, number: int, evidence: Evidence, reason: str
) -> Entry:
    """Withdraw a link with a reason; the artifact itself stays."""
    return core.unlink_evidence(
        incident_id=incident_id,
        actor=actor,
        model=Entry,
        number=number,
        evidence=evidence,
        reason=reason,
        permission="timeline.edit",
    )


# --- rules ----------------------------------------------------------------------------


def _refuse_stated_gap(kind: str) -> None:
    if kind == Entry.Kind.NO_RECORD:
        raise field_error(
            "kind", "State a gap with its start, end and reason instead.", "stated_gap"
        )


def _behind(entry: Entry, after: Entry | None) -> int | None:
    """The position of an entry that is to stand behind `after`; None: of its time."""
    if after is None:
        return None
    require_live(entry.incident, "after", after)
    if after.pk == entry.pk:
        raise field_error("after", "An entry does not stand behind itself.")
    return place(after)


def _with_changed_times(entry: Entry, times: dict[str, Any]) -> dict[str, Any]:
    """The time fields of an entry with these changed. What the old precision made of
    them does not outlive it: the end of a day, or any time of what is not known."""
    present = {
        "occurred_at": entry.occurred_at,
        "occurred_until": entry.occurred_until,
        "precision": entry.precision,
        "at_text": entry.at_text,
        "position": entry.position,
    }
    old, new = entry.precision, times.get("precision", entry.precision)
    if Precision.DAY in {old, new} and (old != new or "occurred_at" in times):
        present["occurred_until"] = None
    if new == Precision.UNKNOWN and old != new:
        present |= {"occurred_at": None, "occurred_until": None}
    return present | times


def _times(
    incident: Incident,
    *,
    occurred_at: When | None,
    occurred_until: When | None,
    precision: str,
    at_text: str,
    position: int | None,
) -> dict[str, Any]:
    """The time fields of an entry under decisions 6 and 13."""
    if precision == Precision.DAY:
        occurred_at, occurred_until = _whole_days(incident, occurred_at, occurred_until)
    for name, moment in (
        ("occurred_at", occurred_at),
        ("occurred_until", occurred_until),
    ):
        if moment is not None and not isinstance(moment, datetime):
            raise field_error(
                name,
                f"{moment.isoformat()} names a day, not a time. Add the time, or "
                "choose the precision “Only the day”, so that nobody reads it as "
                "midnight.",
                "bare_day",
            )
    if precision == Precision.UNKNOWN:
        if not at_text and position is None:
            raise field_error(
                "at_text",
                "The time is not known: write down what the source says about it, or "
                "choose the entry that it stands behind.",
                "required",
            )
        if occurred_until:
            raise field_error("occurred_until", "An end needs a known start.")
    assert occurred_at is None or isinstance(occurred_at, datetime)
    assert occurred_until is None or isinstance(occurred_until, datetime)
    refuse_future(occurred_at, "occurred_at")
    if precision != Precision.DAY:
        refuse_future(occurred_until, "occurred_until")
    return {
        "occurred_at": occurred_at,
        "occurred_until": occurred_until,
        "precision": precision,
        "at_text": at_text,
        "position": position,
    }


def _whole_days(
    incident: Incident, first: When | None, last: When | None
) -> tuple[datetime | None, datetime | None]:
    """A bare day is the interval of that day on the incident clock, never midnight.

    last, as a date, is the last day of several; as a moment it is an end already made.
    """
    zone = incident.clock_zone
    for name, moment in (("occurred_at", first), ("occurred_until", last)):
        try:
            refuse_odd_year(moment)
        except ValidationError as error:
            raise ValidationError({name: error}) from error
    if first is None:
        return None, None
    day = on_clock(first, zone).date() if isinstance(first, datetime) else first
    if isinstance(last, datetime):
        final = on_clock(last - timedelta(microseconds=1), zone).date()
    else:
        final = last or day
    if final < day:
        raise field_error("occurred_until", "The end lies before the start.")
    return start_of_day(day, zone), start_of_day(final + timedelta(days=1), zone)

"""Declaring an incident and the transitions before closing. Only services assign
`status`; each transition asks the registered checks that gate it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import User
from incidents import activity, permissions, selectors
from incidents.models import Incident, Lane, Participation
from incidents.services.core import (
    KEEP,
    add_first_records,
    change_record,
    given,
    lock_incident,
    require_reason,
    words_of,
)
from incidents.services.people import require_fit, tell_duty
from incidents.services.sight import require_no_loss
from postmortem.lib.errors import GateClosed, InvalidTransition, field_error
from postmortem.lib.findings import Gate, findings_block
from postmortem.lib.persistence import save, service
from postmortem.lib.times import refuse_future

Status = Incident.Status
# How often a new incident tries for a number while others are stored beside it.
TRIES = 50
# Of a declaration, so that a mistaken list does not hold the request for long.
MOST_LANES = 50


@dataclass(frozen=True)
class LaneSpec:
    """A lane named at declaration: a known slug, or any name."""

    name: str

    def build(self, incident: Incident, *, field: str = "lanes") -> Lane:
        slug = slugify(self.name)[:60]
        if not slug:
            raise field_error(
                field, f"“{self.name}” is no lane name: use letters or digits."
            )
        name, family, core = Lane.KNOWN.get(
            slug, (self.name.strip(), Lane.Family.OTHER, False)
        )
        return Lane(
            incident=incident, slug=slug, name=name, family=family, is_core_flow=core
        )


def next_incident_number() -> int:
    """The next free INC number; `store_numbered` keeps it free."""
    highest = Incident.objects.aggregate(highest=Max("number"))["highest"]
    return (highest or 0) + 1


def store_numbered(
    incident: Incident,
    give_number: Callable[[], None],
    *,
    actor: User,
    reason: str = "",
) -> Incident:
    """Store a new incident inside a service. Of two at once the unique index lets one
    pass; the other waits for it and gets the next number."""
    for _ in range(TRIES):
        give_number()
        try:
            with transaction.atomic():
                return save(incident, actor=actor, reason=reason)
        except IntegrityError:
            if Incident.objects.filter(uuid=incident.uuid).exists():
                break  # the same case, imported at the same moment
    raise InvalidTransition(
        f"{incident.title} could not get a number now: others were stored at the same "
        "moment. Look whether it is there already, else try again.",
        code="number_taken",
    )


@service
def declare_incident(
    *,
    actor: User,
    title: str,
    severity: str,
    lanes: Sequence[str] = (),
    clock_zone: str = "UTC",
    commander: User | None = None,
    scribe: User | None = None,
    kind: str = Incident.Kind.OTHER,
    summary: str = "",
    is_drill: bool = False,
    is_restricted: bool = False,
    declared_at: datetime | None = None,
) -> Incident:
    """Open an incident: presumed real until evidence says otherwise (R-SC-13).

    commander defaults to the person who declares. declared_at defaults to now and is
    refused when it lies in the future.
    """
    permissions.require(actor, "incident.declare")
    if len(lanes) > MOST_LANES:
        raise field_error(
            "lanes",
            f"{len(lanes)} lanes are named, at most {MOST_LANES} are taken "
            "when an incident is declared. Name those that are affected; "
            "others can be added later.",
            "too_many",
        )
    now = timezone.now()
    refuse_future(declared_at, "declared_at", now=now)
    people: dict[str, User | None] = {
        Participation.Duty.COMMANDER: commander or actor,
        Participation.Duty.SCRIBE: scribe,
    }
    for duty, user in people.items():
        if user is not None and user != actor:
            require_fit(user, duty, field=str(duty))
    incident = Incident(
        title=title,
        severity=severity,
        kind=kind,
        summary=summary,
        clock_zone=clock_zone,
        is_drill=is_drill,
        is_restricted=is_restricted,
        declared_at=declared_at or now,
        declared_by=actor,
    )

    def give_number() -> None:
        incident.number = next_incident_number()

    store_numbered(incident, give_number, actor=actor)
    flows = {lane.slug: lane for lane in (LaneSpec(n).build(incident) for n in lanes)}
    add_first_records(list(flows.values()), actor=actor)
    named = add_first_records(
        [
            Participation(
                incident=incident, user=user, duty=duty, since=incident.declared_at
            )
            for duty, user in people.items()
            if user is not None
        ],
        actor=actor,
    )
    activity.record(
        incident,
        actor=actor,
        verb="incidents.incident_declared",
        sentence=f"declared {incident.key}, {severity}: {title}",
        data=_declared(incident),
    )
    for row in named:
        tell_duty(row, str(row.get_duty_display()).lower(), actor=actor)
    return incident


def _declared(incident: Incident) -> dict[str, Any]:
    return {"severity": incident.severity, "clock_zone": incident.clock_zone}


@service
def edit_incident(
    *,
    incident_id: int,
    actor: User,
    version: int | None = None,
    title: str = KEEP,
    summary: str = KEEP,
    kind: str = KEEP,
    is_drill: bool = KEEP,
    is_restricted: bool = KEEP,
    restrict_anyway: bool = False,
) -> Incident:
    """Change the head of the case file. Severity, clock and status have their verbs.

    Restricting or opening an incident to everybody takes a commander, compliance or an
    administrator, because it decides who can read it (decision 12). It is refused with
    the names of those whom its rows name and who would lose sight of it;
    restrict_anyway: they were read.
    """
    incident = lock_incident(incident_id, actor=actor, permission="incident.edit")
    changes = given(
        title=title,
        summary=summary,
        kind=kind,
        is_drill=is_drill,
        is_restricted=is_restricted,
    )
    if changes.get("is_restricted", incident.is_restricted) != incident.is_restricted:
        permissions.require(actor, "incident.restrict")
    moved = change_record(incident, changes, actor=actor, version=version)
    if "is_restricted" in moved and not restrict_anyway:
        require_no_loss(incident)
    if moved:
        activity.record(
            incident,
            actor=actor,
            verb="incidents.incident_edited",
            sentence=f"edited the case file: {words_of(incident, moved)}",
            data=moved,
        )
    return incident


@service
def change_severity(
    *,
    incident_id: int,
    actor: User,
    severity: str,
    reason: str,
    version: int | None = None,
) -> Incident:
    """Change the severity; the change is logged with its reason (R-SC-07)."""
    incident = lock_incident(incident_id, actor=actor, permission="incident.edit")
    reason = require_reason(reason, "the severity changes")
    moved = change_record(
        incident, {"severity": severity}, actor=actor, version=version, reason=reason
    )
    if moved:
        old, new = moved["severity"]
        activity.record(
            incident,
            actor=actor,
            verb="incidents.severity_changed",
            sentence=f"changed the severity from {old} to {new}",
            reason=reason,
            data=moved,
        )
    return incident


@service
def change_clock_zone(
    *,
    incident_id: int,
    actor: User,
    clock_zone: str,
    reason: str = "",
    version: int | None = None,
) -> Incident:
    """Change the zone of the incident clock, until stabilized (decision 7).

    Stored times are UTC, so nothing moves; only what pages show does.
    """
    incident = lock_incident(incident_id, actor=actor, permission="incident.clock")
    moved = change_record(
        incident,
        {"clock_zone": clock_zone},
        actor=actor,
        version=version,
        reason=reason,
    )
    if moved:
        old, new = moved["clock_zone"]
        activity.record(
            incident,
            actor=actor,
            verb="incidents.clock_changed",
            sentence=f"changed the incident clock from {old} to {new}",
            reason=reason,
            data=moved,
        )
    return incident


@service
def stabilize_incident(
    *, incident_id: int, actor: User, now: datetime | None = None
) -> Incident:
    """Active becomes stabilized, once the checks that gate it find nothing: customer
    and ledger recovery are evidenced (R-RV-02). GateClosed lists what is missing."""
    incident = lock_incident(incident_id, actor=actor, permission="incident.stabilize")
    _expect(incident, Status.ACTIVE, "stabilize it")
    _pass_gate(incident, Gate.STABILIZE, "cannot be declared stabilized yet")
    incident.stabilized_at = now or timezone.now()
    _move(incident, Status.STABILIZED, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.incident_stabilized",
        sentence="declared the incident stabilized",
    )
    return incident


@service
def relapse_incident(*, incident_id: int, actor: User, reason: str) -> Incident:
    """Stabilized becomes active again; a given all-clear is withdrawn."""
    incident = lock_incident(incident_id, actor=actor, permission="incident.relapse")
    reason = require_reason(reason, "the incident is active again")
    _expect(incident, Status.STABILIZED, "return it to active")
    incident.stabilized_at = None
    withdraw_all_clear(incident)
    _move(incident, Status.ACTIVE, actor=actor, reason=reason)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.incident_relapsed",
        sentence="returned the incident to active",
        reason=reason,
    )
    return incident


@service
def give_all_clear(*, incident_id: int, actor: User) -> Incident:
    """Say that customers and books have both recovered and stayed so (R-RV-08).

    A fact apart from 'stabilized': both scope lines closed, no open drift, sustain
    window over. Given once; a relapse or a reopened scope line withdraws it.
    """
    incident = lock_incident(incident_id, actor=actor, permission="incident.all_clear")
    if incident.status == Status.ACTIVE:
        raise InvalidTransition(
            f"{incident.key} is active: declare it stabilized before the all-clear."
        )
    if incident.all_clear_at:
        raise InvalidTransition(f"The all-clear of {incident.key} is given already.")
    _pass_gate(incident, Gate.ALL_CLEAR, "cannot get its all-clear yet")
    incident.all_clear_at = timezone.now()
    incident.all_clear_by = actor
    save(incident, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.all_clear_given",
        sentence="gave the all-clear",
    )
    return incident


@service
def cancel_incident(*, incident_id: int, actor: User, reason: str) -> Incident:
    """Close a false alarm or a duplicate, with the reason; the record stays."""
    incident = lock_incident(incident_id, actor=actor, permission="incident.cancel")
    reason = require_reason(reason, "it is cancelled (false alarm, duplicate of …)")
    incident.cancelled_at = timezone.now()
    incident.cancel_reason = reason
    _move(incident, Status.CANCELLED, actor=actor, reason=reason)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.incident_cancelled",
        sentence="cancelled the incident",
        reason=reason,
    )
    return incident


# --- transitions that `review` asks for ---------------------------------------------
# Called inside a @service of review, on an incident that it has locked and may move.
# They write the history row; the caller's activity entry covers it.


def move_to_review(incident: Incident, *, actor: User) -> None:
    """Stabilized becomes in review."""
    _expect(incident, Status.STABILIZED, "start its review")
    incident.in_review_at = timezone.now()
    _move(incident, Status.IN_REVIEW, actor=actor)


def move_to_stabilized(incident: Incident, *, actor: User, reason: str) -> None:
    """In review falls back to stabilized: a recurrence risk is open (R-AP-03)."""
    reason = require_reason(reason, "the incident is kept as stabilized")
    _expect(incident, Status.IN_REVIEW, "keep it as stabilized")
    _move(incident, Status.STABILIZED, actor=actor, reason=reason)


def move_to_closed(incident: Incident, *, actor: User) -> None:
    """In review becomes closed, once no unwaived ERROR is left (R-CK-07)."""
    _expect(incident, Status.IN_REVIEW, "close it")
    _pass_gate(incident, Gate.CLOSE, "cannot be closed yet")
    incident.closed_at = timezone.now()
    _move(incident, Status.CLOSED, actor=actor)


def move_to_reopened(incident: Incident, *, actor: User, reason: str) -> None:
    """Closed becomes in review again, with a reason."""
    reason = require_reason(reason, "it is reopened")
    _expect(incident, Status.CLOSED, "reopen it")
    incident.reopened_at = timezone.now()
    incident.reopen_reason = reason
    incident.closed_at = None
    _move(incident, Status.IN_REVIEW, actor=actor, reason=reason)


def withdraw_all_clear(incident: Incident) -> bool:
    """Take back the all-clear on a locked incident; the caller saves it."""
    given_before = incident.all_clear_at is not None
    incident.all_clear_at = None
    incident.all_clear_by = None
    return given_before


def _move(
    incident: Incident, status: Incident.Status, *, actor: User, reason: str = ""
) -> None:
    incident.status = status
    save(incident, actor=actor, reason=reason)


def _expect(incident: Incident, status: Incident.Status, words: str) -> None:
    if incident.status != status:
        raise InvalidTransition(
            f"{incident.key} is {incident.get_status_display().lower()}: it must be "
            f"{status.label.lower()} to {words}."
        )


def _pass_gate(incident: Incident, gate: Gate, words: str) -> None:
    open_findings = selectors.blocking(incident, gate)
    if open_findings:
        raise GateClosed(
            f"{incident.key} {words}: {findings_block(len(open_findings))} it.",
            open_findings,
        )

"""Accepting a finding with a reason. WARNING and INFO take one person; an ERROR takes
two, and only where its check allows a waiver (decision 10)."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import User
from incidents import activity, selectors
from incidents.models import CaseRecord, Incident, Waiver
from incidents.services.core import (
    add_record,
    get_record,
    lock_incident,
    require_reason,
)
from postmortem.lib.errors import InvalidTransition, SeparationOfDuties, field_error
from postmortem.lib.findings import Finding, Level
from postmortem.lib.persistence import save, service


@service
def accept_finding(
    *,
    incident_id: int,
    actor: User,
    check_id: str,
    finding_key: str,
    reason: str,
    expires_at: datetime | None = None,
    owner: User | None = None,
) -> Waiver:
    """Accept one finding as it stands now; it lapses when the inputs behind it change.

    An ERROR needs owner and expiry, and is in force only after `second_waiver` by
    another person. Accepting the same finding again returns the waiver that stands.
    """
    incident = lock_incident(incident_id, actor=actor, permission="finding.accept")
    reason = require_reason(reason, "this finding can be accepted")
    finding = _current(incident, check_id, finding_key)
    if finding.level is Level.ERROR:
        _may_waive(finding, expires_at=expires_at, owner=owner)
        _apart_from_subject(incident, finding.subject_ref, actor)
    now = timezone.now()
    if expires_at is not None and expires_at <= now:
        raise field_error(
            "expires_at",
            "The expiry lies in the past. Choose a day that lies ahead.",
            "past_deadline",
        )
    if standing := _standing(incident, finding, now):
        return standing
    waiver = add_record(
        Waiver(
            incident=incident,
            check_id=finding.id,
            subject_ref=finding.subject_ref,
            finding_key=finding.key,
            finding_message=finding.message[:400],
            level=str(finding.level),
            reason=reason,
            expires_at=expires_at,
            owner=owner,
        ),
        actor=actor,
    )
    asks = "asked for a second person to accept" if waiver.needs_second else "accepted"
    activity.record(
        incident,
        actor=actor,
        verb="incidents.finding_accepted",
        sentence=f"{asks} {finding.id}: {finding.message}",
        subject=waiver,
        reason=reason,
        data={"check": finding.id, "subject": finding.subject_ref},
    )
    return waiver


@service
def second_waiver(*, incident_id: int, actor: User, number: int) -> Waiver:
    """The second person of an ERROR's waiver: another human than the first, neither
    owning what the finding is about."""
    incident = lock_incident(incident_id, actor=actor, permission="finding.accept")
    waiver = get_record(Waiver, incident, number)
    if waiver.is_attested:
        raise InvalidTransition(
            f"{waiver.ref} was given elsewhere and never counts here. Accept the "
            "finding anew."
        )
    if not waiver.needs_second:
        raise InvalidTransition(f"{waiver.ref} is in force: one person was enough.")
    if waiver.seconded_at:
        raise InvalidTransition(f"{waiver.ref} has its second person already.")
    if waiver.expires_at and waiver.expires_at <= timezone.now():
        raise InvalidTransition(f"{waiver.ref} has expired. Accept the finding anew.")
    if actor.is_same_person(waiver.recorded_by):
        raise SeparationOfDuties(
            "It takes two people, and you accepted this finding. Ask somebody else."
        )
    _apart_from_subject(incident, waiver.subject_ref, actor)
    _current(incident, waiver.check_id, waiver.finding_key)
    waiver.seconded_by = actor
    waiver.seconded_at = timezone.now()
    save(waiver, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.waiver_seconded",
        sentence=f"seconded {waiver.ref}: {waiver.check_id} is accepted",
        subject=waiver,
        reason=waiver.reason,
    )
    return waiver


def _current(incident: Incident, check_id: str, key: str) -> Finding:
    """The finding as it stands now; refused when the one that was read is gone."""
    for finding in selectors.findings(incident):
        if (finding.id, finding.key) == (check_id, key):
            return finding
    raise field_error(
        "finding_key",
        f"{check_id} is no longer open as you read it: it was fixed, or what "
        "lies behind it has changed. Read the findings again.",
        "finding_changed",
    )


def _standing(incident: Incident, finding: Finding, now: datetime) -> Waiver | None:
    """The waiver of this finding that runs, with its second person or without."""
    for waiver in selectors.waivers(incident):
        if (
            (waiver.check_id, waiver.finding_key) == (finding.id, finding.key)
            and not waiver.is_attested  # one given elsewhere never counts
            and (waiver.expires_at is None or waiver.expires_at > now)
        ):
            return waiver
    return None


def _may_waive(
    finding: Finding, *, expires_at: datetime | None, owner: User | None
) -> None:
    """An ERROR can be accepted only where its check allows it, by somebody who holds
    the risk, and for a time (decision 10)."""
    if not finding.waivable:
        raise field_error(
            "check_id",
            f"{finding.id} blocks and cannot be accepted: fix it. "
            f"{finding.hint}".strip(),
            "not_waivable",
        )
    faults = {}
    if expires_at is None:
        faults["expires_at"] = ValidationError(
            "Say until when: a blocking finding is accepted for a time only.",
            code="required",
        )
    if owner is None:
        faults["owner"] = ValidationError(
            "Name who holds the risk that is accepted.", code="required"
        )
    if faults:
        raise ValidationError(faults)


def _apart_from_subject(incident: Incident, ref: str, actor: User) -> None:
    """Nobody accepts what is missing on a row of their own."""
    subject: CaseRecord | None = selectors.find_row(incident, ref) if ref else None
    owner = getattr(subject, "owner", None)
    if isinstance(owner, User) and actor.is_same_person(owner):
        raise SeparationOfDuties(
            f"You own {ref}, so somebody else has to accept what is missing on it."
        )

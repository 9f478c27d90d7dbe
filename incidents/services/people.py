"""Who does what in the incident: duties, and the hand-over of command."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import User
from incidents import activity, permissions, selectors
from incidents.models import Participation
from incidents.services.core import add_record, get_record, lock_incident
from incidents.services.notifications import notify
from postmortem.lib.errors import field_error
from postmortem.lib.persistence import save, service
from postmortem.lib.times import refuse_future

Duty = Participation.Duty


@service
def set_duty(
    *,
    incident_id: int,
    actor: User,
    user: User,
    duty: str,
    is_backup: bool = False,
    since: datetime | None = None,
) -> Participation:
    """Give a person a duty in this incident (R-RO-02, R-RO-05).

    A duty that the person holds already is returned as it is. A second commander is
    refused: command is handed over (R-RO-01).
    """
    incident = lock_incident(incident_id, actor=actor, permission="incident.people")
    now = timezone.now()
    refuse_future(since, "since", now=now)
    _require_active(user, field="user")
    held = Participation.objects.filter(
        incident=incident,
        user=user,
        duty=duty,
        is_backup=is_backup,
        until=None,
        retracted_at=None,
    ).first()
    if held:
        return held
    if duty == Duty.COMMANDER and not is_backup:
        in_command = selectors.commander(incident)
        if in_command:
            raise field_error(
                "duty",
                f"{in_command.user.label} is in command, and there is one "
                "commander at a time. Hand over command instead.",
                "one_commander",
            )
        _require_command(user, field="user")
    row = add_record(
        Participation(
            incident=incident,
            user=user,
            duty=duty,
            is_backup=is_backup,
            since=since or now,
        ),
        actor=actor,
    )
    words = row.get_duty_display().lower() + (" (backup)" if is_backup else "")
    activity.record(
        incident,
        actor=actor,
        verb="incidents.duty_set",
        sentence=f"named {user.label} as {words}",
        subject=row,
        data={"user": user.handle, "duty": duty, "is_backup": is_backup},
    )
    tell_duty(row, words, actor=actor)
    return row


@service
def hand_over_command(
    *,
    incident_id: int,
    actor: User,
    to: User,
    at: datetime | None = None,
    reason: str = "",
) -> Participation:
    """Exactly one commander at a time; the hand-over is logged with its time (R-RO-01).

    at: when command changed hands; now by default, never in the future and never before
    the present commander took over. Handing over to the person in command does nothing.
    """
    incident = lock_incident(incident_id, actor=actor, permission="incident.people")
    now = timezone.now()
    at = at or now
    if at > now:
        refuse_future(at, "at", now=now)
        at = now
    _require_active(to, field="to")
    _require_command(to, field="to")
    before = selectors.commander(incident)
    if before:
        if before.user_id == to.pk:
            return before
        if before.since and at < before.since:
            raise field_error(
                "at",
                f"{before.user.label} took over command later than that. "
                "Give a time after it.",
                "before_since",
            )
        before.until = at
        save(before, actor=actor)
    row = add_record(
        Participation(incident=incident, user=to, duty=Duty.COMMANDER, since=at),
        actor=actor,
    )
    origin = f" from {before.user.label}" if before else ""
    activity.record(
        incident,
        actor=actor,
        verb="incidents.command_handed_over",
        sentence=f"handed command{origin} to {to.label}",
        subject=row,
        reason=reason,
        data={
            "from": before.user.handle if before else None,
            "to": to.handle,
            "at": at.isoformat(),
        },
    )
    tell_duty(row, "commander", actor=actor)
    return row


@service
def end_duty(
    *,
    incident_id: int,
    actor: User,
    number: int,
    until: datetime | None = None,
) -> Participation:
    """End a duty; the row stays with its times. Command ends by a hand-over only."""
    incident = lock_incident(incident_id, actor=actor, permission="incident.people")
    row = get_record(Participation, incident, number)
    if row.until is not None:
        return row
    if row.is_command:
        raise ValidationError(
            "The incident must not be without a commander: hand over command to "
            "somebody instead.",
            code="one_commander",
        )
    now = timezone.now()
    refuse_future(until, "until", now=now)
    row.until = until or now
    if row.since and row.until < row.since:
        raise field_error(
            "until", "The duty cannot end before it began.", "before_since"
        )
    save(row, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.duty_ended",
        sentence=f"ended {row.user.label}'s duty as {row.get_duty_display().lower()}",
        subject=row,
    )
    return row


def require_fit(user: User, duty: str, *, field: str) -> None:
    """Whoever is named when an incident is declared can sign in and, for command, has
    the role for it."""
    _require_active(user, field=field)
    if duty == Duty.COMMANDER:
        _require_command(user, field=field)


def _require_active(user: User, *, field: str) -> None:
    if not user.is_active:
        raise field_error(
            field,
            f"{user.label} cannot sign in, so this duty would be in nobody's "
            "hands. Choose somebody else.",
            "inactive_person",
        )


def _require_command(user: User, *, field: str) -> None:
    """Command takes the role for it: a role is the ceiling (decision 12)."""
    if not permissions.can(user, "incident.stabilize"):
        raise field_error(
            field,
            f"{user.label} does not have the role to command an incident. "
            "Choose somebody with the role “commander”.",
            "no_command_role",
        )


def tell_duty(row: Participation, words: str, *, actor: User) -> None:
    """Let somebody know of a duty that another person gave them."""
    if row.user_id != actor.pk:
        notify(
            recipient=row.user,
            kind="duty",
            dedupe_key=f"duty:{row.incident.uuid}:{row.ref}",
            subject=f"{row.incident.key}: you are {words}",
            body=f"{actor.label} named you as {words} of {row.incident.key}, "
            f"{row.incident.title}.",
            url=row.incident.get_absolute_url(),
            incident=row.incident,
        )

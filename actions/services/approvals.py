"""Write verbs of approvals: completion, deferral, and asking for changes.

An approval is one person's word on the facts as they stood: it is bound to their digest
and lapses when they move. Separation of duties compares humans, not accounts.
"""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from accounts.models import User
from actions import selectors
from actions.models import ActionApproval, ActionItem
from actions.services.items import missing_for_open, note_approvals, require_follow_up
from incidents import activity
from incidents.models import Incident
from incidents.services.core import change_record, get_record, lock_incident
from incidents.services.notifications import notify
from postmortem.lib.errors import InvalidTransition, SeparationOfDuties, StaleVersion
from postmortem.lib.persistence import save, service

Purpose = ActionApproval.Purpose
Decision = ActionApproval.Decision
Seat = ActionApproval.Seat
State = ActionItem.State


def _take_seat(action: ActionItem, user: User, purpose: str, wanted: str | None) -> str:
    """The seat for this approval; refuses the wrong person with the reason."""
    parts = selectors.conflicts(action, user, purpose)
    if parts:
        raise SeparationOfDuties(
            f"You cannot approve {action.ref}: the same person {' and '.join(parts)}. "
            "Somebody else has to look at it."
        )
    held = selectors.seats_of(action, user, purpose)
    if wanted and wanted not in held:
        raise PermissionDenied(
            "The finance seat takes the role finance."
            if wanted == Seat.FINANCE
            else "The quality seat takes the manager of a team."
        )
    if not held:
        raise PermissionDenied(
            f"Approving {action.ref} takes the manager of a team"
            + (
                ", or finance for its effect on money."
                if action.needs_finance_approval
                else "."
            )
        )
    state = selectors.approval_state(action, purpose)
    free = [
        name
        for name in ([wanted] if wanted else held)
        if (seat := state.seat(name)) and seat.state != "approved"
    ]
    if not free:
        raise InvalidTransition(f"{action.ref} is approved already, as it stands now.")
    seat_name = free[0]
    for other in state.seats:
        if (
            other.seat != seat_name
            and other.state == "approved"
            and other.approval is not None
            and user.is_same_person(other.approval.approver)
        ):
            raise SeparationOfDuties(
                f"You approved {action.ref} for the other seat. "
                "The second approval is another person's."
            )
    return seat_name


def _read(
    incident: Incident, number: int, purpose: str, seen: str | None
) -> ActionItem:
    get_record(ActionItem, incident, number)
    action = selectors.get_action(incident, number)
    require_follow_up(incident, action)
    now = selectors.facts_digest(action, purpose)
    if seen and seen != now:
        raise StaleVersion(
            f"{action.ref} changed while you were reading. Look at it again and "
            "approve what you see then.",
            current={"digest": now},
        )
    return action


def _store(
    action: ActionItem,
    *,
    actor: User,
    purpose: str,
    seat: str,
    decision: str,
    comment: str,
) -> ActionApproval:
    approval = ActionApproval(
        incident=action.incident,
        action=action,
        purpose=purpose,
        seat=seat,
        decision=decision,
        approver=actor,
        approved_digest=selectors.facts_digest(action, purpose),
        comment=comment,
        at=timezone.now(),
    )
    save(approval, actor=actor)
    note_approvals(action.incident)
    return approval


@service
def approve_action(
    *,
    incident_id: int,
    actor: User,
    number: int,
    comment: str = "",
    seat: str | None = None,
    digest: str | None = None,
) -> ActionApproval:
    """Approve the completion of an action (R-AP-01, R-AP-02).

    digest: the one the person read; if the facts moved since, StaleVersion. seat: which
    of the two seats, where a person may take either (default: finance first).
    """
    incident = lock_incident(incident_id, actor=actor, permission="action.approve")
    action = _read(incident, number, Purpose.COMPLETION, digest)
    seat = _take_seat(action, actor, Purpose.COMPLETION, seat)
    if action.state != State.COMPLETED:
        raise InvalidTransition(
            f"{action.ref} is {action.get_state_display().lower()}. "
            "Approval opens when it is completed on an accepted run."
        )
    approval = _store(
        action,
        actor=actor,
        purpose=Purpose.COMPLETION,
        seat=seat,
        decision=Decision.APPROVED,
        comment=comment,
    )
    activity.record(
        incident,
        actor=actor,
        verb="actions.action_approved",
        sentence=f"approved the completion of {action.ref} "
        f"({approval.get_seat_display().lower()})",
        subject=action,
        reason=comment,
        data={"digest": approval.approved_digest, "seat": approval.seat},
    )
    return approval


@service
def approve_deferral(
    *,
    incident_id: int,
    actor: User,
    number: int,
    comment: str = "",
    digest: str | None = None,
) -> ActionApproval:
    """Agree that a scheduled action is done after closing: it has an owner, a date and
    a closure test (R-AP-01)."""
    incident = lock_incident(incident_id, actor=actor, permission="action.approve")
    action = _read(incident, number, Purpose.DEFERRAL, digest)
    if action.is_mandatory:
        raise InvalidTransition(
            f"{action.ref} is mandatory now and cannot be deferred: complete it, or "
            "schedule it if no open gap could bring the outage back."
        )
    if action.state != State.OPEN:
        raise InvalidTransition(
            f"{action.ref} is {action.get_state_display().lower()}; "
            "only an open action is deferred."
        )
    seat = _take_seat(action, actor, Purpose.DEFERRAL, None)
    if missing := missing_for_open(action):
        raise ValidationError(missing)
    approval = _store(
        action,
        actor=actor,
        purpose=Purpose.DEFERRAL,
        seat=seat,
        decision=Decision.APPROVED,
        comment=comment,
    )
    activity.record(
        incident,
        actor=actor,
        verb="actions.deferral_approved",
        sentence=f"approved the deferral of {action.ref} to its date",
        subject=action,
        reason=comment,
        data={"digest": approval.approved_digest, "seat": approval.seat},
    )
    return approval


@service
def request_changes(
    *,
    incident_id: int,
    actor: User,
    number: int,
    comment: str,
    digest: str | None = None,
) -> ActionApproval:
    """Send an action back with what has to change. A completed one is open again."""
    incident = lock_incident(incident_id, actor=actor, permission="action.approve")
    get_record(ActionItem, incident, number)
    purpose = selectors.approval_purpose(selectors.get_action(incident, number))
    action = _read(incident, number, purpose, digest)
    if action.state not in {State.OPEN, State.COMPLETED}:
        raise InvalidTransition(
            f"{action.ref} is {action.get_state_display().lower()}: "
            "there is nothing to send back."
        )
    held = selectors.seats_of(action, actor, purpose)
    if action.state == State.COMPLETED:
        change_record(
            action,
            {"state": State.OPEN, "completed_at": None, "completed_by": None},
            actor=actor,
            version=None,
            reason=comment,
        )
    approval = _store(
        action,
        actor=actor,
        purpose=purpose,
        seat=held[0] if held else Seat.QUALITY,
        decision=Decision.CHANGES,
        comment=comment,
    )
    activity.record(
        incident,
        actor=actor,
        verb="actions.changes_requested",
        sentence=f"asked for changes to {action.ref}",
        subject=action,
        reason=comment,
        data={"digest": approval.approved_digest, "seat": approval.seat},
    )
    if action.owner is not None and action.owner.is_active:
        notify(
            recipient=action.owner,
            kind="action_changes",
            dedupe_key=f"action-changes:{approval.pk}",
            subject=f"{incident.key}/{action.ref}: changes requested",
            body=f"{actor.label} asks for changes to “{action.title}”: {comment}",
            url=action.get_absolute_url(),
            incident=incident,
        )
    return approval

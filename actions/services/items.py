"""Write verbs of action items: add, edit, open, complete, cancel, retract."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import User
from actions import selectors
from actions.models import (
    ActionCause,
    ActionFailureMode,
    ActionItem,
    ClosureTest,
)
from incidents import activity
from incidents.models import Incident
from incidents.services.core import (
    KEEP,
    add_record,
    change_record,
    get_record,
    given,
    lock_incident,
    note_joined,
    require_reason,
    retract_record,
    set_relations,
    tell_edit,
)
from incidents.services.findings import note_follow_up
from postmortem.lib.errors import InvalidTransition
from postmortem.lib.persistence import service
from rca.models import Cause, FailureMode

State = ActionItem.State


def require_follow_up(incident: Incident, action: ActionItem) -> None:
    """After closing, only scheduled actions move on; everything else is frozen."""
    if incident.is_frozen and action.is_mandatory:
        raise InvalidTransition(
            f"{incident.key} is closed and {action.ref} was mandatory before closing: "
            "it is frozen. Only scheduled follow-up goes on.",
            code="frozen",
        )


def refuse_cancelled(action: ActionItem) -> None:
    if action.state == State.CANCELLED:
        raise InvalidTransition(
            f"{action.ref} was cancelled. Add a new action instead of changing it."
        )


def note_approvals(incident: Incident) -> None:
    """After a deed that goes on after closing: note whether the approval of a completed
    action waits. Before, nobody needs the note: an incident closes with everything that
    is completed approved (AP001, AP003)."""
    if incident.is_frozen:
        states = [
            selectors.approval_state(action)
            for action in selectors.actions(incident)
            if action.state == State.COMPLETED and not action.is_mandatory
        ]
        waits = any(state.state in selectors.OPEN_STATES for state in states)
        note_follow_up(incident, waits)


def missing_for_open(action: ActionItem) -> dict[str, ValidationError]:
    """What an action must say before it leaves draft: what changes, who owns it, and
    what proof closes it (R-AI-03). By field; wording is judged by AI004 alone."""
    tests = action.live_tests if action.pk else []
    missing: dict[str, str] = {}
    if not action.title:
        missing["title"] = "Say what changes."
    if action.owner_id is None:
        missing["owner"] = "Name the person who owns it."
    if action.due_at is None:
        missing["due_at"] = "Set the date by which it is done."
    if not action.proof_location:
        missing["proof_location"] = "Say where the proof will be stored."
    if not tests:
        missing["closure_tests"] = (
            "Add a closure test: what is run, and what has to come out."
        )
    elif not any(test.pass_condition for test in tests):
        missing["closure_tests"] = (
            f"Write the pass condition of {tests[0].ref}, so that anybody can tell "
            "whether it passed."
        )
    return {
        name: ValidationError(text, code="required") for name, text in missing.items()
    }


def _set_causes(
    action: ActionItem, causes: Iterable[Cause], *, actor: User
) -> list[list[str]]:
    """Make the causes that an action answers exactly these; what moved (R-RC-11)."""
    return set_relations(
        ActionCause,
        action,
        causes,
        actor=actor,
        source_name="action",
        target_name="cause",
        field="causes",
    )


def _set_failure_modes(
    action: ActionItem, modes: Iterable[FailureMode], *, actor: User
) -> list[list[str]]:
    """Make the failure modes that an action answers exactly these; what moved."""
    return set_relations(
        ActionFailureMode,
        action,
        modes,
        actor=actor,
        source_name="action",
        target_name="failure_mode",
        field="failure_modes",
    )


@service
def add_action(
    *,
    incident_id: int,
    actor: User,
    title: str,
    kind: str,
    timing: str = ActionItem.Timing.SCHEDULED,
    details: str = "",
    priority: str = "",
    area: str = ActionItem.Area.GENERAL,
    owner: User | None = None,
    due_at: datetime | None = None,
    risk_removed: str = "",
    risk_remaining: str = "",
    trade_off: str = "",
    rollback_path: str = "",
    proof_location: str = "",
    tracker_url: str = "",
    causes: Iterable[Cause] = (),
    failure_modes: Iterable[FailureMode] = (),
) -> ActionItem:
    """Write down a preventive change. It is a draft until `open_action` (R-AI-03)."""
    incident = lock_incident(incident_id, actor=actor, permission="action.edit")
    action = add_record(
        ActionItem(
            incident=incident,
            title=title,
            kind=kind,
            timing=timing,
            details=details,
            priority=priority,
            area=area,
            owner=owner,
            due_at=due_at,
            risk_removed=risk_removed,
            risk_remaining=risk_remaining,
            trade_off=trade_off,
            rollback_path=rollback_path,
            proof_location=proof_location,
            tracker_url=tracker_url,
        ),
        actor=actor,
    )
    _set_causes(action, causes, actor=actor)
    _set_failure_modes(action, failure_modes, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="actions.action_added",
        sentence=f"drafted {action.ref}: {action.title}",
        subject=action,
    )
    return action


@service
def edit_action(
    *,
    incident_id: int,
    actor: User,
    number: int,
    version: int | None = None,
    title: str = KEEP,
    kind: str = KEEP,
    timing: str = KEEP,
    details: str = KEEP,
    priority: str = KEEP,
    area: str = KEEP,
    owner: User | None = KEEP,
    due_at: datetime | None = KEEP,
    risk_removed: str = KEEP,
    risk_remaining: str = KEEP,
    trade_off: str = KEEP,
    rollback_path: str = KEEP,
    proof_location: str = KEEP,
    tracker_url: str = KEEP,
    causes: Iterable[Cause] = KEEP,
    failure_modes: Iterable[FailureMode] = KEEP,
) -> ActionItem:
    """Change an action; fields that are not sent stay. Approvals given before lapse,
    and one that has left draft keeps what it needed to leave it (R-AI-03)."""
    incident = lock_incident(incident_id, actor=actor, permission="action.edit")
    action = get_record(ActionItem, incident, number)
    refuse_cancelled(action)
    moved = change_record(
        action,
        given(
            title=title,
            kind=kind,
            timing=timing,
            details=details,
            priority=priority,
            area=area,
            owner=owner,
            due_at=due_at,
            risk_removed=risk_removed,
            risk_remaining=risk_remaining,
            trade_off=trade_off,
            rollback_path=rollback_path,
            proof_location=proof_location,
            tracker_url=tracker_url,
        ),
        actor=actor,
        version=version,
    )
    if causes is not KEEP:
        change = _set_causes(action, causes, actor=actor)
        note_joined(action, moved, "causes", change, actor=actor)
    if failure_modes is not KEEP:
        change = _set_failure_modes(action, failure_modes, actor=actor)
        note_joined(action, moved, "failure_modes", change, actor=actor)
    if action.state != State.DRAFT:
        faults = missing_for_open(action)
        if action.state == State.COMPLETED:
            faults |= _missing_risks(action)
        if faults:
            raise ValidationError(faults)
    tell_edit(action, moved, actor=actor, noun="action")
    return action


@service
def open_action(
    *, incident_id: int, actor: User, number: int, version: int | None = None
) -> ActionItem:
    """Take an action out of draft. Refused, field by field, while it does not say what
    changes, who owns it and what proof closes it (R-AI-03)."""
    incident = lock_incident(incident_id, actor=actor, permission="action.edit")
    action = get_record(ActionItem, incident, number)
    if action.state != State.DRAFT:
        raise InvalidTransition(
            f"{action.ref} is {action.get_state_display().lower()}, not a draft."
        )
    if missing := missing_for_open(action):
        raise ValidationError(missing)
    change_record(action, {"state": State.OPEN}, actor=actor, version=version)
    activity.record(
        incident,
        actor=actor,
        verb="actions.action_opened",
        sentence=f"opened {action.ref}: {action.title}",
        subject=action,
    )
    return action


def _missing_risks(action: ActionItem) -> dict[str, ValidationError]:
    faults = {}
    if not action.risk_removed:
        faults["risk_removed"] = ValidationError(
            "Write which risk is gone now that this has shipped.", code="required"
        )
    if not action.risk_remaining:
        faults["risk_remaining"] = ValidationError(
            "Write which risk remains; “none found” and why is an answer too.",
            code="required",
        )
    return faults


def _unproven(test: ClosureTest, waived: frozenset[str]) -> str:
    """Why a closure test does not count as passed yet; '' when it does."""
    if test.accepted_run:
        return ""
    run = test.unproven_run
    if run is not None:
        if selectors.missing_artifact_key(test, run) in waived and not run.proof:
            return ""
        if run.rests_on_procedure_text:
            return (
                f"{test.ref}: {run.ref} passed, but only procedure text is attached. "
                "Attach the output of the run."
            )
        return (
            f"{test.ref}: {run.ref} passed, but no original artifact is attached. "
            "Attach the output of the run."
        )
    latest = test.latest_run
    if latest is None:
        return f"{test.ref} was never run. Record a run with its artifact."
    return (
        f"{test.ref}: the latest run, {latest.ref}, is "
        f"{latest.get_outcome_display().lower()}. Record a run that passes."
    )


@service
def complete_action(
    *,
    incident_id: int,
    actor: User,
    number: int,
    risk_removed: str = KEEP,
    risk_remaining: str = KEEP,
    version: int | None = None,
) -> ActionItem:
    """Say that the change has shipped and its tests passed.

    Needs an accepted run of every closure test, or a missing artifact that two people
    accepted (R-AI-09, R-CT-08), and both risks in writing (R-AI-05).
    """
    incident = lock_incident(incident_id, actor=actor, permission="action.complete")
    get_record(ActionItem, incident, number)
    action = selectors.get_action(incident, number)
    require_follow_up(incident, action)
    if action.state != State.OPEN:
        raise InvalidTransition(
            f"{action.ref} is {action.get_state_display().lower()}: "
            "only an open action can be completed."
        )
    now = timezone.now()
    changes = given(risk_removed=risk_removed, risk_remaining=risk_remaining)
    moved = change_record(
        action,
        changes
        | {"state": State.COMPLETED, "completed_at": now, "completed_by": actor},
        actor=actor,
        version=version,
    )
    faults = missing_for_open(action) | _missing_risks(action)
    waived = selectors.waived_artifacts(incident, now)
    unproven = [text for t in action.live_tests if (text := _unproven(t, waived))]
    if unproven:
        faults["closure_tests"] = ValidationError(
            [ValidationError(text, code="no_accepted_run") for text in unproven]
        )
    if faults:
        raise ValidationError(faults)
    activity.record(
        incident,
        actor=actor,
        verb="actions.action_completed",
        sentence=f"completed {action.ref}: {action.title}",
        subject=action,
        data={"changes": moved},
    )
    note_approvals(incident)
    return action


@service
def cancel_action(
    *,
    incident_id: int,
    actor: User,
    number: int,
    reason: str,
    version: int | None = None,
) -> ActionItem:
    """Give an action up, with the reason. It stays in the record."""
    incident = lock_incident(incident_id, actor=actor, permission="action.edit")
    action = get_record(ActionItem, incident, number)
    reason = require_reason(reason, "it is given up")
    if not action.is_pending:
        raise InvalidTransition(
            f"{action.ref} is {action.get_state_display().lower()} and cannot be "
            "cancelled."
        )
    change_record(
        action,
        {"state": State.CANCELLED, "cancelled_reason": reason},
        actor=actor,
        version=version,
        reason=reason,
    )
    activity.record(
        incident,
        actor=actor,
        verb="actions.action_cancelled",
        sentence=f"cancelled {action.ref}: {action.title}",
        subject=action,
        reason=reason,
    )
    return action


def retract_action(
    *, incident_id: int, actor: User, number: int, reason: str
) -> ActionItem:
    """Withdraw an action that should never have been written; it stays, struck
    through. To give up one that was meant, cancel it."""
    return retract_record(
        incident_id=incident_id,
        actor=actor,
        model=ActionItem,
        number=number,
        reason=reason,
        permission="action.edit",
    )

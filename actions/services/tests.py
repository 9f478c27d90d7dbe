"""Write verbs of closure tests and their runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.files.base import File

from accounts.models import User
from actions import selectors
from actions.models import ActionItem, ClosureTest, TestRun
from actions.services.items import note_approvals, refuse_cancelled, require_follow_up
from incidents import activity
from incidents.models import Evidence, KnownUnknown
from incidents.services.core import (
    KEEP,
    add_record,
    change_record,
    get_record,
    given,
    lock_incident,
    require_reason,
    set_evidence,
    tell_edit,
    withdraw,
)
from incidents.services.evidence import store_evidence
from incidents.services.files import keep_file
from postmortem.lib.errors import InvalidTransition, field_error
from postmortem.lib.persistence import service
from postmortem.lib.times import refuse_future
from postmortem.lib.words import shortened


@service
def add_closure_test(
    *,
    incident_id: int,
    actor: User,
    action: ActionItem,
    procedure: str,
    pass_condition: str = "",
    environment: str = "",
    due_at: datetime | None = None,
) -> ClosureTest:
    """Say how it will be proven that an action works, and what has to come out."""
    incident = lock_incident(incident_id, actor=actor, permission="action.edit")
    action = get_record(ActionItem, incident, action.number)
    refuse_cancelled(action)
    test = add_record(
        ClosureTest(
            incident=incident,
            action=action,
            procedure=procedure,
            pass_condition=pass_condition,
            environment=environment,
            due_at=due_at,
        ),
        actor=actor,
    )
    activity.record(
        incident,
        actor=actor,
        verb="actions.test_added",
        sentence=f"added closure test {test.ref} to {action.ref}",
        subject=test,
    )
    return test


@service
def edit_closure_test(
    *,
    incident_id: int,
    actor: User,
    number: int,
    version: int | None = None,
    procedure: str = KEEP,
    pass_condition: str = KEEP,
    environment: str = KEEP,
    due_at: datetime | None = KEEP,
) -> ClosureTest:
    """Change a closure test. Approvals of its action lapse; an open action keeps at
    least one pass condition."""
    incident = lock_incident(incident_id, actor=actor, permission="action.edit")
    test = get_record(ClosureTest, incident, number)
    action = selectors.get_action(incident, test.action.number)
    refuse_cancelled(action)
    moved = change_record(
        test,
        given(
            procedure=procedure,
            pass_condition=pass_condition,
            environment=environment,
            due_at=due_at,
        ),
        actor=actor,
        version=version,
    )
    _keep_a_test(action, without=test, plus=test)
    tell_edit(test, moved, actor=actor, noun="test")
    return test


def _keep_a_test(
    action: ActionItem, *, without: ClosureTest, plus: ClosureTest | None = None
) -> None:
    """An action that has left draft keeps a closure test with a pass condition."""
    if action.state == ActionItem.State.DRAFT:
        return
    left = [test for test in action.live_tests if test.pk != without.pk]
    left += [plus] if plus else []
    if any(test.pass_condition for test in left):
        return
    field = "pass_condition" if plus else "reason"
    raise field_error(
        field,
        f"{action.ref} is {action.get_state_display().lower()} and needs a "
        "closure test with a pass condition. Add the other one first.",
        "required",
    )


@service
def retract_closure_test(
    *, incident_id: int, actor: User, number: int, reason: str
) -> ClosureTest:
    """Withdraw a closure test with a reason. The last one of an open action stays."""
    incident = lock_incident(incident_id, actor=actor, permission="action.edit")
    test = get_record(ClosureTest, incident, number)
    reason = require_reason(reason, "it is withdrawn")
    action = selectors.get_action(incident, test.action.number)
    _keep_a_test(action, without=test)
    withdraw(test, actor=actor, reason=reason)
    activity.record(
        incident,
        actor=actor,
        verb="actions.test_retracted",
        sentence=f"withdrew {test.ref} of {action.ref}",
        subject=test,
        reason=reason,
    )
    return test


@service
def record_run(
    *,
    incident_id: int,
    actor: User,
    closure_test: ClosureTest,
    ran_at: datetime,
    environment: str,
    outcome: str,
    tester: User | None = None,
    notes: str = "",
    sandbox_limit: str = "",
    evidence: Sequence[Evidence] = (),
    uploads: Sequence[File[Any]] = (),
) -> TestRun:
    """Record one run of a closure test, with the artifacts that it left.

    evidence: artifacts of this incident; uploads: files, stored as test output captured
    at `ran_at`. The tester defaults to the actor. What the sandbox could not reproduce
    becomes a known unknown that stays open as the follow-up (R-CT-07). Goes on after
    closing for scheduled actions.
    """
    incident = lock_incident(incident_id, actor=actor, permission="action.run")
    test = get_record(ClosureTest, incident, closure_test.number)
    action = get_record(ActionItem, incident, test.action.number)
    require_follow_up(incident, action)
    refuse_cancelled(action)
    refuse_future(ran_at, "ran_at")
    run = TestRun(
        incident=incident,
        closure_test=test,
        ran_at=ran_at,
        environment=environment,
        outcome=outcome,
        tester=tester or actor,
        notes=notes,
        sandbox_limit=sandbox_limit,
    )
    if sandbox_limit.strip() and not incident.is_frozen:
        run.known_unknown = _not_reproduced(run, action, actor=actor)
    add_record(run, actor=actor)
    attached = _attach(run, actor=actor, evidence=evidence, uploads=uploads)
    refs = f", with {', '.join(item.ref for item in attached)}" if attached else ""
    activity.record(
        incident,
        actor=actor,
        verb="actions.run_recorded",
        sentence=f"recorded {run.ref} of {test.ref} for {action.ref}: "
        f"{run.get_outcome_display().lower()}{refs}",
        subject=run,
    )
    return run


def _not_reproduced(run: TestRun, action: ActionItem, *, actor: User) -> KnownUnknown:
    """What the sandbox could not show stays open as a known unknown (R-CT-07)."""
    test = run.closure_test
    return add_record(
        KnownUnknown(
            incident=run.incident,
            question=shortened(
                f"Not reproduced by {test.ref}: {run.sandbox_limit}", 300
            ),
            why_it_matters=f"The sandbox could not show it for {action.ref}; the "
            "risk remains until it is tested for real or accepted.",
            missing_check=f"A run of {test.ref} where it can be reproduced",
            owner=action.owner,
            due_at=action.due_at,
        ),
        actor=actor,
    )


def _attach(
    run: TestRun,
    *,
    actor: User,
    evidence: Sequence[Evidence],
    uploads: Sequence[File[Any]],
) -> list[Evidence]:
    """Link artifacts and uploads to a run (inside a service), which voids approvals."""
    stored = [
        store_evidence(
            run.incident,
            actor=actor,
            kind=Evidence.Kind.TEST_OUTPUT,
            title=shortened(f"{run.ref} {file.filename}", 200),
            upload=file,
            captured_at=run.ran_at,
        )
        for file in [keep_file(upload, field="uploads") for upload in uploads]
    ]
    attached = [*evidence, *stored]
    set_evidence(run, attached, actor=actor)
    note_approvals(run.incident)
    return attached


@service
def attach_artifact(
    *,
    incident_id: int,
    actor: User,
    number: int,
    evidence: Sequence[Evidence] = (),
    uploads: Sequence[File[Any]] = (),
) -> TestRun:
    """Attach artifacts to a run that was recorded without them."""
    incident = lock_incident(incident_id, actor=actor, permission="action.run")
    run = get_record(TestRun, incident, number)
    action = get_record(ActionItem, incident, run.closure_test.action.number)
    require_follow_up(incident, action)
    if not evidence and not uploads:
        raise field_error(
            "evidence",
            "Choose an artifact of this incident or upload a file.",
            "required",
        )
    attached = _attach(run, actor=actor, evidence=evidence, uploads=uploads)
    activity.record(
        incident,
        actor=actor,
        verb="actions.run_evidence_linked",
        sentence=f"attached {', '.join(item.ref for item in attached)} to {run.ref}",
        subject=run,
    )
    return run


@service
def retract_run(*, incident_id: int, actor: User, number: int, reason: str) -> TestRun:
    """Withdraw a run with a reason. The approval that rested on it lapses."""
    incident = lock_incident(incident_id, actor=actor, permission="action.edit")
    run = get_record(TestRun, incident, number)
    reason = require_reason(reason, "it is withdrawn")
    action = run.closure_test.action
    if action.state == ActionItem.State.CANCELLED:
        raise InvalidTransition(
            f"{action.ref} was cancelled; its runs stay as they are."
        )
    withdraw(run, actor=actor, reason=reason)
    activity.record(
        incident,
        actor=actor,
        verb="actions.run_retracted",
        sentence=f"withdrew {run.ref} of {run.closure_test.ref}",
        subject=run,
        reason=reason,
    )
    return run

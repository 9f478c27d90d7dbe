"""The actions that follow from the causes: planned, tested, completed, approved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from accounts.models import User
from actions.models import (
    ActionApproval,
    ActionCause,
    ActionFailureMode,
    ActionItem,
    ClosureTest,
    TestRun,
    TestRunEvidence,
)
from actions.selectors import facts_digest
from incidents.models import (
    Evidence,
    Incident,
)
from postmortem.generator.response import Tale
from rca.models import (
    Cause,
    FailureMode,
)

Status = Incident.Status
DAY = timedelta(days=1)


def act(tale: Tale, causes: list[Cause], mode: FailureMode) -> list[ActionItem]:
    """Two to four actions: the first mandatory and proven, later ones scheduled."""
    count = tale.rng.randrange(2, 5)
    return [_action(tale, causes, mode, number, count) for number in range(count)]


TITLES = (
    "Let the pool of {provider} grow with the traffic",
    "Rehearse the move to the second path of {provider} each quarter",
    "Send change notices of {provider} to the on-call rota",
    "Compare postings with {provider} every hour",
)


def _action(
    tale: Tale, causes: list[Cause], mode: FailureMode, number: int, count: int
) -> ActionItem:
    book, cast, incident = tale.book, tale.cast, tale.incident
    drafted = tale.plan.ended_at + 3 * DAY
    who: dict[str, Any] = {"actor": cast.product, "at": drafted}
    owner = cast.engineers[number % len(cast.engineers)]
    # One in twelve closed cases leaves its last action to a later date.
    deferred = (
        number == count - 1
        and tale.plan.status == Status.CLOSED
        and tale.rng.random() < 0.08
    )
    completed = tale.plan.status == Status.CLOSED and not deferred
    completed = completed or (number == 0 and tale.rng.random() < 0.5)
    finance = number == 0
    action = ActionItem(
        incident=incident,
        title=tale.words(TITLES[number]),
        kind=ActionItem.Kind.REDUCE,
        timing="mandatory_now" if number == 0 else "scheduled",
        priority="4_weeks" if number == 0 else "",
        area=ActionItem.Area.RISK_CONTROLS if finance else ActionItem.Area.GENERAL,
        owner=owner,
        due_at=drafted + timedelta(days=14 if not deferred else 60, hours=number),
        risk_removed="The limit no longer refuses payments.",
        risk_remaining="A larger peak would need the next step.",
        trade_off="More idle connections at night.",
        rollback_path="The former limit is one switch away.",
        proof_location="Test runner",
        tracker_url=f"https://tracker.generated.example/{incident.number}-{number + 1}",
    )
    book.add(action, **who)
    book.tell(
        "actions.action_added",
        f"drafted {action.ref}: {action.title}",
        subject=action,
        **who,
    )
    cause_links = [
        book.add(ActionCause(incident=incident, action=action, cause=cause), **who)
        for cause in (causes if number == 0 else causes[-1:])
    ]
    mode_links = [
        book.add(
            ActionFailureMode(incident=incident, action=action, failure_mode=mode),
            **who,
        )
    ]
    book.tell(
        "actions.causes_set",
        f"said that {action.ref} answers {mode.ref} and its causes",
        subject=action,
        **who,
    )
    test = book.add(
        ClosureTest(
            incident=incident,
            action=action,
            procedure="Send twice the usual traffic through the path and look at "
            "the delivery statuses of its webhooks.",
            pass_condition="No refused connection",
            environment="Staging with provider sandbox",
            due_at=action.due_at,
        ),
        **who,
    )
    book.tell(
        "actions.test_added",
        f"added closure test {test.ref} to {action.ref}",
        subject=test,
        **who,
    )
    book.change(action, state=ActionItem.State.OPEN, **who)
    book.tell(
        "actions.action_opened",
        f"opened {action.ref}: {action.title}",
        subject=action,
        **who,
    )
    runs = _complete(tale, action, test) if completed else []
    # What the selectors prefetch, for the digest that an approval is bound to.
    test._prefetched_objects_cache = {"runs": runs}  # type: ignore[attr-defined]
    action._prefetched_objects_cache = {  # type: ignore[attr-defined]
        "closure_tests": [test],
        "cause_links": cause_links,
        "failure_mode_links": mode_links,
    }
    if tale.plan.status == Status.CLOSED:
        purpose = "completion" if completed else "deferral"
        _approve(tale, action, purpose, cast.engineering_manager, "quality")
        if completed and finance:
            _approve(tale, action, purpose, cast.finance_manager, "finance")
    return action


def _complete(tale: Tale, action: ActionItem, test: ClosureTest) -> list[TestRun]:
    book, tester = tale.book, tale.cast.payops
    at = tale.plan.ended_at + 8 * DAY
    kind = Evidence.Kind.TEST_OUTPUT
    if action.area == ActionItem.Area.RISK_CONTROLS:
        kind = Evidence.Kind.CONTROL_LOG
    proof = tale.add_evidence(kind, f"Record of {test.ref}", actor=tester, at=at)
    run = TestRun(
        incident=tale.incident,
        closure_test=test,
        ran_at=at,
        environment=test.environment,
        outcome=TestRun.Outcome.PASSED,
        tester=tester,
        notes="Twice the usual traffic for one hour; webhook statuses looked at.",
    )
    book.add(run, actor=tester, at=at)
    book.link(TestRunEvidence, run, proof, actor=tester, at=at)
    book.tell(
        "actions.run_recorded",
        f"recorded {run.ref} of {test.ref} for {action.ref}: passed",
        actor=tester,
        at=at,
        subject=run,
    )
    links = [row for row in book.rows[TestRunEvidence] if row.claim_id == run.pk]
    run._prefetched_objects_cache = {"evidence_links": links}  # type: ignore[attr-defined]
    owner = action.owner
    assert owner is not None
    book.change(
        action,
        actor=owner,
        at=at,
        state=ActionItem.State.COMPLETED,
        completed_at=at,
        completed_by=owner,
    )
    book.tell(
        "actions.action_completed",
        f"completed {action.ref}: {action.title}",
        actor=owner,
        at=at,
        subject=action,
    )
    return [run]


def _approve(
    tale: Tale, action: ActionItem, purpose: str, actor: User, seat: str
) -> None:
    at = tale.plan.ended_at + 9 * DAY
    approval = ActionApproval(
        incident=tale.incident,
        action=action,
        purpose=purpose,
        seat=seat,
        decision=ActionApproval.Decision.APPROVED,
        approver=actor,
        approved_digest=facts_digest(action, purpose),
        at=at,
    )
    tale.book.keep(approval)
    what = "completion" if purpose == "completion" else "deferral"
    tale.book.tell(
        "actions.action_approved"
        if purpose == "completion"
        else "actions.deferral_approved",
        f"approved the {what} of {action.ref}",
        actor=actor,
        at=at,
        subject=action,
        data={"digest": approval.approved_digest, "seat": seat},
    )


def is_settled(actions: list[ActionItem]) -> bool:
    """Nothing goes on after closing."""
    return all(action.state == ActionItem.State.COMPLETED for action in actions)

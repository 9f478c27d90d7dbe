"""What is due in the actions: the actions themselves, their closure tests, and
completed ones that wait for approval. All of it goes on after closing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet

from accounts.models import User
from actions import selectors
from actions.models import ActionItem, ClosureTest
from incidents.models import Incident
from incidents.models.case import visible_to
from incidents.permissions import OPEN
from incidents.selectors import follow_ups
from incidents.selectors.lists import Gathered
from postmortem.lib.deadlines import Deadline, deadlines
from postmortem.lib.kept import Kept, Key

State = ActionItem.State
# How long a completed action may wait for its approver (house choice).
APPROVAL_TIME = timedelta(days=3)
# Whether the approval of an action waits or is stale is decided by the record alone;
# who is named to give it, in which role, is asked each time.
_STATES = Kept(20_000)

# What a deadline says of an action and of its incident: the rest of both is long.
_ACTION = {"incident", "number", "title", "timing", "owner", "due_at"}
_INCIDENT = ("number", "title", "clock_zone", "is_restricted")


@deadlines("action", "closure_test")
def actions_due(user: User | None = None) -> Iterator[Deadline]:
    """Due dates of actions that are still to be done and of their closure tests
    (R-AI-01, R-MT-05)."""
    for action, tests in _pending(user):
        yield from _action_due(action)
        yield from _tests_due(action, tests)


@deadlines("approval")
def approvals_due(user: User | None = None) -> Iterator[Deadline]:
    """The approvals that completed actions wait for."""
    for action, state, named in _waiting(user):
        for item in _approval_due(action, state, named):
            if user is None or item.owner == user:
                yield item


def _key(kind: str, action: ActionItem, ref: str, due_at: datetime) -> str:
    """Stable for one date: a new date is a new deadline, with reminders of its own."""
    return f"{kind}:{action.incident.key}:{ref}:{due_at.astimezone(UTC):%Y%m%dT%H%M}"


def _pending(user: User | None) -> Iterator[tuple[ActionItem, list[ClosureTest]]]:
    """Actions still to be done that have a date, or a test that has one, with their
    tests: of incidents that count, not cancelled, and for a person only theirs and of
    incidents that they may see."""
    rows = ActionItem.objects.filter(
        Q(due_at__isnull=False) | Q(closure_tests__due_at__isnull=False),
        retracted_at=None,
        state__in=ActionItem.PENDING,
    )
    if user is not None:
        rows = rows.filter(owner=user)
    found = selectors.with_tests(rows, {ActionItem: _ACTION, **selectors.PROOF})
    # By their keys: PostgreSQL reads all incidents to join those of some hundred.
    visible = Incident.objects.visible_to(user) if user else Incident.objects.all()
    incidents = (
        visible.exclude(status=Incident.Status.CANCELLED)
        .only(*_INCIDENT)
        .in_bulk({action.incident_id for action, _ in found})
    )
    owners = {user.pk: user} if user else _owners(found)
    for action, tests in found:
        if action.incident_id in incidents:
            action.incident = incidents[action.incident_id]
            if action.owner_id:
                action.owner = owners[action.owner_id]
            yield action, tests


def _owners(found: list[tuple[ActionItem, list[ClosureTest]]]) -> dict[int, User]:
    """Whose these actions are, by id."""
    return User.objects.in_bulk({row.owner_id for row, _ in found if row.owner_id})


def _action_due(action: ActionItem) -> Iterator[Deadline]:
    if action.due_at is None:
        return
    yield Deadline(
        key=_key("action", action, action.ref, action.due_at),
        kind="action",
        title=action.title,
        due_at=action.due_at,
        owner=action.owner,
        incident=action.incident,
        url=action.get_absolute_url(),
        ref=action.ref,
        detail=str(action.get_timing_display()),
    )


def _tests_due(action: ActionItem, tests: list[ClosureTest]) -> Iterator[Deadline]:
    """Its closure tests that have a date of their own and no accepted run yet."""
    for test in tests:
        if test.is_retracted or test.due_at is None or test.accepted_run:
            continue
        test.action = action
        latest = test.latest_run
        yield Deadline(
            key=_key("closure_test", action, test.ref, test.due_at),
            kind="closure_test",
            title=f"{action.ref} {action.title}",
            due_at=test.due_at,
            owner=action.owner,
            incident=action.incident,
            url=test.get_absolute_url(),
            ref=test.ref,
            detail=f"{latest.ref} {latest.get_outcome_display().lower()}"
            if latest
            else "No run yet",
        )


def _completed(user: User | None) -> QuerySet[ActionItem]:
    """Completed actions whose approval may be open: of open incidents, and of closed
    ones in which one is noted to wait; what was completed before is approved."""
    opened = Incident.objects.filter(status__in=OPEN).order_by().values("pk")
    asked = opened.union(follow_ups().values("incident"))
    approvers = Incident.approvers.through.objects
    named = approvers.filter(incident=OuterRef("incident")).values(row=F("user"))
    rows = ActionItem.objects.filter(
        incident__in=asked,
        retracted_at=None,
        state=State.COMPLETED,
        completed_at__isnull=False,
    )
    if user is not None:
        # Not as `or`: PostgreSQL takes every second action for one of theirs then.
        approves = approvers.filter(user=user).values("incident")
        found = rows.order_by().values("pk")
        theirs = found.filter(owner=user).union(found.filter(incident__in=approves))
        rows = ActionItem.objects.filter(visible_to(user, "incident__"), pk__in=theirs)
    return (
        rows.select_related("incident", "owner")
        .defer("incident__summary", "incident__attested", "incident__extra")
        .annotate(named=Gathered(named))
    )


def _waiting(user: User | None) -> Iterator[tuple[ActionItem, str, list[User]]]:
    """Those whose approval is still to be given, whether it waits or is stale, and who
    is named to give it. Each is held against its approvals once for each state of its
    record."""
    rows: dict[Key, Any] = {
        (row.pk, row.incident.activity_head): row
        for row in _completed(user)
        # After closing, only scheduled actions move on.
        if not (row.is_mandatory and row.incident.is_frozen)
    }
    people: dict[int, User] = {}

    def load(actions: list[Any]) -> None:
        named = {pk for row in actions for pk in row.named or ()}
        people.update(selectors.load_facts(actions, besides=named))

    def read(keys: list[Key]) -> dict[Key, str]:
        new = set(keys)  # those with approvers are asked more: all in one look
        load([row for key, row in rows.items() if key in new or row.named])
        return {key: selectors.approval_state(rows[key]).state for key in keys}

    states = _STATES.each(list(rows), read)
    waiting = [
        (row, state)
        for row, state in zip(rows.values(), states, strict=True)
        if state in selectors.OPEN_STATES
    ]
    if not people:
        load([row for row, _ in waiting if row.named])
    for row, state in waiting:
        yield row, state, [people[pk] for pk in sorted(row.named or ())]


def _approval_due(
    action: ActionItem, state: str, named: list[User]
) -> Iterator[Deadline]:
    """For each approver named in the incident who may give it; where none may, for the
    owner, who has to find one."""
    assert action.completed_at is not None
    due_at = action.completed_at + APPROVAL_TIME
    able = []
    if named:
        approvals = selectors.approval_state(action)
        able = [p for p in named if selectors.may_approve(action, p, approvals)]
    for person in able or ([action.owner] if action.owner else []):
        key = _key("approval", action, action.ref, due_at)
        yield Deadline(
            key=f"{key}:{person.pk}",
            kind="approval",
            title=f"Approve “{action.title}”"
            if able
            else f"Find an approver for “{action.title}”",
            due_at=due_at,
            owner=person,
            incident=action.incident,
            url=f"{action.get_absolute_url()}#approvals",
            ref=action.ref,
            detail="Approval is stale: the action changed"
            if state == "stale"
            else "Completed, waiting for approval",
        )

"""What is due in the actions: the actions themselves, their closure tests, and
completed ones that wait for approval. All of it goes on after closing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet

from accounts.models import User
from actions import selectors
from actions.models import ActionItem
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

# What a deadline says of its incident: the rest of a case file is long.
_INCIDENT = (
    *("incident__number", "incident__title", "incident__clock_zone"),
    "incident__is_restricted",
)


@deadlines("action", "closure_test", "approval")
def actions_due(user: User | None = None) -> Iterator[Deadline]:
    """Due dates of actions that are still to be done and of their closure tests, and
    the approvals that completed ones wait for (R-AI-01, R-MT-05). All three in one
    look, because they read the same tests, runs and artifacts."""
    pending = list(_pending(user))
    waiting = _waiting(user, pending)
    asked = [action for action, _ in waiting if _named(action)]
    selectors.load_tests([*pending, *asked])
    selectors.load_approvals(asked)
    selectors.load_conflicts(asked)
    people = _people({pk for action in asked for pk in _named(action)})
    for action in pending:
        yield from _action_due(action)
        yield from _tests_due(action)
    for action, state in waiting:
        named = [people[pk] for pk in _named(action)]
        for item in _approval_due(action, state, named):
            if user is None or item.owner == user:
                yield item


def _key(kind: str, action: ActionItem, ref: str, due_at: datetime) -> str:
    """Stable for one date: a new date is a new deadline, with reminders of its own."""
    return f"{kind}:{action.incident.key}:{ref}:{due_at.astimezone(UTC):%Y%m%dT%H%M}"


def _pending(user: User | None) -> QuerySet[ActionItem]:
    """Actions still to be done, of incidents that count: not cancelled, and for a
    person only of those that they may see."""
    rows = (
        ActionItem.objects.filter(retracted_at=None, state__in=ActionItem.PENDING)
        .exclude(incident__status=Incident.Status.CANCELLED)
        .select_related("incident", "owner")
        .only("number", "title", "timing", "due_at", "owner", *_INCIDENT)
    )
    if user is not None:
        rows = rows.filter(visible_to(user, "incident__"), owner=user)
    return rows


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


def _tests_due(action: ActionItem) -> Iterator[Deadline]:
    """Its closure tests that have a date of their own and no accepted run yet."""
    for test in action.live_tests:
        if test.due_at is None or test.accepted_run:
            continue
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
    rows = (
        ActionItem.objects.filter(
            retracted_at=None, state=State.COMPLETED, completed_at__isnull=False
        )
        .filter(incident__in=asked)
        .select_related("incident", "owner", "recorded_by", "completed_by")
        .defer("incident__summary", "incident__attested", "incident__extra")
        .annotate(named=Gathered(named))
    )
    if user is not None:
        # Read first: PostgreSQL takes every second action for one of theirs otherwise.
        theirs = approvers.filter(user=user, incident__in=asked)
        approves = list(theirs.values_list("incident", flat=True))
        rows = rows.filter(
            Q(owner=user) | Q(incident__in=approves), visible_to(user, "incident__")
        )
    return rows


def _waiting(
    user: User | None, pending: list[ActionItem]
) -> list[tuple[ActionItem, str]]:
    """Those whose approval is still to be given, and whether it waits or is stale. Each
    is held against its approvals once for each state of its record; the tests of
    `pending` are read along."""
    rows: dict[Key, ActionItem] = {
        (row.pk, row.incident.activity_head): row
        for row in _completed(user)
        # After closing, only scheduled actions move on.
        if not (row.is_mandatory and row.incident.is_frozen)
    }

    def read(keys: list[Key]) -> dict[Key, str]:
        missing = [rows[key] for key in keys]
        selectors.load_tests([*pending, *missing])
        selectors.load_approvals(missing)
        return {key: selectors.approval_state(rows[key]).state for key in keys}

    states = _STATES.each(list(rows), read)
    found = zip(rows.values(), states, strict=True)
    return [(row, state) for row, state in found if state in selectors.OPEN_STATES]


def _named(action: Any) -> list[int]:
    """Ids of the approvers of its incident, as `_completed` has read them."""
    return sorted(action.named or ())


def _people(ids: set[int]) -> dict[int, User]:
    """These people by id, with their roles and the functions they manage as they are
    now, in one query."""
    people: dict[int, User] = {}
    groups: dict[int, set[str]] = {}
    managed: dict[int, set[str]] = {}
    for row in User.objects.filter(pk__in=ids).annotate(
        group=F("groups__name"), manages=F("managed_teams__function")
    ):
        people[row.pk] = row
        groups.setdefault(row.pk, set()).add(row.group)
        managed.setdefault(row.pk, set()).add(row.manages)
    for pk, person in people.items():
        person.roles = person.roles_in(groups[pk])
        person.managed_functions = frozenset(managed[pk] - {None})
    return people


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

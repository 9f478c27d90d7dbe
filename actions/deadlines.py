"""What is due in the actions: the actions themselves, their closure tests, and
completed ones that wait for approval. All of it goes on after closing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Prefetch, Q, QuerySet, prefetch_related_objects

from accounts.models import User
from actions import selectors
from actions.models import ActionApproval, ActionItem, ClosureTest
from incidents.models import Incident
from postmortem.lib.deadlines import Deadline, deadlines
from postmortem.lib.kept import Kept

State = ActionItem.State
# How long a completed action may wait for its approver (house choice).
APPROVAL_TIME = timedelta(days=3)


def _visible(user: User | None) -> QuerySet[Incident]:
    """Incidents that count: not cancelled, and for a person only those they may see."""
    rows = Incident.objects.visible_to(user) if user else Incident.objects.all()
    return rows.exclude(status=Incident.Status.CANCELLED)


def _key(kind: str, incident: Incident, ref: str, due_at: datetime) -> str:
    """Stable for one date: a new date is a new deadline, with reminders of its own."""
    return f"{kind}:{incident.key}:{ref}:{due_at.astimezone(UTC):%Y%m%dT%H%M}"


@deadlines("action")
def action_due(user: User | None = None) -> Iterator[Deadline]:
    """Due dates of actions that are still to be done (R-AI-01, R-MT-05)."""
    rows = ActionItem.objects.filter(
        retracted_at=None,
        due_at__isnull=False,
        state__in=ActionItem.PENDING,
        incident__in=_visible(user),
    ).select_related("incident", "owner")
    if user is not None:
        rows = rows.filter(owner=user)
    for action in rows:
        assert action.due_at is not None
        yield Deadline(
            key=_key("action", action.incident, action.ref, action.due_at),
            kind="action",
            title=action.title,
            due_at=action.due_at,
            owner=action.owner,
            incident=action.incident,
            url=action.get_absolute_url(),
            ref=action.ref,
            detail=str(action.get_timing_display()),
        )


@deadlines("closure_test")
def closure_test_due(user: User | None = None) -> Iterator[Deadline]:
    """Closure tests that have a date of their own and no accepted run yet."""
    rows = ClosureTest.objects.filter(
        retracted_at=None,
        due_at__isnull=False,
        action__retracted_at=None,
        action__state__in=ActionItem.PENDING,
        incident__in=_visible(user),
    )
    if user is not None:
        rows = rows.filter(action__owner=user)
    found = rows.select_related("incident", "action__owner").prefetch_related(
        Prefetch("runs__evidence_links", selectors.run_evidence())
    )
    for test in found:
        assert test.due_at is not None
        if test.accepted_run:
            continue
        test.action.incident = test.incident
        latest = test.latest_run
        yield Deadline(
            key=_key("closure_test", test.incident, test.ref, test.due_at),
            kind="closure_test",
            title=f"{test.action.ref} {test.action.title}",
            due_at=test.due_at,
            owner=test.action.owner,
            incident=test.incident,
            url=test.get_absolute_url(),
            ref=test.ref,
            detail=f"{latest.ref} {latest.get_outcome_display().lower()}"
            if latest
            else "No run yet",
        )


def _people(found: Iterable[User]) -> dict[int, User]:
    """The approvers by id, with roles and managed teams: two queries for all."""
    people = {person.pk: person for person in found}
    prefetch_related_objects(list(people.values()), "groups", "managed_teams")
    for person in people.values():
        person.roles = person.roles_in(group.name for group in person.groups.all())
        person.managed_functions = frozenset(
            team.function for team in person.managed_teams.all()
        )
    return people


# Whether an action is approved, or was sent back, is decided by the record alone; who
# may still approve one that is neither, is not: that is asked each time.
_DECIDED = Kept(20_000)


def _undecided(rows: QuerySet[ActionItem]) -> list[int]:
    """Ids of those whose approval is still to be given; each is read in full once for
    each state of its record."""

    def decide(keys: list[tuple[Any, ...]]) -> dict[tuple[Any, ...], bool]:
        found = ActionItem.objects.filter(pk__in=[key[0] for key in keys])
        states = {
            action.pk: selectors.approval_state(
                action, ActionApproval.Purpose.COMPLETION
            )
            for action in selectors.with_everything(found)
        }
        return {key: _is_decided(states[key[0]]) for key in keys}

    keys = list(rows.values_list("pk", "incident__activity_head"))
    decided = _DECIDED.each(keys, decide)
    return [key[0] for key, is_done in zip(keys, decided, strict=True) if not is_done]


def _is_decided(state: selectors.ApprovalState) -> bool:
    return state.is_approved or state.state == "changes_requested"


@deadlines("approval")
def approval_due(user: User | None = None) -> Iterator[Deadline]:
    """Completed actions that wait for approval: for each approver named in the incident
    who may give it; where none is named, for the owner, who has to find one."""
    rows = ActionItem.objects.filter(
        retracted_at=None,
        state=State.COMPLETED,
        completed_at__isnull=False,
        incident__in=_visible(user),
    ).exclude(
        # Mandatory ones of a closed incident were approved before it closed.
        Q(incident__status=Incident.Status.CLOSED)
        & Q(timing=ActionItem.Timing.MANDATORY)
    )
    if user is not None:
        rows = rows.filter(Q(owner=user) | Q(incident__approvers=user)).distinct()
    waiting = list(
        selectors.with_everything(
            ActionItem.objects.filter(pk__in=_undecided(rows))
            .select_related("incident")
            .prefetch_related("incident__approvers")
        )
    )
    selectors.load_conflicts(waiting)
    people = _people(p for a in waiting for p in a.incident.approvers.all())
    for action in waiting:
        yield from _waiting_for(action, user, people)


def _waiting_for(
    action: ActionItem, user: User | None, people: dict[int, User]
) -> Iterator[Deadline]:
    state = selectors.approval_state(action, ActionApproval.Purpose.COMPLETION)
    if _is_decided(state):
        return
    assert action.completed_at is not None
    due_at = action.completed_at + APPROVAL_TIME
    named = [people[p.pk] for p in action.incident.approvers.all()]
    able = [p for p in named if selectors.may_approve(action, p, state)]
    for person in able or ([action.owner] if action.owner else []):
        if user is not None and person.pk != user.pk:
            continue
        key = _key("approval", action.incident, action.ref, due_at)
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
            if state.state == "stale"
            else "Completed, waiting for approval",
        )

"""What is due in the actions: the actions themselves, their closure tests, and
completed ones that wait for approval. All of it goes on after closing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet

from accounts.models import User
from actions import selectors
from actions.models import (
    ActionApproval,
    ActionItem,
    ClosureTest,
    TestRun,
    TestRunEvidence,
)
from incidents.models import Incident
from incidents.models.case import visible_to
from postmortem.lib.deadlines import Deadline, deadlines
from postmortem.lib.kept import Kept, Key

State = ActionItem.State
# How long a completed action may wait for its approver (house choice).
APPROVAL_TIME = timedelta(days=3)


# What a deadline says of its incident: the rest of a case file is long.
_INCIDENT = (
    *("incident__number", "incident__title", "incident__clock_zone"),
    "incident__is_restricted",
)


def _that_count(user: User | None) -> Q:
    """Rows of incidents that count: not cancelled, and for a person only of those that
    they may see."""
    seen = visible_to(user, "incident__") if user else Q()
    return seen & ~Q(incident__status=Incident.Status.CANCELLED)


def _key(kind: str, incident: Incident, ref: str, due_at: datetime) -> str:
    """Stable for one date: a new date is a new deadline, with reminders of its own."""
    return f"{kind}:{incident.key}:{ref}:{due_at.astimezone(UTC):%Y%m%dT%H%M}"


@deadlines("action")
def action_due(user: User | None = None) -> Iterator[Deadline]:
    """Due dates of actions that are still to be done (R-AI-01, R-MT-05)."""
    rows = (
        ActionItem.objects.filter(
            _that_count(user),
            retracted_at=None,
            due_at__isnull=False,
            state__in=ActionItem.PENDING,
        )
        .select_related("incident", "owner")
        .only("number", "title", "timing", "due_at", "owner", *_INCIDENT)
    )
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
    rows = (
        ClosureTest.objects.filter(
            _that_count(user),
            retracted_at=None,
            due_at__isnull=False,
            action__retracted_at=None,
            action__state__in=ActionItem.PENDING,
        )
        .select_related("incident", "action__owner")
        .only(
            *("number", "due_at", "action__number", "action__title", "action__owner"),
            *_INCIDENT,
        )
        .prefetch_related(Prefetch("runs__evidence_links", selectors.run_evidence()))
    )
    if user is not None:
        rows = rows.filter(action__owner=user)
    for test in rows:
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


def _people(ids: set[int]) -> dict[int, User]:
    """These people by id, with their roles and managed teams as they are now."""
    if not ids:
        return {}
    people = User.objects.prefetch_related("groups", "managed_teams").in_bulk(ids)
    for person in people.values():
        person.roles = person.roles_in(group.name for group in person.groups.all())
        person.managed_functions = frozenset(
            team.function for team in person.managed_teams.all()
        )
    return people


# Whether an action is approved, or was sent back, and who took part in it, is decided
# by the record alone; who is named to approve, in which role, is asked each time.
_DECIDED = Kept(20_000)
_OPEN = Kept(64)


def _moved_since_closing() -> Q:
    """Actions of a closed incident whose approval may wait again. What was completed
    before was approved before, else the incident could not have closed (AP001, AP003);
    since then scheduled ones are completed, and get runs and artifacts."""
    closed_at = OuterRef("incident__closed_at")
    runs = TestRun.objects.filter(
        closure_test__action=OuterRef("pk"), recorded_at__gt=closed_at
    )
    artifacts = TestRunEvidence.objects.filter(
        claim__closure_test__action=OuterRef("pk"), linked_at__gt=closed_at
    )
    approvals = ActionApproval.objects.filter(action=OuterRef("pk"))
    return Q(timing=ActionItem.Timing.SCHEDULED) & (
        Q(completed_at__gt=F("incident__closed_at"))
        | Q(Exists(runs))
        | Q(Exists(artifacts))
        # A case that was imported as closed may lack them.
        | ~Q(Exists(approvals))
    )


def _undecided(rows: QuerySet[ActionItem]) -> list[tuple[ActionItem, set[int]]]:
    """Those whose approval is still to be given, and who is named to approve. Each is
    read once for each state of its record."""
    named: dict[Key, set[int]] = {}
    for pk, head, approver in rows.values_list(
        "pk", "incident__activity_head", "incident__approvers"
    ):
        named.setdefault((pk, head), set()).update({approver} - {None})
    keys = list(named)
    decided = _DECIDED.each(keys, _decide)
    keys = [key for key, done in zip(keys, decided, strict=True) if not done]
    found = _OPEN.each(keys, _read)
    return [(row, named[key]) for key, row in zip(keys, found, strict=True)]


def _decide(keys: list[Key]) -> dict[Key, bool]:
    found = _read(keys)
    done = {
        key: _is_decided(
            selectors.approval_state(action, ActionApproval.Purpose.COMPLETION)
        )
        for key, action in found.items()
    }
    # What is read is kept where it is asked for next.
    waiting = [key for key in keys if not done[key]]
    _OPEN.each(waiting, lambda missing: {key: found[key] for key in missing})
    return done


def _read(keys: list[Key]) -> dict[Key, ActionItem]:
    rows = ActionItem.objects.filter(pk__in=[key[0] for key in keys])
    found = list(selectors.with_approvals(rows.select_related("incident")))
    # Without any approval it waits, whatever the rest says.
    selectors.load_rest(row for row in found if row.approvals.all())
    by_id = {action.pk: action for action in found}
    return {key: by_id[key[0]] for key in keys}


def _is_decided(state: selectors.ApprovalState) -> bool:
    return state.is_approved or state.state == "changes_requested"


@deadlines("approval")
def approval_due(user: User | None = None) -> Iterator[Deadline]:
    """Completed actions that wait for approval: for each approver named in the incident
    who may give it; where none is named, for the owner, who has to find one."""
    rows = ActionItem.objects.filter(
        _that_count(user),
        retracted_at=None,
        state=State.COMPLETED,
        completed_at__isnull=False,
    ).filter(~Q(incident__status=Incident.Status.CLOSED) | _moved_since_closing())
    if user is not None:
        approves = Incident.approvers.through.objects.filter(user=user)
        rows = rows.filter(Q(owner=user) | Q(incident__in=approves.values("incident")))
    waiting = _undecided(rows)
    asked = [action for action, named in waiting if named]
    selectors.load_rest(asked)
    selectors.load_conflicts(asked)
    people = _people({pk for _, named in waiting for pk in named})
    for action, named in waiting:
        yield from _waiting_for(action, user, [people[pk] for pk in sorted(named)])


def _waiting_for(
    action: ActionItem, user: User | None, named: list[User]
) -> Iterator[Deadline]:
    state = selectors.approval_state(action, ActionApproval.Purpose.COMPLETION)
    if _is_decided(state):
        return
    assert action.completed_at is not None
    due_at = action.completed_at + APPROVAL_TIME
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

"""What is still to be done, what is late, what has its artifact, what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from accounts.models import User, label_of
from actions.models import ActionItem, ClosureTest, TestRun
from actions.selectors.items import run_evidence
from incidents.models import Incident, KnownUnknown, Waiver
from incidents.models.case import visible_to
from incidents.selectors import kept_for
from postmortem.lib.addresses import row_address
from postmortem.lib.canonical import digest
from postmortem.lib.hanging import grouped, hold_each

State = ActionItem.State


def missing_artifact_key(test: ClosureTest, run: TestRun) -> str:
    """Key of the finding 'passed without an artifact' (CT002) on these inputs."""
    return digest(["CT002", test.ref, list(missing_artifact_inputs(run))])


def missing_artifact_inputs(run: TestRun) -> tuple[str, ...]:
    return (run.ref, run.outcome, str(run.version))


def waived_artifacts(incident: Incident, now: datetime) -> frozenset[str]:
    """Finding keys of missing artifacts that two people accepted (R-CT-08)."""
    rows = Waiver.objects.filter(incident=incident, check_id="CT002", retracted_at=None)
    return frozenset(row.finding_key for row in rows if row.is_in_force(now))


def is_overdue(action: ActionItem, now: datetime) -> bool:
    return action.is_pending and action.due_at is not None and action.due_at < now


def overdue(rows: Iterable[ActionItem], now: datetime) -> list[ActionItem]:
    """Those of `rows` that are still to be done and past their date."""
    return [action for action in rows if is_overdue(action, now)]


def pending_actions(user: User) -> QuerySet[ActionItem]:
    """Actions still to be done across all incidents that this person may see."""
    return ActionItem.objects.filter(
        visible_to(user, "incident__"),
        ~Q(incident__status=Incident.Status.CANCELLED),
        retracted_at=None,
        state__in=ActionItem.PENDING,
    )


def pending_counts(user: User, now: datetime) -> dict[str, int]:
    """How many actions are still to be done: mine, overdue ones, all."""

    def count() -> dict[str, int]:
        return pending_actions(user).aggregate(
            mine=Count("pk", filter=Q(owner=user)),
            overdue=Count("pk", filter=Q(due_at__lt=now)),
            open=Count("pk"),
        )

    return dict(kept_for(user, "actions", count))


_SHOWN = (
    *("pk", "number", "title", "kind", "timing", "state", "due_at"),
    *("incident__number", "incident__title", "incident__clock_zone"),
    *("owner__title", "owner__name", "owner__handle"),
)


@dataclass(frozen=True)
class Line:
    """What a line of the list over all incidents shows. Plain values: a page has dozens
    of lines, and a model costs more than its row. `owner`: who, or nobody; `tests`:
    those in force, by number, with their runs and artifacts."""

    pk: int
    number: int
    title: str
    kind: str
    timing: str
    state: str
    due_at: datetime | None
    incident_number: int
    incident_title: str
    clock_zone: str
    owner: str
    tests: list[ClosureTest]

    @property
    def ref(self) -> str:
        return f"{ActionItem.prefix}-{self.number}"

    @property
    def key(self) -> str:
        return f"INC-{self.incident_number}"

    @property
    def url(self) -> str:
        return row_address("actions:action_detail", self.key, self.number)


def lines(rows: QuerySet[ActionItem]) -> list[Line]:
    """These actions as lines, in their order: at most four queries; two while no test
    was run, as is usual for what is late."""
    found: list[Any] = list(rows.values_list(*_SHOWN))
    tests = grouped(
        ClosureTest.objects.filter(
            action__in=[row[0] for row in found], retracted_at=None
        )
        .order_by("number")
        .annotate(ran=Exists(TestRun.objects.filter(closure_test=OuterRef("pk"))))
        .only("action", "number", "retracted_at"),
        "action_id",
    )
    held = [test for group in tests.values() for test in group]
    runs = grouped(  # of none, nothing is asked
        TestRun.objects.filter(closure_test__in=[test for test in held if test.ran])
        .order_by("ran_at", "number")
        .only("closure_test", "number", "ran_at", "outcome", "retracted_at"),
        "closure_test_id",
    )
    made = [run for group in runs.values() for run in group]
    links = grouped(run_evidence().filter(claim__in=made), "claim_id") if made else {}
    hold_each(made, "evidence_links", links)
    hold_each(held, "runs", runs)
    return [
        Line(
            *(*row[:10], label_of(*row[10:]) if row[12] else "", tests.get(row[0], []))
        )
        for row in found
    ]


@dataclass(frozen=True)
class FollowThrough:
    """What became of the actions of an incident (R-MT-05).

    by_kind: {kind: {state: count}}. residual_risks: completed actions that say which
    risk remains, plus open unknowns that a sandbox left behind.
    """

    by_kind: dict[str, dict[str, int]]
    total: int
    overdue: int
    completed_with_artifact: int
    completed_without_artifact: int
    residual_risks: int
    mandatory_open: int


def follow_through(rows: list[ActionItem], now: datetime) -> FollowThrough:
    """Actions by kind and state, overdue, completed with and without artifact."""
    by_kind: dict[str, dict[str, int]] = {
        kind: dict.fromkeys(State.values, 0) for kind in ActionItem.Kind.values
    }
    for action in rows:
        by_kind[action.kind][action.state] += 1
    completed = [action for action in rows if action.state == State.COMPLETED]
    proven = [action for action in completed if action.is_proven]
    unknowns = {
        run.known_unknown_id
        for action in rows
        for test in action.live_tests
        for run in test.live_runs
        if run.known_unknown is not None
        and run.known_unknown.state != KnownUnknown.State.RESOLVED
    }
    return FollowThrough(
        by_kind=by_kind,
        total=len(rows),
        overdue=len(overdue(rows, now)),
        completed_with_artifact=len(proven),
        completed_without_artifact=len(completed) - len(proven),
        residual_risks=len(unknowns)
        + sum(bool(action.risk_remaining) for action in completed),
        mandatory_open=sum(a.is_mandatory and a.is_pending for a in rows),
    )

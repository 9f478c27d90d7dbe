"""The actions of a case with everything that hangs on them. Constant query counts."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet, prefetch_related_objects

from actions.models import (
    ActionApproval,
    ActionCause,
    ActionFailureMode,
    ActionItem,
    ClosureTest,
    TestRun,
    TestRunEvidence,
)
from incidents.models import Incident
from postmortem.lib.record import live_rows


def run_evidence() -> QuerySet[TestRunEvidence]:
    """Links of test runs, each with its artifact."""
    return TestRunEvidence.objects.select_related("evidence")


def with_everything(rows: QuerySet[ActionItem]) -> QuerySet[ActionItem]:
    """Tests, runs, evidence, approvals, causes and failure modes: seven queries."""
    return rows.select_related(
        "owner", "recorded_by", "completed_by", "retracted_by"
    ).prefetch_related(_approvals(), *_tests(), *_reasons())


def _approvals() -> Prefetch[Any]:
    return Prefetch("approvals", ActionApproval.objects.select_related("approver"))


def _tests() -> list[Prefetch[Any]]:
    return [
        Prefetch("closure_tests", ClosureTest.objects.order_by("number")),
        Prefetch(
            "closure_tests__runs",
            TestRun.objects.select_related(
                "tester", "recorded_by", "known_unknown"
            ).order_by("ran_at", "number"),
        ),
        Prefetch("closure_tests__runs__evidence_links", run_evidence()),
    ]


def _reasons() -> list[Prefetch[Any]]:
    return [
        Prefetch("cause_links", ActionCause.objects.select_related("cause")),
        Prefetch(
            "failure_mode_links",
            ActionFailureMode.objects.select_related("failure_mode"),
        ),
    ]


def _of_incident(rows: list[ActionItem], incident: Incident) -> list[ActionItem]:
    """Give every row the one incident object, so that no link costs a query."""
    for action in rows:
        action.incident = incident
        for test in action.closure_tests.all():
            test.incident = incident
            for run in test.runs.all():
                run.incident = incident
                for link in run.evidence_links.all():
                    link.evidence.incident = incident
        for cause in action.live_causes:
            cause.incident = incident
        for mode in action.live_failure_modes:
            mode.incident = incident
    return rows


def all_actions(incident: Incident) -> list[ActionItem]:
    """Every action of the case, the withdrawn ones too, by number."""
    rows = ActionItem.objects.filter(incident=incident).order_by("number")
    return _of_incident(list(with_everything(rows)), incident)


def actions(incident: Incident) -> list[ActionItem]:
    """The actions in force, by number, with everything prefetched."""
    rows = live_rows(incident, with_everything(ActionItem.objects.all()))
    # They are outside of the record: rows that were read with it come without them.
    prefetch_related_objects(rows, _approvals())
    return _of_incident(rows, incident)


def get_action(incident: Incident, number: int) -> ActionItem:
    """One action with everything that hangs on it; raises DoesNotExist."""
    row = with_everything(ActionItem.objects.filter(incident=incident)).get(
        number=number
    )
    return _of_incident([row], incident)[0]


def actions_by_cause(incident: Incident) -> dict[int, list[ActionItem]]:
    """Actions in force that answer each cause, by its primary key; one query."""
    links = (
        ActionCause.objects.filter(
            incident=incident, retracted_at=None, action__retracted_at=None
        )
        .select_related("action")
        .order_by("action__number")
    )
    found: dict[int, list[ActionItem]] = {}
    for link in links:
        link.action.incident = incident
        found.setdefault(link.cause_id, []).append(link.action)
    return found

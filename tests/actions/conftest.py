"""Actions of one incident, made through the services."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from accounts.models import User
from actions.models import ActionApproval, ActionItem, ClosureTest, TestRun
from actions.services import approvals, items
from actions.services import tests as closure_tests
from incidents import activity
from incidents.models import Evidence, Incident
from incidents.services.core import add_record
from incidents.services.evidence import add_evidence
from postmortem.lib.persistence import service
from rca.models import Cause

DUE = dt.datetime(2026, 3, 27, 16, 0, tzinfo=dt.UTC)
LIST = "/incidents/INC-1/actions/"
RAN = dt.datetime(2026, 3, 16, 15, 40, tzinfo=dt.UTC)


@service
def put(row: Any, *, actor: User) -> Any:
    """A row of another app, without its service: it is not under test here."""
    row.incident = Incident.objects.get(pk=row.incident_id)
    add_record(row, actor=actor)
    activity.record(row.incident, actor=actor, verb="tests.put", sentence="put a row")
    return row


class Desk:
    """Short names for the verbs, on one incident with one owner."""

    def __init__(self, incident: Incident, owner: User, author: User) -> None:
        self.incident = incident
        self.owner = owner
        self.author = author

    def add(self, **fields: Any) -> ActionItem:
        fields.setdefault("title", "Block deploys when the contract test fails")
        fields.setdefault("kind", ActionItem.Kind.REDUCE)
        fields.setdefault("timing", ActionItem.Timing.MANDATORY)
        fields.setdefault("owner", self.owner)
        fields.setdefault("due_at", DUE)
        fields.setdefault("proof_location", "runner archive")
        fields.setdefault("rollback_path", "Remove the gate label")
        fields.setdefault("risk_removed", "A bad schema reaches production")
        fields.setdefault("risk_remaining", "A provider change arrives unannounced")
        fields.setdefault("trade_off", "Deploys take a minute longer")
        fields.setdefault("tracker_url", "https://tracker.example/browse/PAY-4471")
        return items.add_action(
            incident_id=self.incident.pk, actor=self.author, **fields
        )

    def test(self, action: ActionItem, **fields: Any) -> ClosureTest:
        fields.setdefault("procedure", "Replay the deploy against the gate")
        fields.setdefault("pass_condition", "The deploy is blocked within 2 min")
        fields.setdefault("environment", "staging")
        return closure_tests.add_closure_test(
            incident_id=self.incident.pk, actor=self.author, action=action, **fields
        )

    def opened(self, **fields: Any) -> ActionItem:
        action = self.add(**fields)
        self.test(action)
        return items.open_action(
            incident_id=self.incident.pk, actor=self.author, number=action.number
        )

    def artifact(self, name: str = "output.txt", **fields: Any) -> Evidence:
        fields.setdefault("kind", Evidence.Kind.TEST_OUTPUT)
        fields.setdefault("title", "Runner output")
        return add_evidence(
            incident_id=self.incident.pk,
            actor=self.author,
            upload=ContentFile(b"blocked after 41 s\n", name=name),
            **fields,
        )

    def run(self, action: ActionItem, **fields: Any) -> TestRun:
        fields.setdefault("ran_at", RAN)
        fields.setdefault("environment", "staging")
        fields.setdefault("outcome", TestRun.Outcome.PASSED)
        fields.setdefault("actor", self.owner)
        test = fields.pop("closure_test", None)
        return closure_tests.record_run(
            incident_id=self.incident.pk,
            closure_test=test
            or action.closure_tests.filter(retracted_at=None).earliest("number"),
            **fields,
        )

    def proven(self, **fields: Any) -> ActionItem:
        """Open, with a run that passed and its artifact."""
        action = self.opened(**fields)
        self.run(action, evidence=[self.artifact()])
        return action

    def completed(self, **fields: Any) -> ActionItem:
        action = self.proven(**fields)
        return items.complete_action(
            incident_id=self.incident.pk, actor=self.owner, number=action.number
        )

    def approve(self, action: ActionItem, actor: User, **fields: Any) -> ActionApproval:
        return approvals.approve_action(
            incident_id=self.incident.pk, actor=actor, number=action.number, **fields
        )

    def cause(self, **fields: Any) -> Cause:
        fields.setdefault("label", Cause.Label.CONTRIBUTING)
        fields.setdefault("statement", "No contract test gates deploys")
        row: Cause = put(Cause(incident=self.incident, **fields), actor=self.author)
        return row

    def breaches(self) -> list[activity.Breach]:
        """What the hash chain says about everything that was written."""
        self.incident.refresh_from_db()
        return activity.verify(self.incident)

    def status(self, status: str) -> Incident:
        """Put the incident into a status directly: the way there is not under test."""
        Incident.objects.filter(pk=self.incident.pk).update(status=status)
        self.incident.refresh_from_db()
        return self.incident


@pytest.fixture
def desk(incident: Incident, responder: User, commander: User) -> Desk:
    """`responder` owns and tests, `commander` writes; a reviewer may approve."""
    return Desk(incident, owner=responder, author=commander)


@pytest.fixture
def queries(
    django_assert_max_num_queries: Any,
) -> Callable[[int], Any]:
    return lambda most: django_assert_max_num_queries(most)


@pytest.fixture
def browser(client: Client, desk: Desk) -> Client:
    """The pages, as the owner of the desk sees them."""
    client.force_login(desk.owner)
    return client


def text(page: Any) -> str:
    """A page on one line."""
    return " ".join(page.content.decode().split())

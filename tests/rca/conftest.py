"""An incident with artifacts of every standing, and short ways to state causes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from incidents.models import ActivityEntry, Evidence, Incident
from incidents.services.evidence import add_evidence
from rca import services
from rca.models import Cause, FailureMode
from tests import factories
from tests.conftest import NOW

DUE = NOW + dt.timedelta(days=2)


def make_evidence(incident: Incident, actor: User, title: str, **fields: Any) -> Any:
    fields.setdefault("kind", Evidence.Kind.LOG_QUERY)
    fields.setdefault("url", f"https://logs.pay.example/{title.replace(' ', '-')}")
    return add_evidence(incident_id=incident.pk, actor=actor, title=title, **fields)


@pytest.fixture
def original(incident: Incident, commander: User) -> Evidence:
    """An original record that another reviewer can open."""
    return make_evidence(incident, commander, "Decode errors")


@pytest.fixture
def later(incident: Incident, commander: User) -> Evidence:
    """A summary written afterwards."""
    return make_evidence(incident, commander, "Summary", is_original=False)


@pytest.fixture
def named(incident: Incident, commander: User) -> Evidence:
    """An original record that is only named: nobody else can open it."""
    return make_evidence(
        incident, commander, "Pager log", url="", description="In the pager's archive."
    )


@pytest.fixture
def elsewhere(commander: User) -> Incident:
    """Another incident."""
    return factories.make_incident(actor=commander, title="Payout file late")


@pytest.fixture
def signed_in(client: Client, commander) -> Client:
    client.force_login(commander)
    return client


def url(name: str, incident: Incident, *args: int) -> str:
    return reverse(f"rca:{name}", args=[incident.key, *args])


@pytest.fixture
def state_cause(incident: Incident, commander: User) -> Callable[..., Cause]:
    """A cause as a candidate: `state_cause("primary", "…", role="…")`."""

    def state(label: str = "primary", statement: str = "", **fields: Any) -> Cause:
        fields.setdefault("role", "It produced the failure.")
        return services.add_cause(
            incident_id=incident.pk,
            actor=commander,
            label=label,
            statement=statement or "The consumer rejects unknown fields",
            **fields,
        )

    return state


@pytest.fixture
def state_mode(incident: Incident, commander: User) -> Callable[..., FailureMode]:
    """A complete row of the failure-mode table, without evidence."""

    def state(**fields: Any) -> FailureMode:
        values = {
            "mode": "deployment",
            "name": "Deploy of a stricter consumer",
            "standing": "supported",
            "customer_symptom": "Order stays in processing",
            "financial_impact": "EUR 412,860.20 uncaptured at peak",
            "detection_signal": "Decode errors 0 to 412 a minute",
            "recovery_action": "Roll back the consumer",
            "control_to_validate": "Contract test blocks ingest deploys",
        }
        return services.add_failure_mode(
            incident_id=incident.pk, actor=commander, **{**values, **fields}
        )

    return state


def last_verb() -> str:
    return ActivityEntry.objects.latest("pk").verb


@pytest.fixture
def provisional(incident, commander, responder, state_cause):
    cause = state_cause("contributing", "Provider A shortened its retries")
    return services.mark_provisional(
        incident_id=incident.pk,
        actor=commander,
        number=cause.number,
        missing_check="Provider delivery log",
        owner=responder,
        due_at=DUE,
    )

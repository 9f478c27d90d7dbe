"""When the next message of an active incident is due, as My work counts it down."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client

from accounts.models import User
from incidents.models import Incident
from incidents.services.findings import refresh_findings
from tests.conftest import NOW
from tests.factories import make_incident
from tests.timeline.conftest import Tape
from timeline.models import Entry
from timeline.services import entries

pytestmark = pytest.mark.django_db


def tell(incident: Incident, actor: User, minutes: int, signal: str) -> None:
    entries.add_entry(
        incident_id=incident.pk,
        actor=actor,
        kind=Entry.Kind.COMMS,
        occurred_at=NOW - dt.timedelta(minutes=minutes),
        observed_signal=signal,
    )


class TestNextUpdate:
    def due(self, incident: Incident) -> object:
        stored = refresh_findings(incident.pk)
        assert stored is not None
        return stored.facts["update"]

    def test_counts_from_the_last_message_by_the_cadence(self, commander: User) -> None:
        """R-CO-01"""
        incident = make_incident(
            actor=commander, severity="SEV2", declared_at=NOW - dt.timedelta(hours=2)
        )
        tell(incident, commander, 70, "First")
        tell(incident, commander, 40, "Partial recovery, FR only")
        due_at = NOW - dt.timedelta(minutes=15)
        assert self.due(incident) == {
            "due_at": due_at.isoformat(),
            "minutes": 25,
            "said": "Partial recovery, FR only",
        }

    def test_counts_from_the_declaration_before_any(self, commander: User) -> None:
        incident = make_incident(actor=commander, severity="SEV1")
        found = self.due(incident)
        assert isinstance(found, dict)
        assert incident.declared_at is not None
        due_at = incident.declared_at + dt.timedelta(minutes=found["minutes"])
        assert found["due_at"] == due_at.isoformat()

    def test_is_not_asked_of_a_severity_without_cadence(self, commander: User) -> None:
        assert self.due(make_incident(actor=commander, severity="SEV5")) is None

    def test_stands_on_my_work(self, commander: User, client: Client) -> None:
        incident = make_incident(
            actor=commander, severity="SEV2", declared_at=NOW - dt.timedelta(hours=2)
        )
        tell(incident, commander, 40, "Partial recovery")
        refresh_findings(incident.pk)
        client.force_login(commander)
        page = client.get("/").content.decode()
        assert "Update overdue by" in page
        assert "15:00" in page
        assert "“Partial recovery”" in page


class TestCadenceKept:
    @staticmethod
    def kept(tape: Tape) -> object:
        stored = refresh_findings(tape.incident.pk)
        assert stored is not None
        return stored.facts["cadence"]

    def test_counts_the_stretches_without_an_update(
        self, tape: Tape, client: Client, viewer: User
    ) -> None:
        """R-MT-04"""
        tape.proven("14:00", milestone="first_alert")
        assert self.kept(tape) is None  # how long customers were affected is not known
        tape.proven("14:40", "Status page", kind="comms")
        tape.proven("15:40", milestone="customer_recovered")
        assert self.kept(tape) == {"minutes": 25, "stretches": 2, "longest": 60}

        client.force_login(viewer)
        page = client.get(f"/incidents/{tape.incident.key}/findings/").content.decode()
        assert "2 stretches without one for more than 25 min, the longest 60" in page

    def test_is_kept_with_an_update_in_time(self, tape: Tape) -> None:
        tape.proven("14:00", milestone="first_alert")
        tape.proven("14:20", "Status page", kind="comms")
        tape.proven("14:40", milestone="customer_recovered")
        assert self.kept(tape) == {"minutes": 25, "stretches": 0, "longest": 0}

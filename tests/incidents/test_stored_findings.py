"""What pages show of the checks: the stored result, its age, its honesty."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict

from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents import selectors
from incidents.models import Incident
from incidents.services import lifecycle
from incidents.services.findings import refresh_findings
from tests.conftest import NOW
from tests.factories import make_evidence, make_impact, make_scope


class TestStoredFindings:
    def test_carry_all_that_a_finding_says(self, incident, commander):
        make_scope(incident, actor=commander)
        make_impact(incident, actor=commander)
        refresh_findings(incident.pk)
        incident.refresh_from_db()
        stored = selectors.stored_findings(incident)
        fresh = selectors.findings(incident)
        assert [asdict(item) for item in stored.findings] == [
            asdict(item) for item in fresh
        ]
        assert stored.blocking == sum(item.is_blocking for item in fresh) > 0
        assert stored.blocking + stored.advisory == len(fresh)
        assert stored.computed_at == NOW

    def test_cost_one_query(self, incident):
        refresh_findings(incident.pk)
        with CaptureQueriesContext(connection) as seen:
            stored = selectors.stored_findings(incident)
            assert stored.blocking
            assert stored.content_hash
        assert len(seen) == 1

    def test_are_current_until_something_is_recorded(self, incident, commander):
        refresh_findings(incident.pk)
        incident.refresh_from_db()
        assert selectors.stored_findings(incident).is_current
        make_evidence(incident, actor=commander)
        incident.refresh_from_db()
        assert not selectors.stored_findings(incident).is_current
        refresh_findings(incident.pk)
        assert selectors.stored_findings(incident).is_current

    def test_say_when_the_checks_never_ran(self, incident):
        stored = selectors.stored_findings(incident)
        assert stored.computed_at is None
        assert not stored.is_current
        assert stored.findings == ()

    def test_of_a_frozen_record_stay_current(self, incident, commander):
        lifecycle.cancel_incident(
            incident_id=incident.pk, actor=commander, reason="false alarm"
        )
        refresh_findings(incident.pk)
        Incident.objects.filter(pk=incident.pk).update(activity_head="f" * 64)
        incident.refresh_from_db()
        assert selectors.stored_findings(incident).is_current
        Incident.objects.filter(pk=incident.pk).update(
            cancelled_at=NOW + dt.timedelta(minutes=1)
        )
        incident.refresh_from_db()
        assert not selectors.stored_findings(incident).is_current

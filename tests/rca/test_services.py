"""What holds for every write verb of the analysis."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from incidents.activity import verify
from incidents.models import ActivityEntry, Incident
from postmortem.lib.errors import InvalidTransition, StaleVersion
from rca import services
from rca.models import Analysis, Cause
from tests.conftest import codes
from tests.rca.conftest import DUE, last_verb


class TestEveryVerb:
    """What holds for all of them: role, status, incident, activity, chain."""

    @pytest.fixture
    def calls(self, incident, responder, original, state_cause, state_mode):
        cause = state_cause(evidence=[original])
        mode = state_mode()
        common = {"incident_id": incident.pk}
        number = {**common, "number": cause.number}
        row = {**common, "number": mode.number}
        unknown = {"missing_check": "Log", "owner": responder, "due_at": DUE}
        return {
            "set_analysis": {**common, "method": "other", "why_it_fits": "It fits"},
            "add_cause": {**common, "label": "trigger", "statement": "Deploy"},
            "edit_cause": {**number, "statement": "Changed"},
            "mark_provisional": {**number, **unknown},
            "confirm_cause": number,
            "rule_out_cause": {**number, "reason": "Not so"},
            "retract_cause": {**number, "reason": "Mistake"},
            "add_failure_mode": {**common, "mode": "other", "name": "A row"},
            "edit_failure_mode": {**row, "name": "Changed"},
            "mark_failure_mode_provisional": {**row, **unknown},
            "retract_failure_mode": {**row, "reason": "Mistake"},
        }

    def test_covers_the_public_services(self, calls):
        assert sorted(calls) == sorted(services.__all__)

    def test_is_allowed_and_leaves_an_unbroken_chain(self, calls, incident, commander):
        for name, call in calls.items():
            getattr(services, name)(actor=commander, **call)

        incident.refresh_from_db()
        assert verify(incident) == []

    def test_refuses_a_viewer_and_an_outsider(self, calls, viewer, outsider):
        for name, call in calls.items():
            for actor in (viewer, outsider):
                with pytest.raises(PermissionDenied):
                    getattr(services, name)(actor=actor, **call)

    def test_refuses_a_closed_record(self, calls, incident, commander):
        Incident.objects.filter(pk=incident.pk).update(status="closed")

        for name, call in calls.items():
            with pytest.raises(InvalidTransition) as caught:
                getattr(services, name)(actor=commander, **call)
            assert caught.value.code == "frozen", name

    def test_refuses_who_may_not_see_the_incident(self, calls, incident, responder):
        Incident.objects.filter(pk=incident.pk).update(is_restricted=True)

        for name, call in calls.items():
            with pytest.raises(PermissionDenied):
                getattr(services, name)(actor=responder, **call)

    def test_writes_nothing_when_it_is_refused(self, calls, viewer):
        before = Cause.history.count(), ActivityEntry.objects.count()

        for name, call in calls.items():
            with pytest.raises(PermissionDenied):
                getattr(services, name)(actor=viewer, **call)

        assert (Cause.history.count(), ActivityEntry.objects.count()) == before

    def test_refuses_a_stale_version(self, calls, commander):
        for name, call in calls.items():
            if name in {"set_analysis"} or name.startswith(("add_", "retract_")):
                continue
            with pytest.raises(StaleVersion):
                getattr(services, name)(actor=commander, version=99, **call)


class TestSetAnalysis:
    def test_keeps_one_analysis_and_its_reason(self, incident, commander):
        """R-DOC-14"""
        first = services.set_analysis(
            incident_id=incident.pk,
            actor=commander,
            method="iterated_why",
            why_it_fits="Short",
        )
        second = services.set_analysis(
            incident_id=incident.pk,
            actor=commander,
            method="change_analysis",
            why_it_fits="A deploy preceded it",
            version=first.version,
        )

        assert Analysis.objects.get() == second
        assert second.method == "change_analysis"
        assert Analysis.history.count() == 2
        assert last_verb() == "rca.analysis_set"

    def test_refuses_a_method_without_reason(self, incident, commander):
        with pytest.raises(ValidationError) as caught:
            services.set_analysis(
                incident_id=incident.pk,
                actor=commander,
                method="other",
                why_it_fits="\n ",
            )

        assert codes(caught.value) == {"why_it_fits": ["required"]}

    def test_refuses_an_unknown_method(self, incident, commander):
        with pytest.raises(ValidationError) as caught:
            services.set_analysis(
                incident_id=incident.pk,
                actor=commander,
                method="five_whys_of_bob",
                why_it_fits="x",
            )

        assert codes(caught.value) == {"method": ["invalid_choice"]}

    def test_refuses_a_stale_version(self, incident, commander):
        for words in ("One", "Two"):
            services.set_analysis(
                incident_id=incident.pk,
                actor=commander,
                method="other",
                why_it_fits=words,
            )

        with pytest.raises(StaleVersion) as caught:
            services.set_analysis(
                incident_id=incident.pk,
                actor=commander,
                method="other",
                why_it_fits="Three",
                version=1,
            )

        assert caught.value.current["why_it_fits"] == "Two"


class TestRetract:
    def test_keeps_the_row_with_the_reason(self, incident, commander, state_cause):
        cause = state_cause()

        services.retract_cause(
            incident_id=incident.pk,
            actor=commander,
            number=cause.number,
            reason="Entered twice",
        )

        cause.refresh_from_db()
        assert cause.is_retracted
        assert cause.retraction_reason == "Entered twice"

    def test_asks_for_the_reason(self, incident, commander, state_cause):
        cause = state_cause()

        with pytest.raises(ValidationError):
            services.retract_cause(
                incident_id=incident.pk, actor=commander, number=cause.number, reason=""
            )

"""Write verbs of the failure-mode table."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from incidents.models import ActivityEntry, KnownUnknown
from rca import services
from rca.models import FailureMode
from tests.rca.conftest import DUE, codes, last_verb


class TestFailureModes:
    def test_holds_every_column(self, original, state_mode):
        """R-FM-01"""
        row = state_mode(evidence=[original])

        assert row.ref == "FM-1"
        assert row.missing_columns == []
        assert row.evidence == [original]

    def test_accepts_what_is_incomplete(self, incident, commander):
        row = services.add_failure_mode(
            incident_id=incident.pk, actor=commander, mode="third_party", name="Gateway"
        )

        assert len(row.missing_columns) == 4

    def test_names_what_would_settle_a_known_unknown(self, responder, state_mode):
        """R-FM-08"""
        row = state_mode(
            mode="known_unknown",
            standing="provisional",
            missing_check="Route-change log",
            owner=responder,
            due_at=DUE,
        )

        assert row.known_unknown.owner == responder

    @pytest.mark.parametrize("standing", ["supported", "ruled_out"])
    def test_refuses_to_call_a_known_unknown_settled(
        self, incident, commander, state_mode, standing
    ):
        """R-FM-08"""
        with pytest.raises(ValidationError) as caught:
            state_mode(mode="known_unknown", standing=standing)

        assert codes(caught.value) == {"standing": ["known_unknown_settled"]}
        assert not FailureMode.objects.exists()

    @pytest.mark.parametrize("given", [{"missing_check": "Log"}, {"due_at": DUE}])
    def test_refuses_half_of_what_would_settle_it(self, state_mode, given):
        with pytest.raises(ValidationError):
            state_mode(standing="provisional", **given)

        assert not KnownUnknown.objects.exists()

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"mode": "gremlins"}, {"mode": ["invalid_choice"]}),
            ({"name": ""}, {"name": ["blank"]}),
            ({"name": "x" * 201}, {"name": ["max_length"]}),
            ({"standing": "sure"}, {"standing": ["invalid_choice"]}),
        ],
    )
    def test_refuses_bad_input(self, state_mode, fields, expected):
        with pytest.raises(ValidationError) as caught:
            state_mode(**fields)

        assert codes(caught.value) == expected

    def test_edits_evidence_to_exactly_these(
        self, incident, commander, original, later, state_mode
    ):
        row = state_mode(evidence=[original])

        edited = services.edit_failure_mode(
            incident_id=incident.pk,
            actor=commander,
            number=row.number,
            evidence=[later],
            version=1,
        )

        assert edited.evidence == [later]
        assert last_verb() == "rca.failure_mode_edited"

    def test_leaves_the_unknown_alone_when_the_form_sends_it_unchanged(
        self, incident, commander, responder, state_mode
    ):
        unknown = {"missing_check": "Log", "owner": responder, "due_at": DUE}
        row = state_mode(standing="provisional", **unknown)
        before = ActivityEntry.objects.count()

        services.edit_failure_mode(
            incident_id=incident.pk, actor=commander, number=row.number, **unknown
        )

        assert ActivityEntry.objects.count() == before

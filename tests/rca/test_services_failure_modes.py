"""Write verbs of the failure-mode table."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

from incidents.models import ActivityEntry, KnownUnknown
from postmortem.lib.errors import StaleVersion
from rca import services
from rca.models import FailureMode
from tests.conftest import codes
from tests.rca.conftest import DUE, last_verb


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


class TestWhatWouldSettleIt:
    @pytest.fixture
    def row(self, responder, state_mode):
        return state_mode(
            standing="provisional",
            missing_check="Route-change log",
            owner=responder,
            due_at=DUE,
        )

    @pytest.fixture
    def call(self, incident, commander, row):
        return {
            "incident_id": incident.pk,
            "actor": commander,
            "number": row.number,
        }

    def test_keeps_what_an_edit_does_not_send(self, call, row, responder):
        """R-FM-08"""
        later = DUE + dt.timedelta(days=1)

        changed = services.edit_failure_mode(**call, due_at=later)

        unknown = changed.known_unknown
        assert (unknown.missing_check, unknown.owner) == ("Route-change log", responder)
        assert unknown.due_at == later
        assert KnownUnknown.objects.get() == unknown
        told = ActivityEntry.objects.get(verb="rca.failure_mode_edited")
        assert told.data["changes"].keys() == {"due_at"}

    def test_by_another_check_is_another_version(self, call, row):
        read = {**call, "version": row.version}
        services.edit_failure_mode(**read, missing_check="Gateway log")
        with pytest.raises(StaleVersion):
            services.edit_failure_mode(**read, missing_check="Other log")

        assert KnownUnknown.objects.get().missing_check == "Gateway log"

    def test_is_not_taken_away_by_its_owner(self, call, row):
        with pytest.raises(ValidationError) as caught:
            services.edit_failure_mode(**call, owner=None)

        assert codes(caught.value) == {"owner": ["required"]}

    def test_said_again_writes_nothing(self, call, row, responder):
        same = {"missing_check": "Route-change log", "owner": responder, "due_at": DUE}
        count, versions = ActivityEntry.objects.count(), row.history.count()

        services.edit_failure_mode(**call, **same)
        services.edit_failure_mode(
            **call, missing_check="", owner=None, due_at=None, name=row.name
        )
        services.mark_failure_mode_provisional(**call, **same)

        assert ActivityEntry.objects.count() == count
        assert row.history.count() == versions

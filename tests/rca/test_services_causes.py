"""Write verbs of causes."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

from incidents.models import ActivityEntry, KnownUnknown
from incidents.services.core import retract_record
from postmortem.lib.errors import InvalidTransition
from rca import services
from rca.models import Cause
from tests.conftest import NOW, codes
from tests.rca.conftest import DUE, last_verb, make_evidence


class TestAddCause:
    def test_starts_as_a_provisional_candidate(self, state_cause):
        """R-RC-06: several causes, each a candidate first."""
        first, second = state_cause(), state_cause("primary", "Another one")

        assert [first.ref, second.ref] == ["CA-1", "CA-2"]
        assert {first.state, second.state} == {"provisional"}
        assert last_verb() == "rca.cause_added"

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"label": "root"}, {"label": ["invalid_choice"]}),
            ({"label": ""}, {"label": ["blank"]}),
            ({"statement": " "}, {"statement": ["blank"]}),
            ({"statement": "a\x00b"}, {"statement": ["control_characters"]}),
            ({"statement": "x" * 10_001}, {"statement": ["max_length"]}),
        ],
    )
    def test_refuses_bad_input(self, incident, commander, fields, expected):
        with pytest.raises(ValidationError) as caught:
            services.add_cause(
                incident_id=incident.pk,
                actor=commander,
                **{"label": "primary", "statement": "x", **fields},
            )

        assert codes(caught.value) == expected
        assert not Cause.objects.exists()

    def test_refuses_rows_of_another_incident(
        self, incident, elsewhere, commander, state_cause
    ):
        foreign = make_evidence(elsewhere, commander, "Foreign")
        other = services.add_cause(
            incident_id=elsewhere.pk,
            actor=commander,
            label="primary",
            statement="Elsewhere",
        )

        with pytest.raises(ValidationError) as evidence:
            state_cause(evidence=[foreign])
        with pytest.raises(ValidationError) as path:
            state_cause(leads_to=[other])

        assert codes(evidence.value) == {"evidence": ["invalid"]}
        assert codes(path.value) == {"leads_to": ["invalid"]}
        assert not Cause.objects.filter(incident=incident).exists()


class TestEditCause:
    def test_changes_only_what_was_sent(
        self, incident, commander, original, state_cause
    ):
        cause = state_cause(evidence=[original], condition="No test")

        edited = services.edit_cause(
            incident_id=incident.pk,
            actor=commander,
            number=cause.number,
            statement="Better words",
            version=1,
        )

        assert edited.statement == "Better words"
        assert edited.condition == "No test"
        assert edited.evidence == [original]
        assert edited.version == 2

    def test_writes_nothing_when_nothing_moved(self, incident, commander, state_cause):
        cause = state_cause()
        before = ActivityEntry.objects.count()

        services.edit_cause(
            incident_id=incident.pk,
            actor=commander,
            number=cause.number,
            statement=cause.statement,
            evidence=[],
            leads_to=[],
            entries=[],
        )

        assert ActivityEntry.objects.count() == before

    @pytest.mark.parametrize(
        ("change", "field"), [({"role": ""}, "role"), ({"evidence": []}, "evidence")]
    )
    def test_keeps_what_a_confirmed_cause_rests_on(
        self, incident, commander, original, state_cause, change, field
    ):
        """R-RC-05, R-RC-07"""
        cause = state_cause(evidence=[original])
        services.confirm_cause(
            incident_id=incident.pk, actor=commander, number=cause.number
        )

        with pytest.raises(ValidationError) as caught:
            services.edit_cause(
                incident_id=incident.pk, actor=commander, number=cause.number, **change
            )

        assert list(codes(caught.value)) == [field]
        cause.refresh_from_db()
        assert cause.role
        assert not cause.is_provisional

    def test_refuses_a_withdrawn_cause(self, incident, commander, state_cause):
        cause = state_cause()
        services.retract_cause(
            incident_id=incident.pk, actor=commander, number=cause.number, reason="x"
        )

        with pytest.raises(InvalidTransition, match="withdrawn"):
            services.edit_cause(
                incident_id=incident.pk,
                actor=commander,
                number=cause.number,
                statement="y",
            )


class TestConfirmCause:
    def confirm(self, incident, commander, cause, **fields):
        return services.confirm_cause(
            incident_id=incident.pk, actor=commander, number=cause.number, **fields
        )

    def test_takes_a_role_and_an_original_record(
        self, incident, commander, original, state_cause
    ):
        cause = self.confirm(incident, commander, state_cause(evidence=[original]))

        assert cause.state == "confirmed"
        entry = ActivityEntry.objects.latest("pk")
        assert entry.sentence == "confirmed the primary cause CA-1 by EV-1"

    def test_refuses_without_role(self, incident, commander, original, state_cause):
        """R-RC-05"""
        with pytest.raises(ValidationError) as caught:
            self.confirm(incident, commander, state_cause(role="", evidence=[original]))

        assert codes(caught.value) == {"role": ["role_missing"]}

    @pytest.mark.parametrize("linked", [[], ["later"], ["named"], ["later", "named"]])
    def test_refuses_without_an_original_that_can_be_opened(
        self, incident, commander, state_cause, linked, request
    ):
        """R-RC-07, R-EV-04, R-EV-07"""
        evidence = [request.getfixturevalue(name) for name in linked]

        with pytest.raises(ValidationError) as caught:
            self.confirm(incident, commander, state_cause(evidence=evidence))

        assert codes(caught.value) == {"evidence": ["evidence_missing"]}
        assert Cause.objects.get().state == "provisional"

    def test_refuses_when_the_original_was_withdrawn(
        self, incident, commander, original, state_cause
    ):
        cause = state_cause(evidence=[original])
        retract_record(
            incident_id=incident.pk,
            actor=commander,
            model=type(original),
            number=original.number,
            reason="Wrong file",
            permission="evidence.add",
        )

        with pytest.raises(ValidationError):
            self.confirm(incident, commander, cause)

    def test_settles_the_known_unknown_by_the_same_artifacts(
        self, incident, commander, original, provisional
    ):
        services.edit_cause(
            incident_id=incident.pk,
            actor=commander,
            number=provisional.number,
            evidence=[original],
        )

        self.confirm(
            incident, commander, provisional, resolution="412 attempts, then none"
        )

        unknown = KnownUnknown.objects.get()
        assert unknown.state == "resolved"
        assert unknown.resolution == "412 attempts, then none"
        assert [link.evidence for link in unknown.evidence_links.all()] == [original]

    def test_refuses_a_second_time(self, incident, commander, original, state_cause):
        cause = self.confirm(incident, commander, state_cause(evidence=[original]))

        with pytest.raises(InvalidTransition):
            self.confirm(incident, commander, cause)


class TestMarkProvisional:
    def test_states_check_owner_and_deadline_as_a_known_unknown(
        self, provisional, responder
    ):
        """R-RC-08"""
        unknown = KnownUnknown.objects.get()

        assert provisional.known_unknown == unknown
        assert unknown.missing_check == "Provider delivery log"
        assert unknown.owner == responder
        assert unknown.due_at == DUE
        assert unknown.question == "Is it so: Provider A shortened its retries"

    def test_changes_the_open_unknown_instead_of_adding_one(
        self, incident, commander, responder, provisional
    ):
        services.mark_provisional(
            incident_id=incident.pk,
            actor=commander,
            number=provisional.number,
            missing_check="Provider's answer",
            owner=commander,
            due_at=DUE,
        )

        assert KnownUnknown.objects.get().missing_check == "Provider's answer"

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"missing_check": " "}, {"missing_check": ["required"]}),
            ({"owner": None}, {"owner": ["required"]}),
            ({"due_at": None}, {"due_at": ["required"]}),
            (
                {"missing_check": "", "owner": None, "due_at": None},
                {
                    "missing_check": ["required"],
                    "owner": ["required"],
                    "due_at": ["required"],
                },
            ),
            ({"due_at": NOW - dt.timedelta(hours=1)}, {"due_at": ["past_deadline"]}),
        ],
    )
    def test_refuses_what_nobody_could_follow_up(
        self, incident, commander, responder, state_cause, change, expected
    ):
        """R-RC-08"""
        cause = state_cause()
        call = {"missing_check": "Log", "owner": responder, "due_at": DUE, **change}

        with pytest.raises(ValidationError) as caught:
            services.mark_provisional(
                incident_id=incident.pk, actor=commander, number=cause.number, **call
            )

        assert codes(caught.value) == expected
        assert not KnownUnknown.objects.exists()

    def test_shortens_the_question_of_a_long_statement(
        self, incident, commander, responder, state_cause
    ):
        cause = state_cause("primary", "x\n" * 400)

        services.mark_provisional(
            incident_id=incident.pk,
            actor=commander,
            number=cause.number,
            missing_check="Log",
            owner=responder,
            due_at=DUE,
        )

        assert len(KnownUnknown.objects.get().question) == 300

    def test_takes_back_a_confirmation_and_opens_a_ruled_out_cause(
        self, incident, commander, responder, original, state_cause
    ):
        """R-RC-09"""
        cause = state_cause(evidence=[original])
        common = {"incident_id": incident.pk, "actor": commander}
        again = {"missing_check": "Log", "owner": responder, "due_at": DUE}
        services.confirm_cause(number=cause.number, **common)

        back = services.mark_provisional(number=cause.number, **common, **again)
        assert back.state == "provisional"

        services.rule_out_cause(number=cause.number, reason="Not so", **common)
        back = services.mark_provisional(number=cause.number, **common, **again)
        assert back.state == "provisional"
        assert back.ruled_out_reason == ""
        states = KnownUnknown.objects.order_by("number").values_list("state", flat=True)
        assert list(states) == ["resolved", "open"]


class TestRuleOutCause:
    def test_keeps_it_with_reason_and_evidence(
        self, incident, commander, original, later, provisional
    ):
        cause = services.rule_out_cause(
            incident_id=incident.pk,
            actor=commander,
            number=provisional.number,
            reason="Attempts per event are unchanged",
            evidence=[original],
        )

        assert cause.state == "ruled_out"
        assert cause.ruled_out_reason == "Attempts per event are unchanged"
        assert cause.evidence == [original]
        assert KnownUnknown.objects.get().state == "resolved"

    def test_asks_for_the_reason(self, incident, commander, state_cause):
        cause = state_cause()

        with pytest.raises(ValidationError) as caught:
            services.rule_out_cause(
                incident_id=incident.pk, actor=commander, number=cause.number, reason=""
            )

        assert codes(caught.value) == {"reason": ["required"]}

"""Scope, impact, figures, known unknowns."""

import datetime as dt
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from incidents import activity
from incidents.models import ActivityEntry, Incident, KnownUnknown, ScopeStatement
from incidents.services import claims, unknowns
from incidents.services.core import (
    get_record,
    linked_refs,
    lock_incident,
    retract_record,
)
from postmortem.lib.errors import InvalidTransition, StaleVersion
from postmortem.lib.persistence import service
from tests.conftest import NOW
from tests.factories import (
    make_evidence,
    make_figure,
    make_impact,
    make_incident,
    make_scope,
    make_unknown,
)
from tests.incidents.conftest import code_of


class TestReplaceEvidence:
    def test_is_another_version_so_that_an_older_edit_takes_no_link_away(
        self, incident, responder
    ):
        one, other = (make_evidence(incident, actor=responder) for _ in range(2))
        row = make_scope(incident, actor=responder, evidence=[one])
        run = {"incident_id": incident.pk, "actor": responder, "number": row.number}
        claims.edit_scope(version=row.version, evidence=[one, other], **run)

        with pytest.raises(StaleVersion):
            claims.edit_scope(version=row.version, evidence=[one], **run)

        assert linked_refs(row) == ["EV-1", "EV-2"]
        assert activity.verify(Incident.objects.get(pk=incident.pk)) == []

    def test_leaves_the_version_when_nothing_moves(self, incident, responder):
        one = make_evidence(incident, actor=responder)
        row = make_scope(incident, actor=responder, evidence=[one])

        edited = claims.edit_scope(
            incident_id=incident.pk, actor=responder, number=1, evidence=[one]
        )

        assert edited.version == row.version


class TestScope:
    def test_is_open_and_provisional_until_evidence_is_linked(
        self, incident, responder
    ):
        """R-SC-05, R-SC-04"""
        signal = make_evidence(incident, actor=responder)

        bare = make_scope(incident, actor=responder)
        shown = make_scope(incident, actor=responder, evidence=[signal])

        assert (bare.state, bare.is_provisional) == ("open", True)
        assert (shown.state, shown.is_provisional) == ("open", False)

    def test_puts_the_payment_consequence_first(self, incident, responder):
        """R-SC-01"""
        with pytest.raises(ValidationError) as caught:
            make_scope(
                incident,
                actor=responder,
                consequence="",
                technical_context="Consumer rejected events",
            )
        assert code_of(caught, "consequence") == "blank"

    def test_refuses_evidence_of_another_incident(self, incident, commander):
        other = make_evidence(make_incident(actor=commander), actor=commander)

        with pytest.raises(ValidationError) as caught:
            make_scope(incident, actor=commander, evidence=[other])

        assert "another incident" in caught.value.messages[0]
        assert not ScopeStatement.objects.exists()

    def test_refuses_a_lane_of_another_incident(self, incident, commander):
        lane = make_incident(actor=commander).lanes.first()

        with pytest.raises(ValidationError) as caught:
            make_scope(incident, actor=commander, lane=lane)

        assert code_of(caught, "lane") == "invalid"

    def test_an_edit_logs_links_that_went(self, incident, responder):
        one, two = (make_evidence(incident, actor=responder) for _ in range(2))
        row = make_scope(incident, actor=responder, evidence=[one])

        claims.edit_scope(
            incident_id=incident.pk,
            actor=responder,
            number=row.number,
            who="Everybody",
            evidence=[two],
        )

        assert ActivityEntry.objects.latest("sequence").data["changes"] == {
            "who": ["EU and US payers", "Everybody"],
            "evidence": [["EV-1"], ["EV-2"]],
        }
        assert activity.verify(Incident.objects.get(pk=incident.pk)) == []

    def test_a_stale_edit_writes_nothing(self, incident, responder):
        row = make_scope(incident, actor=responder)
        run = {"incident_id": incident.pk, "actor": responder, "number": row.number}
        claims.edit_scope(**run, who="First", version=1)

        with pytest.raises(StaleVersion) as caught:
            claims.edit_scope(**run, who="Second", version=1)

        assert caught.value.current == {"who": "First"}


class TestCloseScope:
    @pytest.fixture
    def row(self, incident, responder):
        return make_scope(incident, actor=responder)

    def close(self, row, actor, signal, **fields):
        return claims.close_scope(
            incident_id=row.incident_id,
            actor=actor,
            number=row.number,
            closing_evidence=signal,
            **fields,
        )

    def test_takes_the_moment_of_the_signal(self, row, incident, responder):
        """R-SC-08"""
        at = NOW - dt.timedelta(hours=2)
        signal = make_evidence(incident, actor=responder, captured_at=at)

        closed = self.close(row, responder, signal)

        assert (closed.state, closed.closed_at) == ("closed", at)
        assert (closed.closing_evidence, closed.closed_by) == (signal, responder)
        assert [item.ref for item in closed.evidence] == ["EV-1"]

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"is_original": False}, "later summary"),
            ({"url": "", "description": "Somewhere"}, "only named"),
        ],
    )
    def test_says_why_a_signal_does_not_close(
        self, row, incident, responder, fields, words
    ):
        """R-SC-08"""
        signal = make_evidence(incident, actor=responder, **fields)

        with pytest.raises(ValidationError) as caught:
            self.close(row, responder, signal)

        assert code_of(caught, "closing_evidence") == "not_proof"
        assert words in caught.value.messages[0]
        row.refresh_from_db()
        assert row.state == "open"

    def test_needs_a_signal(self, row, responder):
        with pytest.raises(ValidationError) as caught:
            self.close(row, responder, None)
        assert code_of(caught, "closing_evidence") == "required"

    def test_refuses_a_signal_of_another_incident(self, row, commander):
        other = make_evidence(make_incident(actor=commander), actor=commander)
        with pytest.raises(ValidationError) as caught:
            self.close(row, commander, other)
        assert code_of(caught, "closing_evidence") == "invalid"

    def test_refuses_the_future(self, row, incident, responder):
        signal = make_evidence(incident, actor=responder)
        with pytest.raises(ValidationError) as caught:
            self.close(row, responder, signal, closed_at=NOW + dt.timedelta(hours=1))
        assert code_of(caught, "closed_at") == "future_time"

    def test_twice_is_an_invalid_transition(self, row, incident, responder):
        signal = make_evidence(incident, actor=responder)
        self.close(row, responder, signal)
        with pytest.raises(InvalidTransition):
            self.close(row, responder, signal)

    def test_reopening_clears_the_closing_and_needs_a_reason(
        self, row, incident, responder
    ):
        self.close(row, responder, make_evidence(incident, actor=responder))
        run = {"incident_id": incident.pk, "actor": responder, "number": row.number}

        with pytest.raises(ValidationError):
            claims.reopen_scope(**run, reason="")
        opened = claims.reopen_scope(**run, reason="complaints rise")

        assert (opened.state, opened.closing_evidence) == ("open", None)


class TestImpact:
    def test_is_a_statement_or_no_material_change(self, incident, responder):
        """R-SC-10"""
        with pytest.raises(ValidationError) as caught:
            make_impact(incident, actor=responder, statement="")
        row = make_impact(
            incident, actor=responder, statement="", no_material_change=True
        )

        assert code_of(caught, "statement") == "required"
        assert row.no_material_change

    def test_refuses_an_unknown_kind(self, incident, responder):
        with pytest.raises(ValidationError) as caught:
            make_impact(incident, actor=responder, kind="moral")
        assert code_of(caught, "kind") == "invalid_choice"


class TestFigure:
    @pytest.fixture
    def impact(self, incident, responder):
        return make_impact(incident, actor=responder)

    def test_keeps_an_amount_with_its_currency_exactly(self, impact, responder):
        """R-MT-02"""
        row = make_figure(
            impact,
            actor=responder,
            measure="revenue",
            count=None,
            amount=Decimal("412860.20"),
            currency="EUR",
        )
        row.refresh_from_db()
        assert (row.amount, row.currency) == (Decimal("412860.2000"), "EUR")

    @pytest.mark.parametrize(
        ("fields", "field", "code"),
        [
            ({"amount": Decimal("1")}, "currency", "currency_missing"),
            ({"amount": Decimal("1"), "currency": "eur"}, "currency", "invalid"),
            (
                {"amount": Decimal("1"), "currency": "ZZZ"},
                "currency",
                "unknown_currency",
            ),
            (
                {"amount": Decimal("1"), "currency": "XXX"},
                "currency",
                "unknown_currency",
            ),
            ({"count": None}, "count", "figure_missing"),
            ({"count": -1}, "count", "invalid"),
            ({"measure": "luck"}, "measure", "invalid_choice"),
            ({"label": ""}, "label", "blank"),
        ],
    )
    def test_refuses_what_cannot_be_counted(
        self, impact, responder, fields, field, code
    ):
        """R-MT-02"""
        with pytest.raises(ValidationError) as caught:
            make_figure(impact, actor=responder, **fields)
        assert (code_of(caught, field) or "invalid") == code

    @pytest.mark.parametrize(
        ("amount", "currency"),
        [("12.3400", "EUR"), ("1200", "JPY"), ("-1.234", "KWD"), ("0.0001", "CLF")],
    )
    def test_takes_the_digits_of_the_currency(
        self, impact, responder, amount, currency
    ):
        """R-MT-02"""
        row = make_figure(
            impact, actor=responder, amount=Decimal(amount), currency=currency
        )
        row.refresh_from_db()
        assert row.amount == Decimal(amount)

    def test_keeps_a_zero_without_a_sign_so_that_its_history_holds(
        self, impact, responder
    ):
        make_figure(impact, actor=responder, amount=Decimal("-0.00"), currency="EUR")
        incident = Incident.objects.get(pk=impact.incident_id)
        assert list(activity.verify(incident)) == []

    @pytest.mark.parametrize(
        ("amount", "currency", "code", "words"),
        [
            ("12.345", "EUR", "minor_unit", "EUR has at most 2 digits after"),
            ("0.5", "JPY", "minor_unit", "JPY has no digits after"),
            ("-1.2345", "KWD", "minor_unit", "KWD has at most 3 digits after"),
            ("1000000000000000", "EUR", "max_whole_digits", "15 digits before"),
        ],
    )
    def test_refuses_an_amount_that_nobody_could_pay(
        self, impact, responder, amount, currency, code, words
    ):
        """R-MT-02"""
        with pytest.raises(ValidationError) as caught:
            make_figure(
                impact, actor=responder, amount=Decimal(amount), currency=currency
            )
        assert code_of(caught, "amount") == code
        assert words in caught.value.messages[0]

    def test_refuses_an_impact_of_another_incident(self, incident, commander):
        other = make_impact(make_incident(actor=commander), actor=commander)
        with pytest.raises(ValidationError) as caught:
            claims.add_figure(
                incident_id=incident.pk,
                actor=commander,
                impact=other,
                measure="clients",
                label="Clients",
                count=1,
            )
        assert code_of(caught, "impact") == "invalid"

    def test_a_correction_keeps_the_old_value_in_history(self, impact, responder):
        """R-TL-11"""
        row = make_figure(impact, actor=responder)

        claims.edit_figure(
            incident_id=impact.incident_id,
            actor=responder,
            number=row.number,
            count=6500,
        )

        assert [old.count for old in row.history.order_by("history_id")] == [
            6418,
            6500,
        ]


class TestUnknown:
    def test_keeps_question_check_owner_and_deadline(self, incident, responder):
        """R-KU-01"""
        artifact = make_evidence(incident, actor=responder)
        row = make_unknown(
            incident,
            actor=responder,
            why_it_matters="Backlog may return",
            evidence=[artifact],
        )
        assert (row.state, row.owner) == ("open", responder)
        assert [x.evidence for x in row.evidence_links.all()] == [artifact]

    def test_refuses_a_deadline_that_has_passed(self, incident, responder):
        with pytest.raises(ValidationError) as caught:
            make_unknown(incident, actor=responder, due_at=NOW)
        assert code_of(caught, "due_at") == "past_deadline"

    def test_is_resolved_with_what_was_found(self, incident, responder):
        """R-KU-01"""
        row = make_unknown(incident, actor=responder)
        run = {"incident_id": incident.pk, "actor": responder, "number": row.number}

        with pytest.raises(ValidationError):
            unknowns.resolve_unknown(**run, resolution=" ")
        done = unknowns.resolve_unknown(**run, resolution="No, it did not")

        assert (done.state, done.resolved_at, done.resolved_by) == (
            "resolved",
            NOW,
            responder,
        )
        with pytest.raises(InvalidTransition):
            unknowns.resolve_unknown(**run, resolution="Again")

    def test_accepted_as_residual_risk_needs_an_owner(self, incident, reviewer):
        """R-KU-03"""
        row = make_unknown(incident, actor=reviewer, owner=None)
        run = {"incident_id": incident.pk, "actor": reviewer, "number": row.number}
        with pytest.raises(ValidationError) as caught:
            unknowns.accept_unknown(**run, reason="small")

        unknowns.edit_unknown(**run, owner=reviewer)
        done = unknowns.accept_unknown(**run, reason="small")

        assert caught.value.code == "owner_missing"
        assert (done.state, done.resolution) == ("accepted", "small")

    def test_opens_again_when_the_answer_did_not_hold(self, incident, responder):
        row = make_unknown(incident, actor=responder)
        run = {"incident_id": incident.pk, "actor": responder, "number": row.number}
        unknowns.resolve_unknown(**run, resolution="No")

        back = unknowns.reopen_unknown(**run, reason="new log")

        assert (back.state, back.resolution, back.resolved_at) == ("open", "", None)


class TestStateKnownUnknownFor:
    @pytest.fixture
    def state(self):
        @service
        def run(*, incident_id, actor, number, **fields):
            incident = lock_incident(incident_id, actor=actor, permission="scope.edit")
            row = get_record(ScopeStatement, incident, number)
            unknown = unknowns.state_known_unknown_for(row, actor=actor, **fields)
            activity.record(
                incident, actor=actor, verb="test.stated", sentence="stated"
            )
            return row, unknown

        return run

    def test_links_one_unknown_and_edits_it_next_time(self, state, incident, responder):
        """R-RC-08, R-KU-01"""
        make_scope(incident, actor=responder)
        run = {
            "incident_id": incident.pk,
            "actor": responder,
            "number": 1,
            "owner": responder,
            "due_at": NOW + dt.timedelta(days=1),
        }
        first, _ = state(**run, question="How many?", missing_check="ledger query")
        second, unknown = state(**run, question="How many?", missing_check="bank file")

        assert first.known_unknown == second.known_unknown == unknown
        assert KnownUnknown.objects.get().missing_check == "bank file"
        assert activity.verify(Incident.objects.get(pk=incident.pk)) == []

    def test_asks_for_check_owner_and_deadline_at_once(
        self, state, incident, responder
    ):
        """R-RC-08"""
        make_scope(incident, actor=responder)
        with pytest.raises(ValidationError) as caught:
            state(
                incident_id=incident.pk,
                actor=responder,
                number=1,
                question="How many?",
                missing_check="",
                owner=None,
                due_at=None,
            )
        assert set(caught.value.error_dict) == {"missing_check", "owner", "due_at"}


class TestRetractedRows:
    def test_cannot_be_edited(self, incident, responder):
        row = make_scope(incident, actor=responder)
        retract_record(
            incident_id=incident.pk,
            actor=responder,
            model=ScopeStatement,
            number=row.number,
            reason="doubled",
            permission="scope.edit",
        )
        with pytest.raises(InvalidTransition) as caught:
            claims.edit_scope(
                incident_id=incident.pk, actor=responder, number=row.number, who="x"
            )
        assert caught.value.code == "retracted"

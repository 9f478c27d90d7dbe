"""Forms only read text; their fields are the services' keywords."""

import inspect
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from incidents import forms
from incidents.services import claims, evidence, lanes, lifecycle, people, unknowns
from tests.conftest import NOW
from tests.factories import make_evidence, make_incident, make_scope


class TestRowsField:
    @pytest.mark.parametrize("sent", [["9" * 40], ["²"], ["-1"], ["a\x00b"], "x"])
    def test_refuses_ids_that_no_row_can_have(self, incident, sent):
        field = forms.RowsField(queryset=forms.live_evidence(incident))
        with pytest.raises(ValidationError):
            field.clean(sent)

    def test_has_a_box_to_tick_for_every_row(self, incident, commander):
        evidence = make_evidence(incident, actor=commander)
        field = forms.RowsField(queryset=forms.live_evidence(incident))
        assert f'type="checkbox" name="rows" value="{evidence.pk}"' in (
            field.widget.render("rows", [])
        )


class TestSeverityForm:
    def test_offers_each_by_what_it_means(self, incident):
        """R-SC-07"""
        offered = forms.SeverityForm(incident=incident)["severity"]
        assert offered.field.choices[1] == (
            "SEV2",
            "SEV2: A core flow fails or stalls for many customers",
        )
        assert len(offered.field.choices) == 5


class TestClockField:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("10:05", "2026-03-17T09:05:00+00:00"),
            ("2026-03-10 14:05", "2026-03-10T13:05:00+00:00"),
            ("2026-03-10T14:05:30Z", "2026-03-10T14:05:30+00:00"),
        ],
    )
    def test_reads_on_the_incident_clock(self, incident, text, shown):
        """R-TL-02"""
        incident.clock_zone = "Europe/Berlin"
        assert forms.ClockField(incident).clean(text).isoformat() == shown

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("yesterday", "unreadable_time"),
            ("25:00", "unreadable_time"),
            ("2026-03-10", "bare_day"),
            ("2026-03-29 02:30", "skipped_time"),
            ("2025-10-26 02:30", "ambiguous_time"),
        ],
    )
    def test_refuses_what_it_cannot_read(self, incident, text, code):
        incident.clock_zone = "Europe/Berlin"
        with pytest.raises(ValidationError) as caught:
            forms.ClockField(incident).clean(text)
        assert caught.value.code == code

    def test_shows_what_it_would_read_again(self, incident):
        incident.clock_zone = "Europe/Berlin"
        field = forms.ClockField(incident)
        assert field.prepare_value(NOW) == "2026-03-17 11:20"
        assert field.clean(field.prepare_value(NOW)) == NOW

    def test_shows_the_offset_in_the_hour_that_comes_twice(self, incident):
        incident.clock_zone = "Europe/Berlin"
        field = forms.ClockField(incident)
        moment = NOW.replace(year=2025, month=10, day=26, hour=1, minute=30)
        assert field.clean(field.prepare_value(moment)) == moment


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "amount"),
        [("412860.20", "412860.20"), ("412,860.20", "412860.20"), ("-3", "-3")],
    )
    def test_reads_an_amount_exactly(self, text, amount):
        assert forms.MoneyField().clean(text) == Decimal(amount)

    @pytest.mark.parametrize(
        "text", ["1.234,56", "12 EUR", "NaN", "Infinity", "1,2", "1e5"]
    )
    def test_refuses_an_ambiguous_amount(self, text):
        with pytest.raises(ValidationError):
            forms.MoneyField().clean(text)

    def test_reads_a_count(self):
        assert forms.CountField().clean("18,204") == 18204
        with pytest.raises(ValidationError):
            forms.CountField().clean("1.5")


PAIRS = [
    (forms.IncidentForm, lifecycle.edit_incident, {"version"}),
    (forms.SeverityForm, lifecycle.change_severity, {"version"}),
    (forms.ClockZoneForm, lifecycle.change_clock_zone, {"version"}),
    (forms.DutyForm, people.set_duty, set()),
    (forms.HandOverForm, people.hand_over_command, set()),
    (forms.LaneForm, lanes.add_lane, set()),
    (forms.ScopeForm, claims.add_scope, {"known_unknown"}),
    (forms.CloseScopeForm, claims.close_scope, {"version", "number"}),
    (forms.ImpactForm, claims.add_impact, {"known_unknown"}),
    (forms.FigureForm, claims.add_figure, {"known_unknown"}),
    (forms.EvidenceUploadForm, evidence.add_evidence, set()),
    (forms.EvidenceEditForm, evidence.edit_evidence, {"version", "number"}),
    (forms.SupersedeForm, evidence.supersede_evidence, {"number"}),
    (forms.PairForm, evidence.pair_evidence, {"number"}),
    (forms.UnknownForm, unknowns.add_unknown, set()),
    (forms.ResolveUnknownForm, unknowns.resolve_unknown, {"version", "number"}),
]


@pytest.mark.parametrize(
    ("form", "verb", "beside"), PAIRS, ids=[form.__name__ for form, *_ in PAIRS]
)
def test_fields_are_the_keywords_of_the_service(form, verb, beside, incident):
    keywords = set(inspect.signature(verb).parameters) - {"incident_id", "actor"}
    assert set(form(incident=incident).fields) == keywords - beside


class TestCaseForm:
    def test_edits_with_the_values_and_version_of_the_row(self, incident, responder):
        item = make_evidence(incident, actor=responder)
        row = make_scope(incident, actor=responder, evidence=[item])

        form = forms.ScopeForm(incident=incident, row=row)

        assert form.initial["who"] == "EU and US payers"
        assert form.initial["evidence"] == [item.pk]
        assert form.fields["version"].initial == 1

    def test_offers_no_row_of_another_incident(self, incident, commander):
        other = make_evidence(make_incident(actor=commander), actor=commander)
        form = forms.ScopeForm(
            {"audience": "internal", "consequence": "x", "evidence": [other.pk]},
            incident=incident,
        )
        assert not form.is_valid()
        assert form.errors.as_data()["evidence"][0].code == "invalid_choice"


class TestDeclareForm:
    def test_reads_the_time_on_the_chosen_clock(self, db):
        form = forms.DeclareForm(
            {
                "title": "Late",
                "severity": "SEV2",
                "kind": "other",
                "lanes": ["payouts"],
                "other_lanes": "Instant transfers, ",
                "clock_zone": "Europe/Berlin",
                "declared_at": "2026-03-17 10:00",
            }
        )
        assert form.is_valid(), form.errors
        data = form.cleaned_data
        assert data["declared_at"].isoformat() == "2026-03-17T09:00:00+00:00"
        assert data["lanes"] == ["payouts", "Instant transfers"]
        keywords = set(inspect.signature(lifecycle.declare_incident).parameters)
        assert set(data) == keywords - {"actor"}

    def test_says_that_the_zone_is_unknown(self, db):
        form = forms.DeclareForm(
            {"title": "Late", "severity": "SEV2", "kind": "other", "clock_zone": "X"}
        )
        assert form.errors.as_data()["clock_zone"][0].code == "unknown_zone"

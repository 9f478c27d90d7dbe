"""Checks of impact statements and their figures."""

from decimal import Decimal

from incidents.models import Incident
from postmortem.lib.findings import Finding, Level
from tests.factories import make_evidence, make_figure, make_impact


class TestSC007:
    def test_names_each_kind_not_stated(self, run, incident, responder):
        """R-SC-10, R-CK-03"""
        make_impact(incident, actor=responder)
        hint = "“No material change found” is an answer, with its evidence."
        assert run("SC007") == [
            Finding(
                "SC007",
                Level.ERROR,
                f"{kind} impact is not stated",
                hint,
                subject_label="Impact",
            )
            for kind in ("Operational", "Business")
        ]

    def test_passes_with_three(self, run, incident, responder):
        for kind in ("customer", "operational", "business"):
            make_impact(incident, actor=responder, kind=kind)
        assert run("SC007") == []


class TestSC008:
    def test_warns_about_a_statement_and_blocks_on_nothing_found(
        self, run, incident, responder
    ):
        """R-SC-10, R-SC-11, R-EV-05"""
        make_impact(incident, actor=responder)
        make_impact(
            incident,
            actor=responder,
            kind="business",
            statement="",
            no_material_change=True,
        )
        assert run("SC008") == [
            Finding(
                "SC008",
                Level.ERROR,
                "Business impact: “no material change found” has no evidence",
                "Link the record that was looked at.",
                subject_ref="IM-2",
                subject_label="Impact · IM-2",
            ),
            Finding(
                "SC008",
                Level.WARNING,
                "Customer impact has no evidence",
                "Link incident metrics, backlog counts, error samples or complaint "
                "volume.",
                subject_ref="IM-1",
                subject_label="Impact · IM-1",
            ),
        ]

    def test_passes_with_evidence(self, run, incident, responder, signal):
        make_impact(incident, actor=responder, evidence=[signal])
        assert run("SC008") == []


class TestSC009:
    def test_is_a_red_flag_when_manual_work_is_passed_over(
        self, run, incident, responder
    ):
        """R-SC-12, R-CK-03"""
        impact = make_impact(incident, actor=responder)
        make_figure(impact, actor=responder)
        assert run("SC009") == [
            Finding(
                "SC009",
                Level.ERROR,
                "Downstream effects and manual correction work are not addressed",
                "Say what was corrected by hand afterwards, or “none” with evidence.",
                subject_ref="IM-1",
                subject_label="Impact · IM-1",
            )
        ]

    def test_passes_when_it_is_told(self, run, incident, responder):
        make_impact(incident, actor=responder, downstream_work="41 manual retries")
        assert run("SC009") == []

    def test_only_warns_when_the_impact_tells_it(self, run, incident, responder):
        make_impact(
            incident,
            actor=responder,
            statement="41 payouts were re-issued from the second copy",
        )
        (only,) = run("SC009")
        assert (only.level, only.message) == (
            Level.WARNING,
            "Manual correction is told inside the impact, not as work of its own",
        )

    def test_passes_with_a_figure_of_it(self, run, incident, responder):
        impact = make_impact(incident, actor=responder)
        make_figure(impact, actor=responder, measure="manual_corrections")
        assert run("SC009") == []


class TestSC010:
    def test_asks_how_an_estimate_was_made(self, run, incident, responder):
        """R-MT-02"""
        impact = make_impact(incident, actor=responder)
        make_figure(impact, actor=responder, basis="estimate")
        assert run("SC010") == [
            Finding(
                "SC010",
                Level.WARNING,
                "Estimate “Orders without confirmation” has no method",
                "Say how the figure was worked out.",
                subject_ref="FG-1",
                subject_label="Impact · FG-1",
            )
        ]

    def test_asks_the_same_of_every_amount(self, run, incident, responder):
        """R-MT-02: an actual sum of money has a method too."""
        impact = make_impact(incident, actor=responder)
        make_figure(
            impact,
            actor=responder,
            measure="revenue",
            count=None,
            amount=Decimal("412860.20"),
            currency="EUR",
        )
        assert [f.message for f in run("SC010")] == [
            "Amount “Orders without confirmation” has no method"
        ]

    def test_passes_with_a_method(self, run, incident, responder):
        impact = make_impact(incident, actor=responder)
        make_figure(impact, actor=responder, basis="estimate", method="rate × time")
        assert run("SC010") == []


class TestSC011:
    def test_asks_where_it_was_counted(self, run, incident, responder):
        """R-MT-02, R-EV-05"""
        make_figure(make_impact(incident, actor=responder), actor=responder)
        assert run("SC011") == [
            Finding(
                "SC011",
                Level.WARNING,
                "Figure “Orders without confirmation” has no evidence",
                "Link the query, extract or report in which it stands.",
                subject_ref="FG-1",
                subject_label="Impact · FG-1",
            )
        ]

    def test_passes_with_evidence(self, run, incident, responder, signal):
        impact = make_impact(incident, actor=responder)
        make_figure(
            impact,
            actor=responder,
            count=None,
            amount=Decimal("1.50"),
            currency="EUR",
            evidence=[signal],
        )
        assert run("SC011") == []


class TestSC018:
    def test_names_the_missing_parts(self, run, incident, responder, signal):
        """R-SC-11"""
        Incident.objects.filter(pk=incident.pk).update(status="stabilized")
        row = make_impact(incident, actor=responder, evidence=[signal])
        make_figure(row, actor=responder)
        assert run("SC018") == [
            Finding(
                "SC018",
                Level.INFO,
                "The impact evidence has no backlog counts, no customer error samples, "
                "no complaint volume",
                "Link what is available to the impact or its figures; accept this "
                "finding for what is not.",
                subject_label="Impact",
            )
        ]

    def test_passes_with_all_five(self, run, incident, responder, signal):
        """R-SC-11"""
        Incident.objects.filter(pk=incident.pk).update(status="stabilized")
        errors = make_evidence(incident, actor=responder, kind="sample")
        row = make_impact(incident, actor=responder, evidence=[signal, errors])
        for measure in ("backlog", "complaints", "failed_transactions"):
            make_figure(row, actor=responder, measure=measure)
        assert run("SC018") == []

"""The one-pager: what it says. How it is printed is in test_report_page.py and
test_report_pdf.py."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import pytest

from actions.models import ActionItem, ClosureTest, TestRun
from actions.services.tests import add_closure_test, record_run
from incidents.models import Evidence, ImpactStatement
from incidents.services.claims import add_figure
from incidents.services.findings import refresh_findings
from incidents.services.unknowns import add_unknown
from postmortem.lib.canonical import digest
from postmortem.lib.record import SHAPES, build_record, with_rows
from review.report import build_report, facts, render_html
from tests.conftest import NOW
from tests.review.conftest import Case
from timeline.models import DependencyCheckpoint

pytestmark = pytest.mark.django_db


class TestBuildReport:
    def test_stamps_a_draft_with_the_findings_that_block(self, case: Case) -> None:
        report = build_report(case.incident, as_of=NOW)

        assert report.stamp == "Draft, 1 finding blocks"
        assert report.is_sealed is False

    def test_keeps_the_zone_of_the_stamp_whole(self, case: Case) -> None:
        """'Asia/' at the end of one line and 'Singapore' on the next was read twice."""
        usual = build_report(case.incident, as_of=NOW)
        case.incident.clock_zone = "America/Argentina/Buenos_Aires"
        long = build_report(case.incident, as_of=NOW)

        assert usual.stamp_lines[0].endswith(" UTC")
        assert long.stamp_lines[:2] == (
            "17 Mar 2026, 07:20",
            "America/Argentina/Buenos_Aires",
        )

    def test_stamps_a_closed_record_with_its_seal(self, case: Case) -> None:
        seal = case.closed()
        report = build_report(case.incident, as_of=NOW)

        assert report.stamp == "Closed and sealed"
        assert report.stamp_lines[1] == "2 approvals, 0 findings block"
        assert report.sealed_hash == seal.content_hash
        assert [line.label for line in report.approvals] == [
            "Engineering manager",
            "Finance director",
        ]

    def test_puts_evidence_beside_each_key_claim(self, case: Case) -> None:
        """R-OP-02"""
        report = build_report(case.incident, as_of=NOW)

        claims = [
            *report.impact,
            *report.money,
            *report.trigger,
            *report.primary,
            *report.contributing,
            *report.mandatory,
            *report.recovery,
        ]
        assert all(claim.refs for claim in claims)
        assert report.indicators[0].refs  # of "to detect"
        assert report.indicators[0].line_refs  # of "Mitigated"
        assert all(item.place for item in report.index)

    def test_names_the_four_indicators(self, case: Case) -> None:
        """R-OP-03"""
        found = build_report(case.incident, as_of=NOW).indicators

        assert [item.name for item in found] == [
            "Timeliness",
            "Accuracy",
            "Reliability",
            "Compliance",
        ]
        assert found[0].value == "9 min to detect"
        assert found[0].lines[0] == "Mitigated: 26 min"
        assert found[1].value == "1 of 1 figures actual"
        assert found[2].value == "1 of 1 tests passed"
        assert (found[3].value, found[3].is_recorded) == ("not recorded", False)

    def test_takes_a_pass_back_when_a_later_run_fails(self, case: Case) -> None:
        """R-CT-01"""
        record_run(
            **case.ids,
            closure_test=ClosureTest.objects.order_by("number")[0],
            ran_at=dt.datetime(2026, 3, 17, 9, tzinfo=dt.UTC),
            environment="staging",
            outcome=TestRun.Outcome.FAILED,
        )
        report = build_report(case.incident, as_of=NOW)

        assert report.mandatory[0].state_label == "Not passed"
        assert report.indicators[2].value == "0 of 1 tests passed"

    def test_calls_an_action_passed_when_all_its_tests_are(self, case: Case) -> None:
        """R-CT-01"""
        add_closure_test(
            **case.ids,
            action=ActionItem.objects.order_by("number")[0],
            procedure="Deploy the same build at night",
        )
        report = build_report(case.incident, as_of=NOW)

        assert report.mandatory[0].state_label == "1 of 2 passed"
        assert report.indicators[2].value == "1 of 2 tests passed"

    def test_says_that_the_artifact_is_missing_and_not_that_it_failed(
        self, case: Case
    ) -> None:
        """R-CT-08, R-CT-05"""
        test = add_closure_test(
            **case.ids,
            action=ActionItem.objects.order_by("number")[0],
            procedure="Deploy the same build at night",
        )
        record_run(
            **case.ids,
            closure_test=test,
            ran_at=dt.datetime(2026, 3, 17, 9, tzinfo=dt.UTC),
            environment="staging",
            outcome=TestRun.Outcome.PASSED,
        )
        report = build_report(case.incident, as_of=NOW)

        assert report.mandatory[0].state_label == "Artifact missing"
        assert "✗ Artifact missing" in render_html(report)

    def test_shows_which_amounts_add_up(self, case: Case) -> None:
        """R-OP-01, R-MT-02"""
        figure: dict[str, Any] = {
            "impact": ImpactStatement.objects.filter(incident=case.incident)[0],
            "currency": "EUR",
            "evidence": [],
        }
        for measure, label, amount in (
            ("cost", "Cost borne", "3912.40"),
            ("delayed_transactions", "Captured after replay", "403108.65"),
            ("failed_transactions", "Lapsed, never charged", "9751.55"),
        ):
            add_figure(
                **case.ids,
                **figure,
                measure=measure,
                label=label,
                amount=Decimal(amount),
            )
        report = build_report(case.incident, as_of=NOW)

        assert [(row.sign, row.label) for row in report.money] == [
            ("+", "+ Captured after replay"),
            ("+", "+ Lapsed, never charged"),
            ("=", "= Authorized and uncaptured at peak, 6,418"),
            ("", "Cost borne"),
        ]
        assert report.bridge == "+ adds up to ="

    def test_adds_nothing_up_that_the_record_does_not_state(self, case: Case) -> None:
        """R-OP-01"""
        report = build_report(case.incident, as_of=NOW)
        assert [row.sign for row in report.money] == [""]
        assert report.bridge == ""

    def test_prints_not_recorded_and_never_zero(self, bare: Case) -> None:
        """R-OP-03, R-MT-01"""
        report = build_report(bare.incident, as_of=NOW)

        assert {item.value for item in report.indicators} == {"not recorded"}
        assert {line.text for line in report.impact} == {"not recorded"}
        assert [(line.text, line.refs) for line in report.recovery] == [
            ("customers not recorded", ()),
            ("ledger not recorded", ()),
        ]
        html = render_html(report)
        assert "No amount is recorded." in html

    def test_begins_with_the_declaration_where_no_timeline_tells_of_more(
        self, bare: Case
    ) -> None:
        bare.incident.declared_at = NOW
        report = build_report(bare.incident, as_of=NOW)

        assert report.clock.startswith("17 Mar 2026, 10:20 ")

    def test_points_to_control_artifacts(self, case: Case) -> None:
        """R-OP-04"""
        contract = case.evidence("Event contract v4", Evidence.Kind.DATA_CONTRACT)
        report = build_report(case.incident, as_of=NOW)

        assert contract.ref in [ref.ref for ref in report.controls]

    def test_shows_open_unknowns_as_unknown(self, case: Case) -> None:
        """R-KU-03"""
        add_unknown(
            **case.ids,
            question="Did refunds double?",
            owner=case.cast["finance"],
            due_at=NOW + dt.timedelta(days=2),
        )
        risks = build_report(case.incident, as_of=NOW).risks

        assert ("Unknown", "Did refunds double? Finance director, 19 Mar") in [
            (line.label, line.text) for line in risks
        ]

    def test_says_the_same_from_the_stored_result_and_runs_no_check(
        self, case: Case, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add_unknown(**case.ids, question="Was anybody charged twice?")
        before = build_report(case.reload(), as_of=NOW)
        refresh_findings(case.incident.pk)
        runs: list[Any] = []

        def counted(case: Any) -> list[Any]:
            runs.append(case)
            return []

        monkeypatch.setattr(facts, "findings_of", counted)
        assert build_report(case.reload(), as_of=NOW) == before
        assert runs == []

        add_unknown(**case.ids, question="And refunded twice?")
        build_report(case.reload(), as_of=NOW)
        assert len(runs) == 1

    def test_reads_each_table_of_the_record_once(
        self, case: Case, django_assert_max_num_queries: Any
    ) -> None:
        refresh_findings(case.incident.pk)
        incident = case.reload()

        with django_assert_max_num_queries(42) as reads:
            carrying = with_rows(incident)
            content = digest(build_record(carrying))
            build_report(carrying, as_of=NOW, content=content)
        # PostgreSQL is asked for all of them in one message.
        names = [
            name for read in reads for name in re.findall(r'FROM "(\w+)"', read["sql"])
        ]
        tables = [shape.model._meta.db_table for shape in SHAPES.values()]
        assert [names.count(name) for name in tables] == [1] * len(tables)

    def test_names_the_checks_that_block(self, case: Case) -> None:
        report = build_report(case.incident, as_of=NOW)

        assert report.flags == ("AP101",)
        assert "<b>Blocks closure:</b> AP101</p>" in render_html(report)

    def test_says_where_each_block_can_be_read_in_full(self, case: Case) -> None:
        where = build_report(case.incident, as_of=NOW).where

        assert where["actions"].ref == f"{case.incident.key}/actions"
        assert where["actions"].url.endswith(f"/incidents/{case.incident.key}/actions/")

    def test_keeps_waivers_and_degraded_dependencies(self, case: Case) -> None:
        """What must never be cut is marked, with its words for when room is short."""
        point = DependencyCheckpoint.objects.get(incident=case.incident)
        DependencyCheckpoint.objects.filter(pk=point.pk).update(state="degraded")
        risks = build_report(case.incident, as_of=NOW).risks

        assert [line.short for line in risks if line.short] == [
            "Provider A is still degraded"
        ]

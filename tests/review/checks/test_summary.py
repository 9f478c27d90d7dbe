"""The blameless rule and the summary."""

from __future__ import annotations

import datetime as dt

from postmortem.lib.findings import Level
from rca.models import Cause
from tests.conftest import NOW
from tests.review.checks.conftest import alter, finding, found
from tests.review.conftest import Case as Told


class TestBlamelessRuleFirst:
    def test_finds_a_rule_that_nobody_stated(self, opened: Told) -> None:
        """R-BL-01"""
        assert found(opened, "BL101") == [
            finding(
                "BL101",
                "The blameless rule is not acknowledged",
                hint="Learning and prevention, not fault.",
            )
        ]

    def test_tells_that_it_came_after_the_first_cause(self, case: Told) -> None:
        """R-BL-01, R-BL-04"""
        Cause.objects.filter(incident=case.incident).update(
            recorded_at=NOW - dt.timedelta(days=1)
        )

        assert found(case, "BL101") == [
            finding(
                "BL101",
                "CA-1 was stated before the blameless rule was acknowledged",
                level=Level.INFO,
                hint="Read the causes again with the rule in mind.",
            )
        ]

    def test_passes_when_it_came_first(self, case: Told) -> None:
        assert found(case, "BL101") == []


class TestLearningIsWritten:
    def test_finds_an_empty_summary(self, opened: Told) -> None:
        """R-CK-06, R-BL-03"""
        assert found(opened, "CK006") == [
            finding(
                "CK006",
                "The blameless summary is empty",
                level=Level.ERROR,
                hint="Conditions, decisions, learning: what made sense at the time.",
            )
        ]

    def test_finds_a_stabilized_incident_without_a_review(self, bare: Told) -> None:
        assert found(bare, "CK006") == [
            finding(
                "CK006",
                "There is no review, so no blameless summary",
                level=Level.ERROR,
                subject_ref="",
            )
        ]

    def test_passes_with_a_summary(self, case: Told) -> None:
        assert found(case, "CK006") == []


class TestSummaryWithoutBlame:
    def test_finds_a_person_named_as_the_cause(self, case: Told) -> None:
        """R-BL-03"""
        alter(case, learning="Ravi Sen should have tested the deploy.")

        blamed = found(case, "BL103")

        assert [f.level for f in blamed] == [Level.WARNING] * len(blamed)
        assert blamed[0].message.startswith("The summary blames: “")
        assert blamed[0].subject_ref == "RV-1"

    def test_passes_on_conditions_and_owners(self, case: Told) -> None:
        alter(
            case,
            learning="The deploy was not gated. The finance controller owns the check.",
        )

        assert found(case, "BL103") == []

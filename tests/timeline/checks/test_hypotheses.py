"""Checks of the hypotheses ledger, and of certainty that was not earned."""

from __future__ import annotations

from tests.timeline.checks.conftest import WARNING, finding, found
from tests.timeline.conftest import Tape


class TestCertaintyWithoutEvidence:
    def test_names_the_words(self, tape: Tape) -> None:
        """R-HY-03, R-RC-09"""
        tape.add("15:34", "Everything is fully resolved")
        rows = found(tape.incident, "TL013")
        assert [(row.id, row.level, row.message, row.subject_ref) for row in rows] == [
            (
                "TL013",
                WARNING,
                "“fully resolved” in “Everything is fully resolved” has no evidence",
                "TL-1",
            )
        ]

    def test_passes_beside_its_artifact(self, tape: Tape) -> None:
        tape.proven("15:34", "Everything is fully resolved")
        tape.add("15:35", "Backlog at 8,900")
        assert found(tape.incident, "TL013") == []


class TestHypothesisOpen:
    def test_names_it(self, tape: Tape) -> None:
        """R-HY-01, R-HY-03"""
        tape.hypothesis()
        assert found(tape.incident, "HY001") == [
            finding("HY001", WARNING, "Hypothesis “Gateway down” is still open", "HY-1")
        ]

    def test_passes_when_settled(self, tape: Tape) -> None:
        tape.settle(tape.hypothesis(), "abandoned")
        assert found(tape.incident, "HY001") == []


class TestSettledWithoutEvidence:
    def test_asks_for_what_changed_direction(self, tape: Tape) -> None:
        """R-HY-01, R-HY-02"""
        tape.settle(tape.hypothesis(), "abandoned", evidence_for=[tape.original])
        tape.settle(tape.hypothesis("B"), "supported", evidence_for=[tape.later])
        assert found(tape.incident, "HY002") == [
            finding(
                "HY002",
                WARNING,
                "Hypothesis “Gateway down” is abandoned without an original record of "
                "what changed direction",
                "HY-1",
            ),
            finding(
                "HY002",
                WARNING,
                "Hypothesis “B” is supported without an original record that supports "
                "it",
                "HY-2",
            ),
        ]

    def test_passes_with_it(self, tape: Tape) -> None:
        row = tape.hypothesis(evidence_against=[tape.original])
        tape.settle(row, "abandoned")
        tape.settle(tape.hypothesis("B"), "supported", evidence_for=[tape.original])
        assert found(tape.incident, "HY002") == []


class TestIncompleteMeasurement:
    def test_keeps_the_conclusion_provisional(self, tape: Tape) -> None:
        """R-HY-03"""
        row = tape.hypothesis()
        tape.settle(row, "supported")
        tape.add("14:22", hypothesis=row, measurement_incomplete=True)
        assert found(tape.incident, "HY003") == [
            finding(
                "HY003",
                WARNING,
                "HY-1 is supported, but the measurement in TL-1 was incomplete",
                "TL-1",
                "Say what was missing, or complete the measurement.",
            )
        ]

    def test_passes_while_open_or_complete(self, tape: Tape) -> None:
        row = tape.hypothesis()
        tape.add("14:22", hypothesis=row, measurement_incomplete=True)
        assert found(tape.incident, "HY003") == []

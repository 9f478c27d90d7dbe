"""The three outputs of a review, and that something changed."""

from __future__ import annotations

from incidents.selectors import findings
from postmortem.lib.findings import Level
from tests.review.checks.conftest import finding, found
from tests.review.conftest import Case as Told


class TestThreeOutputs:
    def test_are_all_missed_in_an_empty_review(self, opened: Told) -> None:
        """R-DOC-01: without timeline, causes or actions it cannot be complete."""
        blocking = {f.id for f in findings(opened.reload()) if f.is_blocking}

        assert blocking >= {"DOC001", "RC001", "AI001"}

    def test_find_an_empty_timeline(self, opened: Told) -> None:
        """R-DOC-02"""
        assert found(opened, "DOC001") == [
            finding(
                "DOC001",
                "The recovery timeline is empty",
                level=Level.ERROR,
                hint="Start with the first signal: its time and what was seen.",
                subject_ref="",
                subject_label="Timeline",
            )
        ]

    def test_pass_with_an_entry(self, case: Told) -> None:
        assert found(case, "DOC001") == []


class TestOperationalChangeShown:
    def test_finds_a_case_in_which_nothing_changed(self, opened: Told) -> None:
        """R-CK-07, R-DOC-05"""
        assert found(opened, "CK007") == [
            finding(
                "CK007",
                "Nothing shows what changed: no action is completed and no step of the "
                "response rests on an original record",
                level=Level.ERROR,
                hint="Link the deploy, config change or control log to the step it "
                "proves.",
                subject_ref="",
                subject_label="Actions",
            )
        ]

    def test_passes_with_a_proven_step(self, case: Told) -> None:
        from actions.models import ActionItem

        ActionItem.objects.filter(incident=case.incident).update(state="open")

        assert found(case, "CK007") == []

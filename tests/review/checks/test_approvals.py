"""Approvals of the closure, and changes asked for."""

from __future__ import annotations

from postmortem.lib.findings import REGISTRY, Level
from review.services import approvals, reviews
from tests.review.checks.conftest import finding, found
from tests.review.conftest import Case as Told


class TestClosureApproved:
    HINT = (
        "Two approvers: one from engineering, one from finance, both managers. "
        "Neither may be commander, scribe, author of the review or owner of an open "
        "mandatory action."
    )

    def test_finds_the_seats_that_are_empty(self, case: Told) -> None:
        """R-AP-01, R-AP-02"""
        assert found(case, "AP101") == [
            finding(
                "AP101",
                "2 of 2 approvals missing: engineering manager and finance manager",
                level=Level.ERROR,
                hint=self.HINT,
                subject_ref="",
            )
        ]

    def test_tells_of_a_lapsed_one(self, case: Told) -> None:
        case.approve("reviewer")
        case.approve("finance")
        reviews.edit_review(**case.ids, learning="Told anew.")

        assert [f.message for f in found(case, "AP101")] == [
            "2 of 2 approvals missing: engineering manager and finance manager; "
            "2 lapsed because the record changed"
        ]

    def test_passes_with_both(self, case: Told) -> None:
        case.approve("reviewer")
        case.approve("finance")

        assert found(case, "AP101") == []

    def test_waits_for_the_review(self, bare: Told) -> None:
        assert found(bare, "AP101") == []

    def test_cannot_be_waived(self) -> None:
        assert not REGISTRY["AP101"].waivable
        assert not REGISTRY["AP102"].waivable


class TestNoChangesRequested:
    def test_finds_a_request_for_this_version(self, case: Told) -> None:
        """R-AP-02"""
        approvals.request_changes(
            incident_id=case.incident.pk,
            actor=case.cast["finance"],
            content_hash=case.hash,
            comment="Count the refunds.",
        )

        assert found(case, "AP102") == [
            finding(
                "AP102",
                "Finance director requests changes: Count the refunds.",
                level=Level.ERROR,
                subject_ref="",
                owner_label="",
            )
        ]

    def test_passes_after_the_change(self, case: Told) -> None:
        approvals.request_changes(
            incident_id=case.incident.pk,
            actor=case.cast["finance"],
            content_hash=case.hash,
            comment="Count the refunds.",
        )
        reviews.edit_review(**case.ids, learning="Seven refunds were counted.")

        assert found(case, "AP102") == []

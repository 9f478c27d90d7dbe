"""The work of the review: opened in time, with the right people, duties and meeting."""

from __future__ import annotations

import datetime as dt

import pytest

from review.models import Participant
from review.services import reviews
from tests.conftest import NOW
from tests.review.checks.conftest import alter, finding, found
from tests.review.conftest import Case as Told
from timeline.models import Milestone


class TestReviewOpenedInTime:
    def test_finds_a_late_opening(self, case: Told) -> None:
        """R-DOC-16"""
        assert found(case, "DOC016") == [
            finding(
                "DOC016",
                "The review was opened 6 d 19 h after stabilization",
                hint="Late reviews work from memory: rely on records of the time.",
            )
        ]

    def test_finds_a_missing_review(self, bare: Told) -> None:
        """R-DOC-16"""
        assert found(bare, "DOC016", now=NOW + dt.timedelta(days=2)) == [
            finding(
                "DOC016",
                "No review was opened in the 2 d 2 h since stabilization",
                subject_ref="",
            )
        ]

    def test_calls_it_skipped_after_a_week(self, bare: Told) -> None:
        """R-DOC-15: a skipped review is visible as such."""
        late = found(bare, "DOC016", now=NOW + dt.timedelta(days=8))

        assert [f.message for f in late] == [
            "No review was opened in the 8 d 2 h since stabilization: skipped"
        ]

    def test_finds_a_prepared_review_that_never_starts(self, bare: Told) -> None:
        from accounts.models import User

        reviews.prepare_review(
            incident_id=bare.incident.pk, actor=User.objects.system()
        )
        late = found(bare, "DOC016", now=NOW + dt.timedelta(days=8))

        assert [f.message for f in late] == [
            "The review has not started 7 d after stabilization: skipped"
        ]

    def test_passes_on_the_day_itself(self, bare: Told) -> None:
        assert found(bare, "DOC016") == []


class TestRespondersTakePart:
    def test_finds_a_review_without_people(self, opened: Told) -> None:
        """R-DOC-08"""
        assert found(opened, "DOC008") == [
            finding(
                "DOC008",
                "Nobody is recorded as taking part in the review",
                hint="Responders, service owners and product owners take part.",
            )
        ]

    def test_finds_a_review_without_a_responder(self, opened: Told) -> None:
        """R-DOC-08"""
        reviews.add_participant(
            **opened.ids, user=opened.cast["finance"], capacity="finance"
        )

        assert found(opened, "DOC008") == [
            finding("DOC008", "No responder of this incident takes part in the review")
        ]

    @pytest.mark.parametrize(
        ("who", "capacity"),
        [
            ("commander", Participant.Capacity.FACILITATOR),
            ("responder", Participant.Capacity.RESPONDER),
        ],
    )
    def test_passes_with_somebody_who_was_there(
        self, opened: Told, who: str, capacity: str
    ) -> None:
        reviews.add_participant(**opened.ids, user=opened.cast[who], capacity=capacity)

        assert found(opened, "DOC008") == []


class TestDutiesAssigned:
    def test_names_the_duties_that_are_open(self, opened: Told) -> None:
        """R-DOC-09"""
        reviews.edit_review(**opened.ids, meeting_owner=opened.cast["scribe"])

        assert found(opened, "DOC009") == [
            finding(
                "DOC009",
                "Nobody is assigned to documentation and follow-up actions",
            )
        ]

    def test_passes_with_three_people(self, case: Told) -> None:
        assert found(case, "DOC009") == []


class TestTimelineBeforeMeeting:
    def test_finds_a_meeting_without_the_timeline(self, opened: Told) -> None:
        """R-DOC-10"""
        reviews.edit_review(**opened.ids, meeting_at=NOW)

        assert found(opened, "DOC010") == [
            finding(
                "DOC010",
                "The meeting is set, but the timeline lacks first impact, first "
                "mitigation and customers recovered",
            )
        ]

    def test_passes_when_the_three_moments_stand(self, case: Told) -> None:
        assert Milestone.objects.filter(incident=case.incident).count() == 8
        assert found(case, "DOC010") == []


class TestReadinessAnswered:
    def test_finds_no_answer(self, opened: Told) -> None:
        """R-DOC-11"""
        assert found(opened, "DOC011") == [
            finding(
                "DOC011",
                "Whether the group can review impact and decisions is not recorded",
            )
        ]

    def test_finds_an_answer_without_a_reason(self, case: Told) -> None:
        """R-DOC-11"""
        alter(case, readiness_reason="")

        assert found(case, "DOC011") == [
            finding("DOC011", "Readiness is answered without a reason")
        ]

    def test_finds_a_no(self, case: Told) -> None:
        """R-DOC-11"""
        alter(case, is_ready=False, readiness_reason="Finance is missing.")

        assert found(case, "DOC011") == [
            finding(
                "DOC011",
                "The group cannot review impact and decisions yet",
                hint="Finance is missing.",
            )
        ]

    def test_passes_with_a_yes_and_its_reason(self, case: Told) -> None:
        assert found(case, "DOC011") == []


class TestMeetingAfterStabilization:
    def test_finds_no_date(self, opened: Told) -> None:
        """R-DOC-12"""
        assert found(opened, "DOC012") == [
            finding("DOC012", "The learning meeting has no date")
        ]

    def test_finds_a_meeting_during_the_incident(self, case: Told) -> None:
        """R-DOC-12"""
        alter(case, meeting_at=dt.datetime(2026, 3, 10, 14, 10, tzinfo=dt.UTC))

        assert found(case, "DOC012") == [
            finding(
                "DOC012",
                "The learning meeting lies before stabilization, 10 Mar 14:10",
            )
        ]

    def test_passes_afterwards(self, case: Told) -> None:
        assert found(case, "DOC012") == []


class TestResponseIsTold:
    def test_finds_silence(self, opened: Told) -> None:
        """R-DOC-13"""
        assert found(opened, "DOC013") == [
            finding(
                "DOC013",
                "How the team responded is not told",
                hint="Detection, command, decisions, communication: what helped.",
            )
        ]

    def test_passes_when_it_is_told(self, case: Told) -> None:
        assert found(case, "DOC013") == []

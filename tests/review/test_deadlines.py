"""Deadlines of the review tell nobody of what they may not see."""

import pytest
from django.utils import timezone

from incidents.models import Incident
from review.deadlines import review_meetings, reviews_waiting
from review.models import Review
from tests.review.conftest import Case


@pytest.fixture
def outside(case: Case, responder):
    """The owner of a review whose incident was restricted without them."""
    Incident.objects.filter(pk=case.incident.pk).update(
        status="stabilized", stabilized_at=timezone.now()
    )
    Review.objects.filter(incident=case.incident).update(
        owner=responder, meeting_owner=responder, meeting_at=timezone.now(), learning=""
    )
    return responder


class TestDeadlines:
    def test_of_an_open_incident_reach_the_owner(self, case: Case, outside) -> None:
        """R-DOC-12, R-DOC-16"""
        found = [*reviews_waiting(outside), *review_meetings(outside)]
        assert [item.kind for item in found] == ["review_start", "review_meeting"]

    def test_of_a_restricted_incident_reach_nobody_outside(
        self, case: Case, outside
    ) -> None:
        """Decision 12"""
        Incident.objects.filter(pk=case.incident.pk).update(is_restricted=True)
        case.incident.participations.filter(user=outside).delete()
        assert [*reviews_waiting(outside), *review_meetings(outside)] == []

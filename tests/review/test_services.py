"""The review as work: opening, duties, the blameless rule, people."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.exceptions import ValidationError

from accounts.models import User
from incidents import activity
from incidents.models import ActivityEntry, Incident
from postmortem.lib.errors import (
    InvalidTransition,
    StaleVersion,
)
from review.models import (
    Participant,
    Review,
)
from review.services import reviews
from tests.conftest import NOW
from tests.review.conftest import Case, edit


class TestOpenReview:
    def test_takes_a_stabilized_incident_into_review(self, bare: Case) -> None:
        """R-DOC-16"""
        review = reviews.open_review(**bare.ids, owner=bare.cast["responder"])

        assert bare.reload().status == "in_review"
        assert review.owner == bare.cast["responder"]
        assert review.opened_at == NOW
        assert activity.verify(bare.reload()) == []

    def test_makes_the_actor_the_owner(self, bare: Case) -> None:
        assert reviews.open_review(**bare.ids).owner == bare.actor

    def test_refuses_an_active_incident(
        self, incident: Incident, commander: User
    ) -> None:
        """R-SC-14"""
        with pytest.raises(InvalidTransition):
            reviews.open_review(incident_id=incident.pk, actor=commander)

        assert not Review.objects.exists()

    def test_keeps_the_review_that_is_prepared(self, bare: Case) -> None:
        prepared = reviews.prepare_review(
            incident_id=bare.incident.pk, actor=User.objects.system()
        )
        opened = reviews.open_review(**bare.ids, owner=bare.cast["responder"])

        assert prepared is not None
        assert opened.pk == prepared.pk
        assert opened.owner == bare.cast["responder"]


class TestPrepareReview:
    def test_gives_a_stabilized_incident_a_review_with_an_owner(
        self, bare: Case
    ) -> None:
        """R-DOC-16"""
        review = reviews.prepare_review(
            incident_id=bare.incident.pk, actor=User.objects.system()
        )

        assert review is not None
        assert review.owner == bare.cast["commander"]
        assert bare.reload().status == "stabilized"

    def test_does_nothing_twice(self, bare: Case) -> None:
        system = User.objects.system()
        reviews.prepare_review(incident_id=bare.incident.pk, actor=system)

        assert (
            reviews.prepare_review(incident_id=bare.incident.pk, actor=system) is None
        )
        assert Review.objects.count() == 1


class TestEditReview:
    def test_records_duties_readiness_and_texts(self, case: Case) -> None:
        """R-DOC-09, R-DOC-11, R-DOC-13"""
        review = edit(case, is_ready=False, readiness_reason="Finance is missing.")

        assert (review.is_ready, review.readiness_reason) == (
            False,
            "Finance is missing.",
        )
        entry = ActivityEntry.objects.filter(incident=case.incident).last()
        assert entry is not None
        assert entry.verb == "review.review_edited"

    def test_refuses_readiness_without_a_reason(self, case: Case) -> None:
        """R-DOC-11"""
        with pytest.raises(ValidationError) as error:
            edit(case, is_ready=True, readiness_reason=" ")

        assert error.value.error_dict["readiness_reason"][0].code == "required"

    def test_refuses_a_meeting_before_stabilization(self, case: Case) -> None:
        """R-DOC-12"""
        with pytest.raises(ValidationError) as error:
            edit(case, meeting_at=dt.datetime(2026, 3, 10, 14, 10, tzinfo=dt.UTC))

        assert error.value.error_dict["meeting_at"][0].code == "before_stabilized"

    def test_refuses_to_leave_the_review_without_an_owner(self, case: Case) -> None:
        with pytest.raises(ValidationError) as error:
            edit(case, owner=None)

        assert "owner" in error.value.error_dict

    def test_keeps_both_texts_when_somebody_saved_first(self, case: Case) -> None:
        read = case.review.version
        edit(case, learning="First.", version=read)

        with pytest.raises(StaleVersion) as error:
            edit(case, learning="Second.", version=read)

        assert error.value.current["learning"] == "First."
        assert case.review.learning == "First."

    def test_needs_a_review(self, bare: Case) -> None:
        with pytest.raises(InvalidTransition) as error:
            edit(bare, learning="Something.")

        assert error.value.code == "no_review"


class TestAcknowledgeBlamelessRule:
    def test_stands_with_person_and_time(self, bare: Case) -> None:
        """R-BL-01"""
        reviews.open_review(**bare.ids)

        review = reviews.acknowledge_blameless_rule(**bare.ids)

        assert (review.blameless_by, review.blameless_at) == (bare.actor, NOW)

    def test_changes_nothing_the_second_time(self, case: Case) -> None:
        before = ActivityEntry.objects.count()

        reviews.acknowledge_blameless_rule(
            incident_id=case.incident.pk, actor=case.cast["reviewer"]
        )

        assert ActivityEntry.objects.count() == before
        assert case.review.blameless_by == case.actor


class TestParticipants:
    def test_are_added_once(self, case: Case) -> None:
        """R-DOC-08"""
        with pytest.raises(ValidationError):
            reviews.add_participant(
                **case.ids, user=case.cast["responder"], capacity="finance"
            )

    def test_leave_with_a_reason_and_stay_in_the_record(self, case: Case) -> None:
        row = Participant.objects.get(incident=case.incident)

        with pytest.raises(ValidationError):
            reviews.remove_participant(**case.ids, number=row.number, reason=" ")
        reviews.remove_participant(
            **case.ids, number=row.number, reason="On leave that week"
        )

        row.refresh_from_db()
        assert row.is_retracted
        assert row.retraction_reason == "On leave that week"
        assert activity.verify(case.reload()) == []

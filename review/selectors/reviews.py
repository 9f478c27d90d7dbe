"""The review as a piece of work: its row, its people."""

from __future__ import annotations

from incidents.models import Incident
from incidents.selectors import participations
from review.models import Participant, Review


def current_review(incident: Incident) -> Review | None:
    """The review of an incident, with its people; None before it is opened."""
    return (
        Review.objects.filter(incident=incident, retracted_at=None)
        .select_related(
            "owner",
            "meeting_owner",
            "documentation_owner",
            "follow_up_owner",
            "blameless_by",
            "incident",
        )
        .first()
    )


def live_participants(incident: Incident) -> list[Participant]:
    """Who takes part in the review, in the order they were added (R-DOC-08)."""
    return list(
        Participant.objects.filter(
            incident=incident, retracted_at=None
        ).select_related("user")
    )


def review_people(incident: Incident) -> dict[str, object]:
    """Review, participants and responders for the cards of the review page."""
    return {
        "review": current_review(incident),
        "participants": live_participants(incident),
        "responders": participations(incident),
    }

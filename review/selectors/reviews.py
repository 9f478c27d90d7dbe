"""The review as a piece of work: its row, its people."""

from __future__ import annotations

from typing import Any

from incidents.models import ActivityEntry, Incident
from postmortem.lib.record import live_rows
from review.models import Participant, ReportBuild, Review


def current_review(incident: Incident) -> Review | None:
    """The review of an incident, with its people; None before it is opened."""
    rows = live_rows(
        incident,
        Review.objects.select_related(
            "owner",
            "meeting_owner",
            "documentation_owner",
            "follow_up_owner",
            "blameless_by",
            "incident",
        ),
    )
    return next(iter(rows), None)


def live_participants(incident: Incident) -> list[Participant]:
    """Who takes part in the review, in the order they were added (R-DOC-08)."""
    return live_rows(incident, Participant.objects.select_related("user"))


def review_people(incident: Incident) -> dict[str, Any]:
    """Review and participants for the cards of the review page."""
    return {
        "review": current_review(incident),
        "participants": live_participants(incident),
    }


def incidents_without_review() -> list[int]:
    """Stabilized incidents whose review has not been opened yet (R-DOC-16)."""
    return list(
        Incident.objects.filter(status=Incident.Status.STABILIZED)
        .exclude(
            pk__in=Review.objects.filter(retracted_at=None).values("incident"),
        )
        .values_list("pk", flat=True)
    )


def latest_build(incident: Incident) -> ReportBuild | None:
    """The newest one-pager of an incident, whatever its state."""
    return (
        ReportBuild.objects.filter(incident=incident)
        .select_related("requested_by")
        .first()
    )


def last_kept(incident: Incident) -> ActivityEntry | None:
    """Why the incident was last kept as stabilized, if it was."""
    return (
        ActivityEntry.objects.filter(incident=incident, verb="review.kept_stabilized")
        .order_by("sequence")
        .last()
    )

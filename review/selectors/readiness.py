"""Whether the group is ready for the meeting (R-DOC-08 to R-DOC-12, R-BL-01)."""

from __future__ import annotations

from dataclasses import dataclass

from incidents.models import Incident
from postmortem.lib.times import on_clock
from postmortem.lib.words import listed
from review.models import Review


@dataclass(frozen=True)
class Readiness:
    """One point of getting ready for the meeting, and whether it is met."""

    label: str
    is_met: bool
    detail: str


def readiness(incident: Incident, review: Review | None) -> list[Readiness]:
    """What has to stand before the meeting (R-DOC-08 to R-DOC-12, R-BL-01)."""
    zone = incident.clock_zone
    if review is None:
        return [Readiness("Review opened", False, "No review is opened yet.")]
    duties = {
        "meeting flow": review.meeting_owner,
        "documentation": review.documentation_owner,
        "follow-up": review.follow_up_owner,
    }
    open_duties = [name for name, person in duties.items() if person is None]
    ready = {True: "Yes", False: "No", None: "not recorded"}[review.is_ready]
    if review.is_ready is not None and review.readiness_reason:
        ready += f": {review.readiness_reason}"
    meeting = (
        f"{on_clock(review.meeting_at, zone):%-d %b %Y, %H:%M}"
        if review.meeting_at
        else "not recorded"
    )
    return [
        Readiness(
            "Three duties assigned",
            not open_duties,
            f"Open: {listed(open_duties)}"
            if open_duties
            else "All three have a person.",
        ),
        Readiness(
            "The group can review impact and decisions, not only systems",
            review.is_ready is True,
            ready,
        ),
        Readiness(
            "Blameless rule acknowledged",
            review.blameless_at is not None,
            f"{on_clock(review.blameless_at, zone):%-d %b %Y, %H:%M}"
            if review.blameless_at
            else "not recorded",
        ),
        Readiness(
            "Learning meeting after stabilization",
            review.meeting_at is not None
            and (
                incident.stabilized_at is None
                or review.meeting_at >= incident.stabilized_at
            ),
            meeting,
        ),
        Readiness(
            "How we responded is written",
            bool(review.how_we_responded),
            review.how_we_responded or "not recorded",
        ),
    ]

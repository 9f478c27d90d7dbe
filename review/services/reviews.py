"""The review as a piece of work: opening it, its duties, its people, its texts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import User
from incidents import activity, selectors
from incidents.models import Incident
from incidents.services.core import (
    KEEP,
    add_record,
    change_record,
    get_record,
    given,
    lock_incident,
    require_reason,
    withdraw,
    words_of,
)
from incidents.services.lifecycle import move_to_review
from postmortem.lib.errors import InvalidTransition
from postmortem.lib.fields import is_blank
from postmortem.lib.persistence import save, service
from review.models import Participant, Review


@service
def open_review(*, incident_id: int, actor: User, owner: User | None = None) -> Review:
    """Take a stabilized incident into review, with an owner (R-DOC-16).

    owner: who answers for the review; default: the one it has, else the actor. Whoever
    ran the incident or its review cannot approve its closure.
    """
    incident = lock_incident(
        incident_id, actor=actor, permission="incident.start_review"
    )
    move_to_review(incident, actor=actor)
    review = _review_of(incident)
    if review is None:
        review = _new_review(incident, actor=actor, owner=owner or actor)
    elif owner is not None and review.owner_id != owner.pk:
        change_record(review, {"owner": owner}, actor=actor, version=None)
    assert review.owner is not None
    activity.record(
        incident,
        actor=actor,
        verb="review.review_opened",
        sentence=f"opened the review, owned by {review.owner.label}",
        subject=review,
    )
    return review


@service
def prepare_review(*, incident_id: int, actor: User) -> Review | None:
    """Give a stabilized incident its review row, owned by the commander (R-DOC-16).

    Scheduled work does this when an incident has been stabilized; None if there is
    nothing to do. `actor` is the system user, which has no role: it may do this alone,
    and only while the incident is stabilized.
    """
    incident = Incident.objects.select_for_update(of=("self",)).get(pk=incident_id)
    if incident.status != Incident.Status.STABILIZED or _review_of(incident):
        return None
    command = selectors.commander(incident)
    owner = command.user if command else incident.declared_by
    review = _new_review(incident, actor=actor, owner=owner)
    activity.record(
        incident,
        actor=actor,
        verb="review.review_prepared",
        sentence="opened the review on stabilization"
        + (f", owned by {owner.label}" if owner else ""),
        subject=review,
    )
    return review


def _new_review(incident: Incident, *, actor: User, owner: User | None) -> Review:
    return add_record(
        Review(incident=incident, owner=owner, opened_at=timezone.now()), actor=actor
    )


def _review_of(incident: Incident) -> Review | None:
    review = (
        Review.objects.filter(incident=incident, retracted_at=None)
        .select_related("owner")
        .first()
    )
    if review:
        review.incident = incident
    return review


def need_review(incident: Incident) -> Review:
    """The review of a locked incident; a verb that needs one says how to get it."""
    review = _review_of(incident)
    if review is None:
        raise InvalidTransition(
            f"{incident.key} has no review yet. Open the review first.",
            code="no_review",
        )
    return review


@service
def edit_review(
    *,
    incident_id: int,
    actor: User,
    version: int | None = None,
    owner: User | None = KEEP,
    meeting_owner: User | None = KEEP,
    documentation_owner: User | None = KEEP,
    follow_up_owner: User | None = KEEP,
    is_ready: bool | None = KEEP,
    readiness_reason: str = KEEP,
    meeting_at: datetime | None = KEEP,
    how_we_responded: str = KEEP,
    learning: str = KEEP,
) -> Review:
    """Change duties, readiness, meeting time or the texts of the review.

    A yes or no to readiness needs its reasons (R-DOC-11); a meeting takes place after
    the incident has been stabilized (R-DOC-12).
    """
    incident = lock_incident(incident_id, actor=actor, permission="review.edit")
    review = need_review(incident)
    changes = given(
        owner=owner,
        meeting_owner=meeting_owner,
        documentation_owner=documentation_owner,
        follow_up_owner=follow_up_owner,
        is_ready=is_ready,
        readiness_reason=readiness_reason,
        meeting_at=meeting_at,
        how_we_responded=how_we_responded,
        learning=learning,
    )
    _prove(incident, review, changes)
    moved = change_record(review, changes, actor=actor, version=version)
    if moved:
        activity.record(
            incident,
            actor=actor,
            verb="review.review_edited",
            sentence=f"edited the review: {words_of(review, moved)}",
            subject=review,
            data=moved,
        )
    return review


def _prove(incident: Incident, review: Review, changes: dict[str, Any]) -> None:
    faults: dict[str, ValidationError] = {}
    if "owner" in changes and changes["owner"] is None:
        faults["owner"] = ValidationError(
            "The review needs an owner. Name the person who takes it over.",
            code="required",
        )
    ready = changes.get("is_ready", review.is_ready)
    reason = changes.get("readiness_reason", review.readiness_reason)
    if "is_ready" in changes and ready is not None and is_blank(reason):
        faults["readiness_reason"] = ValidationError(
            "Say why the group can, or cannot, review impact and decisions.",
            code="required",
        )
    meeting = changes.get("meeting_at")
    if meeting and incident.stabilized_at and meeting < incident.stabilized_at:
        faults["meeting_at"] = ValidationError(
            "The learning meeting takes place after the incident was stabilized. "
            "Check the date.",
            code="before_stabilized",
        )
    if faults:
        raise ValidationError(faults)


@service
def acknowledge_blameless_rule(*, incident_id: int, actor: User) -> Review:
    """Say that this review is about learning and prevention, not fault (R-BL-01).

    Saying it twice changes nothing.
    """
    incident = lock_incident(incident_id, actor=actor, permission="review.edit")
    review = need_review(incident)
    if review.blameless_at is None:
        review.blameless_at = timezone.now()
        review.blameless_by = actor
        save(review, actor=actor)
        activity.record(
            incident,
            actor=actor,
            verb="review.blameless_acknowledged",
            sentence="acknowledged the blameless rule: learning and prevention, not "
            "fault",
            subject=review,
        )
    return review


@service
def add_participant(
    *, incident_id: int, actor: User, user: User, capacity: str
) -> Participant:
    """Add somebody to the review in one capacity (R-DOC-08)."""
    incident = lock_incident(incident_id, actor=actor, permission="review.edit")
    participant = add_record(
        Participant(incident=incident, user=user, capacity=capacity), actor=actor
    )
    activity.record(
        incident,
        actor=actor,
        verb="review.participant_added",
        sentence=f"added {user.label} to the review as "
        f"{participant.get_capacity_display().lower()}",
        subject=participant,
    )
    return participant


@service
def remove_participant(
    *, incident_id: int, actor: User, number: int, reason: str
) -> Participant:
    """Take somebody out of the review, with a reason; the row stays, struck through."""
    incident = lock_incident(incident_id, actor=actor, permission="review.edit")
    participant = get_record(Participant, incident, number)
    reason = require_reason(reason, "this person is taken out")
    withdraw(participant, actor=actor, reason=reason)
    activity.record(
        incident,
        actor=actor,
        verb="review.participant_removed",
        sentence=f"took {participant.user.label} out of the review",
        subject=participant,
        reason=reason,
    )
    return participant

"""Deadlines of the review: opening it, its meeting, the approvals that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import (
    Exists,
    OuterRef,
    Q,
    QuerySet,
    prefetch_related_objects,
)
from django.urls import reverse

from accounts.models import Team, User
from incidents import selectors
from incidents.models import IN_COMMAND, Incident, Participation
from incidents.models.case import OfEach, visible_to
from postmortem.lib.deadlines import Deadline, deadlines
from review.models import ClosureApproval, Review
from review.selectors import approvals_states, standing, with_words

OPEN_WITHIN = timedelta(days=1)
APPROVE_WITHIN = timedelta(days=5)
SEATS = {
    ClosureApproval.Seat.ENGINEERING: Team.Function.ENGINEERING,
    ClosureApproval.Seat.FINANCE: Team.Function.FINANCE,
}


def _url(incident: Incident) -> str:
    return reverse("review:review_detail", args=[incident.key])


def _visible(user: User | None) -> QuerySet[Incident]:
    """What may be told of: to a person, only incidents that they may see."""
    return Incident.objects.visible_to(user) if user else Incident.objects.all()


def _starts_with(user: User) -> Q:
    """That this person starts the review: they own it or, while nobody does, they are
    in command."""
    of_incident = {"incident": OuterRef("pk"), "retracted_at": None}
    owned = Review.objects.filter(**of_incident, owner__isnull=False)
    commands = Participation.objects.filter(
        IN_COMMAND, incident=OuterRef("pk"), user=user
    )
    return Q(OfEach(owned.filter(owner=user))) | (
        Q(OfEach(commands)) & ~Q(OfEach(owned))
    )


def _approves(user: User) -> Q:
    """That this person is a named approver, or manages a team."""
    named = Incident.approvers.through.objects.filter(user=user)
    manages = Team.objects.filter(manager=user)
    return Q(pk__in=named.values("incident")) | Q(Exists(manages))


def _review_owners(incidents: list[Incident]) -> dict[int, User | None]:
    """Who starts each of these reviews: its owner, else whoever is in command."""
    reviews = Review.objects.filter(
        incident__in=incidents, retracted_at=None, owner__isnull=False
    ).select_related("owner")
    return {
        **selectors.commanders(row.pk for row in incidents),
        **{review.incident_id: review.owner for review in reviews},
    }


@deadlines("review_start", "closure_approval")
def reviews_waiting(user: User | None) -> Iterator[Deadline]:
    """A stabilized incident goes into review within a day (R-DOC-16); one in review
    waits for the approvals that its closure still needs."""
    starts = Q(status=Incident.Status.STABILIZED, stabilized_at__isnull=False)
    closes = Q(status=Incident.Status.IN_REVIEW, in_review_at__isnull=False)
    if user is not None:
        starts &= _starts_with(user)
        closes &= _approves(user)
    rows = list(with_words(_visible(user).filter(starts | closes)))
    by_status = {
        status: [row for row in rows if row.status == status]
        for status in (Incident.Status.STABILIZED, Incident.Status.IN_REVIEW)
    }
    yield from _review_starts(by_status[Incident.Status.STABILIZED], user)
    yield from _closure_approvals(by_status[Incident.Status.IN_REVIEW], user)


def _review_starts(waiting: list[Incident], user: User | None) -> Iterator[Deadline]:
    owners = dict.fromkeys((row.pk for row in waiting), user)
    if user is None:
        owners = _review_owners(waiting)
    for incident in waiting:
        assert incident.stabilized_at is not None
        yield Deadline(
            key=f"review_start:{incident.pk}:{incident.stabilized_at.isoformat()}",
            kind="review_start",
            title=f"Start the review of {incident.key}",
            due_at=incident.stabilized_at + OPEN_WITHIN,
            owner=owners.get(incident.pk),
            incident=incident,
            url=_url(incident),
            ref=incident.key,
            detail=incident.title,
        )


def _closure_approvals(rows: list[Incident], user: User | None) -> Iterator[Deadline]:
    """For each person who may give one: named approvers, else managers. Of one person
    only their teams are asked."""
    if not rows:
        return
    if user is None:
        prefetch_related_objects(rows, "approvers")
    sight = _Sight({row.pk for row in rows})
    for incident, state in approvals_states(rows):
        assert incident.in_review_at is not None
        if state.is_complete:
            continue
        given = {item.approver.person_id for item in state.valid}
        for person in [user] if user is not None else sight.possible(incident):
            if person.person_id in given:
                continue
            if user is None and not sight.sees(person, incident):
                continue
            if standing(person, state).seat is None:
                continue
            yield Deadline(
                key=f"closure_approval:{incident.pk}:{incident.in_review_at.isoformat()}"
                f":{person.pk}",
                kind="closure_approval",
                title=f"Approve the closure of {incident.key}",
                due_at=incident.in_review_at + APPROVE_WITHIN,
                owner=person,
                incident=incident,
                url=_url(incident) + "#approvals",
                ref=incident.key,
                detail=incident.title,
            )


@deadlines("review_meeting")
def review_meetings(user: User | None) -> Iterator[Deadline]:
    """The learning meeting, for whoever leads it (R-DOC-12)."""
    rows = Review.objects.filter(
        incident__status__in=[Incident.Status.STABILIZED, Incident.Status.IN_REVIEW],
        retracted_at=None,
        meeting_at__isnull=False,
        learning="",
    )
    if user is not None:
        theirs = Q(meeting_owner=user) | Q(meeting_owner=None, owner=user)
        rows = rows.filter(theirs, visible_to(user, "incident__"))
    for review in rows.select_related("incident", "meeting_owner", "owner"):
        if review.meeting_at:
            yield Deadline(
                key=f"review_meeting:{review.pk}:{review.meeting_at.isoformat()}",
                kind="review_meeting",
                title=f"Learning meeting of {review.incident.key}",
                due_at=review.meeting_at,
                owner=review.meeting_owner or review.owner,
                incident=review.incident,
                url=_url(review.incident),
                ref=review.ref,
                detail="Write the blameless summary after it.",
            )


class _Sight:
    """Who may be asked about these incidents, read once for all of them."""

    def __init__(self, incidents: set[int]) -> None:
        self._incidents = incidents
        self._seen: dict[int, set[int]] = {}
        self._managers: list[User] | None = None
        self._people: dict[int, User] = {}

    def possible(self, incident: Incident) -> list[User]:
        """Named approvers; without any, the managers of engineering and finance."""
        named = [
            self._people.setdefault(person.pk, person)
            for person in incident.approvers.all()
            if person.is_active
        ]
        if named:
            return named
        if self._managers is None:
            rows = User.objects.filter(
                is_active=True, managed_teams__function__in=list(SEATS.values())
            ).distinct()
            self._managers = [self._people.setdefault(u.pk, u) for u in rows]
        return self._managers

    def sees(self, person: User, incident: Incident) -> bool:
        if person.pk not in self._seen:
            rows = Incident.objects.visible_to(person).filter(pk__in=self._incidents)
            self._seen[person.pk] = set(rows.values_list("pk", flat=True))
        return incident.pk in self._seen[person.pk]

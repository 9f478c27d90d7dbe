"""The review as work: opened in time, people, duties, readiness, the meeting."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from incidents.models import Incident
from incidents.selectors import participations
from postmortem.lib.findings import Case, Level, Problem, check
from postmortem.lib.times import on_clock, span
from postmortem.lib.words import listed
from review.checks.base import REVIEWED, TAB, edit_page, page, review_of
from review.models import Participant
from review.selectors.reviews import live_participants
from timeline import selectors as timeline
from timeline.models import Milestone

LATE_AFTER = timedelta(days=1)
SKIPPED_AFTER = timedelta(days=7)


def milestones(case: Case) -> set[str]:
    """Kinds of milestones that are on the timeline or do not apply."""
    return {row.kind for row in case.load(timeline.milestones)}


@check(
    "DOC016",
    "The review was opened in time, with an owner",
    level=Level.WARNING,
    requirements=("R-DOC-16", "R-DOC-15"),
    tab=TAB,
)
def review_opened_in_time(case: Case) -> Iterator[Problem]:
    """A review that opens late works from memory; one that is skipped must be seen to
    be skipped."""
    incident, review = case.incident, review_of(case)
    stable = incident.stabilized_at
    if stable is None or incident.status not in REVIEWED:
        return
    waited = case.now - stable
    url = page(case, "review:review_detail")
    if review is None:
        is_skipped = case.reached(stable + SKIPPED_AFTER)
        if case.reached(stable + LATE_AFTER):
            yield Problem(
                f"No review was opened in the {span(waited)} since stabilization"
                + (": skipped" if is_skipped else ""),
                fix_label="Open the review",
                url=url,
                inputs=(stable, is_skipped),
            )
        return
    if review.owner_id is None:
        yield Problem(
            "The review has no owner",
            subject=review,
            fix_label="Name the owner",
            url=edit_page(case),
        )
    if review.opened_at and review.opened_at - stable > LATE_AFTER:
        yield Problem(
            f"The review was opened {span(review.opened_at - stable)} after "
            "stabilization",
            subject=review,
            hint="Late reviews work from memory: rely on records of the time.",
            inputs=(stable, review.opened_at),
        )
    if incident.status == Incident.Status.STABILIZED and case.reached(
        stable + SKIPPED_AFTER
    ):
        yield Problem(
            f"The review has not started {span(SKIPPED_AFTER)} after stabilization: "
            "skipped",
            subject=review,
            fix_label="Start the review",
            url=url,
            inputs=(stable,),
        )


@check(
    "DOC008",
    "Responders take part in the review",
    level=Level.WARNING,
    requirements=("R-DOC-08",),
    tab=TAB,
)
def responders_take_part(case: Case) -> Iterator[Problem]:
    """Only those who were there can read the evidence in its context."""
    review = review_of(case)
    if review is None:
        return
    people = case.load(live_participants)
    url = page(case, "review:participant_add")
    if not people:
        yield Problem(
            "Nobody is recorded as taking part in the review",
            subject=review,
            hint="Responders, service owners and product owners take part.",
            fix_label="Add a participant",
            url=url,
        )
        return
    there = {duty.user.person_id for duty in case.load(participations)}
    if not any(
        p.capacity == Participant.Capacity.RESPONDER or p.user.person_id in there
        for p in people
    ):
        yield Problem(
            "No responder of this incident takes part in the review",
            subject=review,
            fix_label="Add a responder",
            url=url,
            inputs=tuple(p.ref for p in people),
        )


@check(
    "DOC009",
    "Three duties are assigned",
    level=Level.WARNING,
    requirements=("R-DOC-09",),
    tab=TAB,
)
def duties_assigned(case: Case) -> Iterator[Problem]:
    """Meeting flow, documentation and follow-up each need one person, else each is
    thought to be somebody else's."""
    review = review_of(case)
    if review is None:
        return
    missing = [
        name
        for name, person in (
            ("meeting flow", review.meeting_owner_id),
            ("documentation", review.documentation_owner_id),
            ("follow-up actions", review.follow_up_owner_id),
        )
        if person is None
    ]
    if missing:
        yield Problem(
            f"Nobody is assigned to {listed(missing)}",
            subject=review,
            fix_label="Assign",
            url=edit_page(case),
            inputs=tuple(missing),
        )


@check(
    "DOC010",
    "The shared timeline stands before the meeting",
    level=Level.WARNING,
    requirements=("R-DOC-10",),
    tab=TAB,
)
def timeline_before_meeting(case: Case) -> Iterator[Problem]:
    """Conclusions are debated on a timeline that confirms first impact, mitigation and
    recovery; without it the loudest memory wins."""
    review = review_of(case)
    if review is None or review.meeting_at is None:
        return
    known = milestones(case)
    kinds = Milestone.Kind
    missing = [
        str(kind.label).lower()
        for kind in (
            kinds.FIRST_IMPACT,
            kinds.FIRST_MITIGATION,
            kinds.CUSTOMER_RECOVERED,
        )
        if kind.value not in known
    ]
    if missing:
        yield Problem(
            f"The meeting is set, but the timeline lacks {listed(missing)}",
            subject=review,
            fix_label="Open the timeline",
            url=page(case, "timeline:entry_list"),
            inputs=tuple(missing),
        )


@check(
    "DOC011",
    "Readiness is answered with reasons",
    level=Level.WARNING,
    requirements=("R-DOC-11",),
    tab=TAB,
)
def readiness_answered(case: Case) -> Iterator[Problem]:
    """A group that can only review systems, and not impact and decisions, holds the
    wrong meeting."""
    review = review_of(case)
    if review is None:
        return
    if review.is_ready is None:
        yield Problem(
            "Whether the group can review impact and decisions is not recorded",
            subject=review,
            fix_label="Answer",
            url=edit_page(case),
        )
    elif not review.readiness_reason:
        yield Problem(
            "Readiness is answered without a reason",
            subject=review,
            fix_label="Give the reason",
            url=edit_page(case),
            inputs=(review.is_ready,),
        )
    elif not review.is_ready:
        yield Problem(
            "The group cannot review impact and decisions yet",
            subject=review,
            hint=review.readiness_reason[:200],
            fix_label="Answer again",
            url=edit_page(case),
            inputs=(review.readiness_reason,),
        )


@check(
    "DOC012",
    "The learning meeting follows stabilization",
    level=Level.WARNING,
    requirements=("R-DOC-12",),
    tab=TAB,
)
def meeting_after_stabilization(case: Case) -> Iterator[Problem]:
    """Restoration is a milestone, not the end; people learn when nothing is on fire."""
    review, incident = review_of(case), case.incident
    if review is None:
        return
    if review.meeting_at is None:
        yield Problem(
            "The learning meeting has no date",
            subject=review,
            fix_label="Set the date",
            url=edit_page(case),
        )
    elif incident.stabilized_at and review.meeting_at < incident.stabilized_at:
        yield Problem(
            "The learning meeting lies before stabilization, "
            f"{on_clock(review.meeting_at, incident.clock_zone):%-d %b %H:%M}",
            subject=review,
            fix_label="Correct the date",
            url=edit_page(case),
            inputs=(review.meeting_at, incident.stabilized_at),
        )


@check(
    "DOC013",
    "How the team responded is told",
    level=Level.WARNING,
    requirements=("R-DOC-13",),
    tab=TAB,
)
def response_is_told(case: Case) -> Iterator[Problem]:
    """The review answers four questions. What happened, why, and what will change have
    their own pages; how the team responded is told here."""
    review = review_of(case)
    if review is not None and not review.how_we_responded:
        yield Problem(
            "How the team responded is not told",
            subject=review,
            hint="Detection, command, decisions, communication: what helped.",
            fix_label="Write it",
            url=edit_page(case),
        )

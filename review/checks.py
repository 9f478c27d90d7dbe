"""What a complete review takes: three outputs, people, duties, readiness, approvals.

Rules on a single entry, cause or action belong to the apps below; here stand only the
rules that look at the case as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.urls import reverse

from actions import selectors as actions
from actions.models import ActionItem
from incidents.language import find_blame
from incidents.models import Incident
from incidents.selectors import participations, record_hash
from postmortem.lib.findings import Case, Gate, Level, Problem, Row, check
from postmortem.lib.times import on_clock, span
from postmortem.lib.words import listed
from rca import selectors as rca
from rca.models import Cause
from review.models import Participant, Review
from review.selectors import ApprovalsState, approvals_state
from review.selectors.reviews import current_review, live_participants
from timeline import selectors as timeline
from timeline.models import Entry, Milestone

LATE_AFTER = timedelta(days=1)
SKIPPED_AFTER = timedelta(days=7)
REVIEWED = (Incident.Status.STABILIZED, Incident.Status.IN_REVIEW)
TAB = "Review"


def entries(case: Case) -> int:
    """How many timeline entries are in force, stated gaps not counted."""
    rows = case.load(timeline.entries)
    return sum(row.kind != Entry.Kind.NO_RECORD for row in rows)


def causes(case: Case) -> list[Cause]:
    rows = case.load(rca.causes)
    return [row for row in rows if row.state != Cause.State.RULED_OUT]


def changes(case: Case) -> bool:
    """Whether an action is completed, or a step of the response proven by an original
    record."""
    return any(
        action.state == ActionItem.State.COMPLETED
        for action in case.load(actions.actions)
    ) or any(
        entry.kind in {Entry.Kind.ACTION, Entry.Kind.DECISION}
        and not entry.is_provisional
        for entry in case.load(timeline.entries)
    )


def milestones(case: Case) -> set[str]:
    """Kinds of milestones that are on the timeline or do not apply."""
    return {row.kind for row in case.load(timeline.milestones)}


def _review(case: Case) -> Review | None:
    return case.load(current_review)


def _approvals(case: Case) -> ApprovalsState:
    return case.load(approvals_state, present_hash=case.load(record_hash))


def _page(case: Case, name: str) -> str:
    return reverse(name, args=[case.incident.key])


def _edit(case: Case) -> str:
    return _page(case, "review:review_edit")


# --- the three outputs ---


@check(
    "DOC001",
    "The review has its recovery timeline",
    level=Level.ERROR,
    requirements=("R-DOC-01", "R-DOC-02"),
    tab="Timeline",
    row=Row.TIMELINE,
)
def recovery_timeline_present(case: Case) -> Iterator[Problem]:
    """A review has exactly three outputs: the timeline, the causes (RC001) and the
    actions (AI001). Without the first, nobody can tell what was observed and done."""
    if not entries(case):
        yield Problem(
            "The recovery timeline is empty",
            hint="Start with the first signal: its time and what was seen.",
            fix_label="Add the first entry",
            url=_page(case, "timeline:entry_list"),
        )


@check(
    "CK007",
    "The case shows what changed operationally",
    level=Level.ERROR,
    requirements=("R-CK-07", "R-DOC-05"),
    tab="Actions",
    row=Row.ACTIONS,
)
def operational_change_shown(case: Case) -> Iterator[Problem]:
    """A case closes only when evidence shows what changed: a completed action, or a
    step of the response that rests on an original record."""
    if not changes(case):
        yield Problem(
            "Nothing shows what changed: no action is completed and no step of the "
            "response rests on an original record",
            hint="Link the deploy, config change or control log to the step it proves.",
            fix_label="Open the timeline",
            url=_page(case, "timeline:entry_list"),
        )


# --- the review as work ---


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
    incident, review = case.incident, _review(case)
    stable = incident.stabilized_at
    if stable is None or incident.status not in REVIEWED:
        return
    waited = case.now - stable
    url = _page(case, "review:review_detail")
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
            url=_edit(case),
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
    review = _review(case)
    if review is None:
        return
    people = case.load(live_participants)
    url = _page(case, "review:participant_add")
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
    review = _review(case)
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
            url=_edit(case),
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
    review = _review(case)
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
            url=_page(case, "timeline:entry_list"),
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
    review = _review(case)
    if review is None:
        return
    if review.is_ready is None:
        yield Problem(
            "Whether the group can review impact and decisions is not recorded",
            subject=review,
            fix_label="Answer",
            url=_edit(case),
        )
    elif not review.readiness_reason:
        yield Problem(
            "Readiness is answered without a reason",
            subject=review,
            fix_label="Give the reason",
            url=_edit(case),
            inputs=(review.is_ready,),
        )
    elif not review.is_ready:
        yield Problem(
            "The group cannot review impact and decisions yet",
            subject=review,
            hint=review.readiness_reason[:200],
            fix_label="Answer again",
            url=_edit(case),
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
    review, incident = _review(case), case.incident
    if review is None:
        return
    if review.meeting_at is None:
        yield Problem(
            "The learning meeting has no date",
            subject=review,
            fix_label="Set the date",
            url=_edit(case),
        )
    elif incident.stabilized_at and review.meeting_at < incident.stabilized_at:
        yield Problem(
            "The learning meeting lies before stabilization, "
            f"{on_clock(review.meeting_at, incident.clock_zone):%-d %b %H:%M}",
            subject=review,
            fix_label="Correct the date",
            url=_edit(case),
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
    review = _review(case)
    if review is not None and not review.how_we_responded:
        yield Problem(
            "How the team responded is not told",
            subject=review,
            hint="Detection, command, decisions, communication: what helped.",
            fix_label="Write it",
            url=_edit(case),
        )


# --- blameless ---


@check(
    "BL101",
    "The blameless rule was acknowledged before the analysis",
    level=Level.WARNING,
    requirements=("R-BL-01", "R-BL-04"),
    tab=TAB,
    row=Row.BLAMELESS,
)
def blameless_rule_first(case: Case) -> Iterator[Problem]:
    """Early personal responsibility causes cover-ups, so the rule stands before the
    first cause is stated."""
    review = _review(case)
    if review is None:
        return
    stated = [c for c in causes(case) if c.recorded_at]
    first = min(stated, key=lambda c: c.recorded_at, default=None)  # type: ignore[arg-type, return-value]
    if review.blameless_at is None:
        yield Problem(
            "The blameless rule is not acknowledged",
            subject=review,
            hint="Learning and prevention, not fault.",
            fix_label="Acknowledge",
            url=_page(case, "review:blameless_acknowledge"),
            inputs=(bool(stated),),
        )
    elif first and first.recorded_at and first.recorded_at < review.blameless_at:
        yield Problem(
            f"{first.ref} was stated before the blameless rule was acknowledged",
            subject=review,
            hint="Read the causes again with the rule in mind.",
            inputs=(first.ref, review.blameless_at),
            level=Level.INFO,
        )


@check(
    "CK006",
    "The blameless summary is written",
    level=Level.ERROR,
    requirements=("R-CK-06", "R-BL-03"),
    tab=TAB,
    row=Row.BLAMELESS,
)
def learning_is_written(case: Case) -> Iterator[Problem]:
    """The summary of conditions, decisions and learning is what others read; without it
    the follow-up has no reason."""
    review = _review(case)
    if review is None:
        if case.incident.status in REVIEWED:
            yield Problem(
                "There is no review, so no blameless summary",
                fix_label="Open the review",
                url=_page(case, "review:review_detail"),
            )
        return
    if not review.learning:
        yield Problem(
            "The blameless summary is empty",
            subject=review,
            hint="Conditions, decisions, learning: what made sense at the time.",
            fix_label="Write it",
            url=_edit(case),
        )


@check(
    "BL103",
    "The summary speaks of conditions, not of persons",
    level=Level.WARNING,
    requirements=("R-BL-03",),
    tab=TAB,
    row=Row.BLAMELESS,
)
def summary_without_blame(case: Case) -> Iterator[Problem]:
    """Individual fault ends learning; accountability stays as named ownership of
    follow-up."""
    review = _review(case)
    if review is None:
        return
    names = {duty.user.name for duty in case.load(participations)}
    for label, text in (
        ("The summary", review.learning),
        ("How we responded", review.how_we_responded),
    ):
        for match in find_blame(text, names=names):
            yield Problem(
                f"{label} blames: “{match.text}”",
                subject=review,
                hint=match.hint or match.reason,
                fix_label="Reword",
                url=_edit(case),
                inputs=(label, match.text, match.rule),
            )


# --- closing ---


@check(
    "AP101",
    "The closure is approved as it stands",
    level=Level.ERROR,
    requirements=("R-AP-01", "R-AP-02", "R-EV-09"),
    tab=TAB,
    gates=(Gate.CLOSE,),
)
def closure_approved(case: Case) -> Iterator[Problem]:
    """Two people of whom at least one is a manager answer for what they read; an
    approval of an earlier version says nothing about this one."""
    if case.incident.status != Incident.Status.IN_REVIEW:
        return
    state = _approvals(case)
    missing = state.missing
    if missing:
        stale = sum(seat.state == "stale" for seat in missing)
        words = f"{len(missing)} of {len(state.seats)} approvals missing: " + listed(
            [seat.label.lower() for seat in missing]
        )
        if stale:
            words += (
                f"; {'one' if stale == 1 else stale} lapsed because the record changed"
            )
        yield Problem(
            words,
            hint=state.sentence,
            fix_label="Approve",
            url=_page(case, "review:review_detail") + "#approvals",
            inputs=(state.content_hash, *(seat.label for seat in missing)),
        )


@check(
    "AP102",
    "No approver asks for changes",
    level=Level.ERROR,
    requirements=("R-AP-02",),
    tab=TAB,
    gates=(Gate.CLOSE,),
)
def no_changes_requested(case: Case) -> Iterator[Problem]:
    """A request for changes to this version holds it back until the record changes or
    the request is withdrawn."""
    if case.incident.status != Incident.Status.IN_REVIEW:
        return
    for given in _approvals(case).blocking_changes:
        yield Problem(
            f"{given.approver.label} requests changes: {given.comment[:200]}",
            fix_label="See approvals",
            url=_page(case, "review:review_detail") + "#approvals",
            owner_label=given.approver.label,
            inputs=(given.pk,),
        )

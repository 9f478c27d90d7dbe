"""The review page: checklist, approvals, gaps, outcome, people; and its forms."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.urls import reverse

from accounts.decorators import SignedInRequest
from accounts.models import User
from incidents.decorators import incident_view
from incidents.forms import ConfirmForm, ReasonForm
from incidents.models import Incident
from incidents.selectors import StoredFindings, stored_facts
from incidents.views import case_form, get_row, workspace
from postmortem.lib.findings import Case, findings_block
from postmortem.lib.htmx import posted, render_page
from postmortem.lib.ui import incident_time
from review import forms, selectors
from review.models import Participant
from review.selectors.reviews import last_kept, latest_build
from review.services import reviews as services
from review.views import TAB, review_url


@incident_view("incident.view")
def review_detail(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The checklist, approve what you saw, the gaps that would be sealed."""
    around = workspace(request, incident, TAB)
    people = selectors.review_people(incident)
    return render_page(
        request,
        "review/review_detail.html",
        {
            **around,
            **people,
            "readiness": selectors.readiness(incident, people["review"]),
            **closure(incident, request.user, around["stored"]),
            "kept": last_kept(incident),
            "build": latest_build(incident),
        },
    )


def closure(incident: Incident, user: User, stored: StoredFindings) -> dict[str, Any]:
    """What the page says about closing: the findings and facts of one moment, and how
    the approvals stand against the record as it is now, checked already or not."""
    facts = stored_facts(incident, "closure") or selectors.closure_facts(Case(incident))
    checklist = selectors.checklist(incident, findings=stored.findings, facts=facts)
    state = selectors.approvals_state(
        incident,
        present_hash=stored.content_hash if stored.is_current else None,
        excluded=selectors.excluded_of(facts),
    )
    mine = selectors.standing(user, state)
    lock = lock_reason(incident, checklist, mine, stored)
    seal = selectors.latest_seal(incident)
    is_closed = incident.status == Incident.Status.CLOSED
    return {
        "checklist": checklist,
        "approvals": state,
        "cards": cards(incident, user, state, mine, lock),
        "mine": mine,
        "lock_reason": lock,
        "to_go": to_go(stored, checklist),
        "gaps": selectors.gaps_from(facts),
        "is_unfinished": not is_closed and selectors.is_unfinished(checklist.findings),
        "risks": facts["risks"],
        "seal": seal,
        "seal_report": selectors.verify_seal(seal, with_record=False)
        if seal and is_closed
        else None,
        "since": selectors.since_closing(seal) if seal and is_closed else [],
    }


def to_go(stored: StoredFindings, checklist: selectors.Checklist) -> str:
    """'9 findings block, 1 of them for approvals': the number of every other page."""
    if not stored.blocking:
        return ""
    words = findings_block(stored.blocking)
    for_approvals = stored.blocking - len(checklist.blocking)
    if for_approvals == stored.blocking:
        return f"{words}: approvals are missing"
    return f"{words}, {for_approvals} of them for approvals" if for_approvals else words


def cards(
    incident: Incident,
    user: User,
    state: selectors.ApprovalsState,
    mine: selectors.Standing,
    lock: str,
) -> list[dict[str, Any]]:
    """The seats as cards; one of them is this person's, with what they may do."""
    given = [
        seat
        for seat in state.seats
        if seat.approval and user.is_same_person(seat.approval.approver)
    ]
    own = given[0] if given else _free(state, mine)
    found = []
    for seat in state.seats:
        is_own = seat is own
        who = seat.approval.approver.label if seat.approval else seat.label
        query = urlencode({"version": state.content_hash})
        card: dict[str, Any] = {
            "role": who,
            "remit": seat.remit if seat.approval else f"{seat.remit}; {seat.who}",
            "state": seat.state,
            "seat": seat,
            "you": is_own,
            "note": _note(seat, incident.clock_zone),
            "hash": seat.approval.content_hash if seat.approval else "",
        }
        if seat.approval and seat.state == "stale":
            card["diff_url"] = reverse(
                "review:approval_since", args=[incident.key, seat.approval.pk]
            )
        if is_own and incident.status == Incident.Status.IN_REVIEW:
            if not seat.is_approved:
                card["locked_reason"] = lock
                url = reverse("review:closure_approve", args=[incident.key])
                card["approve_url"] = f"{url}?{query}"
            url = reverse("review:changes_request", args=[incident.key])
            card["changes_url"] = f"{url}?{query}"
            if seat.approval:
                card["withdraw_url"] = reverse(
                    "review:approval_withdraw", args=[incident.key]
                )
        found.append(card)
    return found


def _free(
    state: selectors.ApprovalsState, mine: selectors.Standing
) -> selectors.Seat | None:
    if mine.seat is None:
        return None
    fitting = [
        seat
        for seat in state.seats
        if not seat.is_approved and seat.kind in {"", mine.seat}
    ]
    return fitting[0] if fitting else None


def _note(seat: selectors.Seat, zone: str) -> str:
    """What stands below a seat: since when it is stale, or what is asked for."""
    if seat.approval is None:
        return ""
    moment = incident_time(seat.approval.at, zone)
    if seat.state == "stale":
        shown = "; ".join(seat.changes[:3])
        more = len(seat.changes) - 3
        if more > 0:
            shown += f"; {more} more"
        verb = (
            "Approved"
            if seat.approval.decision == seat.approval.Decision.APPROVED
            else "Requested changes to"
        )
        return f"{verb} an earlier version, {moment}. Since then: {shown or 'changes'}."
    if seat.state == "changes":
        return f"{moment}: {seat.approval.comment}"
    return ""


def lock_reason(
    incident: Incident,
    checklist: selectors.Checklist,
    mine: selectors.Standing,
    stored: StoredFindings,
) -> str:
    """What opens the approve button for this person; '' when it is open."""
    if incident.status != Incident.Status.IN_REVIEW:
        return "Opens when the incident is in review."
    if mine.reason:
        return f"{mine.reason} Somebody else has to approve."
    if not stored.is_current:
        return "Opens when the checks have run on the present version."
    if checklist.blocking:
        others = len(checklist.blocking)
        still = "finding does" if others == 1 else "findings do"
        return f"Opens when nothing but approvals blocks; {others} {still}."
    return ""


@incident_view("incident.start_review")
def review_open(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Take a stabilized incident into review."""
    form = forms.OpenReviewForm(posted(request), incident=incident)
    return case_form(
        request,
        incident,
        form,
        lambda data: services.open_review(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="Start the review",
        lead="The incident is stabilized. A review has an owner, and whoever ran the "
        "incident takes part so that the evidence is read in its context.",
        submit_label="Start the review",
        message="The review has started.",
        done_url=review_url(incident),
    )


@incident_view("review.edit")
def review_edit(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Duties, readiness, meeting time, how we responded, the blameless summary."""
    review = selectors.current_review(incident)
    form = forms.ReviewForm(posted(request), incident=incident, row=review)
    return case_form(
        request,
        incident,
        form,
        lambda data: services.edit_review(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="Edit the review",
        lead="Write about conditions, decisions and learning. Roles own follow-up; no "
        "person is named as a cause.",
        message="The review is saved. Approvals of an earlier version have lapsed.",
        done_url=review_url(incident),
    )


@incident_view("review.edit")
def blameless_acknowledge(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """State the rule before the analysis."""
    form = ConfirmForm(posted(request), incident=incident)
    return case_form(
        request,
        incident,
        form,
        lambda _: services.acknowledge_blameless_rule(
            incident_id=incident.pk, actor=request.user
        ),
        tab=TAB,
        title="Acknowledge the blameless rule",
        lead="This review is about learning and prevention, not about fault. We ask "
        "what the evidence shows, what condition allowed it, and what change reduces "
        "repeat risk. Accountability stays as named ownership of the follow-up.",
        submit_label="I acknowledge the rule",
        message="The blameless rule is acknowledged.",
        done_url=review_url(incident),
    )


@incident_view("review.edit")
def participant_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Add somebody to the review."""
    form = forms.ParticipantForm(posted(request), incident=incident)
    return case_form(
        request,
        incident,
        form,
        lambda data: services.add_participant(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="Add a participant",
        lead="Responders, service owners and product owners take part: people who can "
        "trace a symptom to the behavior of a service.",
        submit_label="Add",
        message="Added to the review.",
        done_url=review_url(incident),
    )


@incident_view("review.edit")
def participant_remove(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Take somebody out of the review, with a reason."""
    participant = get_row(Participant, incident, number)
    form = ReasonForm(posted(request), incident=incident)
    return case_form(
        request,
        incident,
        form,
        lambda data: services.remove_participant(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Take {participant.user.label} out",
        lead="The row stays in the record, struck through, with your reason.",
        submit_label="Take out",
        message="Taken out of the review.",
        done_url=review_url(incident),
    )

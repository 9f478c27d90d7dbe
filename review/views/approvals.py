"""Approving what was read, asking for changes, taking one's word back."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404

from accounts.decorators import SignedInRequest
from incidents.decorators import incident_view
from incidents.forms import ReasonForm
from incidents.models import Incident
from incidents.selectors import content_hash, stored_facts
from incidents.views import case_form, workspace
from postmortem.lib.findings import Case
from postmortem.lib.htmx import posted, render_page
from postmortem.lib.ui import shorthash
from review import forms
from review.models import ClosureApproval
from review.selectors import (
    approvals_state,
    closure_facts,
    excluded_of,
    gaps_sealed,
    standing,
)
from review.selectors.approvals import REMITS, SeatKind
from review.selectors.changes import changes_since
from review.services import approvals as services
from review.views import TAB, review_url


def _read(request: SignedInRequest, incident: Incident) -> str:
    """The version that this person has before them: the one that the page named."""
    return request.GET.get("version") or content_hash(incident, fresh=True)


def _what(request: SignedInRequest, incident: Incident, version: str) -> str:
    """What an approval says, for which seat, and what is sealed with it."""
    facts = stored_facts(incident, "closure") or closure_facts(Case(incident))
    state = approvals_state(
        incident, present_hash=version, excluded=excluded_of(facts), explained=False
    )
    seat = standing(request.user, state).seat
    remit = f" You answer for {REMITS[SeatKind(seat)]}." if seat else ""
    return (
        f"“{incident.title}” is closed as version {shorthash(version)}, every "
        f"field, entry and artifact hash of it.{remit} {gaps_sealed(facts)} Any edit "
        "makes a new version and clears your approval."
    )


@incident_view("review.approve")
def closure_approve(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Approve exactly the version that was read."""
    version = _read(request, incident)
    form = forms.ApproveForm(
        posted(request), incident=incident, initial={"content_hash": version}
    )
    return case_form(
        request,
        incident,
        form,
        lambda data: services.approve_closure(
            incident_id=incident.pk,
            actor=request.user,
            content_hash=data["content_hash"],
            comment=data["comment"],
        ),
        tab=TAB,
        title=f"Approve closing {incident.key}",
        lead=_what(request, incident, version),
        submit_label="Approve this version",
        message="Approved. Any edit of the record clears it.",
        done_url=f"{review_url(incident)}#approvals",
    )


@incident_view("incident.view")
def approval_since(
    request: SignedInRequest, incident: Incident, pk: int
) -> HttpResponse:
    """What changed since this approval was given, field by field."""
    given = get_object_or_404(
        ClosureApproval.objects.select_related("approver"), pk=pk, incident=incident
    )
    return render_page(
        request,
        "review/approval_since.html",
        {
            **workspace(request, incident, TAB),
            "given": given,
            "since": changes_since(incident, given),
        },
    )


@incident_view("review.approve")
def changes_request(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Ask for changes to the version that was read."""
    version = _read(request, incident)
    form = forms.ChangesForm(
        posted(request), incident=incident, initial={"content_hash": version}
    )
    return case_form(
        request,
        incident,
        form,
        lambda data: services.request_changes(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="Request changes",
        lead=f"Of version {shorthash(version)}. It cannot be closed until the "
        "record changes or you take the request back.",
        submit_label="Request changes",
        message="Changes are requested.",
        done_url=f"{review_url(incident)}#approvals",
    )


@incident_view("review.approve")
def approval_withdraw(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Take back an approval or a request for changes."""
    form = ReasonForm(posted(request), incident=incident)
    return case_form(
        request,
        incident,
        form,
        lambda data: services.withdraw_approval(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="Take your word back",
        lead="Your approval or request stays on record as withdrawn, with the reason.",
        submit_label="Withdraw",
        message="Withdrawn.",
        done_url=f"{review_url(incident)}#approvals",
    )

"""The two outcomes of a review, and reopening."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.decorators import SignedInRequest
from incidents.decorators import incident_view
from incidents.forms import ConfirmForm, ReasonForm
from incidents.models import Incident
from incidents.selectors import stored_facts
from incidents.views import case_form
from postmortem.lib.findings import Case
from postmortem.lib.htmx import posted
from review import forms, selectors
from review.services import closing as services
from review.views import TAB, review_url


@incident_view("review.close")
def outcome_choose(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """From the choice on the review page to the form of that outcome."""
    name = (
        "review:incident_close"
        if request.GET.get("outcome") == "close"
        else "review:incident_keep"
    )
    return redirect(reverse(name, args=[incident.key]))


@incident_view("review.close")
def incident_close(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Close and seal."""
    form = ConfirmForm(posted(request), incident=incident)
    facts = stored_facts(incident, "closure") or selectors.closure_facts(Case(incident))
    return case_form(
        request,
        incident,
        form,
        lambda _: services.close_incident(incident_id=incident.pk, actor=request.user),
        tab=TAB,
        title="Close and seal",
        lead="The record becomes read-only on every path; follow-up actions go on. "
        f"{selectors.gaps_sealed(facts)} All rules run again before it closes.",
        submit_label="Close and seal",
        message="Closed and sealed. The one-pager is being made.",
        done_url=review_url(incident),
        context={"submit_icon": "lock"},
    )


@incident_view("review.close")
def incident_keep(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Keep as stabilized, with the open risk named."""
    refs = ", ".join(item.ref for item in selectors.recurrence_risks(incident))
    initial = (
        {"open_risk": f"Recurrence in a core flow until {refs} is done"} if refs else {}
    )
    form = forms.KeepForm(posted(request), incident=incident, initial=initial)
    return case_form(
        request,
        incident,
        form,
        lambda data: services.keep_as_stabilized(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="Keep as stabilized",
        lead="While an open risk could repeat the outage in a core flow, the incident "
        "is stabilized and not finished. Approvals of this round end.",
        submit_label="Keep as stabilized",
        message="Kept as stabilized.",
        done_url=review_url(incident),
    )


@incident_view("review.reopen")
def incident_reopen(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Reopen a closed incident, with a reason."""
    form = ReasonForm(posted(request), incident=incident)
    return case_form(
        request,
        incident,
        form,
        lambda data: services.reopen_incident(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="Reopen the incident",
        lead="The seal is kept as it is. Closing again takes new approvals of the "
        "version that is read then.",
        submit_label="Reopen",
        message="Reopened. The earlier seal is kept.",
        done_url=review_url(incident),
    )

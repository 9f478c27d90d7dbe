"""Forms of the hypotheses ledger."""

from __future__ import annotations

from django.http import HttpResponse

from accounts.decorators import SignedInRequest
from incidents.decorators import incident_view
from incidents.models import Incident
from incidents.views import case_form, get_row
from postmortem.lib.htmx import posted
from timeline import forms, services
from timeline.models import Hypothesis
from timeline.views.entries import page_url, there
from timeline.views.page import TAB


@incident_view("timeline.add")
def hypothesis_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """State a hypothesis before it is tested."""
    return case_form(
        request,
        incident,
        forms.HypothesisForm(posted(request), incident=incident),
        lambda data: services.add_hypothesis(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="State a hypothesis",
        lead="It stays in the record, also when it is abandoned.",
        submit_label="Add",
        message="The hypothesis is stated.",
        done_url=there,
        cancel_url=page_url(incident),
    )


@incident_view("timeline.edit")
def hypothesis_edit(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Word it better."""
    row = get_row(Hypothesis, incident, number)
    return case_form(
        request,
        incident,
        forms.HypothesisForm(posted(request), incident=incident, row=row),
        lambda data: services.edit_hypothesis(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Edit {row.ref}",
        done_url=there(row),
        cancel_url=page_url(incident),
    )


@incident_view("timeline.edit")
def hypothesis_settle(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Supported or abandoned, what decided it, and the evidence on either side."""
    row = get_row(Hypothesis, incident, number)
    return case_form(
        request,
        incident,
        forms.SettleForm(posted(request), incident=incident, row=row),
        lambda data: services.settle_hypothesis(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Settle {row.ref}",
        lead=row.statement,
        message=f"{row.ref} is saved.",
        done_url=there(row),
        cancel_url=page_url(incident),
    )


@incident_view("timeline.edit")
def hypothesis_link(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Link evidence for or against, without settling it yet."""
    row = get_row(Hypothesis, incident, number)
    return case_form(
        request,
        incident,
        forms.StanceForm(posted(request), incident=incident),
        lambda data: services.link_hypothesis_evidence(
            incident_id=incident.pk,
            actor=request.user,
            number=number,
            **{**data, "evidence": list(data["evidence"])},
        ),
        tab=TAB,
        title=f"Evidence for or against {row.ref}",
        lead=row.statement,
        submit_label="Link",
        message="The evidence is linked.",
        done_url=there(row),
        cancel_url=page_url(incident),
    )

"""Forms of the required milestones."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.decorators import SignedInRequest
from incidents.decorators import incident_view
from incidents.forms import ReasonForm
from incidents.models import Incident
from incidents.views import case_form, get_row
from incidents.views.rows import there
from postmortem.lib.htmx import done, posted
from timeline import forms, services
from timeline.models import Entry, Milestone
from timeline.views.entries import page_url
from timeline.views.page import TAB


def _entry_of(row: Any) -> str:
    """Back to the entry that carries the milestone."""
    return there(row.entry or row)


@incident_view("timeline.edit")
def milestone_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Mark the entry that carries a milestone; `?kind=` and `?entry=` fill in."""
    initial: dict[str, Any] = {}
    kind = request.GET.get("kind", "")
    if kind in Milestone.Kind.values:
        initial["kind"] = kind
    number = request.GET.get("entry", "").removeprefix("TL-")
    if number.isdecimal() and len(number) < 10:
        row = forms.live(Entry, incident).filter(number=int(number)).first()
        initial["entry"] = row.pk if row else None
    return case_form(
        request,
        incident,
        forms.MilestoneForm(posted(request), incident=incident, initial=initial),
        lambda data: services.add_milestone(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="Add a milestone",
        lead="A milestone is the moment of an entry, and is proven by its evidence.",
        submit_label="Add",
        message="The milestone is added.",
        done_url=_entry_of,
        cancel_url=page_url(incident),
    )


@incident_view("timeline.edit")
def entry_milestone(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """One press on an entry: it is this milestone. What is refused is told on the form
    that a person can mend it with."""
    row = get_row(Entry, incident, number)
    kind = request.POST.get("kind", "")
    form_url = (
        f"{reverse('timeline:milestone_add', args=[incident.key])}"
        f"?{urlencode({'entry': row.ref, 'kind': kind})}"
    )
    if request.method != "POST":
        return redirect(form_url)
    try:
        mark = services.add_milestone(
            incident_id=incident.pk, actor=request.user, kind=kind, entry=row
        )
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect(form_url)
    return done(request, there(row), f"{row.ref} is {mark.label.lower()}.")


@incident_view("timeline.edit")
def milestone_not_applicable(
    request: SignedInRequest, incident: Incident
) -> HttpResponse:
    """Say that a required milestone does not apply, and why."""
    initial = {"kind": request.GET.get("kind", "")}
    return case_form(
        request,
        incident,
        forms.NotApplicableForm(posted(request), incident=incident, initial=initial),
        lambda data: services.mark_not_applicable(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="This milestone does not apply",
        submit_label="State it",
        message="Stated with your reason.",
        done_url=page_url(incident),
    )


@incident_view("timeline.edit")
def milestone_retract(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Withdraw a milestone; the entry stays."""
    row = get_row(Milestone, incident, number)
    return case_form(
        request,
        incident,
        ReasonForm(posted(request), incident=incident),
        lambda data: services.retract_milestone(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Withdraw the milestone {row.label.lower()}",
        lead="The entry that carried it stays.",
        submit_label="Withdraw",
        message="The milestone is withdrawn.",
        done_url=page_url(incident),
        context={"submit_kind": "danger"},
    )

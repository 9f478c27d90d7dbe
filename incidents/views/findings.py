"""Findings: the panel, accepting one with a reason, the second person."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from accounts.decorators import SignedInRequest
from incidents import forms, selectors
from incidents.decorators import incident_view
from incidents.models import Incident, Waiver
from incidents.services import core
from incidents.services import waivers as services
from incidents.services.findings import findings_for_page
from incidents.views import case_form, get_row, workspace
from incidents.views.panel import findings_panel
from incidents.views.rows import retract
from postmortem.lib.addresses import page_url
from postmortem.lib.findings import Level
from postmortem.lib.htmx import done, posted, render_page


@incident_view("incident.view")
def finding_list(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The panel alone: the fragment for other pages, a page of its own without htmx;
    every acceptance with its people, reason and end, and how well the record is proven
    (R-MT-04)."""
    stored = findings_for_page(incident, may_run=True)
    return render_page(
        request,
        "incidents/finding_list.html",
        {
            **workspace(request, incident, "overview", stored=stored),
            **findings_panel(
                incident, request.user, stored, number=request.GET.get("page")
            ),
            "waivers": selectors.waivers(incident),
            "quality": selectors.stored_facts(incident, "quality"),
            "cadence": selectors.stored_facts(incident, "cadence"),
        },
        fragment="components/_findings_panel.html",
    )


@incident_view("incident.view")
def finding_status(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """What a page with an older result asks every two seconds: nothing new, or the new
    result, swapped in with the figures of the tabs and the stepper."""
    stored = findings_for_page(incident, may_run=True)
    if not stored.is_current:
        return HttpResponse(status=204)
    tab = request.GET.get("tab", "")
    context = workspace(request, incident, tab, stored=stored)
    if tab == "overview":
        context |= findings_panel(incident, request.user, stored, brief=True)
    closure_url = page_url("review:review_detail", incident.key)
    asked_from = urlsplit(request.headers.get("HX-Current-URL", "")).path
    return render(
        request,
        "incidents/_findings_new.html",
        {
            **context,
            "has_panel": tab == "overview",
            # Other pages of that tab have none of its cards.
            "closure_url": closure_url if asked_from == closure_url else "",
            "oob": True,
        },
    )


@incident_view("finding.accept")
def finding_accept(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Accept one finding with a reason (decision 10). An address that names the check
    alone means its only finding; where there are more, or none is left, the way leads
    to all findings."""
    check = request.GET.get("check", "")
    key = request.GET.get("finding", "")
    found = [
        item
        for item in findings_for_page(incident).findings
        if item.id == check and key in {item.key, ""}
    ]
    finding = found[0] if len(found) == 1 else None
    if finding is not None:
        key = finding.key
    elif request.method == "GET":
        messages.info(
            request,
            f"{check[:6]} has {len(found)} findings. Choose the one that you accept."
            if found
            else "This finding is no longer open.",
        )
        return done(request, reverse("incidents:finding_list", args=[incident.key]))
    blocks = finding is not None and finding.level is Level.ERROR
    form = forms.AcceptFindingForm(posted(request), incident=incident)
    if not blocks:
        del form.fields["owner"]
    words = finding.message if finding else ""
    return case_form(
        request,
        incident,
        form,
        lambda data: services.accept_finding(
            incident_id=incident.pk,
            actor=request.user,
            check_id=check,
            finding_key=key,
            **data,
        ),
        tab="overview",
        title=f"Accept {check[:6]} with a reason",
        lead=f"{words}. It blocks closure, so a second person has to confirm, and it "
        "is printed wherever the record is."
        if blocks
        else f"{words}. It lapses when what lies behind it changes.",
        submit_label="Accept",
        message="A second person has to confirm it."
        if blocks
        else "The finding is accepted.",
        done_url=reverse("incidents:finding_list", args=[incident.key]),
        cancel_url=incident.get_absolute_url(),
    )


@incident_view("finding.accept")
def waiver_second(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """The second person of an accepted blocking finding."""
    row = get_row(Waiver, incident, number)
    return case_form(
        request,
        incident,
        forms.ConfirmForm(posted(request), incident=incident),
        lambda data: services.second_waiver(
            incident_id=incident.pk, actor=request.user, number=number
        ),
        tab="overview",
        title=f"Confirm the acceptance of {row.check_id}",
        lead=f"{row.finding_message}. Reason given: {row.reason}",
        submit_label="Confirm",
        message="The acceptance is in force.",
        done_url=reverse("incidents:finding_list", args=[incident.key]),
    )


@incident_view("finding.accept")
def waiver_retract(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Take an acceptance back; the finding is open again."""
    return retract(
        request,
        incident,
        get_row(Waiver, incident, number),
        partial(core.retract_record, model=Waiver, permission="finding.accept"),
        tab="overview",
        what="acceptance",
        done_url=reverse("incidents:finding_list", args=[incident.key]),
    )

"""Declaring an incident, editing its head, and the verbs that move it on."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from accounts.decorators import SignedInRequest
from incidents import forms
from incidents.decorators import incident_view, requires
from incidents.models import Incident
from incidents.selectors import holds_back
from incidents.services import lifecycle as services
from incidents.services.findings import findings_for_page
from incidents.views import case_form
from postmortem.lib.findings import Gate
from postmortem.lib.htmx import form_page, posted
from postmortem.lib.times import zone_names


@requires("incident.declare")
def incident_declare(request: SignedInRequest) -> HttpResponse:
    """Open an incident: presumed real until evidence says otherwise (R-SC-13)."""
    form = forms.DeclareForm(
        posted(request),
        initial={
            "severity": "",
            "clock_zone": request.user.time_zone,
            "kind": Incident.Kind.OTHER,
        },
    )
    form.fields["clock_zone"].widget.attrs["list"] = "zones"
    return form_page(
        request,
        form,
        lambda data: services.declare_incident(actor=request.user, **data),
        title="Declare an incident",
        lead="Presumed real until evidence says otherwise. When in doubt, take the "
        "higher severity: a change is logged with its reason.",
        done_url=lambda incident: str(incident.get_absolute_url()),
        cancel_url=reverse("incidents:incident_list"),
        message="Declared. The clock runs from the declaration.",
        submit_label="Declare incident",
        template="incidents/incident_declare.html",
        context={"zones": zone_names()},
    )


@incident_view("incident.edit")
def incident_edit(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Title, summary, kind, drill and restricted."""
    return case_form(
        request,
        incident,
        forms.IncidentForm(posted(request), incident=incident, row=incident),
        lambda data: services.edit_incident(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab="overview",
        title="Edit incident",
        done_url=incident.get_absolute_url(),
    )


@incident_view("incident.edit")
def severity_edit(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Another severity, with the reason (R-SC-07)."""
    return case_form(
        request,
        incident,
        forms.SeverityForm(posted(request), incident=incident, row=incident),
        lambda data: services.change_severity(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab="overview",
        title="Change severity",
        lead=f"Now {incident.severity}. The change is logged with its reason.",
        submit_label="Change severity",
        message="The severity is changed and logged.",
        done_url=incident.get_absolute_url(),
    )


@incident_view("incident.clock")
def clock_edit(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The zone of the incident clock; stored times do not move (decision 7)."""
    return case_form(
        request,
        incident,
        forms.ClockZoneForm(posted(request), incident=incident, row=incident),
        lambda data: services.change_clock_zone(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab="overview",
        title="Change the incident clock",
        lead=f"Now {incident.clock_zone}. Times are stored in UTC, so none of them "
        "moves; they are only shown on another clock. Locked once stabilized.",
        submit_label="Change the clock",
        message="All times are shown on the new clock.",
        done_url=incident.get_absolute_url(),
    )


def _confirm(
    request: SignedInRequest,
    incident: Incident,
    service: Callable[..., Incident],
    *,
    title: str,
    lead: str | SafeString,
    submit_label: str,
    message: str,
    with_reason: bool = False,
    submit_kind: str = "primary",
) -> HttpResponse:
    """A verb that asks once: its own page, changed only by POST."""
    form_class = forms.ReasonForm if with_reason else forms.ConfirmForm
    return case_form(
        request,
        incident,
        form_class(posted(request), incident=incident),
        lambda data: service(
            incident_id=incident.pk,
            actor=request.user,
            **(data if with_reason else {}),
        ),
        tab="overview",
        title=title,
        lead=lead,
        submit_label=submit_label,
        message=message,
        done_url=incident.get_absolute_url(),
        context={"submit_kind": submit_kind},
    )


@incident_view("incident.stabilize")
def incident_stabilize(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Active to stabilized: customer and ledger recovery must be evidenced."""
    return _confirm(
        request,
        incident,
        services.stabilize_incident,
        title="Declare stabilized",
        lead="Customers and books recover separately: both milestones need their "
        "evidence. This is not the all-clear.",
        submit_label="Declare stabilized",
        message="Stabilized. The all-clear opens when the sustain window is over: the "
        "findings say at what time.",
    )


@incident_view("incident.relapse")
def incident_relapse(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Stabilized back to active, with the reason."""
    return _confirm(
        request,
        incident,
        services.relapse_incident,
        title="Return to active",
        lead="The effect is back, or was never gone. An all-clear that was given is "
        "withdrawn with it.",
        submit_label="Return to active",
        message="The incident is active again.",
        with_reason=True,
    )


@incident_view("incident.all_clear")
def incident_all_clear(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The all-clear: scope closed, no open drift, sustain window over (R-RV-08)."""
    held = holds_back(findings_for_page(incident).findings, Gate.ALL_CLEAR)
    return _confirm(
        request,
        incident,
        services.give_all_clear,
        title="Give the all-clear",
        lead="Both scope lines closed, no open drift, the sustain window over. It is "
        "required to close, and is a fact of its own beside “stabilized”."
        + "".join(f" Not yet: {finding.message}." for finding in held),
        submit_label="Give the all-clear",
        message="The all-clear is given.",
    )


@incident_view("incident.cancel")
def incident_cancel(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """A false alarm or a duplicate; the record stays."""
    return _confirm(
        request,
        incident,
        services.cancel_incident,
        title="Cancel incident",
        lead="For a false alarm or a duplicate. The record is frozen and stays "
        "readable, with your reason.",
        submit_label="Cancel incident",
        message="The incident is cancelled.",
        with_reason=True,
        submit_kind="danger",
    )

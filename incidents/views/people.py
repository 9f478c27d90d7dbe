"""People and lanes: who does what, and which payment flows are touched."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse

from accounts.decorators import SignedInRequest
from incidents import forms, selectors
from incidents.decorators import incident_view
from incidents.models import Incident, Lane, Participation
from incidents.services import lanes as lane_services
from incidents.services import people as services
from incidents.views import case_form, get_row, workspace
from postmortem.lib.htmx import posted, render_page


def _people_url(incident: Incident) -> str:
    return reverse("incidents:people_list", args=[incident.key])


@incident_view("incident.view")
def people_list(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Every duty with its times: present ones, then past ones (R-RO-01)."""
    rows = selectors.participations(incident)
    return render_page(
        request,
        "incidents/people_list.html",
        {
            **workspace(request, incident, "overview"),
            "current": [row for row in rows if row.is_current],
            "past": [row for row in rows if not row.is_current],
        },
    )


@incident_view("incident.people")
def duty_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Give a person a duty."""
    return case_form(
        request,
        incident,
        forms.DutyForm(
            posted(request),
            incident=incident,
            initial={"duty": request.GET.get("duty", "")},
        ),
        lambda data: services.set_duty(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab="overview",
        title="Name somebody for a duty",
        lead="Command is handed over, not added: there is one commander at a time.",
        submit_label="Name",
        message="The duty is named.",
        done_url=_people_url(incident),
    )


@incident_view("incident.people")
def command_handover(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Hand over command; the time is logged (R-RO-01)."""
    present = selectors.commander(incident)
    return case_form(
        request,
        incident,
        forms.HandOverForm(posted(request), incident=incident),
        lambda data: services.hand_over_command(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab="overview",
        title="Hand over command",
        lead=f"{present.user.label} is in command." if present else "",
        submit_label="Hand over",
        message="Command is handed over.",
        done_url=_people_url(incident),
    )


@incident_view("incident.people")
def duty_end(request: SignedInRequest, incident: Incident, number: int) -> HttpResponse:
    """End a duty; the row stays with its times."""
    row = get_row(Participation, incident, number)
    return case_form(
        request,
        incident,
        forms.EndDutyForm(posted(request), incident=incident),
        lambda data: services.end_duty(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab="overview",
        title=f"End the duty of {row.user.label}",
        lead=f"{row.get_duty_display()}. Without a time it ends now.",
        submit_label="End duty",
        message="The duty is ended.",
        done_url=_people_url(incident),
    )


def _lanes_url(incident: Incident) -> str:
    return f"{incident.get_absolute_url()}#lanes"


@incident_view("incident.edit")
def lane_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Another payment flow that is touched (R-SC-15)."""
    return case_form(
        request,
        incident,
        forms.LaneForm(
            posted(request),
            incident=incident,
            initial={"family": Lane.Family.OTHER, "status": Lane.Status.UNKNOWN},
        ),
        lambda data: lane_services.add_lane(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab="overview",
        title="Add a lane",
        lead="Each payment flow is triaged on its own.",
        submit_label="Add",
        message="The lane is added.",
        done_url=_lanes_url(incident),
    )


@incident_view("incident.edit")
def lane_edit(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Status, owner and family of a lane."""
    row = get_row(Lane, incident, number)
    return case_form(
        request,
        incident,
        forms.LaneForm(posted(request), incident=incident, row=row),
        lambda data: lane_services.edit_lane(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab="overview",
        title=f"Edit lane: {row.name}",
        done_url=_lanes_url(incident),
    )

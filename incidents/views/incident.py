"""The list of incidents, the declaration, the overview and the transitions."""

from __future__ import annotations

from django.http import HttpResponse

from accounts.decorators import signed_in
from incidents.decorators import SignedInRequest, incident_view
from incidents.models import Incident
from incidents.views import workspace
from postmortem.lib.htmx import render_page


@signed_in
def incident_list(request: SignedInRequest) -> HttpResponse:
    """All incidents that this person may see."""
    return render_page(request, "incidents/incident_list.html", {"title": "Incidents"})


@incident_view("incident.view")
def incident_detail(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The overview of one incident."""
    return render_page(
        request,
        "incidents/incident_detail.html",
        workspace(request, incident, "overview"),
    )

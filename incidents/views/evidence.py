"""Evidence: the list, one artifact, its file."""

from __future__ import annotations

from django.http import HttpResponse

from incidents.decorators import SignedInRequest, incident_view
from incidents.models import Incident
from incidents.views import workspace
from postmortem.lib.htmx import render_page


@incident_view("incident.view")
def evidence_list(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """All artifacts of an incident."""
    return render_page(
        request,
        "incidents/evidence_list.html",
        workspace(request, incident, "evidence"),
    )

"""Activity: who did what and why."""

from __future__ import annotations

from django.http import HttpResponse

from incidents.decorators import SignedInRequest, incident_view
from incidents.models import Incident
from incidents.views import workspace
from postmortem.lib.htmx import render_page


@incident_view("incident.view")
def activity_list(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The activity of an incident, newest first."""
    return render_page(
        request,
        "incidents/activity_list.html",
        workspace(request, incident, "activity"),
    )

"""The one-pager: asking for it, watching it being made, opening it."""

from __future__ import annotations

from typing import Any

from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from accounts.decorators import SignedInRequest
from incidents.decorators import incident_view
from incidents.models import Incident
from incidents.permissions import can
from incidents.selectors import content_hash
from incidents.services.custody import FileMissing
from incidents.views import workspace
from postmortem.lib.htmx import done, render_page
from review.models import ReportBuild
from review.selectors.reviews import latest_build
from review.services import reports as services
from review.views import TAB

State = ReportBuild.State


def _context(incident: Incident) -> dict[str, Any]:
    build = latest_build(incident)
    return {
        "build": build,
        "is_lost": build is not None and services.is_lost(build),
        "tries": services.MAX_ATTEMPTS,
        "builds": ReportBuild.objects.filter(incident=incident).select_related(
            "requested_by"
        )[:20],
        "is_present": build is not None
        and build.content_hash == content_hash(incident)
        and build.is_draft == (incident.status != Incident.Status.CLOSED),
    }


@incident_view("incident.view")
def report_detail(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The state of the one-pager, and the earlier ones."""
    return _page(request, incident)


def _page(
    request: SignedInRequest,
    incident: Incident,
    *,
    lost: FileMissing | None = None,
) -> HttpResponse:
    return render_page(
        request,
        "review/report_detail.html",
        {**workspace(request, incident, TAB), **_context(incident), "lost": lost},
        status=lost.status if lost else 200,
    )


@incident_view("incident.view")
def report_status(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The fragment that the page asks for every two seconds while it is being made."""
    return render(
        request,
        "review/_report_status.html",
        {
            "incident": incident,
            "can": {"report_request": can(request.user, "report.request", incident)},
            **_context(incident),
        },
    )


@incident_view("report.request")
def report_request(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Ask for the one-pager of the record as it stands."""
    url = reverse("review:report_detail", args=[incident.key])
    if request.method != "POST":
        return done(request, url)
    services.request_report(incident_id=incident.pk, actor=request.user)
    return done(request, url)


@incident_view("incident.view")
def report(request: SignedInRequest, incident: Incident) -> HttpResponse | FileResponse:
    """The PDF: the newest one that is ready, or the one whose number is asked for."""
    ready = ReportBuild.objects.filter(incident=incident, state=State.READY)
    number = request.GET.get("build", "")
    if number:
        ready = ready.filter(pk=int(number)) if number.isdecimal() else ready.none()
    build = ready.first()
    if build is None:
        raise Http404("no one-pager is ready")
    try:
        return pdf_file(incident, build)
    except FileMissing as error:
        return _page(request, incident, lost=error)


def pdf_file(incident: Incident, build: ReportBuild) -> FileResponse:
    """A stored one-pager as a download, named by incident and hash."""
    draft = "-draft" if build.is_draft else ""
    return FileResponse(
        services.open_file(build),
        as_attachment=True,
        filename=f"{incident.key}-one-pager{draft}-{build.sha256[:8]}.pdf",
        content_type="application/pdf",
    )

"""The file of an artifact: downloaded as it is, or a picture drawn anew."""

from __future__ import annotations

from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase

from accounts.decorators import SignedInRequest
from incidents.decorators import incident_view
from incidents.models import Evidence, Incident
from incidents.services import custody, previews


def _with_file(incident: Incident, number: int) -> Evidence:
    row = Evidence.objects.filter(incident=incident, number=number).first()
    if row is None or not row.has_file:
        raise Http404("no stored file")
    row.incident = incident
    return row


@incident_view("evidence.download")
def evidence_download(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponseBase:
    """The stored bytes, as an attachment that no browser runs."""
    opened = custody.open_evidence_file(
        _with_file(incident, number), actor=request.user
    )
    page = FileResponse(opened.handle, content_type=opened.media_type)
    for name, value in opened.headers.items():
        page[name] = value
    return page


@incident_view("evidence.download")
def evidence_preview(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """The picture drawn anew: nothing of the uploaded file reaches the browser."""
    size = request.GET.get("size", "preview")
    if size not in previews.SIDES:
        raise Http404("no such size")
    drawn = previews.draw_picture(
        _with_file(incident, number), actor=request.user, size=size
    )
    return HttpResponse(drawn, headers=previews.PICTURE_HEADERS)

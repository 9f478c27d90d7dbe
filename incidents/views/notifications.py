"""What the product told me: the bell of every page leads here."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.decorators import SignedInRequest, signed_in
from incidents.models import Notification
from incidents.selectors import notices
from incidents.services.notifications import mark_notifications_read
from postmortem.lib.htmx import render_page

PAGE_SIZE = 30


@signed_in
def notification_list(request: SignedInRequest) -> HttpResponse:
    """Every message to me, newest first; those I have not read stand out."""
    mine = notices(request.user).select_related("incident")
    page = Paginator(mine, PAGE_SIZE).get_page(request.GET.get("page"))
    return render_page(
        request,
        "incidents/notification_list.html",
        {
            "title": "Notifications",
            "page": page,
            "rows": [(notice, _words(notice)) for notice in page],
            "now": timezone.now(),
        },
    )


@signed_in
def notification_open(request: SignedInRequest, pk: int) -> HttpResponse:
    """Go where a message points; it is read with that."""
    notice = notices(request.user).filter(pk=pk).first()
    if notice is None:
        raise Http404("no such message")
    mark_notifications_read(actor=request.user, pk=notice.pk)
    return redirect(notice.url or "incidents:notification_list")


@signed_in
@require_POST
def notification_read(request: SignedInRequest) -> HttpResponse:
    """All of them are read."""
    if mark_notifications_read(actor=request.user):
        messages.success(request, "Everything here is read.")
    return redirect(reverse("incidents:notification_list"))


def _words(notice: Notification) -> list[str]:
    """The lines of a message, but for those that its subject says already."""
    return [line for line in notice.body.splitlines() if line not in notice.subject]

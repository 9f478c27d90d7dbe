"""My work: what waits for the person who is signed in."""

from __future__ import annotations

from django.http import HttpResponse

from accounts.decorators import signed_in
from incidents.decorators import SignedInRequest
from postmortem.lib.htmx import render_page


@signed_in
def work_list(request: SignedInRequest) -> HttpResponse:
    """Active incidents I take part in, then what is overdue, then what is due."""
    return render_page(request, "incidents/work_list.html", {"title": "My work"})

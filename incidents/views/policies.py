"""The thresholds of each severity: everybody reads them, administrators set them."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from accounts.decorators import SignedInRequest
from incidents.decorators import requires
from incidents.forms import PolicyForm
from incidents.models import PolicyChange, SeverityPolicy
from incidents.permissions import can
from incidents.services.policies import change_policy
from postmortem.lib.htmx import form_page, posted, render_page

PAGE_SIZE = 50


@requires("incident.view")
def policy_list(request: SignedInRequest) -> HttpResponse:
    """What counts as a gap, how often to tell, how long recovery has to hold; and who
    changed it when, from what and why."""
    changes = PolicyChange.objects.order_by("-pk")
    return render_page(
        request,
        "incidents/policy_list.html",
        {
            "title": "Thresholds by severity",
            "policies": SeverityPolicy.objects.all(),
            "page": Paginator(changes, PAGE_SIZE).get_page(request.GET.get("page")),
            "may_change": can(request.user, "policy.edit"),
        },
    )


@requires("policy.edit")
def policy_edit(request: SignedInRequest, severity: str) -> HttpResponse:
    """Set the thresholds of one severity, with a reason."""
    policy = get_object_or_404(SeverityPolicy, pk=severity)
    url = reverse("incidents:policy_list")
    return form_page(
        request,
        PolicyForm(posted(request), policy=policy),
        lambda data: change_policy(actor=request.user, severity=severity, **data),
        title=f"Thresholds of {severity}",
        lead="They count at once for open incidents; what is closed stays as it was.",
        message=f"The thresholds of {severity} are saved.",
        done_url=url,
        cancel_url=url,
    )

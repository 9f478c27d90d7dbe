"""Who approves closing: everybody reads it, administrators set it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from accounts.decorators import SignedInRequest
from incidents.decorators import requires
from incidents.models import SeverityPolicy
from incidents.permissions import can
from postmortem.lib.htmx import form_page, posted, render_page
from review.forms import ClosurePolicyForm
from review.models import ClosurePolicy
from review.services.policies import change_closure_policy


@requires("incident.view")
def policy_list(request: SignedInRequest) -> HttpResponse:
    """How many people approve closing, and from where, for each severity."""
    return render_page(
        request,
        "review/policy_list.html",
        {
            "title": "Who approves closing",
            "policies": ClosurePolicy.objects.all(),
            "may_change": can(request.user, "policy.edit"),
        },
    )


@requires("policy.edit")
def policy_edit(request: SignedInRequest, severity: str) -> HttpResponse:
    """Set who approves closing an incident of one severity, with a reason."""
    policy = get_object_or_404(ClosurePolicy, pk=severity)
    version = SeverityPolicy.objects.values_list("version", flat=True).get(pk=severity)
    url = reverse("review:policy_list")
    return form_page(
        request,
        ClosurePolicyForm(posted(request), policy=policy, version=version),
        lambda data: change_closure_policy(
            actor=request.user, severity=severity, **data
        ),
        title=f"Who approves closing {severity}",
        lead="It counts at once for open incidents; what is closed stays as it was.",
        message=f"Who approves closing {severity} is saved.",
        done_url=url,
        cancel_url=url,
    )

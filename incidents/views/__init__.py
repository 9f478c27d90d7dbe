"""Pages of the case file, by noun; here what the pages of every app inside an incident
share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.http import Http404, HttpResponse

from accounts.decorators import SignedInRequest
from incidents.models import CaseRecord, Incident
from incidents.services.core import refuse_withdrawn
from incidents.views.frame import workspace
from incidents.views.top import (
    MY_APPROVALS,
    MY_WORK,
    keep_count,
    kept_count,
    navigation,
)
from postmortem.lib.htmx import form_page, wants_fragment

__all__ = [
    "MY_APPROVALS",
    "MY_WORK",
    "case_form",
    "get_row",
    "keep_count",
    "kept_count",
    "navigation",
    "workspace",
]

R = TypeVar("R", bound=CaseRecord)


def get_row(model: type[R], incident: Incident, number: int) -> R:
    """A row of this incident, or 404; one that was withdrawn is refused with its
    reason, as by the service: somebody may have a form on it open."""
    row = model._default_manager.filter(incident=incident, number=number).first()
    if row is None:
        raise Http404(f"no such {model._meta.verbose_name}")
    refuse_withdrawn(row)
    row.incident = incident
    return row


def case_form(
    request: SignedInRequest,
    incident: Incident,
    form: forms.BaseForm,
    act: Callable[[dict[str, Any]], object],
    *,
    tab: str,
    title: str,
    done_url: str | Callable[[Any], str],
    cancel_url: str = "",
    context: dict[str, Any] | None = None,
    **options: Any,
) -> HttpResponse:
    """`form_page` inside the workspace: the drawer needs no tabs, so none is."""
    around: dict[str, Any] = (
        {"incident": incident}
        if wants_fragment(request)
        else workspace(request, incident, tab)
    )
    if not cancel_url:
        cancel_url = (
            done_url if isinstance(done_url, str) else incident.get_absolute_url()
        )
    return form_page(
        request,
        form,
        act,
        title=title,
        done_url=done_url,
        cancel_url=cancel_url,
        context={**around, **(context or {})},
        **options,
    )

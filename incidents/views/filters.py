"""Filters that a person saves above the list, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.urls import reverse

from accounts.decorators import SignedInRequest
from incidents.decorators import requires
from incidents.forms import FilterForm
from incidents.models import SavedFilter
from incidents.selectors import VIEW_LABELS, Filters
from incidents.services import filters as services
from postmortem.lib import sensitive
from postmortem.lib.htmx import done, form_page, posted


@requires("incident.view")
def filter_add(request: SignedInRequest) -> HttpResponse:
    """Save what the list is asked by the query of this address."""
    query = request.GET.urlencode()
    try:
        sensitive.refuse(unquote_plus(query))
    except ValidationError as error:  # no form, whose address would repeat it
        messages.error(request, f"The filter is not saved: {error.messages[0]}")
        return done(request, reverse("incidents:incident_list"))
    asked = Filters.read(request.GET)
    words = [VIEW_LABELS[asked.view]]
    words += [f"{chip['name'].lower()} {chip['value']}" for chip in asked.chips()]
    return _form(
        request,
        FilterForm(posted(request)),
        lambda data: services.save_filter(actor=request.user, query=query, **data),
        query=query,
        title="Save this filter",
        lead=f"{', '.join(words)}. It becomes a tab above your list; nobody else sees "
        "it.",
        message="The filter is saved.",
    )


@requires("incident.view")
def filter_edit(request: SignedInRequest, pk: int) -> HttpResponse:
    """Another name for a filter of mine."""
    row = _mine(request, pk)
    return _form(
        request,
        FilterForm(posted(request), initial={"name": row.name}),
        lambda data: services.rename_filter(actor=request.user, pk=pk, **data),
        query=row.query,
        title=f"Rename “{row.name}”",
        message="The filter has its new name.",
    )


@requires("incident.view")
def filter_delete(request: SignedInRequest, pk: int) -> HttpResponse:
    """Forget a filter of mine, once I have said so."""
    row = _mine(request, pk)
    return _form(
        request,
        forms.Form(posted(request)),
        lambda data: services.delete_filter(actor=request.user, pk=pk),
        query=row.query,
        title=f"Delete “{row.name}”",
        lead="The tab goes; the incidents stay as they are.",
        submit_label="Delete",
        message="The filter is deleted.",
        context={"submit_kind": "danger"},
    )


def _mine(request: SignedInRequest, pk: int) -> SavedFilter:
    row = SavedFilter.objects.filter(owner=request.user, pk=pk).first()
    if row is None:
        raise Http404("no such filter")
    return row


def _form(
    request: SignedInRequest,
    form: forms.BaseForm,
    act: Callable[[dict[str, Any]], object],
    *,
    query: str,
    **words: Any,
) -> HttpResponse:
    """A form that ends on the list that the filter shows."""
    url = f"{reverse('incidents:incident_list')}?{query}"
    try:
        return form_page(request, form, act, done_url=url, cancel_url=url, **words)
    except SavedFilter.DoesNotExist:  # another tab was quicker
        raise Http404("no such filter") from None

"""The quick-add bar: how a line is read, and its way into the record."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from accounts.decorators import SignedInRequest
from incidents.decorators import incident_view, only_reads
from incidents.models import Incident
from postmortem.lib.errors import DomainError
from postmortem.lib.htmx import add_errors, wants_fragment
from timeline import forms, selectors, services
from timeline.models import Milestone
from timeline.views.page import quick_context, timeline_page


@incident_view("timeline.add")
def entry_quick_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """One line becomes an entry; what cannot be read stays in the field (422).

    With htmx only the bar comes back: the browser then asks what moved, as it does for
    the lines of others, so that no page is rendered again for one row.
    """
    here = reverse("timeline:entry_list", args=[incident.key])
    if request.method != "POST":
        return redirect(here)
    form = forms.QuickAddForm(request.POST, request.FILES, incident=incident)
    status = 422
    if form.is_valid():
        try:
            line = services.record_line(
                incident_id=incident.pk,
                actor=request.user,
                **form.cleaned_data,
                **form.attached,
            )
        except ValidationError as error:
            _add_quick_errors(form, error)
        except DomainError as error:
            # Closed meanwhile, for example: the line stays where it was typed.
            form.add_error(None, error.message)
            status = error.status
        else:
            _tell(request, form, line)
            if not wants_fragment(request):
                return redirect(line.entry.get_absolute_url())
            page = _bar(request, incident, forms.QuickAddForm(incident=incident))
            page["HX-Trigger-After-Settle"] = json.dumps(
                {"timeline:added": {"ref": line.entry.ref}}
            )
            return page
    if wants_fragment(request):
        return _bar(request, incident, form, status=status)
    return timeline_page(request, incident, form, status=status)


def _bar(
    request: SignedInRequest,
    incident: Incident,
    form: forms.QuickAddForm,
    *,
    status: int = 200,
) -> HttpResponse:
    context = {
        "incident": incident,
        "form": form,
        **quick_context(incident, selectors.outline(incident), request.user),
    }
    return render(request, "timeline/_quick_answer.html", context, status=status)


def _tell(
    request: SignedInRequest, form: forms.QuickAddForm, line: services.Line
) -> None:
    """What became of the line, in one message; what did not work in its own."""
    if line.was_there:
        messages.success(
            request, f"{line.entry.ref} had arrived already; it is recorded once."
        )
        return
    with_it = ", ".join(item.ref for item in line.evidence)
    messages.success(
        request,
        f"{line.entry.ref} is recorded{f' with {with_it}' if with_it else ''}."
        + (f" It is the milestone {_moment(form).lower()}." if _moment(form) else "")
        + "".join(f" {note}" for note in form.notes),
    )
    if line.faults:
        messages.warning(
            request,
            f"The entry is kept. {' '.join(line.faults)} "
            f"Link it from {line.entry.ref}.",
        )


def _moment(form: forms.QuickAddForm) -> str:
    """The milestone that the line was added as, in words; else ''."""
    kind = form.attached.get("milestone")
    return str(Milestone.Kind(kind).label) if kind else ""


def _add_quick_errors(form: forms.QuickAddForm, error: ValidationError) -> None:
    """The quick form has two fields for what the service knows by finer names."""
    known = {
        "occurred_at": "at",
        "occurred_until": "at",
        "at_text": "at",
        "observed_signal": "text",
        "action_taken": "text",
    }
    if hasattr(error, "error_dict"):
        error = ValidationError(
            {known.get(name, name): items for name, items in error.error_dict.items()}
        )
    add_errors(form, error)


@incident_view("timeline.add")
@only_reads
def entry_preview(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """How the line would be read and what would refuse it, in the words of Enter. A
    POST, so that nothing that is being typed stands in an address or an access log."""
    form = forms.QuickAddForm(request.POST, incident=incident)
    read: dict[str, Any] = {}
    if form.is_valid():
        try:
            services.preview_entry(
                incident=incident, actor=request.user, **form.cleaned_data
            )
        except ValidationError as error:
            _add_quick_errors(form, error)
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            read = form.cleaned_data
    typed = any(request.POST.get(name, "").strip() for name in ("at", "text", "link"))
    faults = [words for errors in form.errors.values() for words in errors]
    return render(
        request,
        "timeline/_quick_read.html",
        {
            "incident": incident,
            "notes": form.notes,
            "read": read,
            "faults": faults if typed else [],
            "kind": dict(forms.QUICK_KINDS).get(read.get("kind", "")),
            "declared_at": selectors.outline(incident).declared_at,
        },
    )

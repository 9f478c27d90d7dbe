"""Forms of the dependency checkpoints."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from accounts.decorators import SignedInRequest
from incidents.decorators import incident_view
from incidents.models import Incident, Lane
from incidents.views import case_form, get_row
from incidents.views.rows import retract
from postmortem.lib.htmx import posted
from timeline import forms, services
from timeline.models import DependencyCheckpoint
from timeline.views.entries import page_url, there
from timeline.views.page import TAB


@incident_view("timeline.add")
def checkpoint_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """An external interface that a flow touched; `?lane=` fills in."""
    initial: dict[str, Any] = {}
    number = request.GET.get("lane", "").removeprefix(f"{Lane.prefix}-")
    if number.isdecimal() and len(number) < 10:
        lane = forms.live(Lane, incident).filter(number=int(number)).first()
        initial["lane"] = lane.pk if lane else None
    return case_form(
        request,
        incident,
        forms.CheckpointForm(posted(request), incident=incident, initial=initial),
        lambda data: services.add_checkpoint(
            incident_id=incident.pk, actor=request.user, **data
        ),
        tab=TAB,
        title="Add a dependency checkpoint",
        lead="Where signals appeared first, and whether it has stabilized.",
        submit_label="Add",
        message="The checkpoint is added.",
        done_url=there,
        cancel_url=page_url(incident),
    )


@incident_view("timeline.edit")
def checkpoint_edit(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Update a checkpoint and what it rests on."""
    row = get_row(DependencyCheckpoint, incident, number)
    return case_form(
        request,
        incident,
        forms.CheckpointForm(posted(request), incident=incident, row=row),
        lambda data: services.edit_checkpoint(
            incident_id=incident.pk, actor=request.user, number=number, **data
        ),
        tab=TAB,
        title=f"Edit {row.ref} {row.name}",
        lead=row.question,
        message=f"{row.ref} is saved.",
        done_url=there(row),
        cancel_url=page_url(incident),
    )


@incident_view("timeline.edit")
def checkpoint_retract(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """Withdraw a checkpoint that was noted by mistake."""
    return retract(
        request,
        incident,
        get_row(DependencyCheckpoint, incident, number),
        services.retract_checkpoint,
        tab=TAB,
        what="checkpoint",
        done_url=page_url(incident),
    )

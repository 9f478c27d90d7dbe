"""Forms of the dependency checkpoints."""

from __future__ import annotations

from typing import Any

from accounts.decorators import SignedInRequest
from incidents.models import Incident, Lane
from incidents.views.rows import RowPages
from timeline import forms, services
from timeline.models import DependencyCheckpoint
from timeline.views.page import TAB


def _on_lane(request: SignedInRequest, incident: Incident) -> dict[str, Any]:
    """The lane that `?lane=LN-2` names."""
    number = request.GET.get("lane", "").removeprefix(f"{Lane.prefix}-")
    if not number.isdecimal() or len(number) >= 10:
        return {}
    lane = forms.live(Lane, incident).filter(number=int(number)).first()
    return {"lane": lane.pk if lane else None}


checkpoint = RowPages(DependencyCheckpoint, "timeline.edit", "checkpoint", tab=TAB)
checkpoint_add = checkpoint.add(
    "checkpoint_add",
    forms.CheckpointForm,
    services.add_checkpoint,
    title="Add a dependency checkpoint",
    lead="Where signals appeared first, and whether it has stabilized.",
    message="The checkpoint is added.",
    initial=_on_lane,
    permission="timeline.add",
)
checkpoint_edit = checkpoint.verb(
    "checkpoint_edit",
    forms.CheckpointForm,
    services.edit_checkpoint,
    title="Edit {row.ref} {row.name}",
    lead="{row.question}",
    message="{row.ref} is saved.",
    edits=True,
)
checkpoint_retract = checkpoint.retract("checkpoint_retract")

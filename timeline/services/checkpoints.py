"""Write verbs of dependency checkpoints (R-DP-01 to R-DP-06)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from accounts.models import User
from incidents import activity
from incidents.models import Evidence, Lane
from incidents.services import core
from incidents.services.core import (
    KEEP,
    add_record,
    change_record,
    get_record,
    given,
    lock_incident,
    replace_evidence,
    require_live,
    set_evidence,
)
from postmortem.lib.errors import field_error
from postmortem.lib.persistence import service
from postmortem.lib.times import refuse_future
from timeline.models import DependencyCheckpoint

Order = DependencyCheckpoint.Order
State = DependencyCheckpoint.State


@service
def add_checkpoint(
    *,
    incident_id: int,
    actor: User,
    kind: str,
    name: str,
    lane: Lane | None = None,
    first_signal_at: datetime | None = None,
    order: str = Order.UNKNOWN,
    state: str = State.UNKNOWN,
    stabilized_at: datetime | None = None,
    verified: str = "",
    evidence: Sequence[Evidence] = (),
) -> DependencyCheckpoint:
    """Note an external interface that a flow touched: where signals appeared first, and
    whether it has stabilized. Incomplete ones are kept and become findings."""
    incident = lock_incident(incident_id, actor=actor, permission="timeline.add")
    require_live(incident, "lane", lane)
    row = DependencyCheckpoint(
        incident=incident,
        kind=kind,
        name=name,
        lane=lane,
        first_signal_at=first_signal_at,
        order=order,
        state=state,
        stabilized_at=stabilized_at,
        verified=verified,
    )
    _check_times(row)
    add_record(row, actor=actor)
    set_evidence(row, evidence, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="timeline.checkpoint_added",
        sentence=f"noted the dependency {row.ref} {row.name}: "
        f"{row.get_state_display().lower()}",
        subject=row,
        data={"evidence": [item.ref for item in evidence]},
    )
    return row


@service
def edit_checkpoint(
    *,
    incident_id: int,
    actor: User,
    number: int,
    version: int | None = None,
    kind: str = KEEP,
    name: str = KEEP,
    lane: Lane | None = KEEP,
    first_signal_at: datetime | None = KEEP,
    order: str = KEEP,
    state: str = KEEP,
    stabilized_at: datetime | None = KEEP,
    verified: str = KEEP,
    evidence: Sequence[Evidence] = KEEP,
) -> DependencyCheckpoint:
    """Change a checkpoint; `evidence`, if sent, is all that it rests on."""
    incident = lock_incident(incident_id, actor=actor, permission="timeline.edit")
    row = get_record(DependencyCheckpoint, incident, number)
    changes = given(
        kind=kind,
        name=name,
        lane=lane,
        first_signal_at=first_signal_at,
        order=order,
        state=state,
        stabilized_at=stabilized_at,
        verified=verified,
    )
    require_live(incident, "lane", changes.get("lane"))
    _check_times(row, changes)
    moved: dict[str, Any] = change_record(row, changes, actor=actor, version=version)
    replace_evidence(row, evidence, moved, actor=actor)
    if moved:
        activity.record(
            incident,
            actor=actor,
            verb="timeline.checkpoint_edited",
            sentence=f"edited {row.ref} {row.name}: "
            f"{', '.join(name.replace('_', ' ') for name in moved)}",
            subject=row,
            data={"changes": moved},
        )
    return row


def retract_checkpoint(
    *, incident_id: int, actor: User, number: int, reason: str
) -> DependencyCheckpoint:
    """Withdraw a checkpoint that was noted by mistake; it stays, struck through."""
    return core.retract_record(
        incident_id=incident_id,
        actor=actor,
        model=DependencyCheckpoint,
        number=number,
        reason=reason,
        permission="timeline.edit",
    )


def _check_times(
    row: DependencyCheckpoint, changes: dict[str, Any] | None = None
) -> None:
    after = {
        name: (changes or {}).get(name, getattr(row, name))
        for name in ("first_signal_at", "stabilized_at")
    }
    for name, moment in after.items():
        refuse_future(moment, name)
    first, last = after["first_signal_at"], after["stabilized_at"]
    if first and last and last < first:
        raise field_error(
            "stabilized_at", "It stabilized before its first signal: check both times."
        )

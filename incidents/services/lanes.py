"""Payment flows as lanes, each with its own status (R-SC-15)."""

from __future__ import annotations

from accounts.models import User
from incidents import activity
from incidents.models import Lane
from incidents.services.core import (
    KEEP,
    add_record,
    change_record,
    get_record,
    given,
    lock_incident,
)
from incidents.services.lifecycle import LaneSpec
from postmortem.lib.persistence import service


@service
def add_lane(
    *,
    incident_id: int,
    actor: User,
    name: str,
    family: str = KEEP,
    is_core_flow: bool = KEEP,
    status: str = KEEP,
    owner: User | None = KEEP,
) -> Lane:
    """Add a payment flow: a known slug brings its family, any other name goes too."""
    incident = lock_incident(incident_id, actor=actor, permission="incident.edit")
    lane = LaneSpec(name).build(incident, field="name")
    for field, value in given(
        family=family, is_core_flow=is_core_flow, status=status, owner=owner
    ).items():
        setattr(lane, field, value)
    add_record(lane, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.lane_added",
        sentence=f"added the lane {lane.name}",
        subject=lane,
    )
    return lane


@service
def edit_lane(
    *,
    incident_id: int,
    actor: User,
    number: int,
    version: int | None = None,
    name: str = KEEP,
    family: str = KEEP,
    is_core_flow: bool = KEEP,
    status: str = KEEP,
    owner: User | None = KEEP,
) -> Lane:
    """Change a lane or its status; the slug stays, other records name it."""
    incident = lock_incident(incident_id, actor=actor, permission="incident.edit")
    lane = get_record(Lane, incident, number)
    moved = change_record(
        lane,
        given(
            name=name,
            family=family,
            is_core_flow=is_core_flow,
            status=status,
            owner=owner,
        ),
        actor=actor,
        version=version,
    )
    if moved:
        sentence = (
            f"set the lane {lane.name} to {lane.get_status_display().lower()}"
            if "status" in moved
            else f"edited the lane {lane.name}"
        )
        activity.record(
            incident,
            actor=actor,
            verb="incidents.lane_edited",
            sentence=sentence,
            subject=lane,
            data=moved,
        )
    return lane

"""Write verbs of milestones: the required moments of R-TL-06."""

from __future__ import annotations

from accounts.models import User
from incidents import activity
from incidents.models import Incident
from incidents.services import core
from incidents.services.core import (
    add_record,
    change_record,
    lock_incident,
    withdraw,
)
from postmortem.lib.errors import field_error
from postmortem.lib.persistence import service
from timeline.models import Entry, Milestone


@service
def add_milestone(
    *,
    incident_id: int,
    actor: User,
    kind: str,
    entry: Entry | None,
    is_marked: bool = False,
) -> Milestone:
    """Say that an entry carries a milestone. A kind may occur more than once; the first
    feeds the durations unless another is marked, and only one is."""
    incident = lock_incident(incident_id, actor=actor, permission="timeline.edit")
    if entry is None:
        raise field_error(
            "entry", "Choose the entry that carries the milestone.", "required"
        )
    milestone = carry_milestone(incident, entry, kind, actor=actor, marked=is_marked)
    activity.record(
        incident,
        actor=actor,
        verb="timeline.milestone_added",
        sentence=f"marked {entry.ref} as the milestone {milestone.label.lower()}",
        subject=milestone,
    )
    return milestone


def carry_milestone(
    incident: Incident, entry: Entry, kind: str, *, actor: User, marked: bool = False
) -> Milestone:
    """Write the milestone inside a service (no activity of its own)."""
    if entry.incident_id != incident.pk or entry.is_retracted:
        raise field_error(
            "entry", f"{entry.ref} is not a live entry of {incident.key}."
        )
    if entry.kind == Entry.Kind.NO_RECORD:
        raise field_error("entry", "A stated gap carries no milestone.")
    same = Milestone.objects.filter(incident=incident, kind=kind, retracted_at=None)
    for row in same:
        row.incident = incident
        if row.entry_id == entry.pk:
            raise field_error(
                "entry", f"{entry.ref} carries this milestone already.", "duplicate"
            )
        if row.not_applicable:
            withdraw(row, actor=actor, reason=f"{entry.ref} carries it.")
        elif marked and row.is_marked:
            change_record(row, {"is_marked": False}, actor=actor, version=None)
    return add_record(
        Milestone(incident=incident, kind=kind, entry=entry, is_marked=marked),
        actor=actor,
    )


@service
def mark_not_applicable(
    *, incident_id: int, actor: User, kind: str, reason: str
) -> Milestone:
    """State that a required milestone does not apply, with the reason (R-TL-06)."""
    incident = lock_incident(incident_id, actor=actor, permission="timeline.edit")
    present = (
        Milestone.objects.filter(incident=incident, kind=kind, retracted_at=None)
        .select_related("entry")
        .first()
    )
    if present is not None:
        words = (
            f"{present.entry.ref} carries this milestone. Withdraw {present.ref} first."
            if present.entry
            else f"{present.ref} says so already."
        )
        raise field_error("kind", words, "duplicate")
    milestone = add_record(
        Milestone(
            incident=incident, kind=kind, not_applicable=True, reason=reason.strip()
        ),
        actor=actor,
    )
    activity.record(
        incident,
        actor=actor,
        verb="timeline.milestone_not_applicable",
        sentence=f"stated that the milestone {milestone.label.lower()} does not apply",
        subject=milestone,
        reason=reason,
    )
    return milestone


def retract_milestone(
    *, incident_id: int, actor: User, number: int, reason: str
) -> Milestone:
    """Withdraw a milestone; the entry that carried it stays."""
    return core.retract_record(
        incident_id=incident_id,
        actor=actor,
        model=Milestone,
        number=number,
        reason=reason,
        permission="timeline.edit",
    )

"""What would prove a provisional claim of the timeline."""

from __future__ import annotations

from datetime import datetime

from accounts.models import User
from incidents import activity
from incidents.services.core import get_record, lock_incident
from incidents.services.unknowns import state_known_unknown_for
from postmortem.lib.persistence import service
from timeline.models import DependencyCheckpoint, Entry


@service
def name_missing_proof(
    *,
    incident_id: int,
    actor: User,
    model: type[Entry] | type[DependencyCheckpoint],
    number: int,
    question: str,
    missing_check: str,
    owner: User | None,
    due_at: datetime | None,
) -> Entry | DependencyCheckpoint:
    """Say what would prove a provisional entry or checkpoint: the missing check, who
    does it and until when. It becomes a known unknown with its own deadline."""
    incident = lock_incident(incident_id, actor=actor, permission="timeline.edit")
    claim = get_record(model, incident, number)
    unknown = state_known_unknown_for(
        claim,
        actor=actor,
        question=question,
        missing_check=missing_check,
        owner=owner,
        due_at=due_at,
    )
    activity.record(
        incident,
        actor=actor,
        verb="timeline.proof_named",
        sentence=f"named in {unknown.ref} what would prove {claim.ref}",
        subject=claim,
    )
    return claim

"""The thresholds that a team sets for each severity."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from incidents import permissions
from incidents.models import FindingSnapshot, PolicyChange, SeverityPolicy
from incidents.services.core import require_reason
from postmortem.lib.errors import StaleVersion
from postmortem.lib.persistence import save

# How a change of each value is told.
TOLD = {
    "gap_minutes": "a gap after",
    "cadence_minutes": "updates every",
    "sustain_minutes": "recovery holds for",
}


@transaction.atomic
def change_policy(
    *,
    actor: User,
    severity: str,
    version: int,
    gap_minutes: int,
    cadence_minutes: int,
    sustain_minutes: int,
    reason: str,
) -> SeverityPolicy:
    """Set the thresholds of a severity, with the reason that is kept (R-TL-08).

    version: the one that the person read; StaleVersion if somebody saved in between.
    They count from now on for every open incident of this severity: the next sweep runs
    its checks. A frozen record keeps the findings that it was frozen with.
    """
    permissions.require(actor, "policy.edit")
    row = SeverityPolicy.objects.select_for_update().get(pk=severity)
    wanted = {
        "gap_minutes": gap_minutes,
        "cadence_minutes": cadence_minutes,
        "sustain_minutes": sustain_minutes,
    }
    if row.version != version:
        raise StaleVersion(
            f"Somebody changed the thresholds of {severity} since you opened them. "
            "Compare and save again.",
            current={name: getattr(row, name) for name in wanted},
        )
    changed = {
        n: (getattr(row, n), v) for n, v in wanted.items() if getattr(row, n) != v
    }
    if not changed:
        return row
    reason = require_reason(reason, "this changes")
    for name, value in wanted.items():
        setattr(row, name, value)
    save(row, actor=actor)
    told = [
        f"{TOLD[name]} {new} min, was {old}" for name, (old, new) in changed.items()
    ]
    save(
        PolicyChange(
            policy=row,
            by=actor,
            by_label=actor.label,
            sentence=f"changed {severity}: {'; '.join(told)}",
            reason=reason,
        ),
        actor=actor,
    )
    FindingSnapshot.objects.filter(
        incident__severity=severity, incident__status__in=permissions.OPEN
    ).update(next_due=timezone.now())
    return row

"""What a team sets for each severity, with who changed what and why."""

from __future__ import annotations

from typing import Any

from django.db import models, transaction
from django.utils import timezone

from accounts.models import User
from incidents import permissions
from incidents.models import FindingSnapshot, PolicyChange, SeverityPolicy
from incidents.services.core import require_reason
from postmortem.lib.errors import StaleVersion
from postmortem.lib.persistence import save

# How a change of each value is told.
TOLD = {
    "gap_minutes": "a gap after {} min, was {}",
    "cadence_minutes": "updates every {} min, was {}",
    "sustain_minutes": "recovery holds for {} min, was {}",
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
    policy = hold_policy(actor=actor, severity=severity)
    wanted = {
        "gap_minutes": gap_minutes,
        "cadence_minutes": cadence_minutes,
        "sustain_minutes": sustain_minutes,
    }
    set_values(
        actor=actor,
        policy=policy,
        version=version,
        row=policy,
        wanted=wanted,
        told=TOLD,
        reason=reason,
    )
    return policy


def hold_policy(*, actor: User, severity: str) -> SeverityPolicy:
    """The policy of a severity, for `actor` to change; held until the transaction ends.
    Its version stands for everything that is set for the severity."""
    permissions.require(actor, "policy.edit")
    return SeverityPolicy.objects.select_for_update().get(pk=severity)


def set_values(
    *,
    actor: User,
    policy: SeverityPolicy,
    version: int,
    row: models.Model,
    wanted: dict[str, Any],
    told: dict[str, str],
    reason: str,
) -> None:
    """Store the values of `row` that change, the sentence and the reason that tell it,
    and have the open incidents of the severity checked again."""
    if policy.version != version:
        raise StaleVersion(
            f"Somebody changed what is set for {policy.severity} since you opened it. "
            "Compare and save again.",
            current={name: getattr(row, name) for name in wanted},
        )
    before = {name: getattr(row, name) for name in wanted}
    if before == wanted:
        return
    reason = require_reason(reason, "this changes")
    for name, value in wanted.items():
        setattr(row, name, value)
    save(row, actor=actor)
    if row != policy:
        save(policy, actor=actor)
    changes = [
        told[name].format(_word(wanted[name]), _word(before[name]))
        for name in wanted
        if wanted[name] != before[name]
    ]
    save(
        PolicyChange(
            policy=policy,
            by=actor,
            by_label=actor.label,
            sentence=f"changed {policy.severity}: {'; '.join(changes)}",
            reason=reason,
        ),
        actor=actor,
    )
    FindingSnapshot.objects.filter(
        incident__severity=policy.severity, incident__status__in=permissions.OPEN
    ).update(next_due=timezone.now())


def _word(value: Any) -> Any:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value

"""Who has to approve a closure: what a team sets for each severity."""

from __future__ import annotations

from django.db import transaction

from accounts.models import User
from incidents.services.policies import hold_policy, set_values
from review.models import ClosurePolicy

# How a change of each value is told.
TOLD = {
    "approvals": "closing takes {} approvals, was {}",
    "managers": "managers among them {}, was {}",
    "engineering_and_finance": "one from engineering and one from finance: {}, was {}",
}


@transaction.atomic
def change_closure_policy(
    *,
    actor: User,
    severity: str,
    version: int,
    approvals: int,
    managers: int,
    engineering_and_finance: bool,
    reason: str,
) -> ClosurePolicy:
    """Set who has to approve closing an incident of a severity, never fewer than two
    people (R-AP-02), with the reason that is kept.

    version: that of the severity's policy, as the person read it; StaleVersion if
    somebody saved in between. What was closed before stays as it was approved.
    """
    policy = hold_policy(actor=actor, severity=severity)
    row = ClosurePolicy.objects.get(pk=severity)
    wanted = {
        "approvals": approvals,
        "managers": managers,
        "engineering_and_finance": engineering_and_finance,
    }
    set_values(
        actor=actor,
        policy=policy,
        version=version,
        row=row,
        wanted=wanted,
        told=TOLD,
        reason=reason,
    )
    return row

"""Declaring an incident and the transitions before closing. Only services assign
`status`; each transition asks the registered checks that gate it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Max
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import User
from incidents import activity, permissions
from incidents.models import Incident, Lane, Participation
from incidents.services.core import add_record
from postmortem.lib.persistence import save, service
from postmortem.lib.times import refuse_future

# Defaults of the well-known lanes (R-SC-15); any other slug is accepted too.
KNOWN_LANES: dict[str, tuple[str, str, bool]] = {
    "checkout": ("Checkout authorization", Lane.Family.CARD, True),
    "payouts": ("Payout batches", Lane.Family.DISBURSEMENTS, True),
    "virtual-accounts": ("Virtual bank accounts", Lane.Family.COLLECTION, False),
    "webhooks": ("Webhooks", Lane.Family.EVENTS, True),
    "refunds": ("Refunds", Lane.Family.CARD, False),
    "onboarding": ("Onboarding and KYC", Lane.Family.REGULATORY, False),
    "tax-forms": ("Tax forms", Lane.Family.REGULATORY, False),
    "ledger": ("Ledger", Lane.Family.OTHER, False),
}


@dataclass(frozen=True)
class LaneSpec:
    """A lane named at declaration: a known slug, or any name."""

    name: str

    def build(self, incident: Incident) -> Lane:
        slug = slugify(self.name)[:60]
        if not slug:
            raise ValidationError(
                {"lanes": ValidationError(f"“{self.name}” is no lane name.")}
            )
        name, family, core = KNOWN_LANES.get(
            slug, (self.name.strip(), Lane.Family.OTHER, False)
        )
        return Lane(
            incident=incident, slug=slug, name=name, family=family, is_core_flow=core
        )


def next_incident_number() -> int:
    """The next free INC number. Two declarations at once: the unique index lets one
    pass and the other is tried again by its caller."""
    highest = Incident.objects.aggregate(highest=Max("number"))["highest"]
    return (highest or 0) + 1


@service
def declare_incident(
    *,
    actor: User,
    title: str,
    severity: str,
    lanes: Sequence[str] = (),
    clock_zone: str = "UTC",
    commander: User | None = None,
    scribe: User | None = None,
    kind: str = Incident.Kind.OTHER,
    summary: str = "",
    is_drill: bool = False,
    is_restricted: bool = False,
    declared_at: datetime | None = None,
) -> Incident:
    """Open an incident: presumed real until evidence says otherwise (R-SC-13).

    commander defaults to the person who declares. declared_at defaults to now and is
    refused when it lies in the future.
    """
    permissions.require(actor, "incident.declare")
    now = timezone.now()
    refuse_future(declared_at, now=now)
    incident = save(
        Incident(
            number=next_incident_number(),
            title=title,
            severity=severity,
            kind=kind,
            summary=summary,
            clock_zone=clock_zone,
            is_drill=is_drill,
            is_restricted=is_restricted,
            declared_at=declared_at or now,
            declared_by=actor,
        ),
        actor=actor,
    )
    for name in dict.fromkeys(slugify(lane) and lane for lane in lanes):
        add_record(LaneSpec(name).build(incident), actor=actor)
    people: dict[str, User | None] = {
        Participation.Duty.COMMANDER: commander or actor,
        Participation.Duty.SCRIBE: scribe,
    }
    for duty, user in people.items():
        if user is not None:
            add_record(
                Participation(
                    incident=incident,
                    user=user,
                    duty=duty,
                    since=incident.declared_at,
                ),
                actor=actor,
            )
    activity.record(
        incident,
        actor=actor,
        verb="incidents.incident_declared",
        sentence=f"declared {incident.key}, {severity}: {title}",
        data=_declared(incident),
    )
    return incident


def _declared(incident: Incident) -> dict[str, Any]:
    return {"severity": incident.severity, "clock_zone": incident.clock_zone}

"""Deterministic `make_*` helpers that go through the services."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from incidents.models import Incident
from incidents.services.lifecycle import declare_incident


def make_incident(*, actor: User, **fields: Any) -> Incident:
    """A SEV2 on the checkout and payouts lanes, on the UTC clock."""
    fields.setdefault("title", "Webhook ingestion stalled")
    fields.setdefault("severity", "SEV2")
    fields.setdefault("lanes", ["checkout", "payouts"])
    return declare_incident(actor=actor, **fields)

"""Deterministic `make_*` helpers that go through the services."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import User
from incidents.models import (
    Evidence,
    ImpactFigure,
    ImpactStatement,
    Incident,
    KnownUnknown,
    ScopeStatement,
)
from incidents.services.claims import add_figure, add_impact, add_scope
from incidents.services.evidence import add_evidence
from incidents.services.lifecycle import declare_incident
from incidents.services.unknowns import add_unknown

# A picture of one pixel.
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06"
    b"\x00\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f"
    b"\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)


def make_incident(*, actor: User, **fields: Any) -> Incident:
    """A SEV2 on the checkout and payouts lanes, on the UTC clock."""
    fields.setdefault("title", "Webhook ingestion stalled")
    fields.setdefault("severity", "SEV2")
    fields.setdefault("lanes", ["checkout", "payouts"])
    return declare_incident(actor=actor, **fields)


def make_evidence(incident: Incident, *, actor: User, **fields: Any) -> Evidence:
    """An original metric with a durable link: it can be opened and proves."""
    fields.setdefault("kind", "metric")
    fields.setdefault("title", "Order completion by minute")
    fields.setdefault("url", "https://dash.pay.example/d/orders")
    return add_evidence(incident_id=incident.pk, actor=actor, **fields)


def make_scope(incident: Incident, *, actor: User, **fields: Any) -> ScopeStatement:
    """An open line of what users experienced, with its three answers."""
    fields.setdefault("audience", "experienced")
    fields.setdefault("consequence", "Card orders stayed without confirmation")
    fields.setdefault("who", "EU and US payers")
    fields.setdefault("continuity_risk", "Captures of authorized orders")
    return add_scope(incident_id=incident.pk, actor=actor, **fields)


def make_impact(incident: Incident, *, actor: User, **fields: Any) -> ImpactStatement:
    """A customer impact without evidence."""
    fields.setdefault("kind", "customer")
    fields.setdefault("statement", "6,418 payers got no order confirmation")
    return add_impact(incident_id=incident.pk, actor=actor, **fields)


def make_figure(impact: ImpactStatement, *, actor: User, **fields: Any) -> ImpactFigure:
    """A count of failed transactions, actual, without evidence."""
    fields.setdefault("measure", "failed_transactions")
    fields.setdefault("label", "Orders without confirmation")
    fields.setdefault("count", 6418)
    return add_figure(
        incident_id=impact.incident_id, actor=actor, impact=impact, **fields
    )


def make_unknown(incident: Incident, *, actor: User, **fields: Any) -> KnownUnknown:
    """An open unknown with its check, owned and due in two days."""
    fields.setdefault("question", "Did Provider A shorten its retry schedule?")
    fields.setdefault("missing_check", "delivery log export")
    fields.setdefault("owner", actor)
    fields.setdefault("due_at", timezone.now() + timedelta(days=2))
    return add_unknown(incident_id=incident.pk, actor=actor, **fields)

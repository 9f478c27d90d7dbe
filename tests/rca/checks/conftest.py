"""What a check of the analysis finds, and the usual causes."""

from __future__ import annotations

import pytest

from incidents.models import Incident
from postmortem.lib.findings import Case, Finding, Level, run_checks
from rca import services


def findings(incident: Incident, check_id: str) -> list[Finding]:
    case = Case(Incident.objects.get(pk=incident.pk))
    return run_checks(case, only=lambda check: check.id == check_id)


def finding(check_id: str, level: Level, message: str, **fields: str) -> Finding:
    ref = fields.get("subject_ref", "")
    fields.setdefault("subject_label", f"Root cause · {ref}" if ref else "Root cause")
    return Finding(id=check_id, level=level, message=message, **fields)  # type: ignore[arg-type]


@pytest.fixture
def do(incident, commander):
    """A service on this incident: `do("confirm_cause", cause)`."""

    def call(name: str, row=None, **fields):
        if row is not None:
            fields["number"] = row.number
        return getattr(services, name)(
            incident_id=incident.pk, actor=commander, **fields
        )

    return call


@pytest.fixture
def confirmed(do, original, state_cause):
    """The usual trigger, primary and contributing cause, all confirmed and joined."""
    primary = state_cause(
        evidence=[original],
        evidence_shows="412 decode errors a minute",
        condition="No test compares the shapes",
        beyond="Yes, the rollback was slow",
        risk_change="A gate in the deploy",
    )
    trigger = state_cause("trigger", "4.18.0 went live", leads_to=[primary])
    gap = state_cause("contributing", "No contract test", leads_to=[primary])
    for row in (trigger, gap):
        do("edit_cause", row, evidence=[original])
    for row in (primary, trigger, gap):
        do("confirm_cause", row)
    return primary, trigger, gap

"""The stored result of the checks, for lists (decision 11). Gates recompute."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.utils import timezone

from incidents import selectors
from incidents.models import FindingSnapshot, Incident
from postmortem.lib.canonical import digest
from postmortem.lib.findings import Finding
from postmortem.lib.record import build_record


def refresh_findings(incident_id: int) -> FindingSnapshot | None:
    """Run the checks and store what they found; None if the incident is gone.

    Running twice changes nothing but the time. The content hash is computed again only
    when the record has moved.
    """
    incident = Incident.objects.filter(pk=incident_id).first()
    if incident is None:
        return None
    now = timezone.now()
    found = selectors.findings(incident, now)
    stored = FindingSnapshot.objects.filter(incident=incident).first()
    unmoved = (
        stored is not None
        and stored.content_hash
        and stored.activity_head == incident.activity_head
    )
    blocking = sum(item.is_blocking for item in found)
    snapshot, _ = FindingSnapshot.objects.update_or_create(
        incident=incident,
        defaults={
            "blocking": blocking,
            "advisory": sum(item.is_open for item in found) - blocking,
            "findings": [as_row(item) for item in found],
            "next_step": selectors.next_step(incident, found),
            "content_hash": stored.content_hash
            if stored and unmoved
            else digest(build_record(incident)),
            "activity_head": incident.activity_head,
            "computed_at": now,
        },
    )
    return snapshot


def sweep_findings() -> int:
    """Run the checks of every incident that is not frozen: findings move with the
    clock. Returns how many were run."""
    open_ones = Incident.objects.exclude(
        status__in=[Incident.Status.CLOSED, Incident.Status.CANCELLED]
    ).values_list("pk", flat=True)
    return sum(refresh_findings(pk) is not None for pk in list(open_ones))


def as_row(finding: Finding) -> dict[str, Any]:
    """A finding as it is stored: id, level, message, subject, key, page."""
    row = asdict(finding)
    row["level"] = str(finding.level)
    row["row"] = str(finding.row) if finding.row else None
    row["gates"] = [str(gate) for gate in finding.gates]
    return row

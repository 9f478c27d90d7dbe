"""The stored result of the checks, which pages show (decision 11). Gates recompute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from incidents import selectors
from incidents.models import ActivityEntry, FindingSnapshot, Incident
from incidents.permissions import OPEN
from incidents.selectors.stored import FACTS
from postmortem.lib.canonical import plain
from postmortem.lib.findings import Case, Finding
from postmortem.lib.record import with_rows

# How long a page leaves the checks to the worker before it runs them itself.
WORKER_TIME = timedelta(seconds=30)
# How many incidents one sweep looks at; what is left is taken by the next one.
SWEEP_SLICE = 200


def refresh_findings(
    incident_id: int, *, if_needed: bool = False
) -> FindingSnapshot | None:
    """Run the checks and store what they found; None if the incident is gone.

    Running twice changes nothing but the time. The content hash is computed again only
    when the record has moved. if_needed: not when the stored result is current and no
    date has passed, as after ten edits in one second. A frozen record is judged once.
    """
    incident = Incident.objects.filter(pk=incident_id).first()
    if incident is None:
        return None
    now = timezone.now()
    stored = FindingSnapshot.objects.filter(incident=incident).first()
    if stored and selectors.is_current(incident, stored):
        if incident.is_frozen or (if_needed and stored.next_due > now):
            return stored
        known = {selectors.record_hash: stored.content_hash}
    else:
        known = {}
    case = Case(with_rows(incident), now=now, known=known)
    found = selectors.findings_of(case)
    return store_findings(case, found)


def store_findings(
    case: Case, found: Iterable[Finding], *, computed_at: datetime | None = None
) -> FindingSnapshot:
    """Keep a result of the checks with the facts of the same moment. One that began
    later is never overwritten, so that two workers end with the newer one."""
    incident, rows = case.incident, list(found)
    computed_at = computed_at or case.now
    blocking = sum(item.is_blocking for item in rows)
    values: dict[str, Any] = {
        "blocking": blocking,
        "advisory": sum(item.is_open for item in rows) - blocking,
        "findings": [as_row(item) for item in rows],
        "facts": {name: plain(of(case)) for name, of in FACTS.items()},
        "next_step": selectors.next_step(incident, rows),
        "content_hash": case.load(selectors.record_hash),
        "activity_head": incident.activity_head,
        "computed_at": computed_at,
        "next_due": case.next_due,
    }
    with transaction.atomic():
        stored, is_new = FindingSnapshot.objects.get_or_create(
            incident=incident, defaults=values
        )
        if not is_new:
            older = FindingSnapshot.objects.filter(
                pk=stored.pk, computed_at__lte=computed_at
            )
            if older.update(**values):
                for name, value in values.items():
                    setattr(stored, name, value)
            else:
                stored.refresh_from_db()
    return stored


def note_follow_up(incident: Incident, waits: bool) -> None:
    """Note on a closed incident whether something in it waits for somebody: its record
    is judged once, and what goes on after that would have to be looked for everywhere.
    The caller holds its lock."""
    rows = FindingSnapshot.objects.filter(incident=incident)
    for facts in rows.values_list("facts", flat=True):
        rest = {k: v for k, v in facts.items() if k != FindingSnapshot.FOLLOW_UP}
        rows.update(facts=rest | ({FindingSnapshot.FOLLOW_UP: True} if waits else {}))


def findings_for_page(
    incident: Incident, *, may_run: bool = False
) -> selectors.StoredFindings:
    """The stored findings for a page. An incident that has none yet, just declared or
    imported, gets them here once; otherwise the worker has refreshed them.

    may_run: the caller may run the checks itself when the worker did not come within
    half a minute, so that nobody is stuck without one.
    """
    stored = selectors.stored_findings(incident)
    if stored.computed_at is None or (
        may_run and not stored.is_current and _worker_is_late(incident)
    ):
        snapshot = refresh_findings(incident.pk)
        if snapshot is not None:
            return selectors.from_snapshot(incident, snapshot)
    return stored


def _worker_is_late(incident: Incident) -> bool:
    last = ActivityEntry.objects.filter(incident=incident).order_by("-sequence")
    at = last.values_list("at", flat=True).first()
    return at is None or at < timezone.now() - WORKER_TIME


def sweep_findings() -> int:
    """Run the checks where they can have changed: a date passed, a refresh was lost, or
    a day went by. At most a slice of them, the longest due first; returns how many.

    Ten thousand open incidents are so looked at over the day and not at once.
    """
    now = timezone.now()
    lost = ~Q(snapshot__activity_head=F("activity_head"))
    due = (
        Incident.objects.filter(status__in=OPEN)
        .filter(Q(snapshot=None) | Q(snapshot__next_due__lte=now) | lost)
        .order_by(F("snapshot__next_due").asc(nulls_first=True), "pk")
        .values_list("pk", flat=True)
    )
    return sum(refresh_findings(pk) is not None for pk in list(due[:SWEEP_SLICE]))


def as_row(finding: Finding) -> dict[str, Any]:
    """A finding as it is stored: id, level, message, subject, key, page."""
    row = asdict(finding)
    row["level"] = str(finding.level)
    row["row"] = str(finding.row) if finding.row else None
    row["gates"] = [str(gate) for gate in finding.gates]
    return row

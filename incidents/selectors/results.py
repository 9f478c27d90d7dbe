"""Findings with the waivers in force, the content hash, the next step."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from incidents.models import (
    FindingSnapshot,
    Incident,
    Waiver,
)
from incidents.selectors.rows import waivers
from postmortem.lib.canonical import digest
from postmortem.lib.findings import Case, Check, Finding, Gate, Level, run_checks
from postmortem.lib.record import build_record


def findings(incident: Incident, now: datetime | None = None) -> list[Finding]:
    """Every finding of the case, worst first; `accepted_by` where a waiver holds."""
    return _run(incident, lambda _: True, now=now)


def blocking(
    incident: Incident, gate: Gate, now: datetime | None = None
) -> list[Finding]:
    """What holds a transition back now. Closing is held back by every open ERROR."""

    def gates(item: Check) -> bool:
        return gate is Gate.CLOSE or gate in item.gates

    return [item for item in _run(incident, gates, now=now) if item.is_blocking]


def _run(incident: Incident, only: Any, *, now: datetime | None) -> list[Finding]:
    case = Case(incident, now=now)
    found = run_checks(case, only=only)
    if not found:
        return found
    in_force = {
        (item.check_id, item.finding_key): item
        for item in case.load(waivers)
        if item.is_in_force(case.now)
    }
    return [
        replace(item, accepted_by=_accepted(in_force[item.id, item.key]))
        if (item.id, item.key) in in_force
        and (item.level is not Level.ERROR or item.waivable)
        else item
        for item in found
    ]


def _accepted(waiver: Waiver) -> str:
    people = [waiver.recorded_by, waiver.seconded_by]
    return " and ".join(person.label for person in people if person)


def content_hash(incident: Incident, *, fresh: bool = False) -> str:
    """SHA-256 of the canonical record: what approvals are bound to.

    The stored one is used while the activity head has not moved; `fresh` recomputes,
    as gates and the seal must.
    """
    if not fresh:
        stored = FindingSnapshot.objects.filter(incident=incident).first()
        if (
            stored
            and stored.content_hash
            and stored.activity_head == incident.activity_head
        ):
            return stored.content_hash
    return digest(build_record(incident))


def next_step(incident: Incident, found: list[Finding]) -> str:
    """One sentence: what moves this incident on."""
    errors = [item for item in found if item.is_blocking]
    status = Incident.Status(incident.status)
    if status is Incident.Status.CANCELLED:
        return ""
    if status is Incident.Status.CLOSED:
        return "Closed and frozen; follow-up actions go on."
    gate = {
        Incident.Status.ACTIVE: Gate.STABILIZE,
        Incident.Status.STABILIZED: Gate.ALL_CLEAR,
    }.get(status)
    if status is Incident.Status.STABILIZED and incident.all_clear_at:
        return "Start the review."
    first = next((item for item in errors if gate is None or gate in item.gates), None)
    if first:
        where = f" ({first.subject_ref})" if first.subject_ref else ""
        return f"{first.fix_label}: {first.message}{where}"[:300]
    return {
        Incident.Status.ACTIVE: "Declare it stabilized.",
        Incident.Status.STABILIZED: "Give the all-clear.",
        Incident.Status.IN_REVIEW: "Approve and close.",
    }[status]

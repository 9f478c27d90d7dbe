"""Findings with the waivers in force, the content hash, the next step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

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
    return findings_of(Case(incident, now=now))


def blocking(
    incident: Incident, gate: Gate, now: datetime | None = None
) -> list[Finding]:
    """What holds a transition back now. Closing is held back by every open ERROR."""

    def gates(item: Check) -> bool:
        return gate is Gate.CLOSE or gate in item.gates

    found = findings_of(Case(incident, now=now), only=gates)
    return [item for item in found if item.is_blocking]


def findings_of(
    case: Case, *, only: Callable[[Check], bool] = lambda _: True
) -> list[Finding]:
    """As `findings`, of a case at hand; only: of these checks alone."""
    found = run_checks(case, only=only)
    if not found:
        return found
    in_force = {
        (item.check_id, item.finding_key): item
        for item in case.load(waivers)
        if item.expires_at is None or not case.reached(item.expires_at)
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
    return record_hash(incident)


def record_hash(incident: Incident) -> str:
    """SHA-256 of the canonical record as it stands; `case.load(record_hash)` computes
    it once for all checks."""
    return digest(build_record(incident))


NEXT_GATES = {
    Incident.Status.ACTIVE: Gate.STABILIZE,
    Incident.Status.STABILIZED: Gate.ALL_CLEAR,
}


def next_gate(incident: Incident) -> Gate:
    """The transition that this incident comes to next: while it runs, only what holds
    that one back is the business of the moment."""
    status = Incident.Status(incident.status)
    if status is Incident.Status.STABILIZED and incident.all_clear_at:
        return Gate.CLOSE
    return NEXT_GATES.get(status, Gate.CLOSE)


def holds_back(found: Iterable[Finding], gate: Gate) -> list[Finding]:
    """Those of `found` that hold this transition back, as the gate itself will say."""
    return [
        item
        for item in found
        if item.is_blocking and (gate is Gate.CLOSE or gate in item.gates)
    ]


def next_step(incident: Incident, found: Iterable[Finding]) -> str:
    """One sentence: what moves this incident on."""
    status = Incident.Status(incident.status)
    if status is Incident.Status.CANCELLED:
        return ""
    if status is Incident.Status.CLOSED:
        return "Closed and frozen; follow-up actions go on."
    if status is Incident.Status.STABILIZED and incident.all_clear_at:
        return "Start the review."
    first = next(iter(holds_back(found, next_gate(incident))), None)
    if first:
        where = f" ({first.subject_ref})" if first.subject_ref else ""
        return f"{first.fix_label}: {first.message}{where}"[:300]
    return {
        Incident.Status.ACTIVE: "Declare it stabilized.",
        Incident.Status.STABILIZED: "Give the all-clear.",
        Incident.Status.IN_REVIEW: "Approve and close.",
    }[status]

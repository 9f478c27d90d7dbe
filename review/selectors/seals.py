"""The sealed record: its latest seal, whether it holds, what came after it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from incidents.activity import Breach, also_verifies
from incidents.models import ActivityEntry, Incident
from incidents.selectors import findings
from postmortem.lib.canonical import Json, canonical_bytes
from postmortem.lib.findings import REGISTRY, Finding, Level
from postmortem.lib.record import build_record
from postmortem.lib.sealing import known_public_keys
from review.models import Seal

# Sections that go on after closing: follow-up actions (decision 2). Rows that were
# sealed must still be there; the others may be added or progress.
GOING_ON = frozenset({"actions", "closure_tests", "test_runs"})
MAY_GROW = frozenset({"evidence", "known_unknowns"})


@dataclass(frozen=True)
class SealCheck:
    """One thing that was verified: what, whether it holds, and in words."""

    name: str
    is_ok: bool
    detail: str


@dataclass(frozen=True)
class SealReport:
    """The result of verifying one seal."""

    seal: Seal
    checks: tuple[SealCheck, ...]

    @property
    def is_ok(self) -> bool:
        return all(check.is_ok for check in self.checks)

    @property
    def broken(self) -> list[SealCheck]:
        return [check for check in self.checks if not check.is_ok]


def latest_seal(incident: Incident) -> Seal | None:
    """The last seal of an incident; a reopened one keeps it."""
    return (
        Seal.objects.filter(incident=incident)
        .select_related("sealed_by")
        .order_by("-sequence")
        .first()
    )


def signed_bytes(seal: Seal, person: UUID | None = None) -> bytes:
    """What the signature covers: everything the seal says, in canonical form.

    person: who sealed, by the id of then, where accounts were joined since.
    """
    return canonical_bytes(
        {
            "format": "postmortem-seal",
            "incident": seal.incident.uuid,
            "sequence": seal.sequence,
            "sealed_at": seal.sealed_at,
            "sealed_by": person or seal.sealed_by.person_id,
            "content_hash": seal.content_hash,
            "activity_count": seal.activity_count,
            "activity_head": seal.activity_head,
            "findings": seal.findings,
            "approvals": seal.approvals,
        }
    )


def verify_seal(seal: Seal, *, with_record: bool = True) -> SealReport:
    """Recompute everything a seal says; an edit, wherever it was made, shows.

    The stored bytes against their hash, the signature over the seal, the chain's entry
    at the moment of sealing, and, for the newest seal of a closed incident, the record
    as it stands against the bytes that were sealed, unless with_record is False: a page
    leaves that, which reads the whole record, to `manage.py verify`.
    """
    checks = [_bytes(seal), _signature(seal), _key(seal), _chain(seal)]
    newest = latest_seal(seal.incident) if with_record else None
    if seal.incident.is_frozen and newest is not None and newest.pk == seal.pk:
        checks.append(_present(seal))
    return SealReport(seal, tuple(checks))


def _bytes(seal: Seal) -> SealCheck:
    found = hashlib.sha256(bytes(seal.record)).hexdigest()
    ok = found == seal.content_hash
    return SealCheck(
        "Sealed bytes",
        ok,
        "match their content hash"
        if ok
        else f"hash to {found[:12]}…, the seal says {seal.content_hash[:12]}…",
    )


def _signature(seal: Seal) -> SealCheck:
    for person in seal.sealed_by.person_ids:
        with suppress(InvalidSignature, ValueError):
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(seal.public_key))
            key.verify(bytes.fromhex(seal.signature), signed_bytes(seal, person))
            return SealCheck("Signature", True, f"Ed25519, key {seal.public_key[:8]}…")
    return SealCheck("Signature", False, "does not fit what the seal says")


def _key(seal: Seal) -> SealCheck:
    ok = seal.public_key in known_public_keys()
    return SealCheck(
        "Key",
        ok,
        "is one of this installation"
        if ok
        else "is not one of this installation: somebody else has signed, or the key "
        "was changed and SEAL_PUBLIC_KEYS does not name the old one",
    )


@also_verifies
def verify_seals(incident: Incident) -> Iterator[Breach]:
    """What does not hold of any seal of an incident, for `manage.py verify`."""
    number = 0
    for seal in Seal.objects.filter(incident=incident).select_related("sealed_by"):
        seal.incident = incident
        number += 1
        for check in verify_seal(seal).broken:
            yield Breach(f"seal {seal.sequence}", f"{check.name}: {check.detail}")
    told = ActivityEntry.objects.filter(
        incident=incident, verb="review.incident_closed"
    ).count()
    if told != number:
        yield Breach("seals", f"there are {number}, the activity tells of {told}")


def _chain(seal: Seal) -> SealCheck:
    entry = ActivityEntry.objects.filter(
        incident=seal.incident, sequence=seal.activity_count
    ).first()
    if entry is None or entry.hash != seal.activity_head:
        return SealCheck(
            "Activity chain",
            False,
            f"entry {seal.activity_count} is not the one that was sealed",
        )
    return SealCheck(
        "Activity chain", True, f"{seal.activity_count} entries up to the seal"
    )


def _present(seal: Seal) -> SealCheck:
    sealed = json.loads(bytes(seal.record))
    present = build_record(seal.incident)
    moved = sorted(
        name
        for name in sealed.keys() | present.keys()
        if name not in GOING_ON
        and not _holds(name, sealed.get(name), present.get(name))
    )
    if moved:
        return SealCheck(
            "Record today",
            False,
            f"differs from the sealed one in {', '.join(moved)}",
        )
    return SealCheck("Record today", True, "is the one that was sealed")


def _holds(name: str, sealed: Json, present: Json) -> bool:
    if name in MAY_GROW and isinstance(sealed, list) and isinstance(present, list):
        rows: dict[Any, Any] = {row["ref"]: row for row in present}
        return all(rows.get(row["ref"]) == row for row in sealed)
    return sealed == present


def sealed_findings(seal: Seal) -> list[Finding]:
    """The findings of the moment of closing, as they are sealed (decision 1)."""
    found = []
    for row in seal.findings:
        item = REGISTRY.get(row["id"])
        found.append(
            Finding(
                id=row["id"],
                level=Level(row["level"]),
                message=row["message"],
                subject_ref=row["subject_ref"],
                subject_label=row["subject_label"],
                key=row["key"],
                row=item.row if item else None,
                accepted_by=row["accepted_by"],
            )
        )
    return found


def present_findings(incident: Incident, now: datetime | None = None) -> list[Finding]:
    """The findings of now; of a closed record, those that were sealed with it."""
    if incident.status == Incident.Status.CLOSED:
        seal = latest_seal(incident)
        if seal is not None:
            return sealed_findings(seal)
    return findings(incident, now)


def since_closing(seal: Seal) -> list[ActivityEntry]:
    """What was done after the seal: an addendum outside the hash (decision 2)."""
    return list(
        ActivityEntry.objects.filter(
            incident=seal.incident, sequence__gt=seal.activity_count
        )
        .exclude(verb__startswith="review.report_")
        .order_by("sequence")
    )

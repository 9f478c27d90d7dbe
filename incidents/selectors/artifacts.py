"""Where an artifact is used, and whether its bytes are still in place."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.core.files.storage import default_storage
from django.db.models import F, Q, Value

from incidents.models import (
    ActivityEntry,
    Evidence,
    EvidenceLink,
    Incident,
    Lane,
    LinkCheck,
    StoredFile,
)
from incidents.selectors.rows import evidence
from postmortem.lib.record import every_row, live_rows

CASE_EXPORTED = "incidents.case_exported"
MONEY_LANES = frozenset({"payouts", "ledger", "refunds", "virtual-accounts"})


def _is_money(lane: Lane) -> bool:
    """Money or the books were touched."""
    return lane.slug in MONEY_LANES or lane.family == Lane.Family.DISBURSEMENTS


@dataclass(frozen=True)
class Use:
    """One claim that rests on an artifact."""

    claim: Any
    label: str
    note: str = ""

    @property
    def ref(self) -> str:
        return str(self.claim.ref)

    @property
    def url(self) -> str:
        return str(self.claim.get_absolute_url())


@cache
def link_models() -> tuple[Any, ...]:
    """Every claim's link table, of this app and of the apps above."""
    return tuple(
        model
        for model in apps.get_models()
        if issubclass(model, EvidenceLink)
        and not model._meta.abstract
        and not model.__name__.startswith("Historical")
    )


def evidence_use(incident: Incident) -> dict[int, list[Use]]:
    """For each artifact (by primary key) the claims in force that rest on it.

    One query per kind of claim, whatever the number of rows.
    """
    found: dict[int, list[Use]] = defaultdict(list)
    for model in link_models():
        claim_model = model._meta.get_field("claim").related_model
        label = str(claim_model._meta.verbose_name)
        for link in model._default_manager.filter(
            incident=incident, retracted_at=None, claim__retracted_at=None
        ).select_related("claim"):
            link.claim.incident = incident
            found[link.evidence_id].append(Use(link.claim, label, link.note))
    return dict(found)


@dataclass(frozen=True)
class Citation:
    """That a claim in force rests on an artifact; whether it is on a money lane."""

    model: Any
    claim_id: int
    is_money: bool


def citations(incident: Incident) -> dict[int, list[Citation]]:
    """For each artifact (by primary key) who cites it: one query for all of them, and
    one for the lanes."""
    money = {
        row.pk for row in every_row(incident, Lane.objects.all()) if _is_money(row)
    }
    found: dict[int, list[Citation]] = defaultdict(list)
    for evidence_id, kind, claim_id, lane_id in _cited(incident):
        found[evidence_id].append(
            Citation(link_models()[kind], claim_id, lane_id in money)
        )
    return dict(found)


def _cited(incident: Incident) -> list[tuple[int, int, int, int | None]]:
    """Artifact, position of the kind of link, claim, and lane of the claim."""
    if incident.rows is not None:
        return [
            (
                link.evidence_id,
                kind,
                link.claim_id,
                getattr(link.claim, "lane_id", None),
            )
            for kind, model in enumerate(link_models())
            for link in live_rows(incident, model.objects.all())
            if not link.claim.is_retracted
        ]
    parts = []
    for kind, model in enumerate(link_models()):
        claim = model._meta.get_field("claim").related_model
        has_lane = any(field.name == "lane" for field in claim._meta.fields)
        parts.append(
            model._default_manager.filter(
                incident=incident, retracted_at=None, claim__retracted_at=None
            )
            .order_by()
            .annotate(
                kind=Value(kind), lane=F("claim__lane_id") if has_lane else Value(0)
            )
            .values_list("evidence_id", "kind", "claim_id", "lane")
        )
    return list(parts[0].union(*parts[1:], all=True))


def uses_of(row: Evidence, cited: list[Citation]) -> list[Use]:
    """The claims that rest on one artifact: a query for each kind that does."""
    found = []
    for model in dict.fromkeys(item.model for item in cited):
        label = str(model._meta.get_field("claim").related_model._meta.verbose_name)
        for link in model._default_manager.filter(
            evidence=row, retracted_at=None, claim__retracted_at=None
        ).select_related("claim"):
            link.claim.incident = row.incident
            found.append(Use(link.claim, label, link.note))
    return found


def money_lanes(incident: Incident) -> list[Lane]:
    """The lanes in which money or the books were touched (R-EV-08)."""
    rows = live_rows(incident, Lane.objects.all())
    return [row for row in rows if _is_money(row)]


def missing_pair(row: Evidence, cited: list[Citation]) -> str:
    """Which side of the pair is missing: 'operational', 'finance', or '' (R-EV-08).

    A finance record needs the systems' record of the same matter; an operational one
    needs the books' record when it reconciles, or shows a claim on a money lane.
    """
    if row.paired_with_id or row.superseded_by_id:
        return ""
    if row.side == Evidence.Side.FINANCE:
        return str(Evidence.Side.OPERATIONAL)
    touches = any(item.is_money for item in cited)
    if row.kind == Evidence.Kind.RECONCILIATION or touches:
        return str(Evidence.Side.FINANCE)
    return ""


def custody(incident: Incident, row: Evidence) -> list[ActivityEntry]:
    """What was done with an artifact and by whom, the latest first: added, edited,
    superseded, paired, downloaded, exported with its case, redacted, hashed again."""
    exported = Q(verb=CASE_EXPORTED)
    if row.recorded_at:
        exported &= Q(at__gte=row.recorded_at)
    return list(
        ActivityEntry.objects.filter(
            Q(subject_ref=row.ref) | exported, incident=incident
        ).order_by("-sequence")
    )


def link_checks(incident: Incident) -> dict[int, LinkCheck]:
    """The last answer of each durable link, by the primary key of its artifact."""
    return {
        check.evidence_id: check
        for check in LinkCheck.objects.filter(evidence__incident=incident)
    }


def stored_files(rows: list[Evidence]) -> dict[str, StoredFile]:
    """What is known of the bytes of these artifacts, by SHA-256, in one query."""
    wanted = {row.sha256 for row in rows if row.has_file}
    return {
        item.sha256: item
        for item in StoredFile.objects.filter(sha256__in=wanted, removed_at=None)
    }


def file_problem(stored: StoredFile) -> str:
    """What is wrong with bytes of the store, hashed again now; '' when nothing is."""
    try:
        with default_storage.open(stored.path, "rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
            size = handle.tell()
    except FileNotFoundError:
        return "is not in the store"
    except OSError:
        return "cannot be read"
    if size != stored.size:
        return f"has {size} bytes in the store, not {stored.size}"
    if digest != stored.sha256:
        return "was altered: its SHA-256 has changed"
    return ""


def lost_files(incident: Incident) -> list[tuple[Evidence, str]]:
    """Artifacts whose bytes are not in the store as they were hashed: gone, of another
    size, or found altered when they were last hashed again. Redacted ones are not
    lost."""
    rows = [row for row in evidence(incident) if row.has_file]
    stored = stored_files(rows)
    lost: list[tuple[Evidence, str]] = []
    for row in rows:
        item = stored.get(row.sha256)
        try:
            size = default_storage.size(item.path) if item else None
        except OSError:
            size = None
        if size is None:
            lost.append((row, "is not in the store"))
        elif size != row.size:
            lost.append((row, f"has {size} bytes in the store, not {row.size}"))
        elif item and item.problem:
            lost.append((row, item.problem))
    return lost


def altered_files(incident: Incident) -> list[tuple[Evidence, str]]:
    """As `lost_files`, and every stored file is hashed again now."""
    found = lost_files(incident)
    known = {row.pk for row, _ in found}
    rows = [row for row in evidence(incident) if row.has_file and row.pk not in known]
    stored = stored_files(rows)
    for row in rows:
        if problem := file_problem(stored[row.sha256]):
            found.append((row, problem))
    return found

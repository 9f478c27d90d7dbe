"""Where an artifact is used, and whether its bytes are still in place."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.apps import apps
from django.core.files.storage import default_storage

from incidents.models import (
    Evidence,
    EvidenceLink,
    Incident,
    StoredFile,
)
from incidents.selectors.rows import evidence


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


def evidence_in_use(incident: Incident) -> set[int]:
    """Primary keys of the artifacts that a claim in force rests on, in one query."""
    first, *others = [
        model._default_manager.filter(
            incident=incident, retracted_at=None, claim__retracted_at=None
        )
        .order_by()
        .values_list("evidence_id")
        for model in link_models()
    ]
    return {pk for (pk,) in first.union(*others)}


def lost_files(incident: Incident) -> list[tuple[Evidence, str]]:
    """Artifacts whose bytes are not in the store as they were hashed: gone, or of
    another size. The hash itself is computed again by `manage.py verify`."""
    rows = [row for row in evidence(incident) if row.sha256]
    stored = {
        item.sha256: item
        for item in StoredFile.objects.filter(sha256__in={row.sha256 for row in rows})
    }
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
    return lost


def altered_files(incident: Incident) -> list[tuple[Evidence, str]]:
    """As `lost_files`, and also every stored file whose SHA-256 has changed."""
    found = lost_files(incident)
    known = {row.pk for row, _ in found}
    for row in evidence(incident):
        if not row.sha256 or row.pk in known:
            continue
        path = StoredFile.objects.values_list("path", flat=True).get(sha256=row.sha256)
        with default_storage.open(path, "rb") as stored:
            if hashlib.file_digest(stored, "sha256").hexdigest() != row.sha256:
                found.append((row, "was altered: its SHA-256 has changed"))
    return found

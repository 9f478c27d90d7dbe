"""How well the record is proven, in numbers kept with the findings (R-MT-04)."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.apps import apps
from django.db.models import Count, Exists, OuterRef

from incidents.models import Claim, Evidence, KnownUnknown
from incidents.selectors.rows import unknowns
from incidents.selectors.stored import stored_with_findings
from postmortem.lib.findings import Case


@cache
def claim_models() -> tuple[Any, ...]:
    """Every kind of claim of every app."""
    return tuple(
        model
        for model in apps.get_models()
        if issubclass(model, Claim) and not model.__name__.startswith("Historical")
    )


@stored_with_findings("quality")
def record_quality(case: Case) -> dict[str, int | None]:
    """Claims in force, how many of them cite evidence (a share of none is None, never
    zero) and how many are provisional, without those that say that there is no record;
    known unknowns that are open, and those past their date. One query per kind."""
    claims = cited = proven = 0
    proof = Evidence.proof("evidence__")
    for model in claim_models():
        links = model._meta.get_field("evidence_links").related_model.objects.filter(
            claim=OuterRef("pk"), retracted_at=None
        )
        rows = model.objects.filter(incident=case.incident, retracted_at=None)
        found = rows.exclude(model.without_proof).aggregate(
            claims=Count("pk"),
            cited=Count("pk", filter=Exists(links)),
            proven=Count("pk", filter=Exists(links.filter(proof))),
        )
        claims += found["claims"]
        cited += found["cited"]
        proven += found["proven"]
    still_open = [
        row for row in case.load(unknowns) if row.state == KnownUnknown.State.OPEN
    ]
    return {
        "claims": claims,
        "with_evidence": cited,
        "evidence_percent": cited * 100 // claims if claims else None,
        "provisional": claims - proven,
        "open_unknowns": len(still_open),
        "overdue_unknowns": sum(
            row.due_at is not None and case.reached(row.due_at) for row in still_open
        ),
    }

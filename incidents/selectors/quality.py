"""How well the record is proven, in numbers kept with the findings (R-MT-04)."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.apps import apps

from incidents.models import Claim, KnownUnknown
from incidents.selectors.rows import unknowns
from incidents.selectors.stored import stored_with_findings
from postmortem.lib.findings import Case
from postmortem.lib.record import live_rows


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
    known unknowns that are open, and those past their date."""
    rows: list[Claim] = [
        row
        for model in claim_models()
        for row in live_rows(
            case.incident, model.objects.prefetch_related("evidence_links__evidence")
        )
        if not row.says_no_record
    ]
    claims, cited = len(rows), sum(bool(row.evidence) for row in rows)
    still_open = [
        row for row in case.load(unknowns) if row.state == KnownUnknown.State.OPEN
    ]
    return {
        "claims": claims,
        "with_evidence": cited,
        "evidence_percent": cited * 100 // claims if claims else None,
        "provisional": sum(row.is_provisional for row in rows),
        "open_unknowns": len(still_open),
        "overdue_unknowns": sum(
            row.due_at is not None and case.reached(row.due_at) for row in still_open
        ),
    }

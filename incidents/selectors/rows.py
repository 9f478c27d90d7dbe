"""Rows in force, any row by its ref."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any

from django.apps import apps
from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from accounts.models import User
from incidents.models import (
    IN_COMMAND,
    ActivityEntry,
    CaseRecord,
    Evidence,
    EvidenceLink,
    FigureEvidence,
    ImpactEvidence,
    ImpactFigure,
    ImpactStatement,
    Incident,
    KnownUnknown,
    KnownUnknownEvidence,
    Lane,
    Participation,
    ScopeEvidence,
    ScopeStatement,
    SeverityPolicy,
    Waiver,
)
from postmortem.lib.record import live_rows


def lanes(incident: Incident) -> list[Lane]:
    return live_rows(incident, Lane.objects.select_related("owner"))


def participations(incident: Incident) -> list[Participation]:
    """Every duty that was held, present and past, in the order it was taken."""
    return live_rows(incident, Participation.objects.select_related("user"))


def current_duties(incident: Incident) -> list[Participation]:
    return [row for row in participations(incident) if row.is_current]


def commander(incident: Incident) -> Participation | None:
    """Who is in command now (R-RO-01)."""
    rows = Participation.objects.filter(IN_COMMAND, incident=incident)
    return rows.select_related("user").first()


def commanders(incident_ids: Iterable[int]) -> dict[int, User]:
    """Who is in command now, by incident; one query for all."""
    rows = Participation.objects.filter(IN_COMMAND, incident__in=set(incident_ids))
    return {row.incident_id: row.user for row in rows.select_related("user")}


def _links(model: type[EvidenceLink]) -> Prefetch[Any]:
    return Prefetch("evidence_links", model._default_manager.select_related("evidence"))


def scope(incident: Incident) -> list[ScopeStatement]:
    """Scope statements in force with their signals."""
    return live_rows(
        incident,
        ScopeStatement.objects.select_related(
            "lane", "closing_evidence", "closed_by", "known_unknown"
        ).prefetch_related(_links(ScopeEvidence)),
    )


def impacts(incident: Incident) -> list[ImpactStatement]:
    """Impact statements in force with evidence; `live_figures` are theirs."""
    return live_rows(
        incident,
        ImpactStatement.objects.select_related("known_unknown").prefetch_related(
            _links(ImpactEvidence),
            Prefetch(
                "figures",
                ImpactFigure.objects.select_related("known_unknown").prefetch_related(
                    _links(FigureEvidence)
                ),
            ),
        ),
    )


def figures(incident: Incident) -> list[ImpactFigure]:
    rows = live_rows(
        incident,
        ImpactFigure.objects.select_related("impact", "known_unknown").prefetch_related(
            _links(FigureEvidence)
        ),
    )
    return [row for row in rows if not row.impact.is_retracted]


def evidence(incident: Incident) -> list[Evidence]:
    """Artifacts in force, superseded ones included (they stay readable)."""
    return live_rows(
        incident,
        Evidence.objects.select_related("paired_with", "superseded_by", "recorded_by"),
    )


def unknowns(incident: Incident) -> list[KnownUnknown]:
    """Known unknowns in force: open ones first, then by deadline."""
    rows = live_rows(
        incident,
        KnownUnknown.objects.select_related("owner", "resolved_by").prefetch_related(
            _links(KnownUnknownEvidence)
        ),
    )
    last = datetime.max.replace(tzinfo=timezone.get_default_timezone())
    return sorted(
        rows,
        key=lambda row: (
            row.state != KnownUnknown.State.OPEN,
            row.due_at or last,
            row.number,
        ),
    )


def waivers(incident: Incident) -> list[Waiver]:
    return live_rows(
        incident, Waiver.objects.select_related("recorded_by", "seconded_by", "owner")
    )


def activity_list(incident: Incident) -> QuerySet[ActivityEntry]:
    """Who did what and why, latest first."""
    return ActivityEntry.objects.filter(incident=incident).order_by("-sequence")


def policy(incident: Incident) -> SeverityPolicy:
    """The defaults of the incident's severity; built-in ones if the row is gone."""
    return SeverityPolicy.objects.filter(severity=incident.severity).first() or (
        SeverityPolicy(severity=incident.severity, gap_minutes=60, cadence_minutes=0)
    )


@cache
def record_models() -> dict[str, type[CaseRecord]]:
    """Every kind of case record by its prefix (`TL`, `EV`, `ACT`, …)."""
    return {
        model.prefix: model
        for model in apps.get_models()
        if issubclass(model, CaseRecord) and not model.__name__.startswith("Historical")
    }


def find_row(incident: Incident, ref: str) -> CaseRecord | None:
    """The row of this incident with this ref, retracted ones included, or None."""
    prefix, _, number = ref.rpartition("-")
    model = record_models().get(prefix)
    if model is None or not number.isdecimal() or len(number) > 9:
        return None
    row = model._default_manager.filter(incident=incident, number=int(number)).first()
    if row:
        row.incident = incident
    return row

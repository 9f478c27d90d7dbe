"""Addresses of the api: a collection's POST adds, a row's PATCH edits, every other
write is a verb below its row."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from incidents.api.cases import CaseViews
from incidents.api.claims import FigureViewSet, ImpactViewSet, ScopeViewSet
from incidents.api.evidence import EvidenceViewSet
from incidents.api.findings import ActivityViewSet, FindingViewSet, WaiverViewSet
from incidents.api.incidents import IncidentViewSet
from incidents.api.people import LaneViewSet, ParticipationViewSet
from incidents.api.unknowns import UnknownViewSet

CASE = "incidents/<str:key>/"


def on(**actions: str) -> dict[str, Any]:
    """Which action answers which method."""
    return dict(actions)


LIST = on(get="list")
LIST_ADD = on(get="list", post="add")

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path(
        "docs/",
        SpectacularSwaggerSplitView.as_view(
            url_name="api:schema", http_method_names=["get", "head"]
        ),
        name="docs",
    ),
    path("cases/", CaseViews.as_view(on(post="create")), name="case-list"),
    path(f"{CASE}case/", CaseViews.as_view(on(get="retrieve")), name="case-detail"),
    path(
        "incidents/",
        IncidentViewSet.as_view(on(get="list", post="declare")),
        name="incident-list",
    ),
    path(
        CASE,
        IncidentViewSet.as_view(on(get="retrieve", patch="edit")),
        name="incident-detail",
    ),
    *(
        path(
            f"{CASE}{verb}/",
            IncidentViewSet.as_view(on(post=verb.replace("-", "_"))),
            name=f"incident-{verb}",
        )
        for verb in (
            "severity",
            "clock",
            "stabilize",
            "relapse",
            "all-clear",
            "cancel",
        )
    ),
    path(
        f"{CASE}findings/",
        FindingViewSet.as_view(on(get="retrieve")),
        name="finding-list",
    ),
    path(f"{CASE}activity/", ActivityViewSet.as_view(LIST), name="activity-list"),
    path(
        f"{CASE}waivers/",
        WaiverViewSet.as_view(on(get="list", post="accept")),
        name="waiver-list",
    ),
    path(
        f"{CASE}participations/",
        ParticipationViewSet.as_view(LIST_ADD),
        name="participation-list",
    ),
    path(
        f"{CASE}participations/hand-over/",
        ParticipationViewSet.as_view(on(post="hand_over")),
        name="participation-hand-over",
    ),
    path(
        f"{CASE}participations/<int:number>/end/",
        ParticipationViewSet.as_view(on(post="end")),
        name="participation-end",
    ),
    path(f"{CASE}lanes/", LaneViewSet.as_view(LIST_ADD), name="lane-list"),
    path(
        f"{CASE}lanes/<int:number>/",
        LaneViewSet.as_view(on(get="retrieve", patch="edit")),
        name="lane-detail",
    ),
    path(f"{CASE}scope/", ScopeViewSet.as_view(LIST_ADD), name="scope-list"),
    path(
        f"{CASE}scope/<int:number>/",
        ScopeViewSet.as_view(on(get="retrieve", patch="edit")),
        name="scope-detail",
    ),
    path(f"{CASE}impact/", ImpactViewSet.as_view(LIST_ADD), name="impact-list"),
    path(
        f"{CASE}impact/<int:number>/",
        ImpactViewSet.as_view(on(get="retrieve", patch="edit")),
        name="impact-detail",
    ),
    path(f"{CASE}figures/", FigureViewSet.as_view(LIST_ADD), name="figure-list"),
    path(
        f"{CASE}figures/<int:number>/",
        FigureViewSet.as_view(on(get="retrieve", patch="edit")),
        name="figure-detail",
    ),
    path(f"{CASE}evidence/", EvidenceViewSet.as_view(LIST_ADD), name="evidence-list"),
    path(
        f"{CASE}evidence/<int:number>/",
        EvidenceViewSet.as_view(on(get="retrieve", patch="edit")),
        name="evidence-detail",
    ),
    path(
        f"{CASE}evidence/<int:number>/file/",
        EvidenceViewSet.as_view(on(get="download")),
        name="evidence-download",
    ),
    *(
        path(
            f"{CASE}evidence/<int:number>/redact/{verb}",
            EvidenceViewSet.as_view(on(post=action)),
            name=f"evidence-{action}",
        )
        for verb, action in (
            ("", "redact"),
            ("confirm/", "confirm_redaction"),
            ("drop/", "drop_redaction"),
        )
    ),
    path(f"{CASE}unknowns/", UnknownViewSet.as_view(LIST_ADD), name="unknown-list"),
    path(
        f"{CASE}unknowns/<int:number>/",
        UnknownViewSet.as_view(on(get="retrieve", patch="edit")),
        name="unknown-detail",
    ),
    *(
        path(
            f"{CASE}{rows}/<int:number>/{verb}/",
            view.as_view(on(post=verb)),
            name=f"{noun}-{verb}",
        )
        for rows, noun, view, verbs in (
            ("scope", "scope", ScopeViewSet, ("close", "reopen", "retract")),
            ("impact", "impact", ImpactViewSet, ("retract",)),
            ("figures", "figure", FigureViewSet, ("retract",)),
            (
                "evidence",
                "evidence",
                EvidenceViewSet,
                ("attach", "supersede", "pair", "retract"),
            ),
            ("unknowns", "unknown", UnknownViewSet, ("resolve", "accept", "reopen")),
            ("waivers", "waiver", WaiverViewSet, ("second", "retract")),
        )
        for verb in verbs
    ),
    *(
        path(
            f"{CASE}{noun}s/<int:number>/",
            view.as_view(on(get="retrieve")),
            name=f"{noun}-detail",
        )
        for noun, view in (
            ("participation", ParticipationViewSet),
            ("waiver", WaiverViewSet),
        )
    ),
]

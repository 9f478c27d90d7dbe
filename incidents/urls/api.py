"""Addresses of the API."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from incidents.api.base import addresses
from incidents.api.cases import CaseViews
from incidents.api.claims import FigureViewSet, ImpactViewSet, ScopeViewSet
from incidents.api.evidence import EvidenceViewSet
from incidents.api.filters import FilterViewSet
from incidents.api.findings import ActivityViewSet, FindingViewSet, WaiverViewSet
from incidents.api.incidents import IncidentViewSet
from incidents.api.people import LaneViewSet, ParticipationViewSet
from incidents.api.unknowns import UnknownViewSet

CASE = "incidents/<str:key>/"


def on(**actions: str) -> dict[str, Any]:
    """Which action answers which method."""
    return dict(actions)


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
    path(
        "filters/",
        FilterViewSet.as_view(on(get="list", post="add")),
        name="filter-list",
    ),
    path(
        "filters/<int:pk>/",
        FilterViewSet.as_view(on(patch="rename")),
        name="filter-detail",
    ),
    path(
        "filters/<int:pk>/delete/",
        FilterViewSet.as_view(on(post="remove")),
        name="filter-delete",
    ),
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
    path(
        f"{CASE}activity/",
        ActivityViewSet.as_view(on(get="list")),
        name="activity-list",
    ),
    *addresses(f"{CASE}waivers", WaiverViewSet, "second", "retract", add="accept"),
    *addresses(f"{CASE}participations", ParticipationViewSet, "end"),
    path(
        f"{CASE}participations/hand-over/",
        ParticipationViewSet.as_view(on(post="hand_over")),
        name="participation-hand-over",
    ),
    *addresses(f"{CASE}lanes", LaneViewSet),
    *addresses(f"{CASE}scope", ScopeViewSet, "close", "reopen", "retract"),
    *addresses(f"{CASE}impact", ImpactViewSet, "retract"),
    *addresses(f"{CASE}figures", FigureViewSet, "retract"),
    *addresses(
        f"{CASE}evidence", EvidenceViewSet, "attach", "supersede", "pair", "retract"
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
    *addresses(f"{CASE}unknowns", UnknownViewSet, "resolve", "accept", "reopen"),
]

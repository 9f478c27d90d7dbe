"""Addresses of the API, below `/api/v1/incidents/INC-1/`."""

from __future__ import annotations

from django.urls import path

from incidents.api.base import addresses
from rca.api import AnalysisViewSet, CauseViewSet, FailureModeViewSet

urlpatterns = [
    path(
        "analysis/",
        AnalysisViewSet.as_view({"get": "retrieve", "post": "set"}),
        name="analysis-detail",
    ),
    *addresses("causes", CauseViewSet, "confirm", "provisional", "rule-out", "retract"),
    *addresses("failure-modes", FailureModeViewSet, "provisional", "retract"),
]

"""Addresses of the api, below `/api/v1/incidents/INC-1/`: a collection's POST adds, a
row's PATCH edits, every other write is a verb below its row."""

from __future__ import annotations

from django.urls import path

from rca.api import AnalysisViewSet, CauseViewSet, FailureModeViewSet

urlpatterns = [
    path(
        "analysis/",
        AnalysisViewSet.as_view({"get": "retrieve", "post": "set"}),
        name="analysis-detail",
    ),
    path(
        "causes/",
        CauseViewSet.as_view({"get": "list", "post": "add"}),
        name="cause-list",
    ),
    path(
        "causes/<int:number>/",
        CauseViewSet.as_view({"get": "retrieve", "patch": "edit"}),
        name="cause-detail",
    ),
    *(
        path(
            f"causes/<int:number>/{verb}/",
            CauseViewSet.as_view({"post": verb.replace("-", "_")}),
            name=f"cause-{verb}",
        )
        for verb in ("confirm", "provisional", "rule-out", "retract")
    ),
    path(
        "failure-modes/",
        FailureModeViewSet.as_view({"get": "list", "post": "add"}),
        name="failure-mode-list",
    ),
    path(
        "failure-modes/<int:number>/",
        FailureModeViewSet.as_view({"get": "retrieve", "patch": "edit"}),
        name="failure-mode-detail",
    ),
    *(
        path(
            f"failure-modes/<int:number>/{verb}/",
            FailureModeViewSet.as_view({"post": verb}),
            name=f"failure-mode-{verb}",
        )
        for verb in ("provisional", "retract")
    ),
]

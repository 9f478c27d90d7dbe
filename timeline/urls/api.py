"""Addresses of the api."""

from typing import Any

from django.urls import path

from timeline.api.checkpoints import CheckpointViewSet
from timeline.api.entries import EntryViewSet
from timeline.api.hypotheses import HypothesisViewSet
from timeline.api.intake import CandidateViewSet, ImportViewSet
from timeline.api.milestones import AnalysisViewSet, MilestoneViewSet

LIST_ADD: dict[str, Any] = {"get": "list", "post": "add"}

urlpatterns = [
    path("entries/", EntryViewSet.as_view(LIST_ADD), name="entry-list"),
    path(
        "entries/state-gap/",
        EntryViewSet.as_view({"post": "state_gap"}),
        name="entry-state-gap",
    ),
    path(
        "entries/<int:number>/",
        EntryViewSet.as_view({"get": "retrieve", "patch": "edit"}),
        name="entry-detail",
    ),
    path("milestones/", MilestoneViewSet.as_view(LIST_ADD), name="milestone-list"),
    path(
        "milestones/not-applicable/",
        MilestoneViewSet.as_view({"post": "not_applicable"}),
        name="milestone-not-applicable",
    ),
    path(
        "milestones/<int:number>/",
        MilestoneViewSet.as_view({"get": "retrieve"}),
        name="milestone-detail",
    ),
    path("hypotheses/", HypothesisViewSet.as_view(LIST_ADD), name="hypothesis-list"),
    path(
        "hypotheses/<int:number>/",
        HypothesisViewSet.as_view({"get": "retrieve", "patch": "edit"}),
        name="hypothesis-detail",
    ),
    path("checkpoints/", CheckpointViewSet.as_view(LIST_ADD), name="checkpoint-list"),
    path(
        "checkpoints/<int:number>/",
        CheckpointViewSet.as_view({"get": "retrieve", "patch": "edit"}),
        name="checkpoint-detail",
    ),
    *(
        path(
            f"{rows}/<int:number>/{verb}/",
            view.as_view({"post": verb}),
            name=f"{noun}-{verb}",
        )
        for rows, noun, view, verbs in (
            ("entries", "entry", EntryViewSet, ("link", "unlink", "retract")),
            ("milestones", "milestone", MilestoneViewSet, ("retract",)),
            ("hypotheses", "hypothesis", HypothesisViewSet, ("settle", "link")),
            ("checkpoints", "checkpoint", CheckpointViewSet, ("retract",)),
        )
        for verb in verbs
    ),
    path("imports/", ImportViewSet.as_view({"post": "add"}), name="import-list"),
    path(
        "candidates/", CandidateViewSet.as_view({"get": "list"}), name="candidate-list"
    ),
    *(
        path(
            f"candidates/{verb}/",
            CandidateViewSet.as_view({"post": verb}),
            name=f"candidate-{verb}",
        )
        for verb in ("accept", "dismiss", "restore")
    ),
    path("durations/", AnalysisViewSet.as_view({"get": "durations"}), name="durations"),
    path("gaps/", AnalysisViewSet.as_view({"get": "gaps"}), name="gaps"),
]

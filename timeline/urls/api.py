"""Addresses of the API, below `/api/v1/incidents/INC-1/`."""

from django.urls import path

from incidents.api.base import addresses
from timeline.api.checkpoints import CheckpointViewSet
from timeline.api.entries import EntryViewSet
from timeline.api.hypotheses import HypothesisViewSet
from timeline.api.intake import CandidateViewSet, ImportViewSet
from timeline.api.milestones import AnalysisViewSet, MilestoneViewSet

urlpatterns = [
    *addresses("entries", EntryViewSet, "link", "unlink", "retract"),
    path(
        "entries/state-gap/",
        EntryViewSet.as_view({"post": "state_gap"}),
        name="entry-state-gap",
    ),
    *addresses("milestones", MilestoneViewSet, "retract"),
    path(
        "milestones/not-applicable/",
        MilestoneViewSet.as_view({"post": "not_applicable"}),
        name="milestone-not-applicable",
    ),
    *addresses("hypotheses", HypothesisViewSet, "settle", "link"),
    *addresses("checkpoints", CheckpointViewSet, "retract"),
    path("imports/", ImportViewSet.as_view({"post": "add"}), name="import-list"),
    path(
        "imports/<int:pk>/",
        ImportViewSet.as_view({"get": "retrieve"}),
        name="import-detail",
    ),
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

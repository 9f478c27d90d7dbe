"""Addresses of the api: a collection's POST adds, a row's PATCH edits, every other
write is a verb below its row."""

from django.urls import path

from actions.api.items import ActionViewSet
from actions.api.tests import ClosureTestViewSet, TestRunViewSet

urlpatterns = [
    path(
        "actions/",
        ActionViewSet.as_view({"get": "list", "post": "add"}),
        name="action-list",
    ),
    path(
        "actions/<int:number>/",
        ActionViewSet.as_view({"get": "retrieve", "patch": "edit"}),
        name="action-detail",
    ),
    *(
        path(
            f"actions/<int:number>/{verb}/",
            ActionViewSet.as_view({"post": verb.replace("-", "_")}),
            name=f"action-{verb}",
        )
        for verb in (
            "open",
            "complete",
            "approve",
            "defer",
            "request-changes",
            "cancel",
            "retract",
        )
    ),
    path(
        "closure-tests/",
        ClosureTestViewSet.as_view({"get": "list", "post": "add"}),
        name="closure-test-list",
    ),
    path(
        "closure-tests/<int:number>/",
        ClosureTestViewSet.as_view({"get": "retrieve", "patch": "edit"}),
        name="closure-test-detail",
    ),
    path(
        "closure-tests/<int:number>/retract/",
        ClosureTestViewSet.as_view({"post": "retract"}),
        name="closure-test-retract",
    ),
    path(
        "test-runs/",
        TestRunViewSet.as_view({"get": "list", "post": "add"}),
        name="test-run-list",
    ),
    path(
        "test-runs/<int:number>/",
        TestRunViewSet.as_view({"get": "retrieve"}),
        name="test-run-detail",
    ),
    path(
        "test-runs/<int:number>/attach/",
        TestRunViewSet.as_view({"post": "attach"}),
        name="test-run-attach",
    ),
    path(
        "test-runs/<int:number>/retract/",
        TestRunViewSet.as_view({"post": "retract"}),
        name="test-run-retract",
    ),
]

"""Addresses of the pages inside an incident."""

from django.urls import path

from actions.views import approvals, items, tests

urlpatterns = [
    path("", items.action_list, name="action_list"),
    path("add/", items.action_add, name="action_add"),
    path("<int:number>/", items.action_detail, name="action_detail"),
    path("<int:number>/edit/", items.action_edit, name="action_edit"),
    path("<int:number>/open/", items.action_open, name="action_open"),
    path("<int:number>/complete/", items.action_complete, name="action_complete"),
    path("<int:number>/cancel/", items.action_cancel, name="action_cancel"),
    path("<int:number>/withdraw/", items.action_retract, name="action_retract"),
    path("<int:number>/approve/", approvals.action_approve, name="action_approve"),
    path("<int:number>/defer/", approvals.action_defer, name="action_defer"),
    path(
        "<int:number>/request-changes/",
        approvals.action_request_changes,
        name="action_request_changes",
    ),
    path("<int:number>/tests/add/", tests.test_add, name="test_add"),
    path("tests/<int:number>/edit/", tests.test_edit, name="test_edit"),
    path("tests/<int:number>/withdraw/", tests.test_retract, name="test_retract"),
    path("tests/<int:number>/runs/add/", tests.run_add, name="run_add"),
    path("runs/<int:number>/attach/", tests.run_attach, name="run_attach"),
    path("runs/<int:number>/withdraw/", tests.run_retract, name="run_retract"),
]

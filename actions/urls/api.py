"""Addresses of the API, below `/api/v1/incidents/INC-1/`."""

from actions.api.items import ActionViewSet
from actions.api.tests import ClosureTestViewSet, TestRunViewSet
from incidents.api.base import addresses

urlpatterns = [
    *addresses(
        "actions",
        ActionViewSet,
        "open",
        "complete",
        "approve",
        "defer",
        "request-changes",
        "cancel",
        "retract",
    ),
    *addresses("closure-tests", ClosureTestViewSet, "retract"),
    *addresses("test-runs", TestRunViewSet, "attach", "retract"),
]

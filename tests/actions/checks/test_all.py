"""What the checks of the actions cost."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.models import Incident
from postmortem.lib.findings import REGISTRY, Case, run_checks
from tests.actions.conftest import Desk
from tests.conftest import NOW


class TestCost:
    def test_does_not_grow_with_the_number_of_actions(self, desk: Desk) -> None:
        def queries() -> int:
            incident = Incident.objects.get(pk=desk.incident.pk)
            mine = [
                c.id for c in REGISTRY.values() if "actions." in c.function.__module__
            ]
            with CaptureQueriesContext(connection) as seen:
                run_checks(Case(incident, now=NOW), only=lambda c: c.id in mine)
            return len(seen)

        desk.proven()
        one = queries()
        for _ in range(4):
            action = desk.proven()
            desk.test(action)
            desk.run(action)

        assert queries() == one <= 14

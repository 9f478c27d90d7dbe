"""What holds for all checks of the timeline."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.models import Incident
from postmortem.lib.findings import Case, run_checks
from tests.timeline.checks.conftest import ERROR
from tests.timeline.conftest import Tape

OWN = ("TL", "HY", "DP", "RV", "CO")


class TestWholeTimeline:
    def test_has_no_blocking_finding_of_its_own(self, tape: Tape) -> None:
        """R-TL-09, R-TL-10, R-CK-01"""
        tape.whole()
        case = Case(tape.incident)
        rows = run_checks(case, only=lambda item: item.id.startswith(OWN))
        assert [row for row in rows if row.level is ERROR] == []

    def test_costs_the_same_queries_whatever_its_length(self, tape: Tape) -> None:
        def cost() -> int:
            incident = Incident.objects.get(pk=tape.incident.pk)
            with CaptureQueriesContext(connection) as queries:
                run_checks(Case(incident), only=lambda item: item.id.startswith(OWN))
            return len(queries)

        for minute in range(10):
            tape.add(f"13:{minute + 10}")
        tape.hypothesis()
        tape.checkpoint()
        few = cost()
        for minute in range(60):
            tape.add(f"14:{minute:02}")
            tape.hypothesis(f"H{minute}")
            tape.checkpoint(name=f"P{minute}")
        assert cost() == few

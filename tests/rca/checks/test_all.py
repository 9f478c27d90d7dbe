"""What holds for all checks of the analysis."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.models import Incident
from postmortem.lib.findings import Case, run_checks


def is_ours(check) -> bool:
    """The apps above put their own checks on this tab, too."""
    return check.function.__module__.startswith("rca.")


class TestAllOfThem:
    def test_find_nothing_in_a_complete_analysis(
        self, incident, do, original, confirmed, state_mode
    ):
        """R-RC-04"""
        do("set_analysis", method="change_analysis", why_it_fits="A deploy preceded it")
        state_mode(evidence=[original], control_validated=True)

        case = Case(incident)

        assert run_checks(case, only=is_ours) == []

    def test_cost_the_same_queries_for_many_rows(
        self, incident, original, state_cause, state_mode
    ):
        def count() -> int:
            case = Case(Incident.objects.get(pk=incident.pk))
            with CaptureQueriesContext(connection) as queries:
                run_checks(case, only=is_ours)
            return len(queries)

        state_cause(evidence=[original])
        state_mode(evidence=[original])
        few = count()
        for _ in range(10):
            state_cause(evidence=[original])
            state_mode(evidence=[original])

        assert count() == few
        assert few <= 25

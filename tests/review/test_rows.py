"""The record read at once: what is answered from its rows, and by which queries."""

from __future__ import annotations

from typing import Any

import pytest

from actions import selectors as actions
from incidents import selectors as case_file
from incidents.models import Incident
from incidents.services.findings import refresh_findings
from incidents.services.unknowns import add_unknown
from postmortem.lib.record import SHAPES, build_record, with_rows
from rca import selectors as rca
from review import selectors as review
from tests.review.conftest import Case
from timeline import selectors as timeline

pytestmark = pytest.mark.django_db

SELECTORS = (
    case_file.lanes,
    case_file.participations,
    case_file.scope,
    case_file.impacts,
    case_file.figures,
    case_file.evidence,
    case_file.unknowns,
    timeline.entries,
    timeline.milestones,
    timeline.hypotheses,
    timeline.checkpoints,
    rca.causes,
    rca.failure_modes,
    actions.actions,
    review.live_participants,
)


def told(row: Any) -> dict[str, Any]:
    """A row with what hangs on it, as far as checks and pages ask."""
    found = {"row": row, "links": [link.pk for link in getattr(row, "live_links", ())]}
    for name in (
        *("evidence", "is_provisional", "owner", "lane", "known_unknown"),
        *("live_figures", "live_milestones", "live_tests", "live_causes"),
        *("live_failure_modes", "next_causes", "entry_rows", "is_proven"),
    ):
        if hasattr(row, name):
            found[name] = getattr(row, name)
    if hasattr(row, "live_tests"):
        found["runs"] = [
            (run, run.evidence) for test in row.live_tests for run in test.live_runs
        ]
    return found


class TestWithRows:
    @pytest.mark.parametrize("selector", SELECTORS)
    def test_answers_as_the_database_does(self, case: Case, selector: Any) -> None:
        add_unknown(**case.ids, question="Was anybody charged twice?")
        incident = case.reload()

        rows = selector(with_rows(incident))

        assert rows
        assert [told(row) for row in rows] == [told(row) for row in selector(incident)]

    def test_gives_each_row_its_incident_and_its_people_without_a_query(
        self, case: Case, django_assert_num_queries: Any
    ) -> None:
        carrying = with_rows(case.reload())
        assert carrying.rows is not None

        with django_assert_num_queries(0):
            for shape in SHAPES.values():
                for row in carrying.rows.tables[shape.model]:
                    assert row.incident.pk == carrying.pk
                    if shape.base:
                        assert row.recorded_by.handle

    def test_says_the_same_of_citations(self, case: Case) -> None:
        incident = case.reload()

        def sorted_citations(of: Incident) -> dict[int, list[tuple[str, int, bool]]]:
            return {
                pk: sorted((c.model.__name__, c.claim_id, c.is_money) for c in cited)
                for pk, cited in case_file.citations(of).items()
            }

        assert sorted_citations(with_rows(incident)) == sorted_citations(incident)

    def test_leaves_the_incident_itself_to_the_database(self, case: Case) -> None:
        incident = case.reload()
        carrying = with_rows(incident)
        before = len(case_file.evidence(carrying))

        case.evidence("Found later")

        assert len(case_file.evidence(incident)) == before + 1
        assert len(case_file.evidence(carrying)) == before
        assert build_record(incident) != build_record(carrying)


class TestRefreshFindings:
    def test_reads_each_table_of_the_record_once(
        self, case: Case, django_assert_max_num_queries: Any
    ) -> None:
        with django_assert_max_num_queries(60) as reads:
            refresh_findings(case.incident.pk)

        asked = [read["sql"] for read in reads]
        tables = [shape.model._meta.db_table for shape in SHAPES.values() if shape.base]
        for table in tables:
            assert sum(f'FROM "{table}"' in sql for sql in asked) == 1, table

"""What holds for all checks of the review."""

from __future__ import annotations

import datetime as dt
from typing import Any

from incidents.models import Incident
from incidents.selectors import findings
from postmortem.lib.findings import REGISTRY, Case, run_checks
from tests.review.conftest import Case as Told
from timeline.models import Entry

MINE = [
    "AP101",
    "AP102",
    "BL101",
    "BL103",
    "CK006",
    "CK007",
    "DOC001",
    "DOC008",
    "DOC009",
    "DOC010",
    "DOC011",
    "DOC012",
    "DOC013",
    "DOC016",
]


class TestCatalogue:
    def test_registers_these_ids(self) -> None:
        mine = sorted(
            item.id
            for item in REGISTRY.values()
            if item.function.__module__.startswith("review.checks.")
        )

        assert mine == MINE

    def test_finds_only_late_opening_and_approvals_in_a_finished_case(
        self, case: Told
    ) -> None:
        ids = {f.id for f in findings(case.incident)} & set(MINE)

        assert ids == {"AP101", "DOC016"}

    def test_costs_the_same_whatever_the_number_of_rows(
        self, case: Told, django_assert_max_num_queries: Any
    ) -> None:
        def run() -> None:
            run_checks(Case(case.incident), only=lambda item: item.id in MINE)

        with django_assert_max_num_queries(95) as first:
            run()
        for number in range(5):
            case.evidence(f"More {number}")
        with django_assert_max_num_queries(len(first.captured_queries)):
            run()


class TestServiceIsBack:
    def test_does_not_close_a_review(self, opened: Told) -> None:
        """R-DOC-07: recovery and a rollback alone leave the case unfinished."""
        from timeline.services.entries import add_entry

        for kind, text, milestone in (
            (Entry.Kind.ACTION, "Rolled the consumer back", "rollback_or_failover"),
            (Entry.Kind.SIGNAL, "Orders complete again", "customer_recovered"),
        ):
            add_entry(
                **opened.ids,
                kind=kind,
                action_taken=text if kind == "action" else "",
                observed_signal=text if kind == "signal" else "",
                occurred_at=dt.datetime(2026, 3, 10, 14, 20, tzinfo=dt.UTC),
                evidence=[opened.evidence(text)],
                milestone=milestone,
            )
        ids = {f.id for f in findings(Incident.objects.get()) if f.is_blocking}

        assert ids >= {"RC001", "AI001", "CK006", "SC012"}

"""Each type of dependency has its question and its records; what the entries say
stands beside what a person answered."""

from __future__ import annotations

import pytest
from django.test import Client

from tests import factories
from tests.timeline.checks.conftest import WARNING, finding, found
from tests.timeline.conftest import Tape, at, text, url
from timeline import selectors

ASKED = {
    "external_gateway": (
        "Did failures appear before or after internal changes, and did the interface "
        "recover when the flow became normal?",
        "error samples, status notices, or success and failure trends",
    ),
    "identity_service": (
        "Did checks fail upstream, or did requests fail before they reached the "
        "service?",
        "request logs, timeout or rejection patterns, or provider messages",
    ),
    "data_feed": (
        "Did stale or missing data affect what comes after, or did the fallback cope?",
        "freshness checks, missing-update logs, or fallback evidence",
    ),
    "downstream_processor": (
        "Did the external system change first, and does stabilization show in "
        "operational and in reconciliation records?",
        "response logs, advisories, and a reconciliation artifact",
    ),
}


@pytest.mark.parametrize(("kind", "asked"), ASKED.items(), ids=ASKED)
class TestEachType:
    """R-DP-02, R-DP-03, R-DP-04, R-DP-05"""

    def test_asks_its_own_question_until_it_is_answered(
        self, page: Client, tape: Tape, kind: str, asked: tuple[str, str]
    ) -> None:
        question, _ = asked
        row = tape.checkpoint(kind=kind, first_signal_at=at("13:41"), order="before")
        assert found(tape.incident, "DP004") == [
            finding(
                "DP004",
                WARNING,
                "Provider A does not say what was verified",
                row.ref,
                question,
            )
        ]
        others = {other for other, _ in ASKED.values()} - {question}
        for there in ("", f"checkpoints/{row.number}/edit/", "print/"):
            body = text(page.get(url(tape, there)))
            assert question in body, there
            assert not [other for other in others if other in body], there

        page.post(
            url(tape, f"checkpoints/{row.number}/edit/"),
            {
                "kind": kind,
                "name": "Provider A",
                "first_signal_at": "2026-03-10 13:41",
                "order": "before",
                "state": "unknown",
                "verified": "It failed first and came back last",
                "version": "1",
            },
        )
        assert found(tape.incident, "DP004") == []
        body = text(page.get(url(tape)))
        assert "It failed first and came back last" in body
        assert question not in body

    def test_asks_for_its_own_records_until_one_proves_it(
        self, page: Client, tape: Tape, kind: str, asked: tuple[str, str]
    ) -> None:
        _, records = asked
        row = tape.checkpoint(kind=kind, evidence=[tape.later])
        assert found(tape.incident, "DP003") == [
            finding(
                "DP003",
                WARNING,
                "Provider A has no original record, only a later summary",
                row.ref,
                f"Link {records}.",
            )
        ]
        assert f"Shown by {records}." in text(page.get(url(tape)))
        form = text(page.get(url(tape, f"checkpoints/{row.number}/edit/")))
        assert f"Link {records}." in form

        proven = tape.checkpoint(kind=kind, name="B", evidence=[tape.original])
        assert proven.ref not in {
            item.subject_ref for item in found(tape.incident, "DP003")
        }

    @pytest.mark.parametrize(
        ("signal", "change", "answer", "words", "agrees"),
        [
            ("14:05", "14:10", "before", "before the first internal change", True),
            ("14:05", "14:10", "after", "before the first internal change", False),
            ("14:15", "14:10", "after", "after the first internal change", True),
            ("14:15", "14:10", "before", "after the first internal change", False),
            ("14:05", "", "no_change", "no internal change is recorded", True),
            ("14:05", "", "before", "no internal change is recorded", False),
            ("", "14:10", "before", "no dated signal", True),
            ("14:05", "14:10", "unknown", "before the first internal change", True),
        ],
    )
    def test_computes_the_order_and_shows_it_beside_the_answer(
        self,
        page: Client,
        tape: Tape,
        kind: str,
        asked: tuple[str, str],
        signal: str,
        change: str,
        answer: str,
        words: str,
        agrees: bool,
    ) -> None:
        """R-DP-06"""
        point = tape.checkpoint(kind=kind, order=answer)
        if signal:
            tape.add(signal, "Refused", dependency=point)
        if change:
            tape.add(change, "Deployed 4.18", kind="action")
        for there in ("", "print/"):
            body = " ".join(text(page.get(url(tape, there))).split())
            assert f"ntries say: {words}" in body, there
            if answer != "unknown":
                assert point.get_order_display() in body, there
        assert (found(tape.incident, "DP007") == []) is agrees

    def test_takes_the_checkpoint_s_own_time_as_the_signal(
        self, tape: Tape, kind: str, asked: tuple[str, str]
    ) -> None:
        """R-DP-06"""
        point = tape.checkpoint(kind=kind, first_signal_at=at("14:12"))
        tape.add("14:10", "Deployed 4.18", kind="action")
        rows = selectors.entries(tape.incident)
        assert selectors.signal_order(point, rows).order == "after"
        tape.add("14:05", "Refused", dependency=point)
        rows = selectors.entries(tape.incident)
        assert selectors.signal_order(point, rows).order == "before"


class TestProcessor:
    def test_is_stable_in_both_books_only(self, tape: Tape) -> None:
        """R-DP-05: no other type asks for a reconciliation record."""
        extract = factories.make_evidence(
            tape.incident, actor=tape.actor, kind="reconciliation", side="finance"
        )
        for kind in ASKED:
            tape.checkpoint(
                kind=kind, name=kind, state="stabilized", evidence=[tape.original]
            )
        assert [item.message for item in found(tape.incident, "DP005")] == [
            "downstream_processor is stabilized without a finance record"
        ]
        tape.checkpoint(
            kind="downstream_processor",
            name="Only the books",
            state="stabilized",
            evidence=[extract],
        )
        assert [item.message for item in found(tape.incident, "DP005")][1:] == [
            "Only the books is stabilized without an operational record"
        ]

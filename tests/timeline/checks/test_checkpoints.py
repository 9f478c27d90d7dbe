"""Checks of dependency checkpoints."""

from __future__ import annotations

import pytest

from incidents.models import Lane
from tests import factories
from tests.timeline.checks.conftest import WARNING, finding, found
from tests.timeline.conftest import Tape, at


class TestDependencyNotStable:
    def test_names_what_is_degraded_or_not_known(self, tape: Tape) -> None:
        """R-TL-09, R-DP-06"""
        tape.checkpoint(state="degraded")
        tape.checkpoint(name="Rail")
        assert found(tape.incident, "DP001") == [
            finding("DP001", WARNING, "Provider A is still degraded", "DP-1"),
            finding("DP001", WARNING, "The state of Rail is not known", "DP-2"),
        ]

    def test_passes_when_stabilized(self, tape: Tape) -> None:
        tape.checkpoint(state="stabilized")
        assert found(tape.incident, "DP001") == []


class TestFlowWithoutCheckpoint:
    HINT = "If the flow touched no external interface, say so with “Not touched by these flows”."  # noqa: E501

    def test_names_each_affected_flow(self, tape: Tape) -> None:
        """R-DP-01"""
        checkout = tape.incident.lanes.get(slug="checkout")
        tape.checkpoint(lane=checkout)
        payouts = tape.incident.lanes.get(slug="payouts")
        assert found(tape.incident, "DP002") == [
            finding(
                "DP002",
                WARNING,
                "No dependency checkpoint for Payout batches",
                payouts.ref,
                self.HINT,
            )
        ]

    def test_passes_when_every_flow_has_one(self, tape: Tape) -> None:
        for lane in Lane.objects.filter(incident=tape.incident):
            tape.checkpoint(name=lane.name, lane=lane)
        assert found(tape.incident, "DP002") == []


class TestCheckpointUnproven:
    @pytest.mark.parametrize(
        ("kind", "records"),
        [
            (
                "external_gateway",
                "error samples, status notices, or success and failure trends",
            ),
            (
                "identity_service",
                "request logs, timeout or rejection patterns, or provider messages",
            ),
            (
                "data_feed",
                "freshness checks, missing-update logs, or fallback evidence",
            ),
            (
                "downstream_processor",
                "response logs, advisories, and a reconciliation artifact",
            ),
        ],
    )
    def test_says_which_records_to_link(
        self, tape: Tape, kind: str, records: str
    ) -> None:
        """R-DP-02, R-DP-03, R-DP-04, R-DP-05"""
        tape.checkpoint(kind=kind)
        assert found(tape.incident, "DP003") == [
            finding(
                "DP003",
                WARNING,
                "Provider A has no original record",
                "DP-1",
                f"Link {records}.",
            )
        ]

    def test_passes_with_an_original(self, tape: Tape) -> None:
        tape.checkpoint(evidence=[tape.original])
        assert found(tape.incident, "DP003") == []


class TestCheckpointIncomplete:
    def test_names_every_open_question(self, tape: Tape) -> None:
        """R-DP-02, R-DP-03, R-DP-04, R-DP-05, R-DP-06"""
        row = tape.checkpoint(state="stabilized")
        assert found(tape.incident, "DP004") == [
            finding(
                "DP004",
                WARNING,
                "Provider A does not say when its first signal came, whether that was "
                "before or after internal changes, when it stabilized, what was "
                "verified",
                "DP-1",
                row.question,
            )
        ]

    def test_passes_when_answered_or_not_touched(self, tape: Tape) -> None:
        tape.checkpoint(
            first_signal_at=at("13:41"),
            order="before",
            state="stabilized",
            stabilized_at=at("17:50"),
            verified="Failures began before our deploy",
        )
        tape.checkpoint(name="Rail", state="not_touched")
        assert found(tape.incident, "DP004") == []


class TestOrderContradicted:
    def test_names_the_answer_and_what_the_entries_say(self, tape: Tape) -> None:
        """R-DP-02, R-DP-06"""
        point = tape.checkpoint(order="after")
        tape.add("14:05", "Refused", dependency=point)
        tape.add("14:10", "Deployed 4.18", kind="action")
        assert found(tape.incident, "DP007") == [
            finding(
                "DP007",
                WARNING,
                "Provider A says “Signal after internal changes”, but its first signal "
                "(TL-1) came before the first internal change, TL-2 at 14:10",
                "DP-1",
                "Check the times of both entries, or correct the answer.",
            )
        ]

    def test_passes_when_both_agree_or_one_does_not_know(self, tape: Tape) -> None:
        point = tape.checkpoint(order="before")
        tape.checkpoint(name="Unanswered")
        tape.checkpoint(name="Without a signal", order="after")
        tape.add("14:05", "Refused", dependency=point)
        tape.add("14:10", "Deployed 4.18", kind="action")
        assert found(tape.incident, "DP007") == []


class TestProcessorWithoutReconciliation:
    def test_asks_for_the_finance_record(self, tape: Tape) -> None:
        """R-DP-05"""
        tape.checkpoint(
            kind="downstream_processor", state="stabilized", evidence=[tape.original]
        )
        assert found(tape.incident, "DP005") == [
            finding(
                "DP005",
                WARNING,
                "Provider A is stabilized without a finance record",
                "DP-1",
            )
        ]

    def test_passes_with_both_sides(self, tape: Tape) -> None:
        extract = factories.make_evidence(
            tape.incident,
            actor=tape.actor,
            kind="reconciliation",
            title="Ledger extract",
            side="finance",
        )
        tape.checkpoint(
            kind="downstream_processor",
            state="stabilized",
            evidence=[tape.original, extract],
        )
        assert found(tape.incident, "DP005") == []


class TestProvidersWord:
    def test_asks_for_a_record_of_our_own(self, tape: Tape) -> None:
        """R-RO-10"""
        notice = factories.make_evidence(
            tape.incident, actor=tape.actor, kind="status_update", title="All clear"
        )
        tape.checkpoint(state="stabilized", evidence=[notice])
        assert found(tape.incident, "DP008") == [
            finding(
                "DP008",
                WARNING,
                "Provider A is stabilized on the provider's word alone",
                "DP-1",
                "Link a record of our own too: success rate, latency, error samples, "
                "a reconciliation.",
            )
        ]

    def test_passes_beside_one_and_while_it_is_degraded(self, tape: Tape) -> None:
        notice = factories.make_evidence(
            tape.incident, actor=tape.actor, kind="provider_notice", title="All clear"
        )
        tape.checkpoint(state="stabilized", evidence=[notice, tape.original])
        tape.checkpoint(name="Provider B", state="degraded", evidence=[notice])
        assert found(tape.incident, "DP008") == []

"""Checks of the required moments, and the gate that rests on two of them."""

from __future__ import annotations

import pytest

from accounts.models import User
from incidents.services.lifecycle import stabilize_incident
from postmortem.lib.errors import GateClosed
from postmortem.lib.findings import REGISTRY, Gate
from tests import factories
from tests.timeline.checks.conftest import ERROR, UNTIL, WARNING, finding, found
from tests.timeline.conftest import Tape, at
from timeline import services


class TestMilestoneOnLaterSummary:
    def test_asks_for_the_original(self, tape: Tape) -> None:
        """R-TL-03, R-EV-04"""
        tape.add("15:20", evidence=[tape.later], milestone="rollback_or_failover")
        assert found(tape.incident, "TL002") == [
            finding(
                "TL002",
                ERROR,
                "Milestone “Rollback or failover” rests on a later summary only",
                "TL-1",
            )
        ]
        assert found(tape.incident, "TL001") == []
        assert found(tape.incident, "TL003") == []

    def test_passes_with_the_original_beside_it(self, tape: Tape) -> None:
        tape.add(
            "15:20",
            evidence=[tape.later, tape.original],
            milestone="rollback_or_failover",
        )
        assert found(tape.incident, "TL002") == []


class TestProvisionalMilestone:
    def test_asks_for_evidence(self, tape: Tape) -> None:
        """R-TL-03"""
        tape.add("13:52", milestone="first_alert")
        assert found(tape.incident, "TL003") == [
            finding(
                "TL003",
                ERROR,
                "Milestone “First alert” has no evidence",
                "TL-1",
                UNTIL,
            )
        ]

    def test_passes_when_proven(self, tape: Tape) -> None:
        tape.proven("13:52", milestone="first_alert")
        assert found(tape.incident, "TL003") == []


class TestMilestoneMissing:
    def test_names_each_kind_once(self, tape: Tape) -> None:
        """R-TL-06"""
        tape.proven("13:43", milestone="first_impact")
        tape.skip("rollback_or_failover")
        hint = "Mark the entry that carries it, or say why it does not apply."
        assert found(tape.incident, "TL005") == [
            finding(
                "TL005",
                ERROR,
                f"The milestone “{label}” is not recorded",
                hint=hint,
            )
            for label in ("First alert", "First mitigation", "Stabilized")
        ]  # it was declared here: that milestone is its own record

    def test_asks_for_a_declaration_that_was_typed_in_later(
        self, commander: User
    ) -> None:
        """R-TL-06"""
        late = factories.make_incident(actor=commander, declared_at=at("14:08"))
        labels = [item.message for item in found(late, "TL005")]
        assert "The milestone “Declared” is not recorded" in labels

    def test_passes_when_all_are_there_or_excluded(self, tape: Tape) -> None:
        tape.whole()
        assert found(tape.incident, "TL005") == []

    def test_comes_back_when_the_entry_is_withdrawn(self, tape: Tape) -> None:
        rows = tape.whole()
        services.retract_entry(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            number=rows["first_alert"].number,
            reason="Wrong day",
        )
        assert [row.message for row in found(tape.incident, "TL005")] == [
            "The milestone “First alert” is not recorded"
        ]


class TestRecoveryBeforeAction:
    def test_names_the_credited_action(self, tape: Tape) -> None:
        """R-DOC-07"""
        tape.proven("15:00", milestone="customer_recovered")
        tape.proven("15:20", kind="action", milestone="rollback_or_failover")
        assert found(tape.incident, "TL010") == [
            finding(
                "TL010",
                WARNING,
                "Customers recovered in TL-1 before “Rollback or failover” in TL-2",
                "TL-1",
                "Check both times, or say in the analysis what else brought it back.",
            )
        ]

    def test_passes_in_the_right_order(self, tape: Tape) -> None:
        tape.whole()
        assert found(tape.incident, "TL010") == []


class TestTimelineNotComplete:
    HINT = "Internal signals and dependencies both have to show it."

    def test_names_signals_and_dependencies(self, tape: Tape) -> None:
        """R-TL-09, R-DP-06"""
        tape.checkpoint(state="degraded")
        tape.checkpoint(name="Provider B", state="stabilized", evidence=[tape.original])
        tape.checkpoint(name="Rail", state="unknown")
        tape.checkpoint(name="Bank", state="stabilized", evidence=[tape.later])
        assert found(tape.incident, "TL011") == [
            finding(
                "TL011",
                ERROR,
                "The timeline is not complete: internal signals do not show that it is "
                "stabilized; DP-1 Provider A is still degraded; DP-3 Rail is of "
                "unknown state; DP-4 Bank is stabilized without an original",
                hint=self.HINT,
            )
        ]

    def test_fails_while_stabilized_is_provisional(self, tape: Tape) -> None:
        tape.add("19:20", milestone="stabilized")
        assert len(found(tape.incident, "TL011")) == 1

    def test_passes_when_both_have_stabilized(self, tape: Tape) -> None:
        tape.proven("19:20", milestone="stabilized")
        tape.checkpoint(state="stabilized", evidence=[tape.original])
        tape.checkpoint(name="Rail", state="not_touched")
        assert found(tape.incident, "TL011") == []


class TestMilestonesOutOfOrder:
    def test_names_both(self, tape: Tape) -> None:
        """R-TL-02, R-MT-01"""
        tape.proven("13:43", milestone="first_impact")
        tape.proven("13:40", milestone="first_alert")
        assert found(tape.incident, "TL015") == [
            finding(
                "TL015",
                WARNING,
                "“First alert” in TL-2 lies before “First impact” in TL-1",
                "TL-2",
            )
        ]

    def test_passes_in_order(self, tape: Tape) -> None:
        tape.whole()
        assert found(tape.incident, "TL015") == []


class TestRecovery:
    REBOUND = "A rebound alone is not recovery: link the record that shows it."

    @pytest.mark.parametrize(
        ("check_id", "kind", "fact", "when"),
        [
            (
                "RV001",
                "customer_recovered",
                "Customer recovery",
                "customers were served as usual again",
            ),
            (
                "RV002",
                "ledger_recovered",
                "Ledger recovery",
                "every payment stood in the books, without gaps or duplicates",
            ),
        ],
    )
    def test_is_a_fact_with_a_time_and_evidence(
        self, tape: Tape, check_id: str, kind: str, fact: str, when: str
    ) -> None:
        """R-RV-01, R-RV-02"""
        hint = (
            f"Say when {when}, and link the record that shows it. It is proven apart "
            "from the other recovery."
        )
        assert found(tape.incident, check_id) == [
            finding(check_id, ERROR, f"{fact} is not recorded", hint=hint)
        ]
        row = tape.add("15:34", milestone=kind)
        assert found(tape.incident, check_id) == [
            finding(check_id, ERROR, f"{fact} has no evidence", "TL-1", self.REBOUND)
        ]
        services.link_entry_evidence(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            number=row.number,
            evidence=[tape.later],
        )
        assert found(tape.incident, check_id) == [
            finding(
                check_id,
                ERROR,
                f"{fact} rests on a later summary only",
                "TL-1",
                self.REBOUND,
            )
        ]
        services.link_entry_evidence(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            number=row.number,
            evidence=[tape.original],
        )
        assert found(tape.incident, check_id) == []

    def test_cannot_be_said_not_to_apply(self, tape: Tape) -> None:
        tape.skip("ledger_recovered", "No ledger was touched")
        assert [row.message for row in found(tape.incident, "RV002")] == [
            "Ledger recovery is said not to apply, but stabilizing needs the fact"
        ]

    def test_gates_stabilizing(self) -> None:
        """R-RV-01"""
        for check_id in ("RV001", "RV002"):
            assert Gate.STABILIZE in REGISTRY[check_id].gates
            assert not REGISTRY[check_id].waivable


class TestStabilizeGate:
    def test_opens_with_both_facts_only(self, tape: Tape, commander: User) -> None:
        """R-RV-01, R-RV-06, R-SC-14"""
        tape.proven("15:34", milestone="customer_recovered")
        with pytest.raises(GateClosed) as error:
            stabilize_incident(incident_id=tape.incident.pk, actor=commander)
        assert "RV002" in {row.id for row in error.value.findings}
        assert "RV001" not in {row.id for row in error.value.findings}


class TestLedgerIsReconciled:
    def test_asks_for_a_record_of_the_books(self, tape: Tape) -> None:
        """R-RV-04"""
        tape.proven("15:40", milestone="ledger_recovered")
        (row,) = found(tape.incident, "RV003")
        assert row == finding(
            "RV003",
            WARNING,
            "Ledger recovery in TL-1 rests on no record of the books",
            "TL-1",
            "Link the reconciliation that lines up authorizations, captures, refunds, "
            "payouts and reversals with the events, retries and route changes.",
        )
        assert row.url == "/incidents/INC-1/timeline/1/evidence/"

    @pytest.mark.parametrize(
        "fields", [{"kind": "reconciliation"}, {"side": "finance"}]
    )
    def test_passes_with_one(self, tape: Tape, fields: dict[str, str]) -> None:
        """R-RV-04"""
        extract = factories.make_evidence(
            tape.incident, actor=tape.actor, title="Ledger extract", **fields
        )
        tape.add("15:40", milestone="ledger_recovered", evidence=[extract])
        assert found(tape.incident, "RV003") == []

    def test_leaves_a_recovery_without_proof_to_its_own_check(self, tape: Tape) -> None:
        tape.add("15:40", milestone="ledger_recovered")
        assert found(tape.incident, "RV003") == []

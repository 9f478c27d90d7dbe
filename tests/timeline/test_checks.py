"""Each check of the timeline: one case that fails, one that passes, whole findings."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from incidents.models import Incident, Lane
from incidents.services.lifecycle import declare_incident, stabilize_incident
from postmortem.lib.errors import GateClosed
from postmortem.lib.findings import (
    REGISTRY,
    Case,
    Finding,
    Gate,
    Level,
    Row,
    run_checks,
)
from tests import factories
from tests.conftest import NOW
from tests.timeline.conftest import Tape, at
from timeline import services

OWN = ("TL", "HY", "DP", "RV")
ERROR, WARNING, INFO = Level.ERROR, Level.WARNING, Level.INFO


def found(incident: Incident, check_id: str) -> list[Finding]:
    case = Case(Incident.objects.get(pk=incident.pk))
    return run_checks(case, only=lambda item: item.id == check_id)


def finding(
    check_id: str, level: Level, message: str, ref: str = "", hint: str = ""
) -> Finding:
    return Finding(
        id=check_id,
        level=level,
        message=message,
        hint=hint,
        subject_ref=ref,
        subject_label=f"Timeline · {ref}" if ref else "Timeline",
    )


UNTIL = "It stays provisional until an original record is linked."


class TestEntryWithoutProof:
    def test_names_what_is_missing(self, tape: Tape) -> None:
        """R-TL-03, R-TL-10, R-EV-04"""
        named = factories.make_evidence(
            tape.incident,
            actor=tape.actor,
            title="Printout",
            url="",
            description="On the desk",
        )
        tape.add("14:05", "Rate down")
        tape.add("14:06", "Rate up", evidence=[tape.later])
        tape.add("14:07", "Rate flat", evidence=[named])
        assert found(tape.incident, "TL001") == [
            finding("TL001", WARNING, "“Rate down” has no evidence", "TL-1", UNTIL),
            finding(
                "TL001",
                WARNING,
                "“Rate up” rests on a later summary only",
                "TL-2",
                UNTIL,
            ),
            finding(
                "TL001",
                WARNING,
                "“Rate flat” cites nothing that can be opened",
                "TL-3",
                UNTIL,
            ),
        ]

    def test_passes_with_an_original(self, tape: Tape) -> None:
        tape.proven("14:05")
        tape.gap("14:06", "14:20")
        assert found(tape.incident, "TL001") == []


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


class TestGapWithoutEvidence:
    def test_says_how_long_and_where(self, tape: Tape) -> None:
        """R-TL-08, R-CK-01"""
        tape.proven("14:33", milestone="first_impact")
        tape.add("14:50", "Somebody remembers this")
        tape.proven("15:20", milestone="stabilized")
        hint = "Link an artifact from inside it, or state that no record exists."
        assert found(tape.incident, "TL004") == [
            finding(
                "TL004",
                ERROR,
                "47 minutes with no evidence, 14:33 to 15:20",
                hint=hint,
            )
        ]
        url = found(tape.incident, "TL004")[0].url
        assert url.endswith(
            "/timeline/?at=2026-03-10T14%3A33%3A00%2B00%3A00#gap-20260310T143300"
        )

    def test_leads_to_the_part_of_a_long_timeline_that_shows_it(
        self, tape: Tape, client: Client
    ) -> None:
        for minute in range(60):
            tape.proven(f"13:{minute:02}")
        tape.add("13:00", milestone="first_impact")
        tape.proven("15:20", milestone="stabilized")
        for minute in range(60):
            tape.add(f"16:{minute:02}")
        tape.incident.refresh_from_db()
        address = found(tape.incident, "TL004")[0].url
        where, anchor = address.split("#")
        client.force_login(tape.actor)
        assert f'id="{anchor}"' in client.get(where).content.decode()
        plain = where.partition("?")[0]
        assert f'id="{anchor}"' not in client.get(plain).content.decode()

    def test_passes_when_linked_or_stated(self, tape: Tape) -> None:
        tape.proven("14:33", milestone="first_impact")
        tape.gap("14:33", "15:10")
        tape.proven("15:20", milestone="stabilized")
        assert found(tape.incident, "TL004") == []

    def test_may_be_waived_by_two(self) -> None:
        assert REGISTRY["TL004"].waivable
        assert REGISTRY["TL004"].row is Row.TIMELINE


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


class TestSymptomToRecovery:
    def test_names_both_ends(self, tape: Tape) -> None:
        """R-TL-08, R-CK-01, R-DOC-07"""
        tape.proven("13:43", milestone="first_impact")
        tape.proven("15:34", milestone="customer_recovered")
        assert found(tape.incident, "TL006") == [
            finding(
                "TL006",
                ERROR,
                "From TL-1 straight to recovery in TL-2, with no action or decision "
                "between",
                "TL-2",
                "Add what was done or decided, with its time and its evidence.",
            )
        ]

    def test_passes_with_an_action_between(self, tape: Tape) -> None:
        tape.proven("13:43", milestone="first_impact")
        tape.add("14:31", kind="action")
        tape.proven("15:34", milestone="customer_recovered")
        assert found(tape.incident, "TL006") == []


class TestDecisionWithoutReasoning:
    def test_names_what_is_missing(self, tape: Tape) -> None:
        """R-TL-07"""
        tape.add("14:22", "Hold releases", kind="decision", belief="Events rejected")
        assert found(tape.incident, "TL007") == [
            finding(
                "TL007",
                WARNING,
                "Decision “Hold releases” does not say the hypothesis tested or why "
                "this action",
                "TL-1",
            )
        ]

    def test_passes_when_all_three_are_there(self, tape: Tape) -> None:
        tape.add(
            "14:22",
            "Hold releases",
            kind="decision",
            belief="Events rejected",
            hypothesis=tape.hypothesis(),
            why="Holding costs hours, not money",
        )
        assert found(tape.incident, "TL007") == []

    def test_asks_a_declaration_for_no_hypothesis(self, tape: Tape) -> None:
        tape.add(
            "14:08",
            "Declared",
            kind="decision",
            belief="Real until shown otherwise",
            why="Two signals agree",
            milestone="declared",
        )
        assert found(tape.incident, "TL007") == []


class TestTimeNotKnown:
    def test_repeats_the_words_of_the_source(self, tape: Tape) -> None:
        """R-TL-02, R-TL-04"""
        tape.add(text="Deploy", precision="unknown", at_text="that morning")
        tape.add(text="Upgrade", precision="day", occurred_at=dt.date(2026, 3, 9))
        assert found(tape.incident, "TL008") == [
            finding(
                "TL008",
                WARNING,
                "“Deploy” has no known time",
                "TL-1",
                "The source says: that morning.",
            ),
            finding("TL008", WARNING, "“Upgrade” is dated to the day only", "TL-2"),
        ]

    def test_passes_with_a_time(self, tape: Tape) -> None:
        tape.add("14:05", precision="approx")
        assert found(tape.incident, "TL008") == []


class TestDecisionWithoutTime:
    def test_asks_for_the_timestamp(self, tape: Tape) -> None:
        """R-CK-01"""
        tape.add(text="Hold", kind="decision", precision="unknown", at_text="early")
        assert found(tape.incident, "TL016") == [
            finding(
                "TL016",
                ERROR,
                "Decision “Hold” has no timestamp",
                "TL-1",
                "The source says: early.",
            )
        ]
        assert found(tape.incident, "TL008") == []

    def test_passes_with_one(self, tape: Tape) -> None:
        tape.add("14:22", kind="decision")
        assert found(tape.incident, "TL016") == []


class TestEntryOutside:
    def test_tells_background_and_aftermath(self, tape: Tape) -> None:
        """R-TL-02"""
        tape.whole()
        tape.add(text="Upgrade", occurred_at=at("13:43", day=1))
        tape.add(text="Refunds", occurred_at=at("14:50", day=13))
        assert found(tape.incident, "TL009") == [
            finding(
                "TL009",
                INFO,
                "“Upgrade” lies 9 d before first impact",
                "TL-9",
                "Leave it as background if the date is right.",
            ),
            finding(
                "TL009",
                INFO,
                "“Refunds” lies 3 d after stabilized",
                "TL-10",
                "Leave it as background if the date is right.",
            ),
        ]

    def test_passes_inside(self, tape: Tape) -> None:
        tape.whole()
        tape.add("13:41", "Deploy")
        assert found(tape.incident, "TL009") == []


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
        tape.checkpoint(name="Provider B", state="stabilized")
        tape.checkpoint(name="Rail", state="unknown")
        assert found(tape.incident, "TL011") == [
            finding(
                "TL011",
                ERROR,
                "The timeline is not complete: internal signals do not show that it is "
                "stabilized; DP-1 Provider A is still degraded; DP-3 Rail is of "
                "unknown state",
                hint=self.HINT,
            )
        ]

    def test_fails_while_stabilized_is_provisional(self, tape: Tape) -> None:
        tape.add("19:20", milestone="stabilized")
        assert len(found(tape.incident, "TL011")) == 1

    def test_passes_when_both_have_stabilized(self, tape: Tape) -> None:
        tape.proven("19:20", milestone="stabilized")
        tape.checkpoint(state="stabilized")
        tape.checkpoint(name="Rail", state="not_touched")
        assert found(tape.incident, "TL011") == []


class TestRecordedLate:
    def test_counts_what_rests_on_memory(self, tape: Tape) -> None:
        """R-TL-01"""
        tape.add("14:05")
        tape.add("14:06")
        assert found(tape.incident, "TL012") == [
            finding(
                "TL012",
                INFO,
                "2 entries were written down more than 1 d after it happened: "
                "TL-1, TL-2",
            )
        ]

    def test_passes_when_written_during_the_incident(self, tape: Tape) -> None:
        tape.add(text="x", occurred_at=NOW - dt.timedelta(hours=2))
        assert found(tape.incident, "TL012") == []


class TestCertaintyWithoutEvidence:
    def test_names_the_words(self, tape: Tape) -> None:
        """R-HY-03, R-RC-09"""
        tape.add("15:34", "Everything is fully resolved")
        rows = found(tape.incident, "TL013")
        assert [(row.id, row.level, row.message, row.subject_ref) for row in rows] == [
            (
                "TL013",
                WARNING,
                "“fully resolved” in “Everything is fully resolved” has no evidence",
                "TL-1",
            )
        ]

    def test_passes_beside_its_artifact(self, tape: Tape) -> None:
        tape.proven("15:34", "Everything is fully resolved")
        tape.add("15:35", "Backlog at 8,900")
        assert found(tape.incident, "TL013") == []


class TestStatedGap:
    def test_stays_visible(self, tape: Tape) -> None:
        """R-EV-10"""
        tape.gap("14:33", "15:20")
        assert found(tape.incident, "TL014") == [
            finding(
                "TL014",
                INFO,
                "No record exists from 14:33 to 15:20: Logs had rotated",
                "TL-1",
            )
        ]

    def test_passes_without_one(self, tape: Tape) -> None:
        tape.add("14:33")
        assert found(tape.incident, "TL014") == []


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


class TestPartMissing:
    def test_asks_for_signals_and_actions(self, tape: Tape) -> None:
        """R-TL-05"""
        assert found(tape.incident, "TL017") == [
            finding("TL017", WARNING, "The timeline has no observed signal"),
            finding("TL017", WARNING, "The timeline has no action and no decision"),
        ]

    def test_passes_with_both(self, tape: Tape) -> None:
        tape.add("14:05")
        tape.add("14:31", kind="action")
        assert found(tape.incident, "TL017") == []


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


class TestHypothesisOpen:
    def test_names_it(self, tape: Tape) -> None:
        """R-HY-01, R-HY-03"""
        tape.hypothesis()
        assert found(tape.incident, "HY001") == [
            finding("HY001", WARNING, "Hypothesis “Gateway down” is still open", "HY-1")
        ]

    def test_passes_when_settled(self, tape: Tape) -> None:
        tape.settle(tape.hypothesis(), "abandoned")
        assert found(tape.incident, "HY001") == []


class TestSettledWithoutEvidence:
    def test_asks_for_what_changed_direction(self, tape: Tape) -> None:
        """R-HY-01, R-HY-02"""
        tape.settle(tape.hypothesis(), "abandoned", evidence_for=[tape.original])
        tape.settle(tape.hypothesis("B"), "supported", evidence_for=[tape.later])
        assert found(tape.incident, "HY002") == [
            finding(
                "HY002",
                WARNING,
                "Hypothesis “Gateway down” is abandoned without an original record of "
                "what changed direction",
                "HY-1",
            ),
            finding(
                "HY002",
                WARNING,
                "Hypothesis “B” is supported without an original record that supports "
                "it",
                "HY-2",
            ),
        ]

    def test_passes_with_it(self, tape: Tape) -> None:
        row = tape.hypothesis(evidence_against=[tape.original])
        tape.settle(row, "abandoned")
        tape.settle(tape.hypothesis("B"), "supported", evidence_for=[tape.original])
        assert found(tape.incident, "HY002") == []


class TestIncompleteMeasurement:
    def test_keeps_the_conclusion_provisional(self, tape: Tape) -> None:
        """R-HY-03"""
        row = tape.hypothesis()
        tape.settle(row, "supported")
        tape.add("14:22", hypothesis=row, measurement_incomplete=True)
        assert found(tape.incident, "HY003") == [
            finding(
                "HY003",
                WARNING,
                "HY-1 is supported, but the measurement in TL-1 was incomplete",
                "TL-1",
                "Say what was missing, or complete the measurement.",
            )
        ]

    def test_passes_while_open_or_complete(self, tape: Tape) -> None:
        row = tape.hypothesis()
        tape.add("14:22", hypothesis=row, measurement_incomplete=True)
        assert found(tape.incident, "HY003") == []


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


class TestKeys:
    def test_lapse_when_the_facts_change(self, tape: Tape) -> None:
        """R-TL-08"""
        tape.proven("14:33", milestone="first_impact")
        end = tape.proven("15:20", milestone="stabilized")
        before = found(tape.incident, "TL004")[0].key
        tape.edit(end, occurred_at=at("15:30"))
        assert found(tape.incident, "TL004")[0].key != before


def test_a_live_incident_is_measured_without_the_clock_moving_it(
    commander: User, responder: User
) -> None:
    """A finding rests on recorded facts: waiting alone changes no gap (decision 10)."""
    incident = declare_incident(
        actor=commander, title="Live", severity="SEV2", lanes=["checkout"]
    )
    tape = Tape(incident, responder)
    tape.add(
        text="x",
        occurred_at=NOW - dt.timedelta(minutes=40),
        evidence=[tape.original],
        milestone="first_impact",
    )
    tape.add(
        text="y", occurred_at=NOW - dt.timedelta(minutes=2), evidence=[tape.original]
    )
    before = [row.key for row in found(incident, "TL004")]
    with time_machine.travel(NOW + dt.timedelta(hours=5), tick=False):
        assert [row.key for row in found(incident, "TL004")] == before
    assert len(before) == 1

"""Checks of how the recovery went: one case that fails, one that passes."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import Any

import pytest

from accounts.models import User
from incidents.models import Incident, SeverityPolicy
from incidents.selectors import policy
from incidents.services import lifecycle
from postmortem.lib.findings import Finding, Level
from tests.conftest import NOW
from tests.timeline.checks.conftest import finding, found
from tests.timeline.conftest import Tape, at
from timeline.models import DependencyCheckpoint, Entry
from timeline.selectors import Gap
from timeline.selectors.svg import CHAR, Axis, gap_labels

WARNING = Level.WARNING


class TestGapWithoutEvidence:
    def test_blocks_only_while_customers_are_affected(self, tape: Tape) -> None:
        """R-TL-08, R-CK-01"""
        tape.proven("14:00", milestone="first_impact")
        tape.proven("14:40", milestone="customer_recovered")
        tape.proven("15:30", milestone="stabilized")
        hint = (
            "Longer than the 15 min of SEV2. Link an artifact from inside it, or state "
            "that no record exists."
        )
        assert found(tape.incident, "TL004") == [
            finding(
                "TL004",
                Level.ERROR,
                "40 minutes with no evidence, 14:00 to 14:40",
                hint=hint,
            ),
            finding(
                "TL004",
                WARNING,
                "50 minutes with no evidence, 14:40 to 15:30",
                hint=hint,
            ),
        ]

    def test_blocks_if_the_part_before_an_unproven_recovery_is_too_long(
        self, tape: Tape
    ) -> None:
        tape.proven("14:00", milestone="first_impact")
        mark = tape.add("14:31", milestone="customer_recovered")
        tape.proven("15:30", milestone="stabilized")
        assert [row.level for row in found(tape.incident, "TL004")] == [Level.ERROR]
        tape.edit(mark, occurred_at=at("14:29"))
        minutes = policy(tape.incident).gap_minutes
        SeverityPolicy.objects.filter(severity=tape.incident.severity).update(
            gap_minutes=29
        )
        assert minutes != 29
        assert [row.level for row in found(tape.incident, "TL004")] == [WARNING]

    def test_goes_on_blocking_when_the_impact_came_back(self, tape: Tape) -> None:
        """R-RV-07"""
        tape.proven("14:00", milestone="first_impact")
        tape.proven("14:10", milestone="customer_recovered")
        tape.proven("14:20", "Declines came back")
        tape.proven("15:30", milestone="stabilized")
        (gap,) = found(tape.incident, "TL004")
        assert (gap.message, gap.level) == (
            "70 minutes with no evidence, 14:20 to 15:30",
            Level.ERROR,
        )

    def test_counts_from_the_first_alert_without_a_first_impact(
        self, tape: Tape
    ) -> None:
        tape.proven("14:00", milestone="first_alert")
        tape.proven("15:00", milestone="stabilized")
        (gap,) = found(tape.incident, "TL004")
        assert gap.message == "60 minutes with no evidence, 14:00 to 15:00"


class TestMilestoneMissing:
    def test_names_the_signal_that_may_be_first_impact(self, tape: Tape) -> None:
        """R-TL-06"""
        tape.proven("13:43", "Declines rise")
        tape.proven("13:52", milestone="first_alert")
        first = found(tape.incident, "TL005")[0]
        assert first.message == "The milestone “First impact” is not recorded"
        assert first.hint == (
            "The earliest signal is TL-1 “Declines rise”; mark it if customers were "
            "affected from then on."
        )


class TestDecisionWithoutReasoning:
    def test_takes_a_belief_in_words(self, tape: Tape) -> None:
        """R-TL-07"""
        tape.proven("14:00", "Removed in the belief it is the copy", kind="decision")
        assert [row.message for row in found(tape.incident, "TL007")] == [
            "Decision “Removed in the belief it is the copy” does not say the "
            "hypothesis tested or why this action"
        ]


class TestImpactCameBack:
    def test_names_the_recovery_and_what_was_done_before(self, tape: Tape) -> None:
        """R-RV-07, R-DOC-07"""
        tape.proven("17:02", "API recovered", milestone="customer_recovered")
        tape.proven("20:42", "Rolled back", kind="action")
        tape.proven("21:14", "API degraded again")
        hint = (
            "Mark the recovery that held as “Customers recovered, feeds the "
            "durations”, and say in the analysis what brought the impact back."
        )
        assert found(tape.incident, "TL018") == [
            finding(
                "TL018",
                WARNING,
                "“API degraded again” comes 4 h 12 min after customers recovered in "
                "TL-1; the last thing done before it was TL-2 “Rolled back”",
                "TL-3",
                hint,
            )
        ]

    def test_passes_when_the_recovery_that_held_feeds_the_durations(
        self, tape: Tape
    ) -> None:
        tape.proven("17:02", "API recovered", milestone="customer_recovered")
        tape.proven("21:14", "API degraded again")
        last = tape.proven("22:47", "API recovered")
        tape.mark(last, "customer_recovered", is_marked=True)
        assert found(tape.incident, "TL018") == []

    def test_does_not_take_an_early_signal_for_a_relapse(self, tape: Tape) -> None:
        tape.proven("16:35", "API degraded again")
        tape.proven("17:02", "API recovered", milestone="customer_recovered")
        tape.proven("17:10", "Traffic moved again to the primary")
        assert found(tape.incident, "TL018") == []


class TestRecoveredInPart:
    def test_quotes_the_words(self, tape: Tape) -> None:
        """R-RV-03, R-RV-05"""
        tape.proven(
            "21:45",
            "wide impact ends; Discover still declined",
            milestone="customer_recovered",
        )
        assert found(tape.incident, "TL019") == [
            finding(
                "TL019",
                WARNING,
                "“Customers recovered” in TL-1 says “still declined”: a part had not "
                "recovered",
                "TL-1",
                "Mark the moment at which the last lane recovered, or keep the rest "
                "as an open scope line of its lane.",
            )
        ]

    def test_passes_when_it_is_everybody(self, tape: Tape) -> None:
        tape.proven("21:45", "Every route at baseline", milestone="customer_recovered")
        assert found(tape.incident, "TL019") == []


class TestOutlivedDependency:
    @pytest.mark.parametrize(("end", "count"), [("22:46", 1), ("22:20", 0)])
    def test_asks_what_kept_the_impact_open(
        self, tape: Tape, end: str, count: int
    ) -> None:
        """R-DP-06"""
        tape.checkpoint(
            name="Card network", state="stabilized", stabilized_at=at("22:00")
        )
        tape.proven(end, milestone="stabilized")
        expected = finding(
            "DP006",
            WARNING,
            "Card network was stable 46 min before the incident was",
            "DP-1",
            "Say what kept the impact open: a control left on, a backlog, or cached "
            "data.",
        )
        assert found(tape.incident, "DP006") == [expected] * count

    def test_measures_to_the_recovery_of_customers(self, tape: Tape) -> None:
        tape.checkpoint(state="stabilized", stabilized_at=at("14:00"))
        tape.proven("15:00", milestone="customer_recovered")
        tape.proven("22:46", milestone="stabilized")
        assert [row.message for row in found(tape.incident, "DP006")] == [
            "Provider A was stable 1 h before customers had recovered"
        ]

    def test_leaves_our_own_systems_alone(self, tape: Tape) -> None:
        tape.checkpoint(
            kind=DependencyCheckpoint.Kind.PROCESSOR,
            state="stabilized",
            stabilized_at=at("20:00"),
        )
        tape.proven("22:46", milestone="stabilized")
        assert found(tape.incident, "DP006") == []


class TestSilent:
    def test_gives_the_longest_stretch_and_the_count(self, tape: Tape) -> None:
        """R-CO-01"""
        tape.proven("14:00", milestone="first_alert")
        tape.proven("14:40", "Status page", kind="comms")
        tape.proven("15:40", milestone="customer_recovered")
        assert found(tape.incident, "CO001") == [
            finding(
                "CO001",
                WARNING,
                "No update for 1 h, 14:40 to 15:40, the longest of 2 such stretches; "
                "SEV2 asks for one each 25 min",
                hint="Add the messages that were sent, with their times.",
            )
        ]

    def test_passes_on_cadence_and_where_none_is_asked(self, tape: Tape) -> None:
        tape.proven("14:00", milestone="first_alert")
        tape.proven("14:20", "Status page", kind="comms")
        tape.proven("14:40", milestone="customer_recovered")
        assert found(tape.incident, "CO001") == []
        tape.add("14:20", "x", kind="comms")
        SeverityPolicy.objects.update(cadence_minutes=0)
        tape.proven("18:40", "Late", milestone="stabilized")
        assert found(tape.incident, "CO001") == []

    def test_names_the_messages_without_a_time(self, tape: Tape) -> None:
        tape.proven("14:00", milestone="first_alert")
        tape.add(
            text="Mail to users",
            kind="comms",
            precision="unknown",
            at_text="the same day",
        )
        tape.proven("15:00", milestone="customer_recovered")
        (silence,) = found(tape.incident, "CO001")
        assert silence.hint == "Without a time, and not counted: TL-2."


class TestFlowWithoutCheckpoint:
    def test_asks_once_which_flow_a_loose_checkpoint_belongs_to(
        self, tape: Tape
    ) -> None:
        """R-DP-01"""
        tape.checkpoint(name="Card network")
        (row,) = found(tape.incident, "DP002")
        assert row == finding(
            "DP002",
            WARNING,
            "DP-1 names no flow, and Checkout authorization, Payout batches have no "
            "checkpoint",
            "DP-1",
            "Choose the flow that each of them was touched by.",
        )


class TestTimeWorkedOut:
    def test_says_how(self, tape: Tape) -> None:
        """R-TL-02"""
        row = tape.proven("14:00", "Copy complete")
        assert found(tape.incident, "TL020") == []
        Entry.objects.filter(pk=row.pk).update(extra={"derived": "from the message id"})
        assert found(tape.incident, "TL020") == [
            finding(
                "TL020",
                Level.INFO,
                "The time of “Copy complete” was worked out: from the message id",
                "TL-1",
                "Link the record that shows the time, or leave it as stated.",
            )
        ]


class TestGapLabels:
    def test_never_overlap_and_name_the_longest_first(self) -> None:
        axis = Axis(at("14:00"), at("18:00"), 70, 970, "UTC")
        gaps = [
            Gap(at("14:00"), at("14:20")),
            Gap(at("14:21"), at("14:41")),
            Gap(at("14:42"), at("15:02")),
            Gap(at("15:03"), at("17:50")),
        ]
        labels = gap_labels(axis, gaps)
        edges = [(x - CHAR * len(w) / 2, x + CHAR * len(w) / 2) for x, w in labels]
        assert all(a[1] < b[0] for a, b in pairwise(edges))
        assert labels[-1][1] == "2 h 47 min, no evidence"
        assert edges[0][0] >= axis.left
        assert edges[-1][1] <= axis.right

    def test_names_only_the_longest_where_it_is_narrow(self) -> None:
        axis = Axis(at("14:00"), at("18:00"), 8, 356, "UTC")
        gaps = [Gap(at("14:00"), at("15:30")), Gap(at("15:40"), at("17:50"))]
        assert [words for _, words in gap_labels(axis, gaps)] == [
            "2 h 10 min, no evidence"
        ]


class TestSustainWindow:
    """R-RV-07, R-RV-08: SC013 says when the all-clear opens."""

    @staticmethod
    def declare_stable(tape: Tape, when: dt.datetime = NOW, **fields: Any) -> None:
        Incident.objects.filter(pk=tape.incident.pk).update(
            status="stabilized", stabilized_at=when, **fields
        )
        tape.incident.refresh_from_db()

    def test_counts_from_the_declaration_while_no_record_says_more(
        self, tape: Tape
    ) -> None:
        self.declare_stable(
            tape, NOW - dt.timedelta(minutes=10), clock_zone="Europe/Berlin"
        )
        assert found(tape.incident, "SC013") == [
            Finding(
                "SC013",
                Level.ERROR,
                "The all-clear opens at 11:40 Europe/Berlin, 30 min after 11:10, "
                "declared stabilized",
                "Give the all-clear then, if recovery holds. Was it stable before it "
                "was declared? Its milestone with a record counts instead.",
                subject_label="Overview",
            )
        ]

    def test_counts_from_the_proven_moment_of_stabilization(self, tape: Tape) -> None:
        tape.add(occurred_at=at("10:02", 17), text="Flat", milestone="stabilized")
        self.declare_stable(tape)
        assert "10:50 UTC, 30 min after 10:20, declared" in self.words(tape)

        stable = tape.proven(
            "", "Flat", occurred_at=at("10:05", 17), milestone="stabilized"
        )
        assert self.words(tape) == (
            "The all-clear opens at 10:35 UTC, 30 min after 10:05, stabilized in "
            f"{stable.ref}"
        )

    @staticmethod
    def words(tape: Tape) -> str:
        return found(tape.incident, "SC013")[0].message

    def test_is_over_when_the_record_says_so(self, tape: Tape) -> None:
        tape.proven("", "Flat", occurred_at=at("9:50", 17), milestone="stabilized")
        self.declare_stable(tape)
        assert found(tape.incident, "SC013") == []

    def test_is_over_when_its_time_has_passed(self, tape: Tape, clock: Any) -> None:
        self.declare_stable(tape)
        clock.shift(dt.timedelta(minutes=30))
        assert found(tape.incident, "SC013") == []

    def test_counts_anew_after_a_relapse(self, tape: Tape, commander: User) -> None:
        tape.proven("", "Flat", occurred_at=at("9:50", 17), milestone="stabilized")
        self.declare_stable(tape)
        lifecycle.relapse_incident(
            incident_id=tape.incident.pk, actor=commander, reason="It is back"
        )
        tape.incident.refresh_from_db()
        assert found(tape.incident, "SC013") == []  # active: nothing to wait for

        self.declare_stable(tape)
        assert "declared stabilized" in self.words(tape)

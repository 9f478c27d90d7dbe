"""Order, gaps and jumps. The order of insertion never changes a result."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incidents.models import Incident, Lane, SeverityPolicy
from incidents.selectors import record_quality
from postmortem.lib.findings import Case
from postmortem.lib.tabs import Clock, incident_clock
from tests import factories
from tests.timeline.conftest import Tape, at, entry, mark, minutes, moment, prove
from timeline import selectors, services
from timeline.models import Entry, Milestone
from timeline.selectors import Gap

KINDS = list(Milestone.Kind)
MINUTES = st.integers(min_value=0, max_value=600)


@st.composite
def timelines(draw: Any) -> tuple[list[Entry], list[Milestone]]:
    """Rows of every precision, with milestones on some of them."""
    rows = []
    for number in range(1, draw(st.integers(0, 14)) + 1):
        minute = draw(st.none() | MINUTES)
        precision = (
            "unknown"
            if minute is None
            else draw(st.sampled_from(["minute", "second", "approx", "day"]))
        )
        kind = draw(st.sampled_from(["signal", "action", "decision", "no_record"]))
        until = None
        if minute is not None and (kind == "no_record" or draw(st.booleans())):
            until = minute + draw(st.integers(0, 90))
        rows.append(
            entry(
                number,
                minute,
                kind=kind,
                precision=precision,
                until=until,
                proof=draw(st.booleans()),
                position=draw(st.none() | st.integers(0, 20)),
            )
        )
    carriers = [row for row in rows if row.kind != "no_record"]
    marks = []
    for number in range(1, draw(st.integers(0, 10)) + 1):
        row = draw(st.sampled_from(carriers)) if carriers else None
        marks.append(
            mark(
                number,
                draw(st.sampled_from(KINDS)),
                None if draw(st.booleans()) and draw(st.booleans()) else row,
                is_marked=draw(st.booleans()),
            )
        )
    return rows, marks


QUICK = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


class TestAnyOrderOfInsertion:
    """R-TL-02, R-TL-08, R-MT-01: the same facts in another order say the same."""

    @QUICK
    @given(timelines(), st.randoms(use_true_random=False))
    def test_gives_the_same_result(
        self, case: tuple[list[Entry], list[Milestone]], shuffle: random.Random
    ) -> None:
        rows, marks = case
        incident = Incident(number=1, closed_at=moment(900))

        def results(
            rows: list[Entry], marks: list[Milestone]
        ) -> tuple[Any, Any, Any, Any, Any]:
            ordered = selectors.in_order(rows)
            jump = selectors.jump(ordered, marks)
            return (
                [row.number for row in ordered],
                selectors.gaps(rows, minutes(15), selectors.window(marks, rows)),
                selectors.durations_of(incident, marks),
                (jump.symptom.number, jump.recovery.number) if jump else None,
                sorted(
                    (found.first.number, found.then.number)
                    for found in selectors.reordered(marks)
                ),
            )

        first = results(rows, marks)
        shuffle.shuffle(rows)
        shuffle.shuffle(marks)

        assert results(rows, marks) == first

    @QUICK
    @given(timelines())
    def test_never_says_zero_for_what_is_not_known(
        self, case: tuple[list[Entry], list[Milestone]]
    ) -> None:
        _, marks = case
        fed = selectors.feeding(marks)
        for item in selectors.durations_of(Incident(number=1), marks):
            assert (item.delta is not None) == (item.state == "recorded")
            if item.delta is not None:
                assert item.longest is not None
                assert dt.timedelta(0) <= item.delta <= item.longest
                assert item.start is not None
                assert item.end is not None
            assert item.text not in {"0 min", ""}
        if "first_impact" not in fed:
            headline = [
                item
                for item in selectors.durations_of(Incident(number=1), marks)
                if item.is_headline
            ]
            assert {item.state for item in headline} <= {"pending", "not_applicable"}

    @QUICK
    @given(timelines(), st.integers(1, 60))
    def test_gaps_lie_in_the_window_and_hold_no_proven_moment(
        self, case: tuple[list[Entry], list[Milestone]], threshold: int
    ) -> None:
        rows, marks = case
        within = selectors.window(marks, rows)
        found = selectors.gaps(rows, minutes(threshold), within)
        assert found == sorted(found)
        for gap in found:
            assert within is not None
            assert within[0] <= gap.start < gap.end <= within[1]
            assert gap.length > minutes(threshold)
            for row in rows:
                if row.occurred_at is None or row.precision == "day":
                    continue
                if row.kind == "no_record":
                    assert row.occurred_until is not None
                    inside = (
                        row.occurred_at < row.occurred_until
                        and row.occurred_at < gap.end
                        and row.occurred_until > gap.start
                    )
                    assert not inside
                elif not row.is_provisional:
                    assert not gap.start < row.occurred_at < gap.end

    @QUICK
    @given(timelines(), MINUTES)
    def test_more_proof_never_makes_more_silence(
        self, case: tuple[list[Entry], list[Milestone]], minute: int
    ) -> None:
        rows, _ = case
        within = (moment(0), moment(600))

        def silence(found: list[Gap]) -> dt.timedelta:
            return sum((gap.length for gap in found), dt.timedelta(0))

        before = silence(selectors.gaps(rows, minutes(15), within))
        more = [*rows, entry(99, minute)]
        assert silence(selectors.gaps(more, minutes(15), within)) <= before


class TestInOrder:
    def test_puts_an_undated_row_behind_its_place(self) -> None:
        """R-TL-02"""
        rows = [
            entry(1, 30, position=3),
            entry(2, None, position=2),
            entry(3, 10, position=1),
            entry(4, None, position=0),
            entry(5, None),
            entry(6, None, position=2),
        ]
        assert [row.number for row in selectors.in_order(rows)] == [4, 3, 2, 6, 1, 5]

    def test_stands_by_number_where_times_are_equal(self) -> None:
        rows = [entry(2, 10), entry(1, 10), entry(3, 10, position=0)]
        assert [row.number for row in selectors.in_order(rows)] == [3, 1, 2]


class TestGaps:
    WITHIN = (moment(0), moment(60))

    def test_finds_a_stretch_longer_than_the_threshold(self) -> None:
        """R-TL-08"""
        rows = [entry(1, 0), entry(2, 10), entry(3, 57)]
        assert selectors.gaps(rows, minutes(15), self.WITHIN) == [
            Gap(moment(10), moment(57))
        ]

    def test_lets_a_stretch_of_exactly_the_threshold_pass(self) -> None:
        rows = [entry(number, number * 15) for number in range(5)]
        assert selectors.gaps(rows, minutes(15), self.WITHIN) == []

    def test_does_not_count_a_row_without_proof(self) -> None:
        rows = [entry(number, number * 12) for number in range(6)]
        prove(rows[2], False)
        assert selectors.gaps(rows, minutes(15), self.WITHIN) == [
            Gap(moment(12), moment(36))
        ]

    def test_does_not_count_a_withdrawn_row(self) -> None:
        rows = [entry(number, number * 12) for number in range(6)]
        rows[2].retracted_at = moment(70)
        assert len(selectors.gaps(rows, minutes(15), self.WITHIN)) == 1

    def test_does_not_let_a_bare_day_hide_anything(self) -> None:
        rows = [entry(1, 0, precision="day", until=1440)]
        assert selectors.gaps(rows, minutes(15), self.WITHIN) == [
            Gap(moment(0), moment(60))
        ]

    def test_takes_an_approximate_time_as_its_interval(self) -> None:
        rows = [entry(1, 14, precision="approx", until=28), entry(2, 43), entry(3, 55)]
        assert selectors.gaps(rows, minutes(15), self.WITHIN) == []

    def test_is_explained_by_a_stated_gap(self) -> None:
        """R-EV-10"""
        stated = entry(1, 5, kind="no_record", until=50, proof=False)
        assert selectors.gaps([stated], minutes(15), self.WITHIN) == []
        assert selectors.gaps([stated], minutes(8), self.WITHIN) == [
            Gap(moment(50), moment(60))
        ]

    def test_says_nothing_without_first_impact(self) -> None:
        assert selectors.gaps([entry(1, 0)], minutes(15), None) == []

    def test_reads_in_words_on_the_incident_clock(self) -> None:
        gap = Gap(at("14:33"), at("15:20"))
        assert gap.words("UTC") == "47 minutes with no evidence, 14:33 to 15:20"
        assert gap.words("Europe/Berlin").endswith("15:33 to 16:20")
        long = Gap(at("22:10"), at("12:05", day=11))
        assert (
            long.words("UTC")
            == "13 h 55 min with no evidence, 10 Mar 22:10 to 11 Mar 12:05"
        )

    def test_uses_the_threshold_of_the_severity(self, tape: Tape) -> None:
        tape.proven("14:00", milestone="first_impact")
        tape.proven("14:20", milestone="stabilized")
        assert selectors.case_gaps(tape.incident) == [Gap(at("14:00"), at("14:20"))]

        SeverityPolicy.objects.filter(severity="SEV2").update(gap_minutes=20)

        assert selectors.case_gaps(tape.incident) == []


class TestWindow:
    def test_ends_at_the_last_entry_until_stabilized(self, tape: Tape) -> None:
        tape.proven("14:00", milestone="first_impact")
        tape.add("15:00")
        marks = selectors.milestones(tape.incident)
        rows = selectors.entries(tape.incident)
        assert selectors.window(marks, rows) == (at("14:00"), at("15:00"))


class TestJump:
    def test_finds_symptom_straight_to_recovery(self) -> None:
        """R-TL-08"""
        rows = [entry(1, 0), entry(2, 20, kind="comms"), entry(3, 60)]
        marks = [
            mark(1, "first_impact", rows[0]),
            mark(2, "customer_recovered", rows[2]),
        ]
        found = selectors.jump(rows, marks)
        assert found is not None
        assert (found.symptom.number, found.recovery.number) == (1, 3)

    @pytest.mark.parametrize("kind", ["action", "decision"])
    def test_is_content_when_somebody_did_something(self, kind: str) -> None:
        rows = [entry(1, 0), entry(2, 20, kind=kind), entry(3, 60)]
        marks = [
            mark(1, "first_impact", rows[0]),
            mark(2, "customer_recovered", rows[2]),
        ]
        assert selectors.jump(rows, marks) is None

    def test_counts_an_undated_action_between(self) -> None:
        rows = [entry(1, 0), entry(2, 60), entry(3, None, kind="action", position=1)]
        marks = [
            mark(1, "first_impact", rows[0]),
            mark(2, "customer_recovered", rows[1]),
        ]
        assert selectors.jump(selectors.in_order(rows), marks) is None

    def test_does_not_count_an_action_after_recovery(self) -> None:
        rows = [entry(1, 0), entry(2, 60), entry(3, 70, kind="action")]
        marks = [
            mark(1, "first_impact", rows[0]),
            mark(2, "customer_recovered", rows[1]),
        ]
        assert selectors.jump(rows, marks) is not None


class TestRecoveryBeforeFix:
    def test_finds_recovery_before_mitigation_and_rollback(self) -> None:
        """R-DOC-07"""
        rows = [entry(1, 0), entry(2, 30), entry(3, 40)]
        marks = [
            mark(1, "customer_recovered", rows[0]),
            mark(2, "first_mitigation", rows[1]),
            mark(3, "rollback_or_failover", rows[2]),
        ]
        assert [x.action.number for x in selectors.recovery_before_fix(marks)] == [2, 3]

    def test_gives_an_approximate_time_the_benefit_of_doubt(self) -> None:
        rows = [entry(1, 0, precision="approx", until=40), entry(2, 30)]
        marks = [
            mark(1, "customer_recovered", rows[0]),
            mark(2, "first_mitigation", rows[1]),
        ]
        assert selectors.recovery_before_fix(marks) == []


class TestReadClock:
    def test_runs_from_first_impact_to_stabilized_in_one_query(
        self, tape: Tape
    ) -> None:
        tape.add("13:41")
        tape.add("13:43", milestone="first_impact")
        tape.add("19:20", milestone="stabilized")
        with CaptureQueriesContext(connection) as queries:
            found = selectors.read_clock(tape.incident)
        assert found == Clock(at("13:43"), at("19:20"), None)
        assert len(queries) == 1

    def test_falls_back_to_the_first_entry_then_to_declaration(
        self, tape: Tape
    ) -> None:
        own = tape.incident.declared_at
        assert selectors.read_clock(tape.incident) == Clock(None, None, None)
        assert incident_clock(tape.incident) == Clock(own, None, own)
        tape.add("13:41")
        tape.incident.refresh_from_db()
        assert incident_clock(tape.incident) == Clock(at("13:41"), None, own)

    def test_takes_the_declaration_that_was_entered(self, tape: Tape) -> None:
        tape.add("13:41", milestone="declared")
        tape.mark(tape.add("13:55"), "declared", is_marked=True)
        assert selectors.read_clock(tape.incident).declared_at == at("13:55")

    def test_takes_the_marked_milestone(self, tape: Tape) -> None:
        tape.add("13:43", milestone="first_impact")
        tape.mark(tape.add("14:43"), "first_impact", is_marked=True)
        assert selectors.read_clock(tape.incident).start == at("14:43")

    def test_ignores_what_was_withdrawn(self, tape: Tape) -> None:
        row = tape.add("13:43", milestone="first_impact")
        tape.add("14:00")
        services.retract_entry(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            number=row.number,
            reason="x",
        )
        assert selectors.read_clock(tape.incident).start == at("14:00")


class TestQueries:
    def test_cost_the_same_for_ten_and_for_two_hundred_entries(
        self, tape: Tape
    ) -> None:
        def cost() -> int:
            with CaptureQueriesContext(connection) as queries:
                for row in selectors.entries(tape.incident):
                    assert row.get_absolute_url()
                    assert [item.get_absolute_url() for item in row.evidence]
                for mark in selectors.milestones(tape.incident):
                    assert mark.entry is None or not mark.entry.is_provisional
                selectors.recovery_strip(tape.incident)
            return len(queries)

        lane = Lane.objects.filter(incident=tape.incident).first()
        for minute in range(10):
            tape.proven(f"13:{minute + 10}", lane=lane, owner=tape.actor)
        tape.mark(Entry.objects.get(number=1), "first_impact")
        few = cost()
        for minute in range(190):
            tape.proven(f"{14 + minute // 60}:{minute % 60:02}", lane=lane)
        for kind in KINDS[1:]:
            tape.mark(Entry.objects.get(number=100), kind)

        assert cost() == few


class TestRecordQuality:
    def test_blames_nobody_for_a_stated_gap(self, tape: Tape) -> None:
        """R-MT-04, R-EV-10: what says that no record exists lacks none."""
        tape.proven("14:00")
        tape.add("14:05")
        tape.gap("14:10", "14:50")
        found = record_quality(Case(tape.incident))
        assert (found["claims"], found["provisional"]) == (2, 1)
        assert found["evidence_percent"] == 50


class TestUnlinkedEvidence:
    def test_offers_only_what_no_entry_cites(self, tape: Tape) -> None:
        tape.proven("14:00")
        loose = factories.make_evidence(
            tape.incident, actor=tape.actor, title="Extract", captured_at=at("14:52")
        )
        found = selectors.unlinked_evidence(tape.incident, at("14:00"), at("15:00"))
        assert found == [loose]

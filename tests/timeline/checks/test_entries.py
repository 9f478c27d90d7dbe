"""Checks of entries: proof, gaps, order, decisions, times."""

from __future__ import annotations

import datetime as dt

import time_machine
from django.test import Client

from accounts.models import User
from incidents.services.lifecycle import declare_incident
from postmortem.lib.findings import REGISTRY, Row
from tests import factories
from tests.conftest import NOW
from tests.timeline.checks.conftest import ERROR, INFO, UNTIL, WARNING, finding, found
from tests.timeline.conftest import Tape, at


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


class TestGapWithoutEvidence:
    def test_says_how_long_and_where(self, tape: Tape) -> None:
        """R-TL-08, R-CK-01"""
        tape.proven("14:33", milestone="first_impact")
        tape.add("14:50", "Somebody remembers this")
        tape.proven("15:20", milestone="stabilized")
        hint = (
            "Longer than the 15 min of SEV2. Link an artifact from inside it, or state "
            "that no record exists."
        )
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

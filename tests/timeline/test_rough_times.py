"""What is only known roughly is an interval, never midnight and never a certain order
(R-TL-02): in gaps, orders, silences, durations, drawings and filters."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client

from incidents.models import Incident
from tests.timeline.checks.conftest import WARNING, finding, found
from tests.timeline.conftest import (
    Tape,
    at,
    entry,
    mark,
    minutes,
    moment,
    text,
    url,
)
from timeline import selectors, services
from timeline.models import Entry, Milestone

DAY = dt.date(2026, 3, 10)
Kind = Milestone.Kind


def second(number: int, minute: float, **fields: Any) -> Entry:
    return entry(number, minute, precision="second", **fields)


class TestABareDay:
    """It stands for the whole day."""

    def whole_day(self, tape: Tape, kind: str) -> Entry:
        return tape.add(
            text="That day",
            occurred_at=DAY,
            precision="day",
            evidence=[tape.original],
            milestone=kind,
        )

    def test_opens_no_gap_at_midnight(self, tape: Tape) -> None:
        """R-TL-02, R-TL-08"""
        self.whole_day(tape, "first_impact")
        tape.proven("14:00", milestone="first_alert")
        tape.proven("15:00", milestone="stabilized")
        assert [row.message for row in found(tape.incident, "TL004")] == [
            "60 minutes with no evidence, 14:00 to 15:00"
        ]

    def test_closes_no_gap_at_midnight(self, tape: Tape) -> None:
        """R-TL-02, R-TL-08"""
        tape.proven("14:00", milestone="first_impact")
        tape.proven("15:00")
        self.whole_day(tape, "stabilized")
        assert [row.message for row in found(tape.incident, "TL004")] == [
            "60 minutes with no evidence, 14:00 to 15:00"
        ]

    def test_is_no_end_of_a_silence_and_of_no_clock(self, tape: Tape) -> None:
        """R-TL-02, R-CO-01"""
        tape.proven("14:00", milestone="first_alert")
        self.whole_day(tape, "customer_recovered")
        rows = selectors.entries(tape.incident)
        marks = selectors.milestones(tape.incident)
        assert selectors.recovered_at(rows, marks) is None
        assert selectors.silences(rows, marks, minutes(30)) is None
        self.whole_day(tape, "declared")
        assert selectors.read_clock(tape.incident).declared_at is None

    def test_is_not_drawn_as_midnight(self, tape: Tape) -> None:
        """R-TL-02"""
        tape.proven("13:43", milestone="first_impact")
        self.whole_day(tape, "customer_recovered")
        data = selectors.recovery_strip(tape.incident)
        assert "customer_recovered" not in [row.kind for row in data.marks if row.at]
        assert "Customers recovered without a time of the clock" in data.summary
        assert data.bars[0].words == "affected for up to 10 h 17 min"
        assert data.bars[1].words == "recovery not recorded"
        self.whole_day(tape, "first_impact")
        chart = selectors.lane_chart(
            tape.incident,
            selectors.entries(tape.incident),
            selectors.milestones(tape.incident),
            [],
        )
        assert chart.start == at("13:43")


class TestTheStrip:
    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"precision": "approx"}, "affected for about 1 h"),
            (
                {"precision": "approx", "occurred_until": at("15:00")},
                "affected for 1 h to 1 h 17 min",
            ),
            ({}, "affected for 1 h"),
        ],
    )
    def test_says_what_the_duration_says(
        self, tape: Tape, fields: dict[str, Any], words: str
    ) -> None:
        """R-MT-01"""
        tape.proven("13:43", milestone="first_impact")
        tape.proven("14:43", milestone="customer_recovered", **fields)
        data = selectors.recovery_strip(tape.incident)
        assert data.bars[0].words == words
        assert f">{words.removeprefix('affected for ')}</text>" in selectors.strip_svg(
            data
        )


class TestTheLanes:
    def test_draw_an_interval_to_its_end_and_name_it(self, tape: Tape) -> None:
        """R-TL-02"""
        tape.proven("14:00")
        tape.proven("14:05", "Low", precision="approx", occurred_until=at("14:20"))
        tape.add("14:30", "Drain", occurred_until=at("14:50"))
        tape.proven("15:00")
        tape.incident.refresh_from_db()
        svg = selectors.outline(tape.incident).lane_svg
        assert ">about 14:05 to 14:20 Low (confirmed)<" in svg
        assert ">14:30 to 14:50 Drain (provisional)<" in svg
        assert svg.count('<line class="mark"') == 1
        assert svg.count('<line class="mark unproven"') == 1


class TestTheMinute:
    """What is known to the minute may have been at any second of it."""

    def test_makes_no_duration_negative(self) -> None:
        """R-MT-01"""
        marks = [
            mark(1, Kind.FIRST_IMPACT, second(1, 5.5)),
            mark(2, Kind.FIRST_ALERT, entry(2, 5)),
            mark(3, Kind.FIRST_MITIGATION, second(3, 5.4)),
            mark(4, Kind.STABILIZED, entry(4, 4)),
        ]
        of = {row.key: row for row in selectors.durations_of(Incident(number=1), marks)}
        assert (of["detect"].state, of["detect"].text) == ("recorded", "under 1 min")
        assert of["mitigate"].state == "invalid"
        assert of["stabilize"].state == "invalid"

    def test_puts_nothing_out_of_order(self) -> None:
        """R-TL-02, R-DOC-07"""
        recovered = mark(1, Kind.CUSTOMER_RECOVERED, entry(1, 5))
        inside = mark(2, Kind.ROLLBACK_OR_FAILOVER, second(2, 5.5))
        after = mark(3, Kind.FIRST_MITIGATION, entry(3, 6))
        impact = mark(4, Kind.FIRST_IMPACT, second(4, 5.2))
        marks = [recovered, inside, after, impact]
        assert [row.action for row in selectors.recovery_before_fix(marks)] == [after]
        assert selectors.reordered(marks) == []

    def test_leaves_room_for_an_action_between(self) -> None:
        """R-TL-08"""
        rows = [entry(1, 5, kind="action"), second(2, 5.5), entry(3, 40)]
        marks = [
            mark(1, Kind.FIRST_IMPACT, rows[1]),
            mark(2, Kind.CUSTOMER_RECOVERED, rows[2]),
        ]
        assert selectors.jump(rows, marks) is None
        rows[0].occurred_at = moment(4)
        assert selectors.jump(rows, marks) is not None


class TestSignalOrder:
    """R-DP-02, R-DP-06: what came first is said only where the times tell it."""

    @pytest.mark.parametrize(
        ("signal", "change", "order"),
        [
            ({"when": "14:04"}, {"when": "14:05"}, "before"),
            ({"when": "14:05"}, {"when": "14:05"}, "unknown"),
            ({"when": "14:06"}, {"when": "14:05"}, "after"),
            (
                {"when": "14:00", "precision": "approx", "occurred_until": at("14:20")},
                {"when": "14:10"},
                "unknown",
            ),
            (
                {"when": "14:00", "precision": "approx", "occurred_until": at("14:20")},
                {"when": "14:21"},
                "before",
            ),
            (
                {"when": "14:05"},
                {"when": "14:00", "precision": "approx", "occurred_until": at("14:20")},
                "unknown",
            ),
        ],
    )
    def test_is_unknown_where_the_times_touch(
        self, tape: Tape, signal: dict[str, Any], change: dict[str, Any], order: str
    ) -> None:
        point = tape.checkpoint(order="after")
        tape.add(**signal, text="Refused", dependency=point)
        tape.add(**change, text="Deployed 4.18", kind="action")
        rows = selectors.entries(tape.incident)
        assert selectors.signal_order(point, rows).order == order
        assert bool(found(tape.incident, "DP007")) is (order == "before")

    def test_takes_the_checkpoint_s_own_minute(self, tape: Tape) -> None:
        point = tape.checkpoint(first_signal_at=at("14:05"))
        tape.add("14:05", "Deployed 4.18", kind="action")
        order = selectors.signal_order(point, selectors.entries(tape.incident))
        assert order.words("UTC") == (
            "not certain whether before or after the first internal change, TL-1 at "
            "14:05"
        )

    def test_names_the_day_of_a_change_on_another_day(self, tape: Tape) -> None:
        tape.checkpoint(order="before", first_signal_at=at("14:05"))
        tape.add(text="Deployed 4.18", kind="action", occurred_at=at("23:10", day=9))
        assert found(tape.incident, "DP007") == [
            finding(
                "DP007",
                WARNING,
                "Provider A says “Signal before internal changes”, but its first "
                "signal (DP-1) came after the first internal change, TL-1 at 9 Mar, "
                "23:10",
                "DP-1",
                "Check the times of both entries, or correct the answer.",
            )
        ]


class TestFilter:
    @pytest.mark.parametrize(
        ("start", "end", "numbers"),
        [
            ("14:10", "14:15", [1, 2, 3]),
            ("14:21", "14:40", [2, 3]),
            ("15:01", "15:02", [2]),
            ("13:00", "13:10", [2]),
        ],
    )
    def test_shows_every_interval_that_the_chosen_part_touches(
        self, tape: Tape, start: str, end: str, numbers: list[int]
    ) -> None:
        """R-TL-02"""
        tape.add("14:00", precision="approx", occurred_until=at("14:20"))
        tape.add(text="That day", occurred_at=DAY, precision="day")
        tape.gap("14:00", "15:00")
        tape.add("12:00")
        tape.incident.refresh_from_db()
        whole = selectors.outline(tape.incident)
        chosen = selectors.Choice(start=at(start), end=at(end)).lines(whole)
        assert sorted(line.number for line in chosen) == numbers

    @pytest.mark.parametrize(
        ("query", "numbers"),
        [
            ("from=2026-03-10&to=2026-03-10", [2]),
            ("from=2026-03-10", [2, 3]),
            ("to=2026-03-10", [1, 2]),
            ("to=late on 2026-03-10", [1, 2]),
            ("from=late on 2026-03-10&to=2026-03-11", [2, 3]),
        ],
    )
    def test_takes_a_day_and_a_part_of_it_whole(
        self, page: Client, tape: Tape, query: str, numbers: list[int]
    ) -> None:
        """R-TL-02"""
        for when in (at("23:50", day=9), at("23:50"), at("00:10", day=11)):
            tape.add(text="x", occurred_at=when)
        found = page.get(url(tape, f"export.json?{query}")).json()["rows"]
        assert [row["ref"] for row in found] == [f"TL-{number}" for number in numbers]

    def test_says_which_time_could_not_be_read(self, page: Client, tape: Tape) -> None:
        tape.add("14:05", "Rate down")
        body = text(page.get(url(tape, "?from=soonish&to=2026-03-10")))
        assert "“soonish” could not be read as a time, so it filters nothing." in body
        assert "Rate down" in body


class TestStatedGap:
    def test_names_both_days(self, tape: Tape) -> None:
        """R-EV-10"""
        services.state_gap(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            occurred_at=at("23:50", day=9),
            occurred_until=at("00:20"),
            reason="Logs had rotated",
        )
        assert [row.message for row in found(tape.incident, "TL014")] == [
            "No record exists from 9 Mar 23:50 to 10 Mar 00:20: Logs had rotated"
        ]

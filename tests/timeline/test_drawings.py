"""The recovery strip and the lanes, drawn and in words."""

from __future__ import annotations

from typing import Any

import pytest

from incidents.models import Lane
from tests.timeline.conftest import Tape
from timeline import selectors


class TestRecoveryStrip:
    def test_is_drawn_from_milestones_with_a_title_and_words(self, tape: Tape) -> None:
        """R-RV-02"""
        tape.whole()
        data = selectors.recovery_strip(tape.incident)
        assert [mark.number for mark in data.marks if mark.at] == [0, 1, 2, 3, 4, 5]
        assert [bar.words for bar in data.bars] == [
            "affected for 47 min",
            "affected for 57 min",
        ]
        svg = selectors.strip_svg(data)
        assert svg.startswith("<svg")
        assert "<title" in svg
        assert "First impact 13:43" in svg
        assert "style=" not in svg

    def test_says_what_is_not_known_instead_of_drawing_it(self, tape: Tape) -> None:
        assert selectors.strip_svg(selectors.recovery_strip(tape.incident)) == ""
        tape.add("13:43", milestone="first_impact")
        data = selectors.recovery_strip(tape.incident)
        assert data.bars[0].words == "recovery not recorded"
        assert "First alert not recorded" in data.summary
        assert 'class="bar unproven"' in selectors.strip_svg(data)

    @pytest.mark.parametrize("theme", ["page", "print"])
    @pytest.mark.parametrize(
        ("until", "label"),
        [("14:18", "16 min, stated gap"), ("14:03", "stated gap")],
    )
    def test_keeps_a_stated_gap_hatched_and_named(
        self, tape: Tape, theme: Any, until: str, label: str
    ) -> None:
        """R-EV-10"""
        tape.whole()
        tape.gap("14:02", until)
        data = selectors.recovery_strip(tape.incident)
        svg = selectors.strip_svg(data, width=720, theme=theme)

        assert data.gaps == []
        assert f">{label}</text>" in svg
        assert svg.count("-hatch)") == 1
        assert f"stated to have no record, 14:02 to {until}" in data.summary

    def test_draws_no_gap_beside_the_incident(self, tape: Tape) -> None:
        tape.whole()
        tape.gap("18:00", "19:00")
        svg = selectors.strip_svg(tape.incident, theme="print")

        assert "-hatch)" not in svg
        assert ">1 h, stated gap</text>" not in svg

    def test_writes_its_colors_into_the_drawing_for_print(self, tape: Tape) -> None:
        tape.whole()
        svg = selectors.strip_svg(tape.incident, width=500, height=110, theme="print")
        assert "class=" not in svg
        assert 'fill="#dfe4f7"' in svg


class TestLaneChart:
    def test_escapes_what_people_wrote(self, tape: Tape) -> None:
        tape.proven("13:43", "<script>alert(1)</script>", milestone="first_impact")
        tape.proven("13:50", "b")
        rows = selectors.entries(tape.incident)
        marks = selectors.milestones(tape.incident)
        chart = selectors.lane_chart(tape.incident, rows, marks, [])
        assert "<script>" not in selectors.lane_svg(chart)
        assert "&lt;script&gt;" in selectors.lane_svg(chart)

    def test_counts_lanes_and_not_the_rows_for_the_others(self, tape: Tape) -> None:
        lane = Lane.objects.filter(incident=tape.incident).first()
        tape.proven("13:43", lane=lane)
        tape.proven("13:50")
        tape.proven("13:55", kind="decision", belief="b", why="w")

        words = selectors.outline(tape.incident).chart_words
        assert words == "3 entries on 1 lane, 13:43 to 13:55."

    def test_counts_stated_gaps_apart_from_found_ones(self, tape: Tape) -> None:
        """R-EV-10"""
        tape.whole()
        tape.gap("14:02", "14:18")
        whole = selectors.outline(tape.incident)

        assert whole.chart_words.endswith(" 1 stated gap.")
        assert whole.lane_svg.count("-hatch)") == 1
        assert whole.spark_svg.count("-hatch)") == 1

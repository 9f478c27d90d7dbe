"""Checks of the words: vague verbs, blame."""

from __future__ import annotations

import pytest

from postmortem.lib.findings import Level
from tests.actions.checks.conftest import found
from tests.actions.conftest import Desk


class TestVagueWording:
    def test_warns_and_names_the_words(self, desk: Desk) -> None:
        """R-AI-04, R-DOC-15"""
        desk.add(title="Monitor closely")

        (only,) = found(desk, "AI004")
        assert (only.level, only.subject_ref) == (Level.WARNING, "ACT-1")
        assert only.message.startswith("A reviewer could not tell when this is done: “")
        assert only.hint
        assert only.url == "/incidents/INC-1/actions/1/edit/"

    @pytest.mark.parametrize(
        "title",
        [
            "Run the failover simulation and attach its output",
            "Page when pending events stay above 500 for 3 min",
        ],
    )
    def test_leaves_an_exact_change_alone(self, desk: Desk, title: str) -> None:
        desk.add(title=title)
        assert found(desk, "AI004") == []


class TestBlame:
    def test_warns_about_a_person_named(self, desk: Desk) -> None:
        """R-BL-03, R-BL-04"""
        desk.add(title="Retrain Ida Clark, who caused the outage")

        (only,) = found(desk, "BL003")
        assert (only.level, only.subject_ref) == (Level.WARNING, "ACT-1")
        assert only.message.startswith("Reads as blame: “")

    def test_leaves_conditions_alone(self, desk: Desk) -> None:
        desk.opened(details="The owner is the finance controller. The job failed.")
        assert found(desk, "BL003") == []

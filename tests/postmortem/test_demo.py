"""The demonstration is loaded as it is meant to be seen."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from accounts.services import stand_in
from incidents.models import FindingSnapshot
from postmortem import demo
from review.models import Review

pytestmark = pytest.mark.django_db


class TestLoad:
    def test_stores_the_files_before_the_checks_look_for_them(self) -> None:
        made = demo.load()
        stored = FindingSnapshot.objects.filter(incident__in=made)
        first = {row.incident_id: row.findings for row in stored}
        assert len(first) == len(made) == 3
        assert not [
            finding["message"]
            for findings in first.values()
            for finding in findings
            if "store" in finding["message"]
        ]

    def test_says_where_there_is_one_if_there_is_none_here(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """The image goes without it."""
        monkeypatch.setattr(demo, "DEMO", tmp_path / "demo")
        with pytest.raises(CommandError, match="in a clone of the repository"):
            call_command("load_demo")

    def test_says_since_when_a_case_is_in_review(self) -> None:
        """R-DOC-16: the time that the record tells, not the one of loading it."""
        demo.load()
        review = Review.objects.select_related("incident").get()
        assert review.incident.in_review_at == review.opened_at

    @pytest.mark.parametrize(("hour", "minute", "day"), [(0, 5, 21), (10, 20, 22)])
    def test_lies_behind_at_every_hour_of_the_day(
        self, clock, hour: int, minute: int, day: int
    ) -> None:
        """An import refuses what lies ahead, and `make run` would end there."""
        clock.move_to(datetime(2026, 11, 22, hour, minute, tzinfo=UTC))
        live = next(made for made in demo.load() if made.status == "active")
        assert live.declared_at == datetime(2026, 11, day, 9, 34, tzinfo=UTC)

    def test_makes_people_of_those_that_an_imported_case_named(self) -> None:
        """One of its cases may have been taken along and imported here before."""
        stand_in("ic@demo.example", name="Noor")
        assert len(demo.load()) == 3
        person = User.objects.get(email="ic@demo.example")
        assert (person.is_active, person.name) == (True, "Noor Haddad")
        assert person.check_password(demo.PASSWORD)

    def test_twice_makes_nothing_new(self) -> None:
        demo.load()
        assert demo.load() == []

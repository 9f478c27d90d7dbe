"""How a typed line and a typed time are read on the incident clock."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from time_machine import Traveller

from accounts.models import User
from incidents.models import Incident
from tests import factories
from tests.timeline.conftest import Tape, at
from timeline.forms import EntryForm, QuickAddForm


def read(incident: Incident, text: str, **fields: Any) -> dict[str, Any]:
    form = QuickAddForm({"text": text, **fields}, incident=incident)
    assert form.is_valid(), form.errors
    return form.cleaned_data


def fault(incident: Incident, text: str, **fields: Any) -> dict[str, list[str]]:
    form = QuickAddForm({"text": text, **fields}, incident=incident)
    assert not form.is_valid()
    return {
        name: [str(row["code"]) for row in rows]
        for name, rows in form.errors.get_json_data().items()
    }


class TestQuickAddForm:
    def test_reads_the_time_that_stands_first(self, incident: Incident) -> None:
        """R-TL-04"""
        assert read(incident, "09:05 auth rate down to 61%") == {
            "kind": "signal",
            "occurred_at": at("09:05", day=17),
            "occurred_until": None,
            "precision": "minute",
            "at_text": "",
            "lane": None,
            "dependency": None,
            "observed_signal": "auth rate down to 61%",
        }

    def test_reads_the_time_of_its_own_field(self, incident: Incident) -> None:
        found = read(incident, "auth rate down", at="9:05")
        assert found["occurred_at"] == at("09:05", day=17)
        assert found["observed_signal"] == "auth rate down"

    @pytest.mark.parametrize(
        ("text", "moment", "precision"),
        [
            ("2026-03-10 14:05 x", at("14:05"), "minute"),
            ("2026-03-10T14:05:00+02:00 x", at("12:05"), "minute"),
            ("2026-03-10T14:05Z, x", at("14:05"), "minute"),
            ("09:05:30 x", at("09:05", day=17) + dt.timedelta(seconds=30), "second"),
            ("~09:05 x", at("09:05", day=17), "approx"),
            ("about 09:05 x", at("09:05", day=17), "approx"),
        ],
    )
    def test_reads_many_shapes_of_a_time(
        self, incident: Incident, text: str, moment: dt.datetime, precision: str
    ) -> None:
        """R-TL-02"""
        found = read(incident, text)
        assert (found["occurred_at"], found["precision"]) == (moment, precision)
        assert found["observed_signal"] == "x"

    @pytest.mark.parametrize(
        ("text", "kind"),
        [
            ("!09:05 hold releases", "decision"),
            ("09:05 ! hold releases", "decision"),
            ("09:05 !d hold releases", "decision"),
            ("09:05 decision: hold releases", "decision"),
            ("09:05 told: hold releases", "comms"),
            ("09:05 !action hold releases", "action"),
            ("!decision 09:05 hold releases", "decision"),
        ],
    )
    def test_reads_the_kind_behind_an_exclamation_mark(
        self, incident: Incident, text: str, kind: str
    ) -> None:
        found = read(incident, text)
        assert (found["kind"], found["action_taken"]) == (kind, "hold releases")

    def test_reads_a_lane_by_its_slug(self, incident: Incident) -> None:
        found = read(incident, "09:05 auth rate down #checkout to 61 %")
        assert found["lane"] == incident.lanes.get(slug="checkout")
        assert found["observed_signal"] == "auth rate down to 61 %"

    def test_leaves_a_hash_that_is_no_lane_in_the_sentence(
        self, incident: Incident
    ) -> None:
        found = read(incident, "09:05 ticket #4711 opened")
        assert (found["lane"], found["observed_signal"]) == (
            None,
            "ticket #4711 opened",
        )

    def test_keeps_the_chosen_kind_and_lane(self, incident: Incident) -> None:
        lane = incident.lanes.get(slug="payouts")
        found = read(incident, "09:05 batch held", kind="action", lane=str(lane.pk))
        assert (found["kind"], found["lane"]) == ("action", lane)

    def test_asks_for_the_time_and_suggests_one(self, incident: Incident) -> None:
        form = QuickAddForm({"text": "auth rate down"}, incident=incident)
        assert not form.is_valid()
        assert form.errors["at"] == ["Start with the time: 10:20 auth rate down"]
        assert form.data["text"] == "auth rate down"

    @pytest.mark.parametrize(
        ("text", "faults"),
        [
            ("25:99 x", {"at": ["unreadable_time"]}),
            ("2026-13-45 14:05 x", {"at": ["unreadable_time"]}),
            ("", {"text": ["required"]}),
            ("09:05", {"text": ["required"]}),
            ("x" * 2001, {"text": ["max_length"]}),
        ],
    )
    def test_says_what_it_cannot_read(
        self, incident: Incident, text: str, faults: dict[str, list[str]]
    ) -> None:
        assert fault(incident, text) == faults

    def test_reads_on_the_incident_clock(
        self, commander: User, responder: User
    ) -> None:
        """R-TL-02"""
        there = factories.make_incident(actor=commander, clock_zone="America/New_York")
        assert read(there, "05:05 x")["occurred_at"] == at("09:05", day=17)

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("2026-03-08 02:30 x", "skipped_time"),
            ("2025-11-02 01:30 x", "ambiguous_time"),
        ],
    )
    def test_refuses_an_hour_that_the_clock_skips_or_shows_twice(
        self, commander: User, text: str, code: str
    ) -> None:
        """R-TL-02"""
        there = factories.make_incident(actor=commander, clock_zone="America/New_York")
        assert fault(there, text) == {"at": [code]}

    def test_reads_yesterday_shortly_after_midnight(
        self, incident: Incident, clock: Traveller
    ) -> None:
        clock.move_to(at("00:10", day=18))
        assert read(incident, "23:55 x")["occurred_at"] == at("23:55", day=17)

    def test_does_not_move_a_typing_error_to_yesterday(
        self, incident: Incident
    ) -> None:
        # 18:00 lies ahead of 10:20; yesterday's is 16 hours ago: the service refuses it
        assert read(incident, "18:00 x")["occurred_at"] == at("18:00", day=17)

    def test_reads_the_day_of_the_incident_once_it_is_over(
        self, commander: User
    ) -> None:
        past = factories.make_incident(actor=commander, declared_at=at("14:08"))
        past.status = Incident.Status.IN_REVIEW
        assert read(past, "14:05 x")["occurred_at"] == at("14:05")

    def test_offers_only_lanes_of_its_own_incident(
        self, incident: Incident, commander: User
    ) -> None:
        other = factories.make_incident(actor=commander, title="Other")
        lane = other.lanes.first()
        assert lane is not None
        assert fault(incident, "09:05 x", lane=str(lane.pk)) == {
            "lane": ["invalid_choice"]
        }


class TestMissingTime:
    def test_is_told_without_quoting_a_card_number(self, incident: Incident) -> None:
        form = QuickAddForm({"text": "payer reads 4539148803436467"}, incident=incident)
        assert form.errors["at"] == [
            f"Start with the time: {form.suggestion} payer reads 453914******6467"
        ]


class TestEntryForm:
    def fields(self, **more: str) -> dict[str, str]:
        return {"kind": "signal", "precision": "minute", "observed_signal": "x", **more}

    def test_reads_a_bare_day_as_a_day(self, incident: Incident) -> None:
        form = EntryForm(
            self.fields(occurred_at="2026-03-10", precision="day"), incident=incident
        )
        assert form.is_valid(), form.errors
        assert form.cleaned_data["occurred_at"] == dt.date(2026, 3, 10)

    def test_shows_a_stored_day_as_that_day(self, tape: Tape) -> None:
        row = tape.add(text="x", occurred_at=dt.date(2026, 3, 10), precision="day")
        form = EntryForm(incident=tape.incident, row=row)
        assert form.initial["occurred_at"] == "2026-03-10"
        assert form.initial["occurred_until"] is None

    def test_names_and_corrects_the_dependency(
        self, tape: Tape, commander: User
    ) -> None:
        """R-DP-06"""
        first, other = tape.checkpoint(), tape.checkpoint(name="Provider B")
        row = tape.add("14:05", dependency=first)
        shown = EntryForm(incident=tape.incident, row=row)
        assert shown["dependency"].value() == first.pk
        sent = self.fields(occurred_at="2026-03-10 14:05", version="1")
        form = EntryForm(
            {**sent, "dependency": str(other.pk)}, incident=tape.incident, row=row
        )
        assert form.is_valid(), form.errors
        tape.edit(row, **form.cleaned_data)
        row.refresh_from_db()
        assert row.dependency == other

        elsewhere = factories.make_incident(actor=commander)
        form = EntryForm({**sent, "dependency": str(other.pk)}, incident=elsewhere)
        assert "dependency" in form.errors

    def test_leaves_its_place_alone_when_nothing_is_chosen(self, tape: Tape) -> None:
        first = tape.add("14:05")
        row = tape.add(text="x", precision="unknown", after=first)
        form = EntryForm(
            self.fields(precision="unknown", version="1"),
            incident=tape.incident,
            row=row,
        )
        assert form.is_valid(), form.errors
        tape.edit(row, **form.cleaned_data)
        row.refresh_from_db()
        assert row.position == 1

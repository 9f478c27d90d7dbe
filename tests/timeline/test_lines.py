"""The quick-add bar end to end: once, with its evidence, in the words of the writer."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from time_machine import Traveller

from accounts.models import User
from incidents import activity
from incidents.models import Evidence, Incident
from tests import factories
from tests.timeline.conftest import Tape, at
from tests.timeline.test_forms import read
from timeline import services
from timeline.forms import QuickAddForm
from timeline.models import Entry, EntryEvidence


def line(tape: Tape, **fields: Any) -> services.Line:
    fields.setdefault("kind", "signal")
    fields.setdefault("observed_signal", "auth rate down")
    fields.setdefault("occurred_at", at("09:05", day=17))
    return services.record_line(
        incident_id=tape.incident.pk, actor=tape.actor, **fields
    )


class TestRecordLine:
    def test_arrives_once_however_often_it_is_sent(self, tape: Tape) -> None:
        """R-TL-01"""
        first = line(tape, key="a1")
        again = line(tape, key="a1")
        assert (first.was_there, again.was_there) == (False, True)
        assert again.entry == first.entry
        assert Entry.objects.count() == 1
        tape.incident.refresh_from_db()
        assert activity.verify(tape.incident) == []

    def test_reads_the_incident_once(self, tape: Tape) -> None:
        """Under one lock: the line and its entry are one write."""
        with CaptureQueriesContext(connection) as queries:
            line(tape, key="a1")

        reads = [q for q in queries if 'FROM "incidents_incident"' in q["sql"]]
        assert len(reads) == 1

    def test_tells_two_people_apart_who_use_the_same_key(
        self, tape: Tape, commander: User
    ) -> None:
        line(tape, key="a1")
        other = Tape(tape.incident, commander)
        assert line(other, key="a1").was_there is False
        assert Entry.objects.count() == 2

    def test_makes_what_was_dropped_its_evidence(self, tape: Tape) -> None:
        """R-TL-03, R-TL-04"""
        made = line(
            tape,
            uploads=[SimpleUploadedFile("rate.png", factories.PNG, "image/png")],
            link="https://dash.pay.example/d/auth?from=1",
        )
        kinds = [(item.kind, bool(item.sha256)) for item in made.evidence]
        assert kinds == [("screenshot", True), ("other", False)]
        assert Entry.objects.get().is_provisional is False
        assert EntryEvidence.objects.count() == 2
        assert made.faults == []

    def test_keeps_the_entry_when_a_file_is_refused(self, tape: Tape) -> None:
        made = line(
            tape,
            uploads=[SimpleUploadedFile("rate.png", b"<html>no picture</html>")],
        )
        assert Entry.objects.get() == made.entry
        assert made.evidence == []
        assert len(made.faults) == 1
        assert made.faults[0].startswith("rate.png was not attached: ")
        assert Evidence.objects.count() == 0


class TestTheBar:
    def url(self, tape: Tape) -> str:
        return f"/incidents/{tape.incident.key}/timeline/quick/"

    def test_says_honestly_what_was_not_attached(
        self, page: Client, tape: Tape
    ) -> None:
        found = page.post(
            self.url(tape),
            {
                "text": "09:05 rate down",
                "upload": [SimpleUploadedFile("rate.png", b"<html></html>")],
            },
            follow=True,
        )
        body = found.content.decode()
        assert "TL-1 is recorded." in body
        assert "The entry is kept. rate.png was not attached" in body

    def test_takes_the_same_line_once(self, page: Client, tape: Tape) -> None:
        for _ in range(2):
            page.post(self.url(tape), {"text": "09:05 rate down", "key": "k1"})
        assert Entry.objects.count() == 1

    @pytest.mark.parametrize(
        "other",
        [
            {"text": "09:05 rate is back"},
            {"text": "09:07 rate down"},
            {"at": "09:07", "text": "rate down"},
            {"kind": "action"},
            {"link": "https://dash.pay.example/d/auth"},
            {"upload": SimpleUploadedFile("rate.txt", b"61 %")},
            {"milestone": "first_alert"},
        ],
    )
    def test_takes_whatever_else_is_sent_under_its_key_for_a_new_line(
        self, page: Client, tape: Tape, other: dict[str, Any]
    ) -> None:
        """A form without scripts keeps its key; nothing that was typed is lost."""
        sent = {"text": "09:05 rate down", "kind": "signal", "key": "k1"}
        page.post(self.url(tape), sent)
        page.post(self.url(tape), sent | other)
        assert Entry.objects.count() == 2

    def test_knows_a_line_again_however_much_later(
        self, page: Client, tape: Tape, clock: Traveller
    ) -> None:
        """`-5m` is another time by then, and still the line that arrived."""
        sent = {"text": "-5m rate down", "key": "k1"}
        page.post(self.url(tape), sent)
        clock.shift(dt.timedelta(minutes=2))
        page.post(self.url(tape), sent)
        assert Entry.objects.count() == 1

    def test_gives_a_refused_line_back_with_its_key(
        self, page: Client, tape: Tape
    ) -> None:
        found = page.post(self.url(tape), {"text": "25:99 rate down", "key": "k1"})
        assert found.status_code == 422
        assert 'name="key" value="k1"' in found.content.decode()


class TestGrammar:
    def test_reads_the_whole_line(self, tape: Tape) -> None:
        """R-TL-04, R-DP-06"""
        point = tape.checkpoint(name="Adyen EU")
        found = read(tape.incident, "09:05 auth rate down to 61% @adyen-eu #checkout")
        assert found["dependency"] == point
        assert found["lane"] == tape.incident.lanes.get(slug="checkout")
        assert found["observed_signal"] == "auth rate down to 61%"

    @pytest.mark.parametrize(
        ("text", "start", "end", "precision"),
        [
            ("now x", at("10:20", day=17), None, "minute"),
            ("-5m x", at("10:15", day=17), None, "minute"),
            ("-1h30m x", at("08:50", day=17), None, "minute"),
            ("~-10 min x", at("10:10", day=17), None, "approx"),
            ("09:05-09:20 x", at("09:05", day=17), at("09:20", day=17), "minute"),
            ("09:05 to 09:20 x", at("09:05", day=17), at("09:20", day=17), "minute"),
            ("yesterday 23:50 x", at("23:50", day=16), None, "minute"),
            (
                "yesterday 23:50-00:10 x",
                at("23:50", day=16),
                at("00:10", day=17),
                "minute",
            ),
            ("10 Mar 14:05 x", at("14:05"), None, "minute"),
            ("sat 14:05 x", at("14:05", day=14), None, "minute"),
            ("late on Saturday x", at("18:00", day=14), at("00:00", day=15), "approx"),
            ("yesterday morning x", at("06:00", day=16), at("12:00", day=16), "approx"),
        ],
    )
    def test_reads_relative_rough_and_long_times(
        self,
        incident: Incident,
        text: str,
        start: dt.datetime,
        end: dt.datetime | None,
        precision: str,
    ) -> None:
        """R-TL-02"""
        found = read(incident, text)
        assert (found["occurred_at"], found["occurred_until"]) == (start, end)
        assert found["precision"] == precision
        assert found["observed_signal"] == "x"

    def test_reads_a_named_day_as_that_day_never_as_midnight(
        self, incident: Incident
    ) -> None:
        found = read(incident, "2026-03-10 upgrade of the proxy")
        assert found["occurred_at"] == dt.date(2026, 3, 10)
        assert found["precision"] == "day"

    @pytest.mark.parametrize(
        ("text", "kept", "note"),
        [
            ("09:05 !rollback failed", "!rollback failed", "“!rollback” is no kind"),
            ("09:05 rate down #nolane", "rate down #nolane", "“#nolane” names no lane"),
            ("09:05 slow @nobody", "slow @nobody", "“@nobody” names no checkpoint"),
        ],
    )
    def test_says_what_it_does_not_know_and_keeps_the_words(
        self, incident: Incident, text: str, kept: str, note: str
    ) -> None:
        form = QuickAddForm({"text": text}, incident=incident)
        assert form.is_valid(), form.errors
        assert form.cleaned_data["kind"] == "signal"
        assert form.cleaned_data["observed_signal"] == kept
        assert form.notes == [
            f"{note}{' here' if 'names' in note else ''}: it stays in the sentence."
        ]

    def test_counts_back_from_when_it_was_typed(self, incident: Incident) -> None:
        found = read(incident, "-5m x", typed_at="2026-03-17T09:00:00Z")
        assert found["occurred_at"] == at("08:55", day=17)

    @pytest.mark.parametrize(
        "typed", ["2026-03-17T11:00:00Z", "2020-01-01T00:00Z", "x"]
    )
    def test_does_not_believe_a_clock_that_cannot_be_right(
        self, incident: Incident, typed: str
    ) -> None:
        found = read(incident, "now x", typed_at=typed)
        assert found["occurred_at"] == at("10:20", day=17)


class TestZones:
    """R-TL-02: a zone behind a time is honoured and told, never skipped."""

    @pytest.fixture
    def berlin(self, commander: User) -> Incident:
        return factories.make_incident(actor=commander, clock_zone="Europe/Berlin")

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("09:05 x", "08:05"),
            ("09:05Z x", "09:05"),
            ("09:05 Z x", "09:05"),
            ("09:05 UTC x", "09:05"),
            ("09:05 utc, x", "09:05"),
            ("09:05 GMT: x", "09:05"),
            ("09:05 UTC+2 x", "07:05"),
            ("04:05 UTC-5 x", "09:05"),
            ("09:05 CET x", "08:05"),
            ("09:05 CEST x", "07:05"),
            ("05:05 EDT x", "09:05"),
            ("05:05 America/New_York x", "09:05"),
            ("09:05+02:00 x", "07:05"),
            ("~09:05 UTC x", "09:05"),
            ("2026-03-17 09:05 UTC x", "09:05"),
            ("2026-03-17 09:05:00 CET x", "08:05"),
            ("2026-03-17T05:05:00.123-04:00 x", "09:05"),
            ("today 09:05 UTC x", "09:05"),
            ("11:05 CET-11:15 x", "10:05"),
            ("11:05-11:15 CET x", "10:05"),
        ],
    )
    def test_are_read(self, berlin: Incident, text: str, shown: str) -> None:
        found = read(berlin, text)
        assert found["occurred_at"] == at(shown, day=17)
        assert found["observed_signal"] == "x"

    def test_at_one_end_of_a_stretch_hold_for_both(self, berlin: Incident) -> None:
        for text in ("09:05 UTC-09:20 x", "09:05-09:20 UTC x", "09:05Z to 09:20Z x"):
            found = read(berlin, text)
            assert (found["occurred_at"], found["occurred_until"]) == (
                at("09:05", day=17),
                at("09:20", day=17),
            )

    def test_are_told_when_the_clock_shows_another_time(self, berlin: Incident) -> None:
        form = QuickAddForm({"text": "09:05 UTC x"}, incident=berlin)
        assert form.is_valid()
        assert form.notes == ["09:05 UTC is 10:05 on the incident clock."]
        form = QuickAddForm({"text": "09:05 CET x"}, incident=berlin)
        assert form.is_valid()
        assert form.notes == []

    def test_that_mean_two_are_refused(self, berlin: Incident) -> None:
        form = QuickAddForm({"text": "09:05 IST x"}, incident=berlin)
        assert not form.is_valid()
        assert "“IST” is the name of more than one" in form.errors["at"][0]

    @pytest.mark.parametrize(
        "text", ["API errors", "EU cards fail", "+1500 refunds", "Visa/Mastercard down"]
    )
    def test_are_not_found_in_other_words(self, berlin: Incident, text: str) -> None:
        found = read(berlin, f"09:05 {text}")
        assert found["occurred_at"] == at("08:05", day=17)
        assert found["observed_signal"] == text

    def test_choose_the_day_of_the_writer(
        self, incident: Incident, clock: Traveller
    ) -> None:
        clock.move_to(at("00:30", day=18))
        found = read(incident, "19:25 EST x")
        assert found["occurred_at"] == at("00:25", day=18)


class TestHabits:
    """R-TL-02: what people really type is read, or refused in words."""

    @pytest.mark.parametrize(
        "text",
        ["~09:05 x", "≈ 09:05 x", "about 09:05 x", "ca. 09:05 x", "approx. 09:05 x"],
    )
    def test_about_is_a_precision(self, incident: Incident, text: str) -> None:
        found = read(incident, text)
        assert (found["occurred_at"], found["precision"]) == (at("09:05", 17), "approx")
        assert found["observed_signal"] == "x"

    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("at 09:05 x", "09:05"),
            ("9:05 am x", "09:05"),
            ("9:05am x", "09:05"),
            ("9:05 a.m. x", "09:05"),
            ("12:05 am x", "00:05"),
            ("09:05: x", "09:05"),
            ("09:05 - x", "09:05"),
        ],
    )
    def test_are_read(self, incident: Incident, text: str, shown: str) -> None:
        found = read(incident, text)
        assert found["occurred_at"] == at(shown, day=17)
        assert found["observed_signal"] == "x"

    def test_pm_is_the_afternoon(self, incident: Incident) -> None:
        found = read(incident, "yesterday 2:05 pm x")
        assert found["occurred_at"] == at("14:05", day=16)

    @pytest.mark.parametrize("text", ["14:05 pm x", "0:05 am x", "25:05 x", "09:61 x"])
    def test_no_time_of_a_clock_is_refused(self, incident: Incident, text: str) -> None:
        form = QuickAddForm({"text": text}, incident=incident)
        assert not form.is_valid()
        assert "could not be read as a time" in form.errors["at"][0]

    @pytest.mark.parametrize(
        ("now", "start", "end"),
        [
            (at("10:20", day=14), at("18:00", day=7), at("00:00", day=8)),
            (at("20:15", day=14), at("18:00", day=14), at("20:15", day=14)),
            (at("10:20", day=15), at("18:00", day=14), at("00:00", day=15)),
        ],
    )
    def test_late_on_saturday_is_one_that_has_come(
        self,
        incident: Incident,
        clock: Traveller,
        now: dt.datetime,
        start: dt.datetime,
        end: dt.datetime,
        responder: User,
    ) -> None:
        clock.move_to(now)
        found = read(incident, "late on Saturday x")
        assert (found["occurred_at"], found["occurred_until"]) == (start, end)
        services.preview_entry(
            incident=incident, actor=responder, **found
        )  # and Enter takes it

    def test_saturday_with_a_time_is_one_that_has_come(
        self, incident: Incident, clock: Traveller
    ) -> None:
        clock.move_to(at("10:20", day=14))
        assert read(incident, "sat 14:05 x")["occurred_at"] == at("14:05", day=7)
        assert read(incident, "sat 09:05 x")["occurred_at"] == at("09:05", day=14)

    def test_a_stretch_over_midnight_ends_on_the_next_day(
        self, incident: Incident, clock: Traveller
    ) -> None:
        clock.move_to(at("00:30", day=18))
        found = read(incident, "23:50-00:10 x")
        assert found["occurred_at"] == at("23:50", day=17)
        assert found["occurred_until"] == at("00:10", day=18)

    def test_a_stretch_that_goes_back_is_left_to_the_entry_to_refuse(
        self, incident: Incident, responder: User
    ) -> None:
        found = read(incident, "yesterday 14:20-14:05 x")
        assert found["occurred_until"] == at("14:05", day=16)
        with pytest.raises(ValidationError) as error:
            services.preview_entry(incident=incident, actor=responder, **found)
        assert error.value.messages == ["The end lies before the start."]

    def test_a_time_over_midnight_belongs_to_the_incident_that_lasted(
        self, commander: User
    ) -> None:
        past = factories.make_incident(actor=commander, declared_at=at("23:40"))
        past.status, past.stabilized_at = Incident.Status.STABILIZED, at("02:00", 11)
        assert read(past, "00:15 x")["occurred_at"] == at("00:15", day=11)
        assert read(past, "23:10 x")["occurred_at"] == at("23:10")
        assert read(past, "09:00 x")["occurred_at"] == at("09:00")  # it was over


class TestFieldOfTheTime:
    @pytest.mark.parametrize(
        ("box", "text"),
        [
            ("09:05", "!d hold releases"),
            ("09:05 !d hold releases", ""),
            ("09:05 !d hold", "releases"),
            ("!d 09:05", "hold releases"),
            ("09:05", "09:05 !d hold releases"),
            ("09:05", "!d 09:05 hold releases"),
            ("", "09:05 !d hold releases"),
        ],
    )
    def test_is_the_beginning_of_the_line(
        self, incident: Incident, box: str, text: str
    ) -> None:
        """R-TL-04"""
        found = read(incident, text, at=box)
        assert found["occurred_at"] == at("09:05", day=17)
        assert (found["kind"], found["action_taken"]) == ("decision", "hold releases")

    def test_holds_whichever_zone_follows(self, incident: Incident) -> None:
        found = read(incident, "CET rate down", at="09:05")
        assert found["occurred_at"] == at("08:05", day=17)
        assert found["observed_signal"] == "rate down"

    def test_wins_over_another_time_which_is_told(self, incident: Incident) -> None:
        form = QuickAddForm(
            {"at": "09:05", "text": "10:00 batch late"}, incident=incident
        )
        assert form.is_valid()
        assert form.cleaned_data["occurred_at"] == at("09:05", day=17)
        assert form.cleaned_data["observed_signal"] == "10:00 batch late"
        assert form.notes == [
            "“10:00” stays in the sentence: another time stands before it."
        ]

    def test_says_what_it_cannot_read(self, incident: Incident) -> None:
        form = QuickAddForm({"at": "soon", "text": "rate down"}, incident=incident)
        assert not form.is_valid()
        assert form.errors["at"] == ["Start with the time: 10:20 soon rate down"]

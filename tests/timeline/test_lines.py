"""The quick-add bar end to end: once, with its evidence, in the words of the writer."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from incidents import activity
from incidents.models import Evidence, Incident
from tests.timeline.conftest import Tape, at
from tests.timeline.test_forms import read
from timeline import services
from timeline.forms import QuickAddForm
from timeline.models import Entry, EntryEvidence

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00"
    b"\x00\x00\x1f\x15\xc4\x89\x00\x00\x00\nIDATx\x9cc\x00\x01\x00\x00\x05\x00\x01\r\n-"
    b"\xb4\x00\x00\x00\x00IEND\xaeB`\x82"
)


@pytest.fixture
def page(client: Client, responder: User) -> Client:
    client.force_login(responder)
    return client


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

    def test_takes_other_words_under_a_used_key_for_a_new_line(
        self, tape: Tape
    ) -> None:
        """Nothing that was typed is lost to a browser that repeats itself."""
        first = line(tape, key="a1", observed_signal="Rate falls")
        second = line(tape, key="a1", observed_signal="Rate is back")

        assert (first.was_there, second.was_there) == (False, False)
        assert second.entry.observed_signal == "Rate is back"

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
            uploads=[SimpleUploadedFile("rate.png", PNG, "image/png")],
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

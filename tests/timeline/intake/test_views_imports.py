"""Pages of an import: what is refused at once, how far it is, how it was read."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from incidents.services import redaction
from tests.timeline.conftest import Tape, set_status, text, url
from tests.timeline.intake.logs import (
    BAD_AT_ONCE,
    CARD,
    CHAT,
    EXPORT,
    ask,
    chat,
    file,
    nothing_is_stored,
    take,
    work,
)
from timeline.models import Candidate, LogReading
from timeline.services.intake import reading, worker


class TestImportAdd:
    def test_leads_to_the_page_that_says_where_it_stands(
        self, page: Client, tape: Tape
    ) -> None:
        sent = page.post(
            url(tape, "import/"),
            {"upload": file("ops.zip", EXPORT), "day": "2026-03-10"},
        )

        assert sent.url == LogReading.objects.get().get_absolute_url()
        assert "Waiting for a worker." in text(page.get(sent.url))

    @pytest.mark.parametrize(
        ("name", "content", "code", "words"), BAD_AT_ONCE.values(), ids=BAD_AT_ONCE
    )
    def test_refuses_in_a_sentence_and_keeps_nothing(
        self, page: Client, tape: Tape, name: str, content: bytes, code: str, words: str
    ) -> None:
        sent = page.post(url(tape, "import/"), {"upload": file(name, content)})

        assert sent.status_code == 422
        assert words in text(sent)
        assert CARD not in sent.content.decode()
        assert not LogReading.objects.exists()
        assert nothing_is_stored()

    def test_keeps_what_was_pasted_when_it_is_refused(
        self, page: Client, tape: Tape
    ) -> None:
        sent = page.post(url(tape, "import/"), {"text": "no time here"})

        assert sent.status_code == 422
        assert "no time here" in sent.content.decode()
        assert "begins" in text(sent)

    def test_offers_the_day_of_the_incident(self, page: Client, tape: Tape) -> None:
        tape.whole()

        assert 'value="2026-03-10"' in page.get(url(tape, "import/")).content.decode()

    def test_is_closed_on_a_frozen_incident(self, page: Client, tape: Tape) -> None:
        set_status(incident_id=tape.incident.pk, actor=tape.actor, status="closed")

        assert "frozen" in text(page.get(url(tape, "import/")))
        assert page.post(url(tape, "import/"), {"text": CHAT}).status_code == 409
        assert nothing_is_stored()


class TestReadingAdd:
    def test_has_an_artifact_read_on_another_day(
        self, page: Client, tape: Tape
    ) -> None:
        tape.whole()
        number = take(tape, text=CHAT).number
        where = url(tape, f"import/{number}/")
        assert 'value="2026-03-10"' in page.get(where).content.decode()

        def read(day: str) -> str:
            sent = page.post(where, {"reader": "chat", "day": day})
            row = LogReading.objects.latest("pk")
            assert sent.url == row.get_absolute_url()
            worker.read_long(row.pk)
            return text(page.get(sent.url))

        right, wrong = read("2026-03-10"), read("2026-03-09")
        assert "Tuesday, 10 Mar 2026" in right
        assert "Outside" not in right
        assert "Outside the incident: 3 before its start. Is the day right?" in wrong

    def test_writes_nothing_when_it_is_only_looked_at(
        self, page: Client, tape: Tape
    ) -> None:
        number = take(tape, text=CHAT).number
        before = LogReading.objects.count()

        for where in (f"import/{number}/", f"import/{number}/?day=2026-03-09"):
            assert page.get(url(tape, where)).status_code == 200

        assert LogReading.objects.count() == before

    def test_says_why_an_artifact_cannot_be_read(
        self, page: Client, tape: Tape
    ) -> None:
        number = take(tape, text=CHAT).number
        before = LogReading.objects.count()

        linked = page.post(url(tape, f"import/{tape.original.number}/"), {"day": ""})
        no_day = page.post(url(tape, f"import/{number}/"), {"day": "10.3."})

        assert linked.status_code == 409
        assert "no stored file" in text(linked)
        assert no_day.status_code == 422
        assert "Write the day as 2026-03-10." in text(no_day)
        assert page.get(url(tape, "import/99/")).status_code == 404
        assert LogReading.objects.count() == before


class TestReadingDetail:
    def test_tells_how_far_the_worker_is(self, page: Client, tape: Tape) -> None:
        row = ask(tape, upload=file("ops.txt", CHAT))
        where = row.get_absolute_url()

        def shown() -> str:
            fragment = page.get(f"{where}status/")
            assert "HX-Refresh" not in fragment
            assert text(fragment).strip() in text(page.get(where))
            return text(fragment)

        assert "Waiting for a worker. The log is set aside" in shown()
        taken = worker._claim(row.pk)
        assert taken is not None
        assert "Being read. You may leave" in shown()
        LogReading.objects.update(lines_read=21_500, bytes_read=2**20, size=2**22)
        assert "Being read: 21,500 lines so far, 1.0 MB of 4.0 MB." in shown()
        LogReading.objects.update(lines_read=50_000, bytes_read=2**22)
        assert "Read to its end: 50,000 lines. Now it is looked through" in shown()
        LogReading.objects.update(lease_until=None)
        assert "The one that had it was stopped; the next one takes it up" in shown()
        LogReading.objects.update(size=row.size)
        work(row)
        assert page.get(f"{where}status/")["HX-Refresh"] == "true"

    def test_asks_again_by_itself_as_long_as_it_waits(
        self, page: Client, tape: Tape
    ) -> None:
        row = ask(tape, text=CHAT)
        asks = f'hx-get="{row.get_absolute_url()}status/" hx-trigger="every 1s"'

        assert asks in page.get(row.get_absolute_url()).content.decode()
        work(row)
        assert asks not in page.get(row.get_absolute_url()).content.decode()

    def test_shows_how_it_was_read_and_then_the_candidates(
        self, page: Client, tape: Tape
    ) -> None:
        row = work(ask(tape, upload=file("ops.zip", EXPORT)))
        where = row.get_absolute_url()

        shown = text(page.get(where))
        assert "New candidates 2" in shown
        assert "Left out 2" in shown
        assert "@Bob see graph (https://a.example) &amp; #ops" in shown
        assert "not a message but a notice of the channel" in shown
        assert "Make 2 candidates" in shown
        assert not Candidate.objects.exists()
        assert page.post(where).url == where
        worker._claim(row.pk)
        assert "Candidates are being made of 4 lines, all or none." in text(
            page.get(where)
        )
        LogReading.objects.update(lease_until=None)
        work(row)
        assert page.get(where).url == url(tape, "candidates/?source=EV-1")
        assert Candidate.objects.count() == 2

    def test_says_that_all_of_it_is_known(self, page: Client, tape: Tape) -> None:
        chat(tape)

        row = work(ask(tape, text=CHAT))

        assert "All of it is known" in text(page.get(row.get_absolute_url()))

    def test_reads_no_file_however_often_it_is_looked_at(
        self, page: Client, tape: Tape, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        row = work(ask(tape, upload=file("ops.zip", EXPORT)))
        monkeypatch.setattr(reading, "read_log", None)
        page.get(row.get_absolute_url())

        with CaptureQueriesContext(connection) as queries:
            shown = page.get(row.get_absolute_url())

        assert "New candidates 2" in text(shown)
        assert len(queries) <= 20
        assert not [q for q in queries if not q["sql"].startswith("SELECT")]

    def test_shows_why_it_was_refused(self, page: Client, tape: Tape) -> None:
        row = ask(tape, text=CHAT)
        set_status(incident_id=tape.incident.pk, actor=tape.actor, status="closed")
        work(row)
        set_status(incident_id=tape.incident.pk, actor=tape.actor, status="active")

        assert "Not read. INC-1 is closed" in text(page.get(row.get_absolute_url()))

    def test_refuses_candidates_of_what_was_not_read(
        self, page: Client, tape: Tape
    ) -> None:
        row = ask(tape, text=CHAT)

        sent = page.post(row.get_absolute_url())

        assert sent.status_code == 409
        assert "was not read yet" in text(sent)

    def test_is_closed_to_who_may_not_record(
        self, client: Client, tape: Tape, viewer: User
    ) -> None:
        row = ask(tape, text=CHAT)
        client.force_login(viewer)

        for where in (row.get_absolute_url(), f"{row.get_absolute_url()}status/"):
            assert client.get(where).status_code == 403

    def test_is_as_closed_as_an_artifact_that_is_to_be_redacted(
        self, page: Client, tape: Tape, administrator: User
    ) -> None:
        row = work(ask(tape, text=CHAT))
        redaction.ask_redaction(
            incident_id=tape.incident.pk, actor=administrator, number=1, reason="Names"
        )

        assert page.get(row.get_absolute_url()).status_code == 404

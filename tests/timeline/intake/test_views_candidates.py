"""Pages of candidates: what they show, what they refuse, what they cost."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests.timeline.checks.conftest import INFO, finding, found
from tests.timeline.conftest import Tape, at, text, url
from tests.timeline.intake.logs import (
    EXPORT,
    accept,
    ask,
    chat,
    dismiss,
    file,
    waiting,
    work,
)
from timeline.models import Candidate, Entry


def many(tape: Tape, count: int) -> None:
    """`count` waiting candidates of one import."""
    made = chat(tape)
    Candidate.objects.bulk_create(
        Candidate(
            incident=tape.incident,
            source=made,
            place=f"line {number}",
            occurred_at=at("15:00"),
            precision="minute",
            author="Anna",
            text=f"message {number}",
            raw="x",
            fingerprint=f"{number:032}",
        )
        for number in range(count - 3)
    )


class TestCandidateList:
    def test_shows_what_waits_with_its_source(self, page: Client, tape: Tape) -> None:
        chat(tape)

        shown = page.get(url(tape, "candidates/"))
        body = text(shown)

        assert "Tuesday, 10 Mar 2026" in body
        assert "Anna Smith auth rate down" in body
        assert "[14:05] Anna Smith: auth rate down" in body
        assert "Accept all 3 shown" in body
        assert "3 candidates from EV-1 wait" in text(page.get(url(tape)))

    def test_narrows_by_state_words_source_and_time(
        self, page: Client, tape: Tape
    ) -> None:
        chat(tape)
        chat(tape, "2026-03-10 16:00 Zoe: unlike\n")
        dismiss(tape, waiting(tape)[:1], reason="Noise")

        def rows(query: str) -> list[tuple[str, str]]:
            body = page.get(url(tape, f"candidates/?{query}")).content.decode()
            return re.findall(r'class="in-said"><b>(.+?)</b> (.+?)</p>', body)

        assert rows("") == [
            ("Bob", "looking"),
            ("Anna Smith", "rolled back"),
            ("Zoe", "unlike"),
        ]
        assert rows("q=anna+rolled") == [("Anna Smith", "rolled back")]
        assert rows("source=EV-2") == [("Zoe", "unlike")]
        assert rows("from=2026-03-10+14:10&to=2026-03-10+15:00") == [
            ("Anna Smith", "rolled back")
        ]
        assert rows("state=dismissed") == [("Anna Smith", "auth rate down")]
        assert rows("state=accepted") == []
        assert len(rows("state=odd&source=EV-x&from=nonsense")) == 3

    def test_escapes_what_a_log_says(self, page: Client, tape: Tape) -> None:
        chat(tape, "14:05 <b>: <script>alert(1)</script>\n14:06 Bob: x\n")

        assert (
            "<script>alert" not in page.get(url(tape, "candidates/")).content.decode()
        )

    def test_leads_back_to_what_is_under_way(self, page: Client, tape: Tape) -> None:
        chat(tape)
        row = ask(tape, upload=file("ops.zip", EXPORT))

        def shown() -> str:
            answer = page.get(url(tape, "candidates/"))
            assert f'href="{row.get_absolute_url()}"' in answer.content.decode()
            return text(answer)

        assert "ops.zip waits for a worker" in shown()
        work(row)
        assert "ops.zip was read: look at it" in shown()
        page.post(row.get_absolute_url())
        work(row)
        after = page.get(url(tape, "candidates/")).content.decode()
        assert row.get_absolute_url() not in after

    def test_asks_no_more_for_a_hundred_than_for_three(
        self, page: Client, tape: Tape
    ) -> None:
        many(tape, 3)
        page.get(url(tape, "candidates/"))  # the checks run once
        with CaptureQueriesContext(connection) as few:
            page.get(url(tape, "candidates/"))
        Candidate.objects.all().delete()
        many(tape, 260)
        page.get(url(tape, "candidates/"))
        with CaptureQueriesContext(connection) as more:
            shown = page.get(url(tape, "candidates/"))
        page.get(url(tape))
        with CaptureQueriesContext(connection) as timeline:
            page.get(url(tape))

        assert shown.content.decode().count('class="in-row"') == 100
        assert "1 to 100 of 260" in text(shown)
        assert len(more) == len(few)
        assert len(more) <= 12
        assert len(timeline) <= 20

    def test_offers_no_verb_to_who_may_only_read(
        self, client: Client, tape: Tape, viewer: User
    ) -> None:
        chat(tape)
        client.force_login(viewer)

        shown = client.get(url(tape, "candidates/"))

        assert "auth rate down" in text(shown)
        body = shown.content.decode()
        assert 'name="id"' not in body
        assert "candidates/accept/" not in body
        assert "timeline/import/" not in body
        sent = client.post(url(tape, "candidates/accept/"), {"id": "1"})
        assert sent.status_code == 403
        assert not Entry.objects.exists()


class TestDecisions:
    def test_accepts_the_chosen_with_kind_and_lane(
        self, page: Client, tape: Tape
    ) -> None:
        chat(tape)
        rows = waiting(tape)
        lane = tape.incident.lanes.earliest("number")

        sent = page.post(
            url(tape, "candidates/accept/"),
            {
                "id": [rows[0].pk, rows[2].pk],
                "kind": "action",
                "lane": lane.ref,
                "source": "EV-1",
            },
        )

        assert sent.url == url(tape, "candidates/?source=EV-1")
        assert set(Entry.objects.values_list("kind", "lane")) == {("action", lane.pk)}
        assert Entry.objects.count() == 2

    def test_accepts_all_that_were_shown(self, page: Client, tape: Tape) -> None:
        chat(tape)
        shown = ",".join(str(row.pk) for row in waiting(tape)[:2])

        page.post(url(tape, "candidates/accept/"), {"which": "shown", "shown": shown})

        assert Entry.objects.count() == 2

    def test_shows_every_reason_and_keeps_the_choice_when_one_is_refused(
        self, page: Client, tape: Tape
    ) -> None:
        chat(tape, "2027-03-10 14:05 a: x\n2026-03-10 14:05 a: y\n")
        ids = [row.pk for row in waiting(tape)]

        sent = page.post(url(tape, "candidates/accept/"), {"id": ids, "kind": "signal"})

        assert sent.status_code == 422
        assert "Nothing was changed. line 1: " in text(sent)
        assert len(re.findall(r'name="id"[^>]* checked>', sent.content.decode())) == 2
        assert '<option value="signal" selected>' in sent.content.decode()
        assert not Entry.objects.exists()

    @pytest.mark.parametrize("form", [{}, {"id": "x"}, {"id": "999"}, {"lane": "LN-99", "id": "1"}])  # fmt: skip  # noqa: E501
    def test_refuses_an_odd_choice_in_a_sentence(
        self, page: Client, tape: Tape, form: dict[str, str]
    ) -> None:
        chat(tape)

        sent = page.post(url(tape, "candidates/accept/"), form)

        assert sent.status_code == 422
        assert "Nothing was changed." in text(sent)

    def test_dismisses_all_that_the_filter_shows_and_takes_back(
        self, page: Client, tape: Tape
    ) -> None:
        chat(tape)
        page.post(
            url(tape, "candidates/dismiss/"),
            {"which": "filter", "q": "anna", "reason": "Lunch"},
        )
        assert [row.author for row in waiting(tape)] == ["Bob"]
        shown = text(page.get(url(tape, "candidates/?state=dismissed")))
        assert "Lunch" in shown

        page.post(
            url(tape, "candidates/restore/"),
            {"id": list(Candidate.objects.values_list("pk", flat=True))},
        )
        assert len(waiting(tape)) == 3

    def test_corrects_one_before_it_becomes_an_entry(
        self, page: Client, tape: Tape
    ) -> None:
        chat(tape)
        row = waiting(tape)[0]
        path = url(tape, f"candidates/{row.pk}/")

        form = page.get(path).content.decode()
        assert "Anna Smith: auth rate down" in form
        assert 'value="2026-03-10 14:05"' in form
        sent = page.post(
            path,
            {
                "kind": "signal",
                "occurred_at": "2026-03-10 14:04",
                "precision": "minute",
                "observed_signal": "Auth rate 61%",
            },
        )

        assert sent.url == url(tape, "candidates/?source=EV-1")
        entry = Entry.objects.get()
        assert (entry.observed_signal, entry.occurred_at) == (
            "Auth rate 61%",
            at("14:04"),
        )
        assert [link.note for link in entry.evidence_links.all()] == ["line 1"]
        assert page.get(path).status_code == 302
        assert page.get(url(tape, "candidates/999/")).status_code == 404

    def test_leads_back_from_an_address_that_only_takes_forms(
        self, page: Client, tape: Tape
    ) -> None:
        for verb in ("accept", "dismiss", "restore"):
            assert page.get(url(tape, f"candidates/{verb}/")).status_code == 302


class TestCandidatesWait:
    def test_says_how_many_were_never_decided(self, tape: Tape) -> None:
        chat(tape)
        accept(tape, waiting(tape)[:1])

        (said,) = found(tape.incident, "TL021")

        assert said == finding(
            "TL021",
            INFO,
            "2 of 3 candidates from EV-1 were never decided",
            hint="Accept the moments of the incident and dismiss the rest.",
        )
        assert said.url == url(tape, "candidates/?source=EV-1")

    def test_is_silent_when_all_are_decided(self, tape: Tape) -> None:
        chat(tape)
        dismiss(tape, waiting(tape))

        assert found(tape.incident, "TL021") == []

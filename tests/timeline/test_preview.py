"""How a line would be read before it is sent, in the words of Enter."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve

from accounts.models import User
from tests.conftest import HTMX
from tests.timeline.conftest import Tape, set_status, text, url
from timeline.models import Entry


class TestEntryPreview:
    """R-TL-02, R-TL-04"""

    def ask(self, page: Client, tape: Tape, line: str, **fields: str) -> str:
        found = page.post(url(tape, "preview/"), {"text": line, **fields})
        assert found.status_code == 200
        return text(found)

    def test_says_how_the_line_was_read(self, page: Client, tape: Tape) -> None:
        tape.add("14:08", milestone="declared")
        body = self.ask(page, tape, "2026-03-10 14:05 rate down #checkout")
        assert "10 Mar 2026, 14:05 UTC" in body
        assert "T−00:03" in body
        assert "Lane: Checkout authorization" in body

    def test_says_nothing_while_nothing_is_typed(
        self, page: Client, tape: Tape
    ) -> None:
        assert "Times are on the incident clock, UTC." in self.ask(page, tape, " ")

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("25:99 x", "could not be read as a time"),
            ("18:00 x", "17 Mar 2026, 18:00 UTC lies in the future"),
            ("09:20-09:05 x", "The end lies before the start."),
            ("09:05-10:40 x", "17 Mar 2026, 10:40 UTC lies in the future"),
            ("2026-03-17 18:00 x", "lies in the future"),
            ("1026-03-17 18:00 x", "The year 1026 cannot be right"),
            ("09:05 x card 4539 1488 0343 6467", "card number"),
            ("09:05", "Say what was seen or what was done."),
            ("rate is down", "Start with the time: 10:20 rate is down"),
            ("09:05 CST x", "is the name of more than one zone"),
            ("09:05 Europe/Berlinn x", "is not a time zone"),
            ("", "Say what was seen or what was done."),
        ],
    )
    def test_refuses_what_enter_refuses_in_the_same_words(
        self, page: Client, tape: Tape, line: str, words: str
    ) -> None:
        at = "" if line else "09:05"
        entered = page.post(url(tape, "quick/"), {"text": line, "at": at}, headers=HTMX)
        alert = entered.content.decode().split('role="alert">')[1].split("</div>")[0]
        sentences = re.findall(r"</svg>(.*?)</p>", alert)
        assert entered.status_code == 422
        assert words in " ".join(sentences)
        body = self.ask(page, tape, line, at=at)
        for sentence in sentences:
            assert sentence in body
        assert not Entry.objects.exists()

    def test_refuses_a_line_on_a_frozen_record_as_enter_does(
        self, page: Client, tape: Tape, commander: User
    ) -> None:
        set_status(incident_id=tape.incident.pk, actor=commander, status="closed")
        assert "is closed and frozen" in self.ask(page, tape, "09:05 x")

    def test_refuses_a_link_that_carries_a_token(
        self, page: Client, tape: Tape
    ) -> None:
        body = self.ask(page, tape, "09:05 x", link="https://a.example/?token=abc")
        assert "This link carries a credential" in body

    def test_is_no_get_so_that_no_address_holds_what_is_typed(
        self, page: Client, tape: Tape
    ) -> None:
        assert page.get(url(tape, "preview/"), {"text": "09:05 x"}).status_code == 405
        bar = page.get(url(tape)).content.decode()
        assert f'hx-post="{url(tape, "preview/")}"' in bar
        assert f'hx-get="{url(tape, "preview/")}' not in bar

    def test_asks_for_the_token_of_the_form(self, responder: User, tape: Tape) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(responder)
        there = url(tape, "preview/")
        assert strict.post(there, {"text": "09:05 x"}).status_code == 403

    def test_writes_nothing(self, page: Client, tape: Tape) -> None:
        self.ask(page, tape, "09:05 x")
        with CaptureQueriesContext(connection) as queries:
            self.ask(page, tape, "09:06 rate down #checkout @adyen")
        assert len(queries) <= 12
        for query in queries:
            assert query["sql"].startswith(("SELECT", "SAVEPOINT", "RELEASE")), query

    def test_is_declared_as_a_post_that_only_reads(self) -> None:
        found = resolve("/incidents/INC-1/timeline/preview/")
        assert found.func.only_reads  # type: ignore[attr-defined]
        assert not hasattr(
            resolve("/incidents/INC-1/timeline/quick/").func, "only_reads"
        )

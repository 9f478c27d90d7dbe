"""The bell of every page, and what was told to one person."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.models import Incident, Notification
from incidents.services.notifications import notify
from tests.conftest import NOW

URL = "/notices/"


@pytest.fixture
def tell(responder, incident):
    def run(number: int = 1, **fields):
        fields.setdefault("recipient", responder)
        fields.setdefault("incident", incident)
        return notify(
            kind="duty",
            dedupe_key=f"duty:{number}",
            subject=f"{incident.key}: you are scribe",
            body="you are scribe\nPlease write along.",
            url=incident.get_absolute_url(),
            **fields,
        )

    return run


@pytest.fixture
def signed_in(client: Client, responder) -> Client:
    client.force_login(responder)
    return client


def bell(client: Client) -> int:
    return client.get("/account/").context["notifications_count"]


class TestBell:
    def test_counts_what_was_not_read(self, signed_in, tell, commander):
        assert bell(signed_in) == 0
        tell(1)
        tell(2)
        tell(3, recipient=commander)
        assert bell(signed_in) == 2
        assert "Notifications, 2 new" in signed_in.get("/account/").content.decode()

    def test_leaves_out_an_incident_that_was_restricted_since(
        self, signed_in, tell, incident
    ):
        tell()
        Incident.objects.filter(pk=incident.pk).update(is_restricted=True)
        assert bell(signed_in) == 0
        assert "you are scribe" not in signed_in.get(URL).content.decode()

    def test_is_counted_anew_after_reading(self, signed_in, tell, settings):
        settings.FIGURES_SECONDS = 60
        cache.clear()
        tell()
        assert bell(signed_in) == 1
        signed_in.post(f"{URL}read/")
        assert bell(signed_in) == 0


class TestNotificationList:
    def test_shows_ones_own_newest_first_without_saying_a_line_twice(
        self, signed_in, tell, commander, clock
    ):
        tell(1)
        clock.shift(60)
        newest = tell(2)
        tell(3, recipient=commander)

        page = signed_in.get(URL)

        assert next(row for row, _ in page.context["rows"]) == newest
        assert [lines for _, lines in page.context["rows"]] == [
            ["Please write along."]
        ] * 2

    def test_says_when_there_is_none(self, signed_in):
        text = signed_in.get(URL).content.decode()
        assert "Nothing was told to you yet" in text
        assert "Mark all as read" not in text

    def test_costs_the_same_however_many_there_are(self, signed_in, tell):
        counts = []
        for number in (1, 40):
            for index in range(number):
                tell(number * 100 + index)
            signed_in.get(URL)
            with CaptureQueriesContext(connection) as queries:
                signed_in.get(URL)
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 12


class TestNotificationOpen:
    def test_goes_there_and_is_read(self, signed_in, tell, incident):
        row = tell()
        page = signed_in.get(f"{URL}{row.pk}/")
        assert page.url == incident.get_absolute_url()
        row.refresh_from_db()
        assert row.read_at == NOW

    def test_is_missing_for_everybody_else(self, client, tell, commander):
        row = tell()
        client.force_login(commander)
        assert client.get(f"{URL}{row.pk}/").status_code == 404
        row.refresh_from_db()
        assert row.read_at is None


class TestNotificationRead:
    def test_reads_all_of_ones_own(self, signed_in, tell, commander):
        tell(1)
        tell(2)
        tell(3, recipient=commander)
        page = signed_in.post(f"{URL}read/", follow=True)
        assert "Everything here is read." in page.content.decode()
        assert list(
            Notification.objects.filter(read_at=None).values_list("recipient__name")
        ) == [(commander.name,)]

    def test_takes_no_link(self, signed_in, tell):
        row = tell()
        assert signed_in.get(f"{URL}read/").status_code == 405
        row.refresh_from_db()
        assert row.read_at is None

"""What the page of the one-pager says while it is made, and when it cannot be made."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from review.models import ReportBuild
from review.services import reports
from tests.conftest import NOW
from tests.review.conftest import Case

State = ReportBuild.State


@pytest.fixture
def page(client: Client, bare: Case) -> Any:
    """The status, as it stands with these fields of the build."""
    build = reports.request_report(**bare.ids)
    client.force_login(bare.cast["commander"])

    def get(**fields: Any) -> str:
        ReportBuild.objects.filter(pk=build.pk).update(**fields)
        address = reverse("review:report_status", args=[bare.incident.key])
        return " ".join(client.get(address).content.decode().split())

    return get


class TestReportStatus:
    def test_says_that_it_waits_for_a_worker(self, page: Any) -> None:
        words = page()

        assert "Waiting for a worker." in words
        assert "tell an administrator" in words
        assert 'hx-trigger="every 2s"' in words

    def test_says_which_try_is_in_hand_and_until_when(self, page: Any) -> None:
        words = page(attempts=2, lease_until=NOW + dt.timedelta(seconds=80))

        assert "Being made.</b> Try 2 of 5." in words
        assert "another takes over at 10:21 UTC" in words

    def test_says_that_a_worker_was_stopped(self, page: Any) -> None:
        words = page(attempts=1, lease_until=NOW - dt.timedelta(seconds=1))

        assert "The worker of try 1 of 5 was stopped." in words

    def test_says_why_a_try_failed_and_when_the_next_begins(self, page: Any) -> None:
        words = page(
            attempts=2,
            error="The disk of the file store is full. Make room, then try again.",
            lease_until=NOW + dt.timedelta(minutes=1),
        )

        assert "Try 2 of 5 failed.</b> The disk of the file store is full." in words
        assert "The next try begins 10:21 UTC by itself." in words
        assert "Try again now</button>" in words

    def test_says_why_it_could_not_be_made_with_a_button(self, page: Any) -> None:
        words = page(state=State.FAILED, attempts=5, error="The disk is full.")

        assert "Could not be made in 5 tries.</b> The disk is full." in words
        assert "Try again</button>" in words
        assert "hx-trigger" not in words

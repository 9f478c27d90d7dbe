"""What the page of the one-pager says while it is made, and when it cannot be made."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse

from incidents.services.lifecycle import edit_incident
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


class TestReport:
    def test_of_a_lost_file_says_so_and_offers_to_make_it_again(
        self, client: Client, bare: Case
    ) -> None:
        build = reports.request_report(**bare.ids)
        reports.render_build(build.pk)
        build.refresh_from_db()
        default_storage.delete(build.path)
        client.force_login(bare.cast["commander"])

        gone = client.get(reverse("review:report", args=[bare.incident.key]))
        words = " ".join(gone.content.decode().split())
        assert gone.status_code == 409
        assert "Made, but its file is gone</b> from the file store." in words
        assert "Make it again</button>" in words
        assert "Download the PDF" not in words

        make = reverse("review:report_request", args=[bare.incident.key])
        client.post(make)
        reports.render_build(build.pk)
        again = client.get(reverse("review:report", args=[bare.incident.key]))
        pdf = b"".join(again.streaming_content)  # type: ignore[attr-defined]
        assert pdf.startswith(b"%PDF")

    def test_of_an_older_lost_file_names_the_present_one(
        self, client: Client, bare: Case
    ) -> None:
        old = reports.request_report(**bare.ids)
        reports.render_build(old.pk)
        old.refresh_from_db()
        edit_incident(**bare.ids, summary="Another version of the record.")
        reports.render_build(reports.request_report(**bare.ids).pk)
        default_storage.delete(old.path)
        client.force_login(bare.cast["commander"])

        address = reverse("review:report", args=[bare.incident.key])
        gone = client.get(address, {"build": old.pk})
        words = " ".join(gone.content.decode().split())
        assert gone.status_code == 409
        assert "Not there any more.</b> The file of this one-pager is gone" in words
        assert "Download the PDF" in words

"""Rendering in the background: run twice, killed, failed."""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import os
import resource
import shutil
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core.files.storage import default_storage

from accounts.models import User
from incidents.models import ActivityEntry
from incidents.services.custody import FileMissing
from incidents.services.findings import refresh_findings
from incidents.services.lifecycle import edit_incident
from review import tasks
from review.models import ReportBuild, Review
from review.services import reports, reviews
from tests.conftest import NOW
from tests.review.conftest import Case

State = ReportBuild.State


@pytest.fixture
def asked(bare: Case) -> ReportBuild:
    """A one-pager that is asked for and not made yet."""
    return reports.request_report(**bare.ids)


class TestRequestReport:
    def test_writes_one_build_for_one_state(self, bare: Case) -> None:
        first = reports.request_report(**bare.ids)
        second = reports.request_report(
            incident_id=bare.incident.pk, actor=bare.cast["finance"]
        )

        assert first == second
        verbs = ActivityEntry.objects.filter(verb="review.report_requested")
        assert verbs.count() == 1

    def test_makes_another_when_the_record_changes(
        self, bare: Case, asked: ReportBuild
    ) -> None:
        edit_incident(**bare.ids, summary="Told anew.")

        assert reports.request_report(**bare.ids) != asked

    def test_makes_another_when_the_findings_change(
        self, bare: Case, asked: ReportBuild
    ) -> None:
        with time_machine.travel(NOW + dt.timedelta(days=3), tick=False):
            assert reports.request_report(**bare.ids) != asked

    def test_leaves_the_checks_and_the_hash_to_the_worker(
        self, bare: Case, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        refresh_findings(bare.incident.pk)

        def run(case: Any) -> Any:
            raise AssertionError("the request does what the worker has done")

        monkeypatch.setattr("incidents.selectors.findings_of", run)
        monkeypatch.setattr("review.selectors.seals.findings", run)
        monkeypatch.setattr("incidents.selectors.results.build_record", run)

        assert reports.request_report(**bare.ids).state == State.QUEUED

    def test_starts_the_task_on_commit(
        self,
        bare: Case,
        django_capture_on_commit_callbacks: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        sent: list[tuple[str, dict[str, Any]]] = []
        monkeypatch.setattr(
            "postmortem.lib.jobs.current_app.send_task",
            lambda name, kwargs: sent.append((name, kwargs)),
        )
        with django_capture_on_commit_callbacks(execute=True):
            build = reports.request_report(**bare.ids)

        assert ("review.tasks.build_report", {"build_id": build.pk}) in sent


class TestBuildReport:
    def test_stores_the_page_under_its_hash(self, asked: ReportBuild) -> None:
        tasks.build_report(build_id=asked.pk)

        asked.refresh_from_db()
        with default_storage.open(asked.path) as file:
            data = file.read()
        assert asked.state == State.READY
        assert data.startswith(b"%PDF-1.7")
        assert asked.sha256 == hashlib.sha256(data).hexdigest()
        assert asked.path == f"reports/{asked.sha256}.pdf"
        assert asked.size == len(data)

    def test_keeps_a_whole_file_or_none_when_the_disk_is_full(
        self, bare: Case, asked: ReportBuild
    ) -> None:
        folder = Path(default_storage.path("reports"))
        shutil.rmtree(folder, ignore_errors=True)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))  # bytes of a file
        try:
            tasks.build_report(build_id=asked.pk)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        asked.refresh_from_db()
        assert (asked.state, asked.attempts) == (State.QUEUED, 1)
        assert "could not be written to the file store" in asked.error
        assert not list(folder.glob("*"))

        reports.request_report(**bare.ids)
        tasks.build_report(build_id=asked.pk)

        asked.refresh_from_db()
        with default_storage.open(asked.path) as file:
            assert hashlib.sha256(file.read()).hexdigest() == asked.sha256

    def test_is_harmless_twice(self, asked: ReportBuild) -> None:
        tasks.build_report(build_id=asked.pk)
        asked.refresh_from_db()
        before = (asked.attempts, asked.built_at, asked.sha256)

        tasks.build_report(build_id=asked.pk)

        asked.refresh_from_db()
        assert (asked.attempts, asked.built_at, asked.sha256) == before

    def test_gives_the_same_file_again(self, asked: ReportBuild) -> None:
        tasks.build_report(build_id=asked.pk)
        asked.refresh_from_db()
        first = asked.sha256
        ReportBuild.objects.filter(pk=asked.pk).update(state=State.QUEUED, sha256="")

        tasks.build_report(build_id=asked.pk)

        asked.refresh_from_db()
        assert asked.sha256 == first

    def test_leaves_a_build_that_another_worker_has(self, asked: ReportBuild) -> None:
        ReportBuild.objects.filter(pk=asked.pk).update(
            lease_until=NOW + dt.timedelta(minutes=1), attempts=1
        )

        tasks.build_report(build_id=asked.pk)

        asked.refresh_from_db()
        assert (asked.state, asked.attempts) == (State.QUEUED, 1)

    def test_takes_it_over_when_the_lease_is_over(self, asked: ReportBuild) -> None:
        ReportBuild.objects.filter(pk=asked.pk).update(
            lease_until=NOW - dt.timedelta(seconds=1), attempts=1
        )

        tasks.build_report(build_id=asked.pk)

        asked.refresh_from_db()
        assert (asked.state, asked.attempts) == (State.READY, 2)

    def test_keeps_the_error_and_tries_at_most_five_times(
        self, asked: ReportBuild, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(**_: Any) -> bytes:
            raise OSError(errno.ENOSPC, "no space left")

        monkeypatch.setattr(reports, "render_pdf", broken)
        for attempt in range(1, 7):
            tasks.build_report(build_id=asked.pk)
            asked.refresh_from_db()
            assert asked.attempts == min(attempt, 5)
            ReportBuild.objects.filter(pk=asked.pk).update(lease_until=None)

        assert asked.state == State.FAILED
        assert asked.error == (
            "The disk of the file store is full. Make room, then try again."
        )

    def test_gives_up_on_a_build_that_kills_its_workers(
        self, asked: ReportBuild
    ) -> None:
        ReportBuild.objects.filter(pk=asked.pk).update(attempts=5)

        tasks.build_report(build_id=asked.pk)

        asked.refresh_from_db()
        assert asked.state == State.FAILED
        assert "stopped while it made the page" in asked.error

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (OSError("cannot load library 'libpango-1.0-0'"), "Install libpango-1.0-0"),
            (PermissionError(13, "Permission denied"), "(Permission denied). See that"),
            (ValueError("odd"), "Something unexpected: ValueError, odd."),
        ],
    )
    def test_says_in_words_what_went_wrong(
        self,
        asked: ReportBuild,
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
        words: str,
    ) -> None:
        def broken(**_: Any) -> bytes:
            raise error

        monkeypatch.setattr(reports, "render_pdf", broken)
        tasks.build_report(build_id=asked.pk)

        asked.refresh_from_db()
        assert words in asked.error
        assert asked.is_between_tries

    def test_is_tried_at_once_when_asked_between_tries(
        self, bare: Case, asked: ReportBuild
    ) -> None:
        later = NOW + dt.timedelta(minutes=4)
        ReportBuild.objects.filter(pk=asked.pk).update(
            attempts=3, error="The disk is full.", lease_until=later
        )

        again = reports.request_report(**bare.ids)
        tasks.build_report(build_id=asked.pk)

        asked.refresh_from_db()
        assert again.pk == asked.pk
        assert (asked.state, asked.attempts, asked.error) == (State.READY, 4, "")

    def test_leaves_the_try_of_a_worker_alone_when_asked_again(
        self, bare: Case, asked: ReportBuild
    ) -> None:
        later = NOW + dt.timedelta(seconds=60)
        ReportBuild.objects.filter(pk=asked.pk).update(attempts=1, lease_until=later)

        reports.request_report(**bare.ids)

        asked.refresh_from_db()
        assert asked.is_in_hand
        assert asked.lease_until == later

    def test_is_made_once_when_a_worker_is_killed_in_the_middle(
        self, asked: ReportBuild, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Killed between rendering and storing: the next one makes the same file, and
        what the dead one left behind is that file too."""

        def killed(pdf: bytes) -> tuple[str, str]:
            store(pdf)
            raise SystemExit

        store = reports._store
        monkeypatch.setattr(reports, "_store", killed)
        with pytest.raises(SystemExit):
            tasks.build_report(build_id=asked.pk)
        monkeypatch.setattr(reports, "_store", store)
        tasks.build_report(build_id=asked.pk)
        asked.refresh_from_db()
        assert (asked.state, asked.attempts) == (State.QUEUED, 1)

        with time_machine.travel(NOW + reports.LEASE * 2, tick=False):
            assert reports.waiting_builds() == [asked.pk]
            tasks.build_report(build_id=asked.pk)
            tasks.build_report(build_id=asked.pk)

        asked.refresh_from_db()
        assert (asked.state, asked.attempts) == (State.READY, 2)
        assert len(default_storage.listdir("reports")[1]) >= 1
        assert default_storage.exists(asked.path)

    def test_refuses_to_print_another_version(
        self, bare: Case, asked: ReportBuild
    ) -> None:
        edit_incident(**bare.ids, summary="Told anew.")

        tasks.build_report(build_id=asked.pk)

        asked.refresh_from_db()
        assert asked.state == State.FAILED
        assert "The record changed" in asked.error

    def test_is_tried_again_when_asked_again(
        self, bare: Case, asked: ReportBuild
    ) -> None:
        ReportBuild.objects.filter(pk=asked.pk).update(state=State.FAILED, attempts=5)

        again = reports.request_report(**bare.ids)

        assert (again.pk, again.state, again.attempts) == (asked.pk, State.QUEUED, 0)

    def test_does_nothing_for_a_row_that_is_gone(self, db: None) -> None:
        tasks.build_report(build_id=999_999)

    def test_prints_the_sealed_page_of_a_closed_record(self, case: Case) -> None:
        case.closed()
        build = ReportBuild.objects.get()

        tasks.build_report(build_id=build.pk)

        build.refresh_from_db()
        assert (build.state, build.is_draft) == (State.READY, False)

    def test_makes_one_page_of_one_seal(self, case: Case) -> None:
        """The clock moves findings, but not those of a sealed record."""
        case.closed()
        with time_machine.travel(NOW + dt.timedelta(days=90), tick=False):
            reports.request_report(
                incident_id=case.incident.pk, actor=case.cast["finance"]
            )

        assert ReportBuild.objects.count() == 1

    def test_never_changes_a_sealed_page(
        self, case: Case, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither later activity nor a product that draws its pages differently."""
        case.closed()
        tasks.build_report(build_id=ReportBuild.objects.get().pk)
        before = ReportBuild.objects.get()
        monkeypatch.setattr("review.report.collecting.TEMPLATE_VERSION", 999)
        with time_machine.travel(NOW + dt.timedelta(days=90), tick=False):
            again = reports.request_report(
                incident_id=case.incident.pk, actor=case.cast["finance"]
            )

        assert (again.pk, again.sha256) == (before.pk, before.sha256)

    @pytest.mark.parametrize("bytes_left", [None, 0, 5000])
    def test_makes_the_same_sealed_page_when_its_file_was_lost_or_cut(
        self, case: Case, bytes_left: int | None
    ) -> None:
        case.closed()
        build = ReportBuild.objects.get()
        tasks.build_report(build_id=build.pk)
        build.refresh_from_db()
        first = build.sha256
        if bytes_left is None:
            default_storage.delete(build.path)
        else:
            os.truncate(default_storage.path(build.path), bytes_left)
            with pytest.raises(FileMissing):
                reports.open_file(build)
        with time_machine.travel(NOW + dt.timedelta(days=90), tick=False):
            reports.request_report(
                incident_id=case.incident.pk, actor=case.cast["finance"]
            )
            tasks.build_report(build_id=build.pk)

        build.refresh_from_db()
        assert ReportBuild.objects.count() == 1
        assert (build.state, build.sha256) == (State.READY, first)
        assert default_storage.size(build.path) == build.size


class TestSweepReports:
    def test_starts_what_nobody_took(
        self, asked: ReportBuild, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        started: list[int] = []
        monkeypatch.setattr(
            "postmortem.lib.jobs.kick",
            lambda name, build_id: started.append(build_id),
        )
        tasks.sweep_reports()
        ReportBuild.objects.filter(pk=asked.pk).update(
            lease_until=NOW + dt.timedelta(minutes=1)
        )
        tasks.sweep_reports()

        assert started == [asked.pk]


class TestOpenDueReviews:
    def test_gives_stabilized_incidents_a_review_once(self, bare: Case) -> None:
        """R-DOC-16"""
        tasks.open_due_reviews()
        tasks.open_due_reviews()

        review = Review.objects.get()
        assert review.owner == bare.cast["commander"]
        assert review.recorded_by == User.objects.system()

    def test_leaves_active_incidents_alone(self, incident: Any) -> None:
        tasks.open_due_reviews()

        assert not Review.objects.exists()

    def test_is_scheduled(self) -> None:
        names = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

        assert {"review.tasks.sweep_reports", "review.tasks.open_due_reviews"} <= names

    def test_does_not_disturb_a_review_in_progress(self, bare: Case) -> None:
        reviews.open_review(**bare.ids)
        tasks.open_due_reviews()

        assert Review.objects.count() == 1

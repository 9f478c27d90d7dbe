"""The health checks: what they ask, and what counts."""

from __future__ import annotations

import errno
import json
import time

import pytest
from django.core.cache import cache
from django.test import Client, override_settings

from postmortem import views
from postmortem.celery import PULSE, note_pulse

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    cache.delete("worker_seen")


def ready(client: Client) -> tuple[int, dict[str, str]]:
    page = client.get("/readyz")
    return page.status_code, json.loads(page.content)


class Task:
    def __init__(self, name: str) -> None:
        self.name = name


class TestHealthz:
    def test_answers_without_asking_the_database(
        self, client: Client, django_assert_num_queries
    ):
        with django_assert_num_queries(0):
            page = client.get("/healthz")
        assert (page.status_code, page.content) == (200, b"ok")


def _of_a_full_disk(path, data):
    path.touch()  # a name needs no room
    raise OSError(errno.ENOSPC, "no space left on device")


class TestReadyz:
    def test_is_ready_when_every_part_answers(self, client: Client):
        cache.set("worker_seen", time.time())
        assert ready(client) == (
            200,
            {
                "status": "ready",
                "database": "ok",
                "storage": "ok",
                "broker": "ok",
                "worker": "ok",
            },
        )

    def test_goes_on_serving_without_broker_and_worker(self, client: Client):
        with override_settings(CELERY_BROKER_URL="redis+socket:///nowhere/kv.sock"):
            status, told = ready(client)
        assert status == 200
        assert told["status"] == "degraded"
        assert told["broker"] == "away"
        assert told["worker"] == "not seen"

    def test_tells_of_a_worker_that_stopped(self, client: Client):
        cache.set("worker_seen", time.time() - views.WORKER_SEEN_WITHIN - 1)
        assert ready(client)[1]["worker"] == "not seen lately"

    def test_is_not_deceived_by_a_clock_that_was_set_back(self, client: Client):
        cache.set("worker_seen", time.time() + 3600)
        assert ready(client)[1]["worker"] == "not seen lately"

    def test_is_not_ready_while_the_storage_cannot_be_written(
        self, client: Client, tmp_path, monkeypatch
    ):
        (tmp_path / "file").touch()
        monkeypatch.setattr(
            views.default_storage, "path", lambda name: str(tmp_path / "file" / name)
        )
        status, told = ready(client)
        assert (status, told["status"], told["storage"]) == (503, "unready", "away")

    def test_leaves_nothing_on_a_full_disk(self, client: Client, tmp_path, monkeypatch):
        monkeypatch.setattr(
            views.default_storage, "path", lambda name: str(tmp_path / name)
        )
        monkeypatch.setattr(views.Path, "write_bytes", _of_a_full_disk)
        assert ready(client)[1]["storage"] == "away"
        assert list(tmp_path.iterdir()) == []

    def test_is_not_ready_before_the_migrations(self, client: Client, monkeypatch):
        monkeypatch.setattr(
            views.MigrationExecutor, "migration_plan", lambda self, targets: ["one"]
        )
        status, told = ready(client)
        assert (status, told["database"]) == (503, "waits for migrations")

    def test_tells_strangers_no_reason(self, client: Client, monkeypatch):
        def broken() -> str:
            raise OSError("password of the database at db.internal")

        monkeypatch.setattr(views, "_database", broken)
        status, told = ready(client)
        assert (status, told["database"]) == (503, "away")


class TestPulse:
    def test_is_left_by_the_sweep_alone(self):
        note_pulse(sender=Task("review.tasks.sweep_reports"))
        assert cache.get("worker_seen") is None
        note_pulse(sender=Task(PULSE))
        assert time.time() - cache.get("worker_seen") < 5

    def test_is_what_beat_asks_for(self, settings):
        asked = {row["task"] for row in settings.CELERY_BEAT_SCHEDULE.values()}
        assert PULSE in asked

"""The sign of life by which beat's container is known to be healthy."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.conf import settings
from kombu.utils.imports import symbol_by_name

from postmortem.celery import app

EVERY_30_SECONDS = {"deliver-notifications", "read-logs", "build-reports"}


class TestSignOfLife:
    def test_is_left_at_the_start_and_whenever_the_schedule_is_written(
        self, tmp_path: Path
    ) -> None:
        sign = tmp_path / "beat.alive"
        start = symbol_by_name(settings.CELERY_BEAT_SCHEDULER)
        beat = start(app=app, schedule_filename=str(tmp_path / "beat"), lazy=True)
        try:
            beat.setup_schedule()
            assert sign.exists()
            os.utime(sign, (0, 0))
            beat._do_sync()  # which beat calls every three minutes
            assert sign.stat().st_mtime > 0
        finally:
            beat.close()


class TestClockThatWasSetBack:
    def test_makes_beat_wait_no_longer_than_ever(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start = symbol_by_name(settings.CELERY_BEAT_SCHEDULER)
        beat = start(app=app, schedule_filename=str(tmp_path / "beat"), lazy=True)
        sent: list[str] = []
        monkeypatch.setattr(
            beat, "apply_async", lambda entry, **_: sent.append(entry.name)
        )
        try:
            beat.setup_schedule()
            for entry in beat.schedule.values():
                entry.last_run_at = app.now() + timedelta(days=30)
            beat.tick()
            with time_machine.travel(app.now() + timedelta(seconds=31), tick=True):
                for _ in beat.schedule:
                    beat.tick()
            assert set(sent) >= EVERY_30_SECONDS
        finally:
            beat.close()

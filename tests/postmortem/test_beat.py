"""The sign of life by which beat's container is known to be healthy."""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings
from kombu.utils.imports import symbol_by_name

from postmortem.celery import app


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

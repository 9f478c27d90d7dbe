"""Background work of the timeline: foreign logs are read."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from postmortem.lib import jobs
from timeline.services.intake import worker


@shared_task
def read_log(*, reading_id: int, **kwargs: Any) -> None:
    """Read one log."""
    worker.read_long(reading_id)


@shared_task
def sweep_readings(**kwargs: Any) -> None:
    """Start what nobody took; remove what belongs to nobody."""
    for reading_id in worker.waiting_readings():
        jobs.kick("timeline.tasks.read_log", reading_id=reading_id)
    worker.put_strays_away()

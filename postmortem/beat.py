"""Celery's beat, with a sign of life."""

from pathlib import Path

from celery.beat import PersistentScheduler


class Scheduler(PersistentScheduler):
    """Touches `<schedule>.alive` at its start and at least every three minutes, for the
    health check of its container. The schedule itself tells nothing: some databases of
    Python, such as ndbm, write it down only when beat ends."""

    schedule_filename: str

    def sync(self) -> None:
        super().sync()
        Path(f"{self.schedule_filename}.alive").touch()

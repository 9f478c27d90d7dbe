"""Celery's beat, with a sign of life."""

from pathlib import Path
from typing import Any

from celery.beat import PersistentScheduler


class Scheduler(PersistentScheduler):
    """Touches `<schedule>.alive` at its start and at least every three minutes, for the
    health check of its container. The schedule itself tells nothing: some databases of
    Python, such as ndbm, write it down only when beat ends."""

    schedule_filename: str
    schedule: dict[str, Any]

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """After the clock was set back, what was sent last lies in the future, and
        nothing would be due before the clock is there again: it counts from now."""
        now = self.app.now()
        ahead = [each for each in self.schedule.values() if each.last_run_at > now]
        for each in ahead:
            each.last_run_at = now
        if ahead:
            self._heap = None  # of times that were
        return float(super().tick(*args, **kwargs))

    def sync(self) -> None:
        super().sync()
        Path(f"{self.schedule_filename}.alive").touch()

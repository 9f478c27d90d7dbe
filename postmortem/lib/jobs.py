"""Background work starts from rows: kick a task on commit; beat sweeps what is left."""

from __future__ import annotations

import logging
import time
from typing import Any

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)

# Seconds for which a broker that did not answer is not asked again: each time-out is a
# person who waits, and the sweep comes every 30 s anyway.
REST = 15.0
_asked_again_at = 0.0


def kick(task: str, **kwargs: Any) -> None:
    """Start `task` (by name) when the transaction commits.

    The row that says what to do is already written, so a broker that is away loses
    nothing: the sweep of beat takes the row later.
    """

    def send() -> None:
        global _asked_again_at
        if time.monotonic() < _asked_again_at:
            return
        try:
            current_app.send_task(task, kwargs=kwargs)
        except (OperationalError, OSError):
            _asked_again_at = time.monotonic() + REST
            logger.warning("broker away; %s waits for the sweep", task)

    transaction.on_commit(send, robust=True)

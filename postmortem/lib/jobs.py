"""Background work starts from rows: kick a task on commit; beat sweeps what is left."""

from __future__ import annotations

import logging
from typing import Any

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def kick(task: str, **kwargs: Any) -> None:
    """Start `task` (by name) when the transaction commits.

    The row that says what to do is already written, so a broker that is away loses
    nothing: the sweep of beat takes the row later.
    """

    def send() -> None:
        try:
            current_app.send_task(task, kwargs=kwargs)
        except (OperationalError, OSError):
            logger.warning("broker away; %s waits for the sweep", task)

    transaction.on_commit(send, robust=True)

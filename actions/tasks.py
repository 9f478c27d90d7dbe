"""Scheduled work of the actions."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from actions.services import chasing


@shared_task
def chase_deadlines(**kwargs: Any) -> None:
    """Remind people of what is due and overdue; beat runs it every five minutes."""
    chasing.chase_deadlines()

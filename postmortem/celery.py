"""The Celery application: `celery -A postmortem.celery:app worker`."""

import gc
import os
import time
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "postmortem.settings")

app = Celery("postmortem")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Only beat starts this one, every 30 s: that it is done proves all three.
PULSE = "incidents.tasks.sweep_notifications"


@signals.worker_process_init.connect
def settle(**kwargs: Any) -> None:
    """What is loaded now stays, as in `wsgi.py`: the collector need not look at it in
    every few tasks. A one-pager took a quarter longer."""
    gc.collect()
    gc.freeze()


@signals.task_postrun.connect
def note_pulse(sender: Any = None, **kwargs: Any) -> None:
    """Leave word, for `/readyz`, that background work is being done."""
    from django.core.cache import cache

    if getattr(sender, "name", "") == PULSE:
        cache.set("worker_seen", time.time(), timeout=3600)

"""The Celery application: `celery -A postmortem.celery:app worker`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "postmortem.settings")

app = Celery("postmortem")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

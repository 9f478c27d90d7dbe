"""Composition root: settings, addresses, Celery."""

from postmortem.celery import app as celery_app

__all__ = ["celery_app"]

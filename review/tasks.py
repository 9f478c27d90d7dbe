"""Background work of the review: rendering one-pagers, opening reviews that are due."""

from __future__ import annotations

from typing import Any

from celery import shared_task

from accounts.models import User
from postmortem.lib import jobs
from review.selectors.reviews import incidents_without_review
from review.services import reports, reviews


@shared_task
def build_report(*, build_id: int, **kwargs: Any) -> None:
    """Render one queued one-pager."""
    reports.render_build(build_id)


@shared_task
def sweep_reports(**kwargs: Any) -> None:
    """Start what nobody took."""
    for build_id in reports.waiting_builds():
        jobs.kick("review.tasks.build_report", build_id=build_id)


@shared_task
def open_due_reviews(**kwargs: Any) -> None:
    """Give every stabilized incident a review with an owner (R-DOC-16)."""
    for incident_id in incidents_without_review():
        reviews.prepare_review(incident_id=incident_id, actor=User.objects.system())

"""What the checks of the review share: its row, its pages."""

from __future__ import annotations

from django.urls import reverse

from incidents.models import Incident
from postmortem.lib.findings import Case
from review.models import Review
from review.selectors.reviews import current_review

REVIEWED = (Incident.Status.STABILIZED, Incident.Status.IN_REVIEW)
TAB = "Review"


def review_of(case: Case) -> Review | None:
    return case.load(current_review)


def page(case: Case, name: str) -> str:
    return reverse(name, args=[case.incident.key])


def edit_page(case: Case) -> str:
    return page(case, "review:review_edit")

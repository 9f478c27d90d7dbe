"""Pages of the review, by noun."""

from __future__ import annotations

from django.urls import reverse

from incidents.models import Incident

TAB = "review"


def review_url(incident: Incident) -> str:
    return reverse("review:review_detail", args=[incident.key])

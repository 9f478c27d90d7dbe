"""What a check of the review finds, whole."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from postmortem.lib.findings import Case, Finding, Level, run_checks
from review.models import Review
from review.services import reviews
from tests.review.conftest import Case as Told

TAB = "Review"


def found(
    told: Told, check_id: str, *, now: dt.datetime | None = None
) -> list[Finding]:
    return run_checks(
        Case(told.reload(), now=now), only=lambda item: item.id == check_id
    )


def finding(
    check_id: str, message: str, *, level: Level = Level.WARNING, **fields: Any
) -> Finding:
    fields.setdefault("subject_ref", "RV-1")
    ref = fields["subject_ref"]
    fields.setdefault("subject_label", f"{TAB} · {ref}" if ref else TAB)
    return Finding(id=check_id, level=level, message=message, **fields)


@pytest.fixture
def opened(bare: Told) -> Told:
    """In review, with nothing but an owner."""
    reviews.open_review(**bare.ids)
    return bare


def alter(told: Told, **fields: Any) -> None:
    Review.objects.filter(incident=told.incident).update(**fields)

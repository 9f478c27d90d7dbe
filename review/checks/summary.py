"""The blameless rule and the blameless summary."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from incidents.language import find_blame
from incidents.selectors import participations
from postmortem.lib.findings import Case, Level, Problem, Row, check
from rca import selectors as rca
from review.checks.base import REVIEWED, TAB, edit_page, page, review_of


@check(
    "BL101",
    "The blameless rule was acknowledged before the analysis",
    level=Level.WARNING,
    requirements=("R-BL-01", "R-BL-04"),
    tab=TAB,
    row=Row.BLAMELESS,
)
def blameless_rule_first(case: Case) -> Iterator[Problem]:
    """Early personal responsibility causes cover-ups, so the rule stands before the
    first cause is stated."""
    review = review_of(case)
    if review is None:
        return
    stated = [c for c in rca.standing_causes(case) if c.recorded_at]
    first = min(stated, key=attrgetter("recorded_at"), default=None)
    if review.blameless_at is None:
        yield Problem(
            "The blameless rule is not acknowledged",
            subject=review,
            hint="Learning and prevention, not fault.",
            fix_label="Acknowledge",
            url=page(case, "review:blameless_acknowledge"),
            inputs=(bool(stated),),
        )
    elif first and first.recorded_at and first.recorded_at < review.blameless_at:
        yield Problem(
            f"{first.ref} was stated before the blameless rule was acknowledged",
            subject=review,
            hint="Read the causes again with the rule in mind.",
            inputs=(first.ref, review.blameless_at),
            level=Level.INFO,
        )


@check(
    "CK006",
    "The blameless summary is written",
    level=Level.ERROR,
    requirements=("R-CK-06", "R-BL-03"),
    tab=TAB,
    row=Row.BLAMELESS,
)
def learning_is_written(case: Case) -> Iterator[Problem]:
    """The summary of conditions, decisions and learning is what others read; without it
    the follow-up has no reason."""
    review = review_of(case)
    if review is None:
        if case.incident.status in REVIEWED:
            yield Problem(
                "There is no review, so no blameless summary",
                fix_label="Open the review",
                url=page(case, "review:review_detail"),
            )
        return
    if not review.learning:
        yield Problem(
            "The blameless summary is empty",
            subject=review,
            hint="Conditions, decisions, learning: what made sense at the time.",
            fix_label="Write it",
            url=edit_page(case),
        )


@check(
    "BL103",
    "The summary speaks of conditions, not of persons",
    level=Level.WARNING,
    requirements=("R-BL-03",),
    tab=TAB,
    row=Row.BLAMELESS,
)
def summary_without_blame(case: Case) -> Iterator[Problem]:
    """Individual fault ends learning; accountability stays as named ownership of
    follow-up."""
    review = review_of(case)
    if review is None:
        return
    names = {duty.user.name for duty in case.load(participations)}
    for label, text in (
        ("The summary", review.learning),
        ("How we responded", review.how_we_responded),
    ):
        for match in find_blame(text, names=names):
            yield Problem(
                f"{label} blames: “{match.text}”",
                subject=review,
                hint=match.hint or match.reason,
                fix_label="Reword",
                url=edit_page(case),
                inputs=(label, match.text, match.rule),
            )

"""Check of imported logs: what nobody has decided yet."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from postmortem.lib.findings import Case, Level, Problem, Row, check
from timeline import selectors


@check(
    "TL021",
    "Candidates wait",
    level=Level.INFO,
    requirements=("R-TL-05",),
    tab="Timeline",
    row=Row.TIMELINE,
)
def candidates_wait(case: Case) -> Iterator[Problem]:
    """A log was imported and lines of it were neither accepted nor dismissed: moments
    of the incident may lie among them. They are no part of the record, so they hold
    nothing back."""
    for source in case.load(selectors.sources):
        if not source.waiting:
            continue
        page = reverse("timeline:candidate_list", args=[case.incident.key])
        yield Problem(
            f"{source.waiting:,} of {source.total:,} candidates from {source.ref} were "
            "never decided",
            hint="Accept the moments of the incident and dismiss the rest.",
            fix_label="Look at them",
            url=f"{page}?source={source.ref}",
            inputs=(source.ref, source.waiting),
        )

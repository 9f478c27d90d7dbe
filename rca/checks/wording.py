"""Checks of the wording: certainty without proof, doubt, blame."""

from __future__ import annotations

from collections.abc import Iterator

from postmortem.lib.findings import Case, Level, Problem, Row, check
from rca.checks.base import TAB, form_url
from rca.models import Cause, FailureMode
from rca.selectors import Wording, wording_in


@check(
    "RC008",
    "Certainty without evidence",
    level=Level.WARNING,
    requirements=("R-RC-09", "R-DOC-03"),
    tab=TAB,
    row=Row.RCA,
)
def overclaim(case: Case) -> Iterator[Problem]:
    """A word of certainty needs an artifact beside it; certainty is not forced to close
    a document."""
    for item in _worded(case, "overclaim"):
        yield _problem(
            case,
            item,
            f"{item.row.ref} says “{item.match.text}” without proof in its "
            f"{item.place}",
        )


@check(
    "RC009",
    "Doubt in a confirmed cause",
    level=Level.WARNING,
    requirements=("R-RC-08", "R-HY-03"),
    tab=TAB,
    row=Row.RCA,
)
def hedged(case: Case) -> Iterator[Problem]:
    """Doubt and 'confirmed' contradict each other: either the cause is provisional or
    the word can go."""
    for item in _worded(case, "hedge"):
        yield _problem(
            case,
            item,
            f"{item.row.ref} is confirmed, but says “{item.match.text}” in its "
            f"{item.place}",
        )


@check(
    "BL002",
    "Blaming wording in the analysis",
    level=Level.WARNING,
    requirements=("R-BL-01", "R-BL-03", "R-BL-04", "R-CK-06"),
    tab=TAB,
    row=Row.BLAMELESS,
)
def blame(case: Case) -> Iterator[Problem]:
    """Text that looks for a person stops the search for the condition. Only the words
    are marked: whoever knows better keeps them and says why."""
    for item in _worded(case, "blame"):
        yield _problem(
            case, item, f"{item.row.ref} says “{item.match.text}” in its {item.place}"
        )


def _worded(case: Case, kind: str) -> list[Wording]:
    return [item for item in wording_in(case) if item.kind == kind]


def _problem(case: Case, item: Wording, message: str) -> Problem:
    if isinstance(item.row, Cause):
        url = form_url("cause_edit", case.incident, item.row.number)
    elif isinstance(item.row, FailureMode):
        url = form_url("failure_mode_edit", case.incident, item.row.number)
    else:
        url = form_url("analysis_edit", case.incident)
    return Problem(
        " ".join(message.split()),
        item.row,
        hint=f"{item.match.reason} {item.match.hint}",
        fix_label="Reword",
        url=f"{url}#id_{item.field}",
        inputs=(item.field, item.match.rule, item.match.text),
    )

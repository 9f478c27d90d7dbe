"""Checks of the wording of summary, scope and impact (R-BL, R-HY-03)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from incidents import language, selectors
from incidents.checks.base import form
from postmortem.lib.findings import Case, Level, Problem, Row, check


def _texts(case: Case) -> Iterator[tuple[Any, str, str, str]]:
    """Each prose field: its row (None: the incident), its words, text, form."""
    incident = case.incident
    yield None, "summary", incident.summary, form(incident, "incident_edit")
    for scope in case.load(selectors.scope):
        url = form(incident, "scope_edit", scope.number)
        for text in (scope.consequence, scope.who, scope.technical_context):
            yield scope, scope.ref, text, url
    for impact in case.load(selectors.impacts):
        url = form(incident, "impact_edit", impact.number)
        for text in (impact.statement, impact.downstream_work):
            yield impact, impact.ref, text, url


def _found(
    case: Case, find: Callable[[str], list[Any]], words: str
) -> Iterator[Problem]:
    for row, place, text, url in _texts(case):
        for match in find(text) if text else ():
            yield Problem(
                f"“{match.text}” in the {place} {words}"
                if row is None
                else f"“{match.text}” in {place} {words}",
                subject=row,
                hint=f"{match.reason} {match.hint}".strip(),
                fix_label="Rewrite",
                url=url,
                inputs=(match.text,),
            )


@check(
    "BL001",
    "Wording names conditions, not fault",
    level=Level.WARNING,
    requirements=("R-BL-01", "R-BL-03", "R-BL-04"),
    tab="Overview",
    row=Row.BLAMELESS,
)
def blameless_wording(case: Case) -> Iterator[Problem]:
    """A sentence that judges a person makes the next one hide what happened. It is a
    warning about wording, not about facts, and may be kept with a reason."""
    names = {row.user.name for row in case.load(selectors.participations)}
    yield from _found(
        case,
        lambda text: language.find_blame(text, names=names),
        "judges a person",
    )


@check(
    "SC014",
    "The summary is written",
    level=Level.ERROR,
    requirements=("R-CK-06", "R-DOC-05"),
    tab="Overview",
    row=Row.BLAMELESS,
)
def summary_written(case: Case) -> Iterator[Problem]:
    """A reader who was not there starts with the summary: conditions, decisions and
    what was learnt, in a few plain sentences."""
    if not case.incident.summary:
        yield Problem(
            "The summary is not written",
            hint="Tell conditions, decisions and learning in a few plain sentences.",
            fix_label="Write summary",
            url=form(case.incident, "incident_edit"),
        )


@check(
    "SC015",
    "Certainty has its artifact",
    level=Level.WARNING,
    requirements=("R-HY-03", "R-RC-09"),
    tab="Overview",
    row=Row.BLAMELESS,
)
def no_overclaim(case: Case) -> Iterator[Problem]:
    """Words of certainty smooth over what was not known. They need an artifact beside
    them, or a plainer word."""
    yield from _found(case, language.find_overclaim, "claims more than is shown here")

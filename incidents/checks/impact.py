"""Checks of impact statements and their figures (R-SC-10 to R-SC-12, R-MT-02)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from incidents import selectors
from incidents.checks.base import form, short
from incidents.models import Evidence, ImpactFigure, ImpactStatement, Incident
from postmortem.lib.findings import Case, Level, Problem, Row, check

Kind = ImpactStatement.Kind
Measure = ImpactFigure.Measure
Artifact = Evidence.Kind
BY_HAND = re.compile(
    r"\b(?:by hand|manual(?:ly)? (?:correct|repair|replay|refund|reconcil)\w*|"
    r"rebuilt|re-?imported|re-?issued|reconciled|corrected afterwards)\b",
    re.IGNORECASE,
)


@check(
    "SC007",
    "Impact is stated in three kinds",
    level=Level.ERROR,
    requirements=("R-SC-10", "R-CK-03"),
    tab="Impact",
    row=Row.IMPACT,
)
def three_kinds(case: Case) -> Iterator[Problem]:
    """Customer, operational and business impact are three answers; a missing one reads
    as ‘none’ although nobody looked."""
    stated = {row.kind for row in case.load(selectors.impacts)}
    for kind in Kind:
        if kind not in stated:
            yield Problem(
                f"{kind.label} impact is not stated",
                hint="“No material change found” is an answer, with its evidence.",
                fix_label="State impact",
                url=form(case.incident, "impact_add", query=f"kind={kind}"),
                inputs=(str(kind),),
            )


@check(
    "SC008",
    "Impact rests on evidence",
    level=Level.WARNING,
    requirements=("R-SC-10", "R-EV-05", "R-SC-11"),
    tab="Impact",
    row=Row.IMPACT,
    waivable=True,
)
def impact_has_evidence(case: Case) -> Iterator[Problem]:
    """An impact that nothing shows is an opinion. ‘No material change found’ without
    evidence says only that nobody looked, and blocks."""
    for row in case.load(selectors.impacts):
        if row.evidence:
            continue
        label = row.get_kind_display()
        if row.no_material_change:
            yield Problem(
                f"{label} impact: “no material change found” has no evidence",
                subject=row,
                hint="Link the record that was looked at.",
                fix_label="Link evidence",
                url=form(case.incident, "impact_edit", row.number),
                inputs=(row.statement, row.no_material_change),
                level=Level.ERROR,
            )
        else:
            yield Problem(
                f"{label} impact has no evidence",
                subject=row,
                hint="Link incident metrics, backlog counts, error samples or "
                "complaint volume.",
                fix_label="Link evidence",
                url=form(case.incident, "impact_edit", row.number),
                inputs=(row.statement, row.no_material_change),
            )


@check(
    "SC009",
    "Downstream effects and manual correction are addressed",
    level=Level.ERROR,
    requirements=("R-SC-12", "R-CK-03"),
    tab="Impact",
    row=Row.IMPACT,
)
def downstream_addressed(case: Case) -> Iterator[Problem]:
    """Red flag: metrics are listed while the work of putting the books right by hand is
    passed over. It is where the cost of a payment incident hides."""
    impacts = case.load(selectors.impacts)
    if not impacts or any(row.downstream_work for row in impacts):
        return
    figures = case.load(selectors.figures)
    if any(row.measure == ImpactFigure.Measure.MANUAL for row in figures):
        return
    told = next((r for r in impacts if BY_HAND.search(r.statement)), None)
    if told is not None:
        yield Problem(
            "Manual correction is told inside the impact, not as work of its own",
            subject=told,
            hint="Move it to its own line: who did it, how long, and what is left.",
            fix_label="Move it",
            url=form(case.incident, "impact_edit", told.number),
            inputs=(told.statement,),
            level=Level.WARNING,
        )
        return
    row = next((r for r in impacts if r.kind == Kind.OPERATIONAL), impacts[0])
    yield Problem(
        "Downstream effects and manual correction work are not addressed",
        subject=row,
        hint="Say what was corrected by hand afterwards, or “none” with evidence.",
        fix_label="Address",
        url=form(case.incident, "impact_edit", row.number),
        inputs=(len(impacts),),
    )


@check(
    "SC010",
    "An amount or estimate says how it was worked out",
    level=Level.WARNING,
    requirements=("R-MT-02",),
    tab="Impact",
    row=Row.IMPACT,
)
def estimate_has_method(case: Case) -> Iterator[Problem]:
    """A sum of money, or an estimate of anything, cannot be checked or corrected by the
    next reader without its method."""
    for row in case.load(selectors.figures):
        estimate = row.basis == ImpactFigure.Basis.ESTIMATE
        if not row.method and (estimate or row.amount is not None):
            yield Problem(
                f"{'Estimate' if estimate else 'Amount'} “{short(row.label)}” has no "
                "method",
                subject=row,
                hint="Say how the figure was worked out.",
                fix_label="Add method",
                url=form(case.incident, "figure_edit", row.number),
                inputs=(row.basis, row.label),
            )


@check(
    "SC011",
    "A figure is linked to evidence",
    level=Level.WARNING,
    requirements=("R-MT-02", "R-EV-05"),
    tab="Impact",
    row=Row.IMPACT,
)
def figure_has_evidence(case: Case) -> Iterator[Problem]:
    """A number is a measurable claim: finance has to see where it was counted."""
    for row in case.load(selectors.figures):
        if not row.evidence:
            yield Problem(
                f"Figure “{short(row.label)}” has no evidence",
                subject=row,
                hint="Link the query, extract or report in which it stands.",
                fix_label="Link evidence",
                url=form(case.incident, "figure_edit", row.number),
                inputs=(row.label, row.count, row.amount, row.currency),
            )


def _pack(case: Case) -> Iterator[tuple[str, bool]]:
    """The parts of the impact evidence pack, and whether each is there (R-SC-11)."""
    figures = case.load(selectors.figures)
    claims: list[Any] = [
        *case.load(selectors.impacts),
        *figures,
        *case.load(selectors.scope),
    ]
    kinds = {item.kind for claim in claims for item in claim.evidence}
    measures = {row.measure for row in figures}
    amounts = any(row.amount is not None for row in figures)
    yield "incident metrics", bool(kinds & {Artifact.METRIC, Artifact.ALERT})
    yield (
        "backlog counts",
        Measure.BACKLOG in measures or Artifact.RECONCILIATION in kinds,
    )
    yield (
        "customer error samples",
        bool(kinds & {Artifact.SAMPLE, Artifact.LOG_QUERY, Artifact.SCREENSHOT}),
    )
    yield (
        "complaint volume",
        Measure.COMPLAINTS in measures or Artifact.COMPLAINTS in kinds,
    )
    yield (
        "quantified transaction or revenue effects",
        amounts
        or bool(
            measures
            & {Measure.FAILED, Measure.DELAYED, Measure.DUPLICATES, Measure.REVENUE}
        ),
    )


@check(
    "SC018",
    "The impact evidence pack is complete",
    level=Level.INFO,
    requirements=("R-SC-11",),
    tab="Impact",
    row=Row.IMPACT,
)
def pack_is_complete(case: Case) -> Iterator[Problem]:
    """Metrics, backlog, error samples, complaints and quantified effects each show a
    side of the impact that the others hide. What is not available is said, not
    skipped."""
    if case.incident.status in {Incident.Status.ACTIVE, Incident.Status.CANCELLED}:
        return
    if not any(not row.no_material_change for row in case.load(selectors.impacts)):
        return
    missing = [words for words, there in _pack(case) if not there]
    if missing:
        yield Problem(
            f"The impact evidence has no {', no '.join(missing)}",
            hint="Link what is available to the impact or its figures; accept this "
            "finding for what is not.",
            fix_label="Add evidence",
            url=form(case.incident, "evidence_add"),
            inputs=tuple(missing),
        )

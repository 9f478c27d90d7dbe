"""Checks of impact statements and their figures (R-SC-10 to R-SC-12, R-MT-02)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from incidents import selectors
from incidents.checks.base import form, short
from incidents.models import ImpactFigure, ImpactStatement
from postmortem.lib.findings import Case, Level, Problem, Row, check

Kind = ImpactStatement.Kind
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
    "An estimate says how it was worked out",
    level=Level.WARNING,
    requirements=("R-MT-02",),
    tab="Impact",
    row=Row.IMPACT,
)
def estimate_has_method(case: Case) -> Iterator[Problem]:
    """An estimate without its method cannot be checked or corrected by the next
    reader."""
    for row in case.load(selectors.figures):
        if row.basis == ImpactFigure.Basis.ESTIMATE and not row.method:
            yield Problem(
                f"Estimate “{short(row.label)}” has no method",
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

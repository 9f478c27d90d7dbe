"""Checks of known unknowns (R-KU)."""

from __future__ import annotations

from collections.abc import Iterator

from incidents import selectors
from incidents.checks.base import form, short
from incidents.models import KnownUnknown
from postmortem.lib.findings import Case, Level, Problem, Row, check
from postmortem.lib.times import on_clock, span


def _open(case: Case) -> list[KnownUnknown]:
    rows = case.load(selectors.unknowns)
    return [row for row in rows if row.state == KnownUnknown.State.OPEN]


@check(
    "KU001",
    "An open unknown has an owner and a deadline",
    level=Level.ERROR,
    requirements=("R-KU-01",),
    tab="Known unknowns",
    row=Row.RCA,
)
def owned_and_due(case: Case) -> Iterator[Problem]:
    """What is nobody's to settle, or due at no time, is never settled and hardens into
    a fact."""
    for row in _open(case):
        missing = [
            words
            for words, value in (("owner", row.owner_id), ("deadline", row.due_at))
            if not value
        ]
        if missing:
            yield Problem(
                f"“{short(row.question)}” has no {' and no '.join(missing)}",
                subject=row,
                hint="Name who settles it, and until when.",
                fix_label="Assign",
                url=form(case.incident, "unknown_edit", row.number),
                inputs=tuple(missing),
            )


@check(
    "KU002",
    "No known unknown is overdue",
    level=Level.WARNING,
    requirements=("R-KU-01",),
    tab="Known unknowns",
    row=Row.RCA,
)
def not_overdue(case: Case) -> Iterator[Problem]:
    """A deadline that passes without an answer means that the check was not made."""
    for row in _open(case):
        if row.due_at and case.reached(row.due_at):
            local = on_clock(row.due_at, case.incident.clock_zone)
            yield Problem(
                f"“{short(row.question)}” was due {local:%d %b %H:%M}, "
                f"{span(case.now - row.due_at)} ago",
                subject=row,
                hint="Resolve it, accept it as residual risk, or set a new deadline.",
                fix_label="Open check",
                url=form(case.incident, "unknown_resolve", row.number),
                owner_label=row.owner.label if row.owner else "",
                inputs=(row.due_at,),
            )


@check(
    "KU003",
    "Every unknown is settled or accepted",
    level=Level.ERROR,
    requirements=("R-KU-03",),
    tab="Known unknowns",
    row=Row.RCA,
)
def settled_or_accepted(case: Case) -> Iterator[Problem]:
    """Open unknowns stay visible so that assumptions do not harden into facts. They
    hold back ‘finished’ until they are resolved or accepted as residual risk."""
    for row in _open(case):
        waits = f"; waits for {row.missing_check}" if row.missing_check else ""
        yield Problem(
            f"“{short(row.question)}” is open{waits}",
            subject=row,
            hint="Resolve it with evidence, or accept it as residual risk.",
            fix_label="Open check",
            url=form(case.incident, "unknown_resolve", row.number),
            owner_label=row.owner.label if row.owner else "",
            inputs=(row.state, row.question),
        )


@check(
    "KU004",
    "What is usually unknown was considered",
    level=Level.INFO,
    requirements=("R-KU-02",),
    tab="Known unknowns",
)
def first_day(case: Case) -> Iterator[Problem]:
    """On the first day three things are nearly always open: detail from the provider
    chain, confirmation of the systemic cause, and the complete financial impact."""
    if not case.load(selectors.unknowns):
        yield Problem(
            "No known unknown is stated",
            hint="On day one three are usual: provider-chain detail, confirmation of "
            "the systemic cause, complete financial impact.",
            fix_label="State unknown",
            url=form(case.incident, "unknown_add"),
        )


@check(
    "KU005",
    "A settled unknown shows its answer",
    level=Level.WARNING,
    requirements=("R-KU-01", "R-EV-05"),
    tab="Known unknowns",
    row=Row.RCA,
)
def answer_has_proof(case: Case) -> Iterator[Problem]:
    """An answer without its artifact is one more assumption, and a closed one."""
    for row in case.load(selectors.unknowns):
        if row.state == KnownUnknown.State.RESOLVED and not any(
            item.proves for item in row.evidence
        ):
            yield Problem(
                f"“{short(row.question)}” is resolved without an original record",
                subject=row,
                hint="Link the record that gives the answer, or reopen the question.",
                fix_label="Link evidence",
                url=form(case.incident, "unknown_edit", row.number),
                inputs=(row.state, row.resolution),
            )

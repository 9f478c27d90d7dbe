"""Checks of milestones, of their order and of what stabilized means."""

from __future__ import annotations

from collections.abc import Iterator

from incidents.models import Evidence
from postmortem.lib.findings import Case, Gate, Level, Problem, Row, check
from timeline import selectors
from timeline.checks.entries import TAB, iso, owner, page, quoted
from timeline.models import DependencyCheckpoint, Milestone

Kind = Milestone.Kind
# The two facts of recovery have checks of their own, which also gate stabilizing.
RECOVERY = (Kind.CUSTOMER_RECOVERED, Kind.LEDGER_RECOVERED)


def live(case: Case) -> list[Milestone]:
    return case.load(selectors.milestones)


@check(
    "TL002",
    "Milestone rests on a later summary only",
    level=Level.ERROR,
    requirements=("R-TL-03", "R-EV-04", "R-CK-01"),
    tab=TAB,
    row=Row.TIMELINE,
    waivable=True,
)
def milestone_on_later_summary(case: Case) -> Iterator[Problem]:
    """A later summary may restate an original record, it never stands in for one: the
    moments that durations rest on need the original."""
    for row in live(case):
        if row.kind in RECOVERY or row.entry is None:
            continue
        if row.entry.rests_on_later_summary:
            yield Problem(
                f"Milestone “{row.label}” rests on a later summary only",
                subject=row.entry,
                fix_label="Attach original",
                url=page(case, "evidence_link", row.entry.number),
                owner_label=owner(row.entry),
                inputs=(row.kind, [item.ref for item in row.entry.evidence]),
            )


@check(
    "TL003",
    "Provisional milestone",
    level=Level.ERROR,
    requirements=("R-TL-03", "R-CK-01"),
    tab=TAB,
    row=Row.TIMELINE,
    waivable=True,
)
def provisional_milestone(case: Case) -> Iterator[Problem]:
    """A milestone without an artifact that can be opened is provisional, and so is
    every duration that is measured from it."""
    for row in live(case):
        if row.kind in RECOVERY or row.entry is None:
            continue
        if row.entry.is_provisional and not row.entry.rests_on_later_summary:
            yield Problem(
                f"Milestone “{row.label}” has no evidence",
                subject=row.entry,
                hint="It stays provisional until an original record is linked.",
                fix_label="Link evidence",
                url=page(case, "evidence_link", row.entry.number),
                owner_label=owner(row.entry),
                inputs=(row.kind, [item.ref for item in row.entry.evidence]),
            )


@check(
    "TL005",
    "Required milestone missing",
    level=Level.ERROR,
    requirements=("R-TL-06", "R-CK-01", "R-DOC-10"),
    tab=TAB,
    row=Row.TIMELINE,
)
def milestone_missing(case: Case) -> Iterator[Problem]:
    """Every required moment is on the timeline, or it is said that it does not apply
    and why. An incident that was declared here carries its declaration itself. A
    duration with a missing end is not known; it is never zero."""
    present = {row.kind for row in live(case)}
    if selectors.own_declaration(case.incident):
        present.add(Kind.DECLARED)
    early = None
    if Kind.FIRST_IMPACT not in present:
        early = selectors.early_signal(case.load(selectors.entries), live(case))
    for kind in Kind:
        if kind not in present and kind not in RECOVERY:
            hint = "Mark the entry that carries it, or say why it does not apply."
            if kind == Kind.FIRST_IMPACT and early is not None:
                hint = (
                    f"The earliest signal is {early.ref} {quoted(early)}; mark it if "
                    "customers were affected from then on."
                )
            yield Problem(
                f"The milestone “{kind.label}” is not recorded",
                hint=hint,
                fix_label="Add milestone",
                url=page(case, "milestone_add", kind=kind.value),
                inputs=(kind.value,),
            )


def _recovery(
    case: Case, kind: Milestone.Kind, fact: str, hint: str
) -> Iterator[Problem]:
    rows = [row for row in live(case) if row.kind == kind]
    carried = [row.entry for row in rows if row.entry is not None]
    if any(not entry.is_provisional for entry in carried):
        return
    if carried:
        entry = carried[0]
        later = entry.rests_on_later_summary
        yield Problem(
            f"{fact} rests on a later summary only"
            if later
            else f"{fact} has no evidence",
            subject=entry,
            hint="A rebound alone is not recovery: link the record that shows it.",
            fix_label="Attach original" if later else "Link evidence",
            url=page(case, "evidence_link", entry.number),
            owner_label=owner(entry),
            inputs=(kind.value, [item.ref for item in entry.evidence]),
        )
        return
    excluded = bool(rows)
    yield Problem(
        f"{fact} is said not to apply, but stabilizing needs the fact"
        if excluded
        else f"{fact} is not recorded",
        subject=rows[0] if excluded else None,
        hint=f"{hint} It is proven apart from the other recovery.",
        fix_label="Add milestone",
        url=page(case, "milestone_add", kind=kind.value),
        inputs=(kind.value, excluded),
    )


@check(
    "RV001",
    "Customer recovery is not evidenced",
    level=Level.ERROR,
    requirements=("R-RV-01", "R-RV-02", "R-RV-05", "R-TL-06"),
    tab=TAB,
    row=Row.TIMELINE,
    gates=(Gate.STABILIZE,),
)
def customer_recovery(case: Case) -> Iterator[Problem]:
    """Stable customer outcomes are one of the two facts behind 'stabilized', with a
    time and evidence of their own."""
    yield from _recovery(
        case,
        Kind.CUSTOMER_RECOVERED,
        "Customer recovery",
        "Say when customers were served as usual again, and link the record that "
        "shows it.",
    )


@check(
    "RV002",
    "Ledger recovery is not evidenced",
    level=Level.ERROR,
    requirements=("R-RV-01", "R-RV-02", "R-RV-06", "R-TL-06"),
    tab=TAB,
    row=Row.TIMELINE,
    gates=(Gate.STABILIZE,),
)
def ledger_recovery(case: Case) -> Iterator[Problem]:
    """Complete, consistent money movement in the books is the other fact; gaps and
    duplicates keep the incident open even when customers look fine."""
    yield from _recovery(
        case,
        Kind.LEDGER_RECOVERED,
        "Ledger recovery",
        "Say when every payment stood in the books, without gaps or duplicates, and "
        "link the record that shows it.",
    )


@check(
    "RV003",
    "Ledger recovery without a reconciliation",
    level=Level.WARNING,
    requirements=("R-RV-04",),
    tab=TAB,
    row=Row.TIMELINE,
)
def ledger_is_reconciled(case: Case) -> Iterator[Problem]:
    """Books that look quiet are not yet complete: authorizations, captures, refunds,
    payouts and reversals have to line up with the events, retries and route changes of
    the incident, and a reconciliation is what shows it."""
    fed = selectors.feeding(live(case)).get(Kind.LEDGER_RECOVERED)
    entry = fed.entry if fed else None
    if entry is None or entry.is_provisional:
        return
    if any(
        item.proves
        and (
            item.kind == Evidence.Kind.RECONCILIATION
            or item.side == Evidence.Side.FINANCE
        )
        for item in entry.evidence
    ):
        return
    yield Problem(
        f"Ledger recovery in {entry.ref} rests on no record of the books",
        subject=entry,
        hint="Link the reconciliation that lines up authorizations, captures, refunds, "
        "payouts and reversals with the events, retries and route changes.",
        fix_label="Link evidence",
        url=page(case, "evidence_link", entry.number),
        owner_label=owner(entry),
        inputs=([item.ref for item in entry.evidence],),
    )


@check(
    "TL010",
    "Recovery before the credited action",
    level=Level.WARNING,
    requirements=("R-DOC-07", "R-TL-08"),
    tab=TAB,
    row=Row.TIMELINE,
)
def recovery_before_action(case: Case) -> Iterator[Problem]:
    """Service that came back before the mitigation or rollback was not brought back by
    it: neither counts as proof of understanding."""
    for found in selectors.recovery_before_fix(live(case)):
        entry, action = found.recovery.entry, found.action.entry
        assert entry is not None
        assert action is not None
        yield Problem(
            f"Customers recovered in {entry.ref} before “{found.action.label}” in "
            f"{action.ref}",
            subject=entry,
            hint="Check both times, or say in the analysis what else brought it back.",
            fix_label="Check the time",
            url=page(case, "entry_edit", entry.number),
            owner_label=owner(entry),
            inputs=(
                iso(entry.occurred_at or case.now),
                iso(action.occurred_at or case.now),
            ),
        )


@check(
    "TL011",
    "Timeline not complete",
    level=Level.ERROR,
    requirements=("R-TL-09", "R-DP-06"),
    tab=TAB,
    row=Row.TIMELINE,
    waivable=True,
)
def timeline_not_complete(case: Case) -> Iterator[Problem]:
    """A timeline is complete only when the internal signals and every dependency
    checkpoint show that things have stabilized; a dependency still degraded stays
    visible in the final record."""
    missing = []
    stable = [row for row in live(case) if row.kind == Kind.STABILIZED and row.entry]
    if not any(row.entry and not row.entry.is_provisional for row in stable):
        missing.append("internal signals do not show that it is stabilized")
    State = DependencyCheckpoint.State
    for row in case.load(selectors.checkpoints):
        if row.state in {State.DEGRADED, State.UNKNOWN}:
            degraded = row.state == State.DEGRADED
            words = "still degraded" if degraded else "of unknown state"
            missing.append(f"{row.ref} {row.name} is {words}")
        elif row.state == State.STABILIZED and row.is_provisional:
            missing.append(f"{row.ref} {row.name} is stabilized without an original")
    if missing:
        yield Problem(
            f"The timeline is not complete: {'; '.join(missing)}",
            hint="Internal signals and dependencies both have to show it.",
            fix_label="Open checkpoints",
            url=f"{page(case, 'entry_list')}#checkpoints",
            inputs=tuple(missing),
        )


@check(
    "TL015",
    "Milestones out of order",
    level=Level.WARNING,
    requirements=("R-TL-02", "R-MT-01", "R-DOC-02"),
    tab=TAB,
    row=Row.TIMELINE,
)
def milestones_out_of_order(case: Case) -> Iterator[Problem]:
    """A milestone before first impact, or a recovery after stabilized, makes a duration
    negative: it is shown as invalid, never as zero."""
    for found in selectors.reordered(live(case)):
        entry, first = found.then.entry, found.first.entry
        assert entry is not None
        assert first is not None
        yield Problem(
            f"“{found.then.label}” in {entry.ref} lies before “{found.first.label}” in "
            f"{first.ref}",
            subject=entry,
            fix_label="Check the time",
            url=page(case, "entry_edit", entry.number),
            owner_label=owner(entry),
            inputs=(found.first.kind, found.then.kind),
        )

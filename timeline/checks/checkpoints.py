"""Checks of dependency checkpoints (R-DP-01 to R-DP-06)."""

from __future__ import annotations

from collections.abc import Iterator

from incidents.models import Evidence, Lane
from postmortem.lib.findings import Case, Level, Problem, Row, check
from postmortem.lib.words import listed
from timeline import selectors
from timeline.checks.entries import TAB, page
from timeline.models import DependencyCheckpoint

Kind = DependencyCheckpoint.Kind
State = DependencyCheckpoint.State
EvidenceKind = Evidence.Kind
PROVIDERS_WORDS = {EvidenceKind.PROVIDER_NOTICE, EvidenceKind.STATUS_UPDATE}


@check(
    "DP001",
    "Dependency has not stabilized",
    level=Level.WARNING,
    requirements=("R-TL-09", "R-DP-06"),
    tab=TAB,
    row=Row.TIMELINE,
)
def dependency_not_stable(case: Case) -> Iterator[Problem]:
    """A dependency that is still degraded, or whose state nobody has looked at, can
    bring the symptom back."""
    for row in case.load(selectors.checkpoints):
        if row.state in {State.DEGRADED, State.UNKNOWN}:
            state = (
                "is still degraded" if row.state == State.DEGRADED else "is not known"
            )
            yield Problem(
                f"{row.name} {state}"
                if row.state == State.DEGRADED
                else f"The state of {row.name} {state}",
                subject=row,
                fix_label="Update checkpoint",
                url=page(case, "checkpoint_edit", row.number),
                inputs=(row.state,),
            )


@check(
    "DP002",
    "Affected flow without a checkpoint",
    level=Level.WARNING,
    requirements=("R-DP-01",),
    tab=TAB,
    row=Row.TIMELINE,
)
def flow_without_checkpoint(case: Case) -> Iterator[Problem]:
    """Each affected flow lists a checkpoint for every external interface that it
    touched, so that one can see where signals appeared first."""
    rows = case.load(selectors.checkpoints)
    covered = {row.lane_id for row in rows}
    bare = [
        lane
        for lane in case.load(selectors.lanes)
        if lane.status != Lane.Status.NORMAL and lane.pk not in covered
    ]
    loose = [row for row in rows if row.lane_id is None]
    if bare and loose:  # they may be the ones that are missing: say which flow, once
        yield Problem(
            f"{listed([row.ref for row in loose])} "
            f"{'names' if len(loose) == 1 else 'name'} no flow, and "
            f"{', '.join(lane.name for lane in bare)} "
            f"{'has' if len(bare) == 1 else 'have'} no checkpoint",
            subject=loose[0],
            hint="Choose the flow that each of them was touched by.",
            fix_label="Choose flow",
            url=page(case, "checkpoint_edit", loose[0].number),
            inputs=(
                [row.ref for row in loose],
                [[lane.slug, lane.status] for lane in bare],
            ),
        )
        return
    for lane in bare:
        yield Problem(
            f"No dependency checkpoint for {lane.name}",
            subject=lane,
            hint="If the flow touched no external interface, say so with “Not "
            "touched by these flows”.",
            fix_label="Add checkpoint",
            url=page(case, "checkpoint_add", lane=lane.ref),
            inputs=(lane.slug, lane.status),
        )


@check(
    "DP003",
    "Checkpoint without proof",
    level=Level.WARNING,
    requirements=("R-DP-02", "R-DP-03", "R-DP-04", "R-DP-05"),
    tab=TAB,
    row=Row.TIMELINE,
)
def checkpoint_unproven(case: Case) -> Iterator[Problem]:
    """What a dependency did is shown by its own records, not by an impression."""
    for row in case.load(selectors.checkpoints):
        if row.is_provisional:
            yield Problem(
                f"{row.name} has no original record"
                + (", only a later summary" if row.rests_on_later_summary else ""),
                subject=row,
                hint=f"Link {row.records}.",
                fix_label="Link evidence",
                url=page(case, "checkpoint_edit", row.number),
                inputs=([item.ref for item in row.evidence],),
            )


@check(
    "DP004",
    "Checkpoint does not answer its question",
    level=Level.WARNING,
    requirements=("R-DP-02", "R-DP-03", "R-DP-04", "R-DP-05", "R-DP-06"),
    tab=TAB,
    row=Row.TIMELINE,
)
def checkpoint_incomplete(case: Case) -> Iterator[Problem]:
    """A checkpoint says when the first signal came, whether that was before or after
    internal changes, when it stabilized, and answers the question of its type."""
    for row in case.load(selectors.checkpoints):
        if row.state == State.NOT_TOUCHED:
            continue
        missing = [
            words
            for words, absent in (
                ("when its first signal came", row.first_signal_at is None),
                (
                    "whether that was before or after internal changes",
                    row.order == DependencyCheckpoint.Order.UNKNOWN,
                ),
                (
                    "when it stabilized",
                    row.state == State.STABILIZED and row.stabilized_at is None,
                ),
                ("what was verified", not row.verified),
            )
            if absent
        ]
        if missing:
            words = ", ".join(missing)
            yield Problem(
                f"{row.name} does not say {words}",
                subject=row,
                hint=row.question,
                fix_label="Complete it",
                url=page(case, "checkpoint_edit", row.number),
                inputs=tuple(missing),
            )


@check(
    "DP007",
    "Checkpoint answers otherwise than the entries",
    level=Level.WARNING,
    requirements=("R-DP-02", "R-DP-06"),
    tab=TAB,
    row=Row.TIMELINE,
)
def order_contradicted(case: Case) -> Iterator[Problem]:
    """Whether a dependency failed before or after our own changes decides where the
    cause is looked for. If the times of the entries say otherwise than the person, one
    of the two is wrong."""
    rows = case.load(selectors.entries)
    Order = DependencyCheckpoint.Order
    for row in case.load(selectors.checkpoints):
        found = selectors.signal_order(row, rows)
        if Order.UNKNOWN in {row.order, found.order} or row.order == found.order:
            continue
        yield Problem(
            f"{row.name} says “{row.get_order_display()}”, but its first signal "
            f"({found.signal_ref}) came {found.words(case.incident.clock_zone)}"
            if found.change_ref
            else f"{row.name} says “{row.get_order_display()}”, but "
            f"{found.words(case.incident.clock_zone)}",
            subject=row,
            hint="Check the times of both entries, or correct the answer.",
            fix_label="Check the order",
            url=page(case, "checkpoint_edit", row.number),
            inputs=(row.order, found.order, found.signal_ref, found.change_ref),
        )


@check(
    "DP005",
    "Processor without a reconciliation record",
    level=Level.WARNING,
    requirements=("R-DP-05",),
    tab=TAB,
    row=Row.TIMELINE,
)
def processor_without_reconciliation(case: Case) -> Iterator[Problem]:
    """A downstream processor has stabilized when operational and reconciliation records
    both show it."""
    for row in case.load(selectors.checkpoints):
        if row.kind != Kind.PROCESSOR or row.state != State.STABILIZED:
            continue
        sides = {item.side for item in row.evidence if item.proves}
        if any(item.kind == EvidenceKind.RECONCILIATION for item in row.evidence):
            sides.add(Evidence.Side.FINANCE)
        missing = [side for side in Evidence.Side if side not in sides]
        if row.is_provisional or not missing:
            continue
        words = " and ".join(
            f"{'an' if side.label[0] in 'AEIOU' else 'a'} {side.label.lower()}"
            for side in missing
        )
        yield Problem(
            f"{row.name} is stabilized without {words}",
            subject=row,
            fix_label="Link evidence",
            url=page(case, "checkpoint_edit", row.number),
            inputs=([item.ref for item in row.evidence],),
        )


@check(
    "DP008",
    "Stable on the provider's word alone",
    level=Level.WARNING,
    requirements=("R-RO-10",),
    tab=TAB,
    row=Row.TIMELINE,
)
def providers_word(case: Case) -> Iterator[Problem]:
    """A status page is one input, never a verdict: providers call a thing recovered by
    their own measure. What our payments did is shown by a record of ours."""
    for row in case.load(selectors.checkpoints):
        kinds = {item.kind for item in row.evidence if item.proves}
        if row.state != State.STABILIZED or not kinds or kinds - PROVIDERS_WORDS:
            continue
        yield Problem(
            f"{row.name} is stabilized on the provider's word alone",
            subject=row,
            hint="Link a record of our own too: success rate, latency, error samples, "
            "a reconciliation.",
            fix_label="Link evidence",
            url=page(case, "checkpoint_edit", row.number),
            inputs=([item.ref for item in row.evidence],),
        )

"""The three outputs of a review, and what they have to show."""

from __future__ import annotations

from collections.abc import Iterator

from actions import selectors as actions
from actions.models import ActionItem
from postmortem.lib.findings import Case, Level, Problem, Row, check
from review.checks.base import page
from timeline import selectors as timeline
from timeline.models import Entry


def entries(case: Case) -> int:
    """How many timeline entries are in force, stated gaps not counted."""
    rows = case.load(timeline.entries)
    return sum(row.kind != Entry.Kind.NO_RECORD for row in rows)


def changes(case: Case) -> bool:
    """Whether an action is completed, or a step of the response proven by an original
    record."""
    return any(
        action.state == ActionItem.State.COMPLETED
        for action in case.load(actions.actions)
    ) or any(
        entry.kind in {Entry.Kind.ACTION, Entry.Kind.DECISION}
        and not entry.is_provisional
        for entry in case.load(timeline.entries)
    )


@check(
    "DOC001",
    "The review has its recovery timeline",
    level=Level.ERROR,
    requirements=("R-DOC-01", "R-DOC-02"),
    tab="Timeline",
    row=Row.TIMELINE,
)
def recovery_timeline_present(case: Case) -> Iterator[Problem]:
    """A review has exactly three outputs: the timeline, the causes (RC001) and the
    actions (AI001). Without the first, nobody can tell what was observed and done."""
    if not entries(case):
        yield Problem(
            "The recovery timeline is empty",
            hint="Start with the first signal: its time and what was seen.",
            fix_label="Add the first entry",
            url=page(case, "timeline:entry_list"),
        )


@check(
    "CK007",
    "The case shows what changed operationally",
    level=Level.ERROR,
    requirements=("R-CK-07", "R-DOC-05"),
    tab="Actions",
    row=Row.ACTIONS,
)
def operational_change_shown(case: Case) -> Iterator[Problem]:
    """A case closes only when evidence shows what changed: a completed action, or a
    step of the response that rests on an original record."""
    if not changes(case):
        yield Problem(
            "Nothing shows what changed: no action is completed and no step of the "
            "response rests on an original record",
            hint="Link the deploy, config change or control log to the step it proves.",
            fix_label="Open the timeline",
            url=page(case, "timeline:entry_list"),
        )

"""Checks of the wording of actions: vague changes, blame (R-AI-04, R-BL-03)."""

from __future__ import annotations

from collections.abc import Iterator

from actions.checks.base import (
    TAB,
    live,
    owner_label,
    page,
)
from incidents import selectors as case_file
from incidents.language import find_blame, find_vague
from postmortem.lib.findings import Case, Level, Problem, Row, check


@check(
    "AI004",
    "Vague wording",
    level=Level.WARNING,
    requirements=("R-AI-04", "R-DOC-15"),
    tab=TAB,
    row=Row.ACTIONS,
)
def vague_wording(case: Case) -> Iterator[Problem]:
    """Words such as “improve monitoring” or “monitor closely” name no change, so that
    nobody can tell when it is done. Wording alone never blocks: it may be kept with a
    reason."""
    for action in live(case):
        found = find_vague(action.title)
        if found:
            words = ", ".join(f"“{match.text}”" for match in found)
            yield Problem(
                f"A reviewer could not tell when this is done: {words}",
                subject=action,
                hint=found[0].hint,
                fix_label="Rewrite",
                url=page("action_edit", action),
                owner_label=owner_label(action),
                inputs=(action.title,),
            )


@check(
    "BL003",
    "Blaming words in an action",
    level=Level.WARNING,
    requirements=("R-BL-03", "R-BL-04", "R-CK-06"),
    tab=TAB,
    row=Row.BLAMELESS,
)
def blame_in_action(case: Case) -> Iterator[Problem]:
    """An action changes a condition. One that retrains, warns or blames a person hides
    the condition, and the next person meets it again."""
    held = case.load(case_file.participations)
    names = sorted({duty.user.name for duty in held})
    for action in live(case):
        texts = [
            action.title,
            action.details,
            action.risk_removed,
            action.risk_remaining,
            action.trade_off,
            action.rollback_path,
        ]
        for test in action.live_tests:
            texts += [test.procedure, *(run.notes for run in test.live_runs)]
        found = [match for text in texts for match in find_blame(text, names=names)]
        if found:
            words = ", ".join(dict.fromkeys(f"“{match.text}”" for match in found))
            yield Problem(
                f"Reads as blame: {words}",
                subject=action,
                hint=found[0].hint,
                fix_label="Rewrite",
                url=page("action_edit", action),
                owner_label=owner_label(action),
                inputs=tuple(match.text for match in found),
            )

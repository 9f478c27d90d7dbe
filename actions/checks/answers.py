"""Checks of what the actions answer: causes, control gaps, recurrence."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from actions.checks.base import (
    TAB,
    State,
    gathered,
    joined,
    live,
    owner_label,
    page,
    stated,
)
from actions.models import ActionItem
from incidents import selectors as case_file
from postmortem.lib.findings import Case, Level, Problem, Row, check
from postmortem.lib.words import shortened
from rca import selectors as rca
from rca.models import Cause, FailureMode


@check(
    "AI011",
    "Action answers nothing",
    level=Level.WARNING,
    requirements=("R-AI-01", "R-AI-11"),
    tab=TAB,
    row=Row.ACTIONS,
)
def answers_nothing(case: Case) -> Iterator[Problem]:
    """An action that answers no cause and no failure mode prevents nothing that was
    observed in this incident."""
    yield from gathered(case, _answers_nothing(case))


def _answers_nothing(case: Case) -> Iterator[Problem]:
    for action in live(case):
        if not action.live_causes and not action.live_failure_modes:
            yield Problem(
                "Answers no cause and no failure mode",
                subject=action,
                hint="Choose the cause or the failure mode that it makes less likely.",
                fix_label="Choose cause",
                url=page("action_edit", action),
                owner_label=owner_label(action),
            )


@check(
    "AI013",
    "Control gap in a core flow is only scheduled",
    level=Level.INFO,
    requirements=("R-AI-06",),
    tab=TAB,
    row=Row.ACTIONS,
)
def gap_only_scheduled(case: Case) -> Iterator[Problem]:
    """An open control gap that could recreate a user-facing outage in a core flow is
    mandatory now. Advice: whether the gap could do that is for people to judge."""
    if not any(lane.is_core_flow for lane in case.load(case_file.lanes)):
        return
    answered = {
        cause.pk
        for action in live(case)
        if action.is_mandatory
        for cause in action.live_causes
    }
    scheduled = {cause.pk for action in live(case) for cause in action.live_causes}
    for cause in rca.standing_causes(case):
        if cause.is_systemic and cause.pk in scheduled - answered:
            yield Problem(
                "Control gap in a core flow is answered by scheduled actions only",
                subject=cause,
                hint="If this gap could bring the outage back, make its action "
                "mandatory now.",
                fix_label="Open actions",
                url=reverse("actions:action_list", args=[case.incident.key]),
                inputs=(cause.ref,),
            )


@check(
    "AI016",
    "Nothing reduces recurrence",
    level=Level.WARNING,
    requirements=("R-AI-10", "R-AI-02"),
    tab=TAB,
    row=Row.ACTIONS,
)
def nothing_reduces_recurrence(case: Case) -> Iterator[Problem]:
    """Success is fewer repeats, not closed tickets. Stabilizing and restoring alone
    leave the next occurrence as likely as this one."""
    rows = live(case)
    if rows and not any(a.kind == ActionItem.Kind.REDUCE for a in rows):
        yield Problem(
            "No action reduces recurrence: all of them stabilize or restore",
            fix_label="Add action",
            url=reverse("actions:action_add", args=[case.incident.key]),
            inputs=tuple(action.ref for action in rows),
        )


@check(
    "AI017",
    "Control to validate has no action",
    level=Level.WARNING,
    requirements=("R-AI-11", "R-FM-01"),
    tab=TAB,
    row=Row.CONTROLS,
)
def control_without_action(case: Case) -> Iterator[Problem]:
    """A control is a hypothesis until it was validated. Each observed failure mode with
    an unvalidated control needs the action that exercises it."""
    answered = {mode.pk for a in live(case) for mode in a.live_failure_modes}
    for mode in case.load(rca.failure_modes):
        if (
            mode.standing != FailureMode.Standing.RULED_OUT
            and mode.control_to_validate
            and not mode.control_validated
            and mode.pk not in answered
            and mode.mode != FailureMode.Mode.KNOWN_UNKNOWN
        ):
            mode.incident = case.incident
            yield Problem(
                f"Control to validate has no action: "
                f"{shortened(mode.control_to_validate)}",
                subject=mode,
                fix_label="Add action",
                url=reverse("actions:action_add", args=[case.incident.key]),
                inputs=(mode.control_to_validate,),
            )


@check(
    "AI018",
    "Completed on an unclear cause",
    level=Level.WARNING,
    requirements=("R-AI-09",),
    tab=TAB,
    row=Row.ACTIONS,
)
def completed_on_unclear_cause(case: Case) -> Iterator[Problem]:
    """An action is not closable while the condition that it answers is unclear: it may
    have fixed something else."""
    for action in stated(case):
        if action.state != State.COMPLETED:
            continue
        unclear = [
            cause.ref
            for cause in action.live_causes
            if cause.state == Cause.State.PROVISIONAL
        ]
        if unclear:
            yield Problem(
                f"Completed while {joined(unclear)} is still provisional",
                subject=action,
                fix_label="Open action",
                owner_label=owner_label(action),
                inputs=tuple(unclear),
            )


@check(
    "AI019",
    "Cause without action",
    level=Level.WARNING,
    requirements=("R-RC-11",),
    tab="Root cause",
    row=Row.RCA,
)
def cause_without_action(case: Case) -> Iterator[Problem]:
    """Each cause maps to an action, technical for direct causes and process for
    systemic ones, or to a written reason why nothing is done about it."""
    answered = {cause.pk for a in live(case) for cause in a.live_causes}
    for cause in rca.standing_causes(case):
        if cause.pk not in answered and not cause.no_action_reason:
            kind = cause.get_label_display().lower()
            yield Problem(
                f"No action answers this {kind}, and no reason is given",
                subject=cause,
                hint="Add the action, or write on the cause why none is needed.",
                fix_label="Add action",
                url=reverse("actions:action_add", args=[case.incident.key])
                + f"?cause={cause.number}",
                inputs=(cause.ref,),
            )

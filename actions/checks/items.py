"""Checks of action items: what they say and how far they are (R-AI)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.urls import reverse

from actions import selectors
from actions.checks.base import (
    TAB,
    State,
    day,
    gathered,
    joined,
    late,
    live,
    owner_label,
    page,
    standing,
    stated,
)
from actions.models import ActionItem
from incidents import selectors as case_file
from postmortem.lib.findings import Case, Level, Problem, Row, check
from postmortem.lib.words import shortened

LIMITS = {
    ActionItem.Priority.WEEKS_4: timedelta(weeks=4),
    ActionItem.Priority.WEEKS_8: timedelta(weeks=8),
}


@check(
    "AI001",
    "No action items",
    level=Level.ERROR,
    requirements=("R-DOC-01", "R-DOC-04", "R-AI-10"),
    tab=TAB,
    row=Row.ACTIONS,
)
def no_actions(case: Case) -> Iterator[Problem]:
    """A review yields a timeline, causes and preventive changes. Without an action the
    outage has been told but nothing makes it less likely."""
    if not live(case):
        yield Problem(
            "No action items: nothing says what changes so that this does not repeat",
            hint="Add at least one preventive change with an owner, a date and a test.",
            fix_label="Add action",
            url=reverse("actions:action_add", args=[case.incident.key]),
        )


@check(
    "AI002",
    "Action without owner",
    level=Level.ERROR,
    requirements=("R-AI-01", "R-CK-04", "R-AI-06"),
    tab=TAB,
    row=Row.ACTIONS,
)
def no_owner(case: Case) -> Iterator[Problem]:
    """An action that nobody owns is not done. A mandatory one without an owner can
    never be waived."""
    for action in stated(case):
        if action.owner is None:
            yield Problem(
                f"{standing(action)} action without owner: {shortened(action.title)}",
                subject=action,
                fix_label="Name owner",
                url=page("action_edit", action),
                owner_label=owner_label(action),
            )


@check(
    "AI003",
    "Action without due date",
    level=Level.ERROR,
    requirements=("R-AI-01", "R-CK-04", "R-AI-06"),
    tab=TAB,
    row=Row.ACTIONS,
)
def no_due_date(case: Case) -> Iterator[Problem]:
    """Without a date nobody can be reminded, and the action is never late."""
    for action in stated(case):
        if action.due_at is None:
            yield Problem(
                f"{standing(action)} action without due date: "
                f"{shortened(action.title)}",
                subject=action,
                fix_label="Set date",
                url=page("action_edit", action),
                owner_label=owner_label(action),
            )


@check(
    "AI005",
    "Draft action remains",
    level=Level.ERROR,
    requirements=("R-AI-03", "R-CK-04"),
    tab=TAB,
    row=Row.ACTIONS,
)
def drafts(case: Case) -> Iterator[Problem]:
    """A draft does not yet say what changes, who owns it and what proof closes it, so
    it cannot be followed up. Open it, or cancel it with a reason."""
    for action in live(case):
        if action.state != State.DRAFT:
            continue
        tests = action.live_tests
        lacks = [
            words
            for words, is_missing in (
                ("no owner", action.owner_id is None),
                ("no date", action.due_at is None),
                ("no closure test", not tests),
                (
                    "no pass condition",
                    bool(tests) and not any(t.pass_condition for t in tests),
                ),
                ("no place for the proof", not action.proof_location),
            )
            if is_missing
        ]
        yield Problem(
            f"Still a draft: {', '.join(lacks)}" if lacks else "Still a draft",
            subject=action,
            hint="Complete and open it, or cancel it with a reason.",
            fix_label="Complete" if lacks else "Open it",
            url=page("action_edit" if lacks else "action_open", action),
            owner_label=owner_label(action),
        )


@check(
    "AI006",
    "Mandatory action not completed",
    level=Level.ERROR,
    requirements=("R-AP-01", "R-AP-03", "R-AI-06"),
    tab=TAB,
    row=Row.ACTIONS,
)
def mandatory_open(case: Case) -> Iterator[Problem]:
    """While a mandatory change is missing, an open gap could bring the outage back in a
    core flow: the incident stays stabilized."""
    for action in stated(case):
        if action.is_mandatory and action.state == State.OPEN:
            when = ""
            if action.due_at and case.reached(action.due_at):
                when = late(action.due_at, case.now)
            due = f", due {day(action.due_at, case.incident)}" if action.due_at else ""
            yield Problem(
                f"Mandatory action is not completed{due}{f', {when}' if when else ''}",
                subject=action,
                hint="Complete it on an accepted run; until then keep the incident "
                "stabilized.",
                fix_label="Complete" if action.is_proven else "Open action",
                url=page("action_complete", action) if action.is_proven else "",
                owner_label=owner_label(action),
            )


@check(
    "AI007",
    "Priority limit exceeded",
    level=Level.WARNING,
    requirements=("R-AI-07",),
    tab=TAB,
    row=Row.ACTIONS,
)
def priority_limit(case: Case) -> Iterator[Problem]:
    """A priority action has a limit of 4 or 8 weeks, counted from the day it was
    written down. A later date, or a passed limit, is said openly."""
    for action in stated(case):
        limit = LIMITS.get(ActionItem.Priority(action.priority))
        if limit is None or action.recorded_at is None or not action.is_pending:
            continue
        until = action.recorded_at + limit
        weeks = limit.days // 7
        if case.reached(until):
            message = (
                f"The {weeks}-week limit ended on {day(until, case.incident)} and the "
                "action is open"
            )
        elif action.due_at and action.due_at > until:
            message = (
                f"Due {day(action.due_at, case.incident)}, after the {weeks}-week "
                f"limit of {day(until, case.incident)}"
            )
        else:
            continue
        yield Problem(
            message,
            subject=action,
            fix_label="Change date",
            url=page("action_edit", action),
            owner_label=owner_label(action),
            inputs=(action.priority, action.due_at),
        )


@check(
    "AI008",
    "Action is not tracked",
    level=Level.INFO,
    requirements=("R-AI-08", "R-AI-10"),
    tab=TAB,
    row=Row.ACTIONS,
)
def no_tracker(case: Case) -> Iterator[Problem]:
    """Follow-up is planned where the team plans its work. The link never closes the
    action here."""
    untracked = [a for a in stated(case) if a.is_pending and not a.tracker_url]
    if untracked:
        yield Problem(
            f"No tracker link: {joined([action.ref for action in untracked])}",
            hint="Link the work item, so that the change is planned and found.",
            fix_label="Add link",
            url=page("action_edit", untracked[0]),
            inputs=tuple(action.ref for action in untracked),
        )


@check(
    "AI009",
    "Risk not written",
    level=Level.WARNING,
    requirements=("R-AI-05",),
    tab=TAB,
    row=Row.ACTIONS,
)
def risks_missing(case: Case) -> Iterator[Problem]:
    """What an action removes, what it leaves and what it costs are written before it is
    completed: approval judges them, and the remaining risk goes on record."""
    yield from gathered(case, _risks_missing(case))


def _risks_missing(case: Case) -> Iterator[Problem]:
    for action in stated(case):
        lacks = [
            words
            for words, text in (
                ("the risk removed", action.risk_removed),
                ("the risk that remains", action.risk_remaining),
                ("the trade-off", action.trade_off),
            )
            if not text
        ]
        if lacks:
            yield Problem(
                f"Not written: {', '.join(lacks)}",
                subject=action,
                fix_label="Write it",
                url=page("action_edit", action),
                owner_label=owner_label(action),
                inputs=tuple(lacks),
            )


@check(
    "AI010",
    "No rollback path",
    level=Level.WARNING,
    requirements=("R-AI-01",),
    tab=TAB,
    row=Row.ACTIONS,
)
def no_rollback(case: Case) -> Iterator[Problem]:
    """A preventive change can break something too. The way back is written before it
    ships."""
    yield from gathered(case, _no_rollback(case))


def _no_rollback(case: Case) -> Iterator[Problem]:
    for action in stated(case):
        if not action.rollback_path:
            yield Problem(
                "No rollback path: what undoes this change if it harms?",
                subject=action,
                fix_label="Add path",
                url=page("action_edit", action),
                owner_label=owner_label(action),
            )


@check(
    "AI012",
    "No finance-side closure",
    level=Level.WARNING,
    requirements=("R-AI-12", "R-SC-16"),
    tab=TAB,
    row=Row.ACTIONS,
)
def no_finance_side(case: Case) -> Iterator[Problem]:
    """Where money moves, closing shows the operational and the finance side of the
    remediation. None of the actions touches risk controls or the settlement path."""
    rows = live(case)
    lanes = [lane for lane in case.load(case_file.lanes) if lane.is_core_flow]
    if rows and lanes and not any(action.needs_finance_approval for action in rows):
        yield Problem(
            "No action shows the finance side: none covers risk controls or the "
            "settlement path",
            hint="Set the area of the action that finance has to approve, or accept "
            "this with the reason why money was not touched.",
            fix_label="Open actions",
            url=reverse("actions:action_list", args=[case.incident.key]),
            inputs=tuple(action.ref for action in rows),
        )


@check(
    "AI014",
    "No place for the proof",
    level=Level.INFO,
    requirements=("R-AI-01",),
    tab=TAB,
    row=Row.ACTIONS,
)
def no_proof_location(case: Case) -> Iterator[Problem]:
    """Whoever checks later must know where the proof of an action is kept."""
    yield from gathered(case, _no_proof_location(case))


def _no_proof_location(case: Case) -> Iterator[Problem]:
    for action in stated(case):
        if not action.proof_location:
            yield Problem(
                "Not said where the proof is stored",
                subject=action,
                fix_label="Say where",
                url=page("action_edit", action),
                owner_label=owner_label(action),
            )


@check(
    "AI015",
    "Action overdue",
    level=Level.WARNING,
    requirements=("R-MT-05", "R-DOC-15"),
    tab=TAB,
    row=Row.ACTIONS,
)
def action_overdue(case: Case) -> Iterator[Problem]:
    """A scheduled action past its date needs the work or a new date. A mandatory one
    blocks by itself."""
    for action in live(case):
        if action.is_mandatory or not action.is_pending or not action.due_at:
            continue
        if case.reached(action.due_at):
            yield Problem(
                f"Due {day(action.due_at, case.incident)}, "
                f"{late(action.due_at, case.now)}",
                subject=action,
                fix_label="Open action",
                owner_label=owner_label(action),
                inputs=(action.due_at,),
            )


@check(
    "AI020",
    "Mandatory action cancelled",
    level=Level.WARNING,
    requirements=("R-AI-06", "R-AP-01"),
    tab=TAB,
    row=Row.ACTIONS,
)
def mandatory_cancelled(case: Case) -> Iterator[Problem]:
    """Giving up a change that was called mandatory is a decision about risk: whoever
    approves closing has to see it and accept it by name."""
    for action in case.load(selectors.actions):
        if action.state == State.CANCELLED and action.is_mandatory:
            yield Problem(
                f"Mandatory action was cancelled: {shortened(action.cancelled_reason)}",
                subject=action,
                fix_label="Look at it",
                owner_label=owner_label(action),
                inputs=(action.cancelled_reason,),
            )

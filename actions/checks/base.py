"""What the checks of the actions share: words, links, the actions in force."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from django.urls import reverse

from actions import selectors
from actions.models import ActionItem, ClosureTest, TestRun
from incidents.models import Incident
from postmortem.lib.findings import Case, Problem
from postmortem.lib.times import on_clock, span

TAB = "Actions"
State = ActionItem.State
MANY = 3  # more rows than this with the same words become one finding


def day(moment: datetime, incident: Incident) -> str:
    """'16 Mar' on the incident clock."""
    shown = on_clock(moment, incident.clock_zone)
    return f"{shown.day} {shown:%b}"


def late(due_at: datetime, now: datetime) -> str:
    """'1 d overdue', or nothing."""
    if due_at > now:
        return ""
    days = (now - due_at).days
    return f"{days} d overdue" if days else f"{span(now - due_at)} overdue"


def page(name: str, row: ActionItem | ClosureTest | TestRun) -> str:
    """The form that fixes a finding about this row."""
    return reverse(f"actions:{name}", args=[row.incident.key, row.number])


def owner_label(action: ActionItem) -> str:
    return action.owner.label if action.owner else "nobody yet"


def joined(refs: list[str], limit: int = 6) -> str:
    """'ACT-1, ACT-2 and 3 more'."""
    if len(refs) <= limit:
        return ", ".join(refs)
    return f"{', '.join(refs[:limit])} and {len(refs) - limit} more"


def live(case: Case) -> list[ActionItem]:
    """Actions in force that were not given up."""
    return [a for a in case.load(selectors.actions) if a.state != State.CANCELLED]


def stated(case: Case) -> list[ActionItem]:
    """Those that have left draft; what a draft lacks is told by AI005 alone."""
    return [action for action in live(case) if action.state != State.DRAFT]


def standing(action: ActionItem) -> str:
    """'Completed', 'Mandatory' or 'Scheduled': how a finding calls an action."""
    if action.state == State.COMPLETED:
        return "Completed"
    return "Mandatory" if action.is_mandatory else "Scheduled"


def gathered(case: Case, problems: Iterable[Problem]) -> Iterator[Problem]:
    """Each problem by itself, but the same words about more than three actions once:
    twenty lines that say the same are read as none."""
    groups: dict[tuple[str, str], list[Problem]] = {}
    for problem in problems:
        groups.setdefault((problem.message, problem.hint), []).append(problem)
    for (message, hint), rows in groups.items():
        if len(rows) <= MANY:
            yield from rows
            continue
        refs = [row.subject.ref for row in rows if row.subject]
        yield Problem(
            f"In {len(refs)} actions ({joined(refs, 3)}): "
            f"{message[:1].lower()}{message[1:]}",
            hint=hint,
            fix_label="Open actions",
            url=reverse("actions:action_list", args=[case.incident.key]),
            inputs=tuple(refs),
        )

"""Words and links that the checks share."""

from __future__ import annotations

from datetime import datetime

from django.urls import reverse

from actions import selectors
from actions.models import ActionItem, ClosureTest, TestRun
from incidents.models import Incident
from postmortem.lib.findings import Case
from postmortem.lib.times import on_clock, span

TAB = "Actions"
State = ActionItem.State


def day(moment: datetime, incident: Incident) -> str:
    """'16 Mar' on the incident clock."""
    shown = on_clock(moment, incident.clock_zone)
    return f"{shown.day} {shown:%b}"


def late(due_at: datetime, now: datetime) -> str:
    """'1 d overdue', or nothing."""
    if due_at >= now:
        return ""
    days = (now - due_at).days
    return f"{days} d overdue" if days else f"{span(now - due_at)} overdue"


def page(name: str, row: ActionItem | ClosureTest | TestRun) -> str:
    """The form that fixes a finding about this row."""
    return reverse(f"actions:{name}", args=[row.incident.key, row.number])


def owner_label(action: ActionItem) -> str:
    return action.owner.label if action.owner else "nobody yet"


def shortened(text: str, limit: int = 80) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


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

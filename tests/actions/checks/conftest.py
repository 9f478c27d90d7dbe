"""What a check of the actions finds, and rows of other apps."""

from __future__ import annotations

import datetime as dt
from typing import Any

from actions.models import ActionItem
from postmortem.lib.findings import Case, Finding, Level, run_checks
from tests.actions.conftest import Desk
from tests.conftest import NOW

SCHEDULED = ActionItem.Timing.SCHEDULED


def found(desk: Desk, check_id: str, *, now: dt.datetime = NOW) -> list[Finding]:
    desk.incident.refresh_from_db()
    case = Case(desk.incident, now=now)
    return run_checks(case, only=lambda item: item.id == check_id)


def finding(
    check_id: str,
    message: str,
    ref: str = "ACT-1",
    level: Level = Level.ERROR,
    **more: Any,
) -> Finding:
    tab = more.pop("tab", "Actions")
    return Finding(
        id=check_id,
        level=level,
        message=message,
        subject_ref=ref,
        subject_label=f"{tab} · {ref}" if ref else tab,
        hint=more.pop("hint", ""),
        **more,
    )

"""What a check of the actions finds, and rows of other apps."""

from __future__ import annotations

import datetime as dt
from typing import Any

from accounts.models import User
from actions.models import ActionItem
from incidents import activity
from incidents.models import Incident
from incidents.services.core import add_record
from postmortem.lib.findings import Case, Finding, Level, run_checks
from postmortem.lib.persistence import service
from rca.models import Cause
from tests.actions.conftest import Desk
from tests.conftest import NOW

SCHEDULED = ActionItem.Timing.SCHEDULED


@service
def put(row: Any, *, actor: User) -> Any:
    """A row of another app, without its service: it is not under test here."""
    row.incident = Incident.objects.get(pk=row.incident_id)
    add_record(row, actor=actor)
    activity.record(row.incident, actor=actor, verb="tests.put", sentence="put a row")
    return row


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


def cause(desk: Desk, **fields: Any) -> Cause:
    fields.setdefault("label", Cause.Label.CONTRIBUTING)
    fields.setdefault("statement", "No contract test gates deploys")
    return put(Cause(incident=desk.incident, **fields), actor=desk.author)

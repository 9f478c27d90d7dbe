"""The findings panel: what holds the next step back, from the stored result."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html

from accounts.models import User
from incidents.models import Incident
from incidents.permissions import can
from incidents.selectors import StoredFindings, holds_back, next_gate
from postmortem.lib.findings import Finding, Gate, Level
from postmortem.lib.paging import ListPaginator
from postmortem.lib.times import on_clock
from postmortem.lib.ui import zone_name

FIRST, FIRST_ADVISORY = 8, 4  # how many findings a brief panel shows
AT_ONCE = 100  # and a page of all of them: a case of 5,000 entries has some 1,900
HEADINGS = {
    Gate.STABILIZE: ("What still blocks stabilizing", "Nothing blocks stabilizing."),
    Gate.ALL_CLEAR: (
        "What still blocks the all-clear",
        "Nothing blocks the all-clear.",
    ),
    Gate.CLOSE: ("What still blocks closure", "Nothing blocks closure."),
}


def findings_panel(
    incident: Incident,
    user: User,
    stored: StoredFindings,
    *,
    brief: bool = False,
    number: Any = 1,
) -> dict[str, Any]:
    """Context of the panel. Until closing is the next step, it shows what holds that
    step back, and folds what only closing waits for.

    brief: only the first of each, in one line each, with the way to all of them. Else
    the page of that number.
    """
    gate = next_gate(incident)
    near = holds_back(stored.findings, gate)
    later = [f for f in stored.findings if f.is_blocking and f not in near]
    advisory = [f for f in stored.findings if not f.is_blocking]
    advisory.sort(key=lambda f: not f.is_open)
    parts = {"blocking": near, "later": later, "advisory": advisory}
    totals = {f"{name}_total": len(found) for name, found in parts.items()}
    page = None
    if not brief:
        every = [(name, item) for name, found in parts.items() for item in found]
        page = ListPaginator(every, AT_ONCE, known=len(every)).get_page(number)
        parts = {n: [item for name, item in page if name == n] for n in parts}
    heading, none_text = HEADINGS[gate]
    if incident.is_frozen:
        heading, none_text = "Findings at the end", "No finding was left."
    return {
        "heading": heading,
        "none_text": none_text,
        **{
            name: _rows(incident, user, found, brief=brief)
            for name, found in parts.items()
        },
        **totals,
        "findings_page": page,
        "advisory_heading": "Advisory, as they stood"
        if incident.is_frozen
        else "Advisory, can be accepted with a reason"
        if can(user, "finding.accept", incident)
        else "Advisory",
        "is_folded": gate is not Gate.CLOSE,
        "more_url": reverse("incidents:finding_list", args=[incident.key])
        if brief
        else "",
        "is_current": stored.is_current,
        "is_frozen": incident.is_frozen,
        "ran_at": ran_at(incident, stored),
    }


def ran_at(incident: Incident, stored: StoredFindings) -> str:
    """'14:05:10 UTC': when the checks gave this result, on the incident clock."""
    if stored.computed_at is None:
        return ""
    clock = f"{on_clock(stored.computed_at, incident.clock_zone):%H:%M:%S}"
    return format_html("{} {}", clock, zone_name(incident.clock_zone))


def _rows(
    incident: Incident, user: User, found: list[Finding], *, brief: bool
) -> list[dict[str, Any]]:
    can_fix = can(user, "incident.edit", incident)
    can_accept = can(user, "finding.accept", incident)
    rows = []
    first = FIRST if any(item.is_blocking for item in found) else FIRST_ADVISORY
    for item in found[:first] if brief else found:
        row = asdict(item)
        if brief:
            row["hint"] = ""
        if not can_fix:
            row["url"] = ""  # a link to a form that this role cannot open helps nobody
        allowed = item.waivable or item.level is not Level.ERROR
        if can_accept and allowed and not item.accepted_by:
            query = urlencode({"check": item.id, "finding": item.key})
            url = reverse("incidents:finding_accept", args=[incident.key])
            row["accept_url"] = f"{url}?{query}"
        rows.append(row)
    return rows

"""What stands around a page inside an incident: clock, steps, tabs, verbs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import reverse

from accounts.decorators import SignedInRequest
from accounts.models import User
from incidents import permissions
from incidents.models import Incident
from incidents.selectors import StoredFindings, holds_back, next_gate
from incidents.services.findings import findings_for_page
from incidents.views.panel import ran_at
from postmortem.lib import tabs
from postmortem.lib.addresses import page_url
from postmortem.lib.findings import Gate, findings_block
from postmortem.lib.kept import Kept
from postmortem.lib.times import on_clock

FRAMES = Kept(512)  # clock and figures of the tabs, by the state of the record
# What of the menu leads away; everything else opens beside the page.
WHOLE_PAGES = frozenset({"incidents:people_list", "api:case-detail"})


def flags(user: User, incident: Incident) -> dict[str, bool]:
    """What the permission table allows here: `can.timeline_add` in a template."""
    return {
        name.replace(".", "_"): permissions.can(user, name, incident)
        for name in permissions.TABLE
    }


def workspace(
    request: SignedInRequest,
    incident: Incident,
    tab: str = "",
    *,
    stored: StoredFindings | None = None,
) -> dict[str, Any]:
    """Context of a page inside an incident: `incident`, `workspace`, `can`, and
    `stored`, the findings that every number on the page comes from.

    tab: the name of the active tab ('overview', 'timeline', 'evidence', 'causes',
    'actions', 'review', 'activity'). Costs a query for the stored findings, unless
    the page has read them (`stored`), and once for each state of the record those of
    the clock and of the figures of the tabs.
    """
    can = flags(request.user, incident)
    stored = stored or findings_for_page(incident)
    clock, figures = FRAMES.get(
        (incident.pk, incident.activity_head),
        lambda: (tabs.incident_clock(incident), tabs.counts(incident)),
    )
    start, end = clock.start, clock.end
    return {
        "incident": incident,
        "can": can,
        "stored": stored,
        "workspace": {
            "clock_start": start,
            "clock_end": end,
            "duration": end - start if start and end else None,
            "running": clock.declared_at
            if incident.status == Incident.Status.ACTIVE
            else None,
            "steps": steps(incident, stored, stabilized_at=end),
            "tabs": _tabs(incident, tab, stored, figures),
            "version_hash": stored.content_hash,
            "ran_at": ran_at(incident, stored),
            "status_url": f"{reverse('incidents:finding_status', args=[incident.key])}"
            f"?tab={tab}",
            "report_url": page_url("review:report_detail", incident.key)
            if can["report_request"]
            else "",
            "menu": _header_menu(incident, can),
        },
    }


def _tabs(
    incident: Incident,
    active: str,
    stored: StoredFindings,
    figures: dict[str, int | None],
) -> list[dict[str, Any]]:
    shown = []
    for tab in tabs.ordered_tabs():
        url = page_url(tab.url_name, incident.key)
        if not url:
            continue
        count = figures.get(tab.name)
        kind = ""
        if tab.name == "review":
            count, kind = stored.blocking, "red" if stored.blocking else ""
        shown.append(
            {
                "name": tab.name,
                "label": tab.label,
                "url": url,
                "active": tab.name == active,
                "count": count,
                "count_kind": kind,
            }
        )
    return shown


def steps(
    incident: Incident,
    stored: StoredFindings,
    *,
    stabilized_at: datetime | None = None,
) -> list[dict[str, str]]:
    """The way of an incident from active to closed, with the times it got there, and
    how many findings hold back the step that comes next.

    stabilized_at: the end of the clock, for a case whose transition was not recorded.
    """
    zone = incident.clock_zone
    if incident.status == Incident.Status.CANCELLED:
        return [
            _step("Active", "done", incident.declared_at, zone),
            _step("Cancelled", "current", incident.cancelled_at, zone),
        ]
    way = [
        (Incident.Status.ACTIVE, "Active", incident.declared_at),
        (
            Incident.Status.STABILIZED,
            "Stabilized",
            incident.stabilized_at or stabilized_at,
        ),
        (Incident.Status.IN_REVIEW, "In review", incident.in_review_at),
        (Incident.Status.CLOSED, "Closed", incident.closed_at),
    ]
    reached = [status for status, _, _ in way].index(Incident.Status(incident.status))
    found = []
    for position, (_, label, at) in enumerate(way):
        if position < reached:
            found.append(_step(label, "done", at, zone))
        elif position == reached:
            since = position not in (0, len(way) - 1)
            found.append(_step(label, "current", at, zone, since=since))
        else:
            found.append({"label": label, "state": "todo", "note": ""})
    if reached < len(way) - 1:
        gate = next_gate(incident)
        held = len(holds_back(stored.findings, gate))
        step = found[1] if gate is Gate.STABILIZE else found[-1]
        if gate is Gate.ALL_CLEAR:
            held = stored.blocking
        if held:
            step |= {"state": "blocked", "note": findings_block(held)}
    return found


def _step(
    label: str, state: str, at: datetime | None, zone: str, *, since: bool = False
) -> dict[str, str]:
    if at is None:
        return {"label": label, "state": state, "note": "time not recorded"}
    moment = on_clock(at, zone)
    note = f"{moment.day} {moment:%b %H:%M}"
    return {
        "label": label,
        "state": state,
        "note": f"since {note}" if since else note,
    }


def _header_menu(incident: Incident, can: dict[str, bool]) -> list[dict[str, Any]]:
    is_active = incident.status == Incident.Status.ACTIVE
    is_stabilized = incident.status == Incident.Status.STABILIZED
    links = [
        ("Edit incident", "incidents:incident_edit", "pencil", can["incident_edit"]),
        (
            "Change severity",
            "incidents:severity_edit",
            "trending-up",
            can["incident_edit"],
        ),
        ("People and duties", "incidents:people_list", "users", True),
        ("Change the clock", "incidents:clock_edit", "clock", can["incident_clock"]),
        (
            "Declare stabilized",
            "incidents:incident_stabilize",
            "circle-half-2",
            can["incident_stabilize"] and is_active,
        ),
        (
            "Give the all-clear",
            "incidents:incident_all_clear",
            "circle-check",
            can["incident_all_clear"] and not incident.all_clear_at,
        ),
        (
            "Return to active",
            "incidents:incident_relapse",
            "repeat",
            can["incident_relapse"] and is_stabilized,
        ),
        (
            "Cancel incident",
            "incidents:incident_cancel",
            "ban",
            can["incident_cancel"],
        ),
        (
            "Open the review",
            "review:review_open",
            "eye",
            can["incident_start_review"] and is_stabilized,
        ),
        (
            "Reopen with a reason",
            "review:incident_reopen",
            "lock-open",
            can["review_reopen"],
        ),
        (
            "Export the case (JSON)",
            "api:case-detail",
            "download",
            can["incident_export"],
        ),
    ]
    return [
        {"label": label, "url": url, "icon": icon, "drawer": name not in WHOLE_PAGES}
        for label, name, icon, allowed in links
        if allowed and (url := page_url(name, incident.key))
    ]

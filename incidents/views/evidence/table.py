"""The table or the gallery, and one artifact beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.utils.http import urlencode

from accounts.decorators import SignedInRequest
from incidents import permissions, selectors
from incidents.decorators import incident_view
from incidents.models import Evidence, Incident, LinkCheck, StoredFile
from incidents.services import previews, redaction
from incidents.views import workspace
from incidents.views.incident import own
from postmortem.lib.htmx import render_page, typed
from postmortem.lib.times import on_clock

PAGE_SIZE = 50
GALLERY_SIZE = 24
CUSTODY_SHOWN = 8
FILTERS = ("record", "kind", "q", "use", "view")
CLAIM_WORDS = (
    "consequence",
    "statement",
    "observed_signal",
    "action_taken",
    "name",  # before `question`: a checkpoint has both, and its question is no claim
    "question",
    "label",
    "notes",
)


@dataclass(frozen=True)
class Line:
    """One artifact of the table: who cites it, what is missing, what is wrong."""

    row: Evidence
    cited: list[selectors.Citation]
    missing_pair: str = ""
    problem: str = ""
    link: LinkCheck | None = None

    @property
    def shows_picture(self) -> bool:
        return previews.shows_picture(self.row)

    @property
    def link_is_broken(self) -> bool:
        return self.link is not None and self.link.state == LinkCheck.State.BROKEN


# --- the table ----------------------------------------------------------------------


@incident_view("incident.view")
def evidence_list(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """All artifacts of an incident with their claims; filters in the address."""
    return _table(request, incident, shown=None)


@incident_view("incident.view")
def evidence_detail(
    request: SignedInRequest, incident: Incident, number: int
) -> HttpResponse:
    """One artifact beside the table: what it is, where it is used, what is in it, and
    who had it in hand."""
    return _table(request, incident, shown=number)


def _table(
    request: SignedInRequest, incident: Incident, *, shown: int | None
) -> HttpResponse:
    rows = own(
        incident,
        Evidence.objects.filter(incident=incident).select_related(
            "recorded_by",
            "retracted_by",
            "paired_with",
            "superseded_by",
            "redaction_asked_by",
            "redacted_by",
            "link_check",
        ),
    )
    chosen = next((row for row in rows if row.number == shown), None)
    if shown is not None and chosen is None:
        raise Http404("no such artifact")
    live = [row for row in rows if not row.is_retracted]
    stored = selectors.stored_files(live)
    lines = _lines(incident, live, stored)
    asked = {name: typed(request.GET, name) for name in FILTERS}
    found = [line for line in lines if _fits(line, asked)]
    query = {name: value for name, value in asked.items() if value}
    is_gallery = asked["view"] == "gallery"
    per_page = GALLERY_SIZE if is_gallery else PAGE_SIZE
    at = next((i for i, line in enumerate(found) if line.row == chosen), None)
    number = request.GET.get("page") or (at or 0) // per_page + 1
    page = Paginator(found, per_page).get_page(number)
    kinds = {line.row.kind: line.row.get_kind_display() for line in lines}
    context = {
        **workspace(request, incident, "evidence"),
        "page": page,
        "lines": page.object_list,
        "asked": asked,
        "is_gallery": is_gallery,
        "total": len(lines),
        "segments": _segments(lines, query),
        "toggles": _toggles(lines, query),
        "views": _views(query, is_gallery=is_gallery),
        "kinds": sorted(kinds.items(), key=lambda item: item[1]),
        "query": f"{urlencode(query)}&" if query else "",
        "list_query": f"?{urlencode(query)}" if query else "",
        "hashes": _hashes(incident, lines, stored),
        "withdrawn": [row for row in rows if row.is_retracted],
    }
    if chosen is not None:
        context |= _beside(found, at)
        context |= _panel(request, incident, chosen, lines, stored)
    return render_page(
        request,
        "incidents/evidence_list.html",
        context,
        fragment="incidents/_evidence_panel.html" if chosen else "",
    )


def _beside(found: list[Line], at: int | None) -> dict[str, Evidence | None]:
    """The artifacts before and after the one at this place, or none of both where the
    filters leave it out."""
    before, after = (found[:at], found[at + 1 :]) if at is not None else ([], [])
    return {
        "previous": before[-1].row if before else None,
        "following": after[0].row if after else None,
    }


def _lines(
    incident: Incident, rows: list[Evidence], stored: dict[str, StoredFile]
) -> list[Line]:
    cited = selectors.citations(incident)
    return [
        Line(
            row=row,
            cited=cited.get(row.pk, []),
            missing_pair=selectors.missing_pair(row, cited.get(row.pk, [])),
            problem=_problem(row, stored),
            link=getattr(row, "link_check", None),
        )
        for row in rows
    ]


def _problem(row: Evidence, stored: dict[str, StoredFile]) -> str:
    if not row.has_file:
        return ""
    kept = stored.get(row.sha256)
    return kept.problem if kept else "is not in the store"


def _fits(line: Line, asked: dict[str, str]) -> bool:
    row = line.row
    if asked["record"] in {"original", "later"} and row.is_original != (
        asked["record"] == "original"
    ):
        return False
    if asked["kind"] and row.kind != asked["kind"]:
        return False
    if asked["use"] == "unlinked" and line.cited:
        return False
    if asked["use"] == "unpaired" and not line.missing_pair:
        return False
    text = f"{row.ref} {row.title} {row.source} {row.sha256} {row.filename}".lower()
    return all(word in text for word in asked["q"].lower().split())


def _segments(lines: list[Line], query: dict[str, str]) -> list[dict[str, Any]]:
    originals = sum(line.row.is_original for line in lines)
    return [
        {
            "label": label,
            "icon": icon,
            "count": count,
            "url": _with(query, record=value),
            "active": query.get("record", "") == value,
        }
        for label, icon, value, count in (
            ("All", "", "", len(lines)),
            ("Original", "file-check", "original", originals),
            ("Later summary", "notes", "later", len(lines) - originals),
        )
    ]


def _toggles(lines: list[Line], query: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "label": label,
            "icon": icon,
            "count": count,
            "url": _with(query, use="" if query.get("use") == name else name),
            "active": query.get("use") == name,
        }
        for name, label, icon, count in (
            (
                "unlinked",
                "Unlinked",
                "unlink",
                sum(not line.cited for line in lines),
            ),
            (
                "unpaired",
                "Unpaired",
                "arrows-left-right",
                sum(bool(line.missing_pair) for line in lines),
            ),
        )
    ]


def _views(query: dict[str, str], *, is_gallery: bool) -> list[dict[str, Any]]:
    return [
        {"label": label, "icon": icon, "url": _with(query, view=value), "active": now}
        for label, icon, value, now in (
            ("Table", "table", "", not is_gallery),
            ("Gallery", "layout-grid", "gallery", is_gallery),
        )
    ]


def _with(query: dict[str, str], **changes: str) -> str:
    left = {name: value for name, value in {**query, **changes}.items() if value}
    return f"?{urlencode(left)}"


def _hashes(
    incident: Incident, lines: list[Line], stored: dict[str, StoredFile]
) -> dict[str, Any]:
    """When every stored file was hashed again, and which of them do not match."""
    moments = [item.checked_at for item in stored.values()]
    checked = [at for at in moments if at is not None]
    oldest: datetime | None = min(checked) if checked else None
    return {
        "files": len(moments),
        "unchecked": len(moments) - len(checked),
        "at": on_clock(oldest, incident.clock_zone) if oldest else None,
        "wrong": [line.row for line in lines if line.problem],
    }


# --- one artifact -------------------------------------------------------------------


def _panel(
    request: SignedInRequest,
    incident: Incident,
    shown: Evidence,
    lines: list[Line],
    stored: dict[str, StoredFile],
) -> dict[str, Any]:
    line = next((line for line in lines if line.row == shown), Line(shown, []))
    deeds = selectors.custody(incident, shown)
    return {
        "shown": shown,
        "line": line,
        "uses": [
            (use, claim_text(use.claim)) for use in selectors.uses_of(shown, line.cited)
        ],
        "preview": None
        if line.problem or (shown.redaction_asked_at and not _may_redact(request))
        else previews.preview_evidence(
            shown, actor=request.user, stored=stored.get(shown.sha256)
        ),
        "custody": deeds[:CUSTODY_SHOWN],
        "custody_total": len(deeds),
        "asked_by_me": shown.redaction_asked_by is not None
        and shown.redaction_asked_by.person_id == request.user.person_id,
        "hosts_listed": bool(settings.EVIDENCE_LINK_HOSTS),
    }


def _may_redact(request: SignedInRequest) -> bool:
    return permissions.can(request.user, redaction.PERMISSION)


def claim_text(claim: Any) -> str:
    """What a claim of any app says, in its own words."""
    for name in CLAIM_WORDS:
        text = getattr(claim, name, "")
        if text and isinstance(text, str):
            return text
    return str(claim)

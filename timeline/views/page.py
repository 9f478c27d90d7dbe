"""The timeline page: quick add, chart, rows and gaps; the recovery strip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from incidents.decorators import SignedInRequest, incident_view
from incidents.models import Evidence, Incident
from incidents.views import workspace
from postmortem.lib.errors import DomainError
from postmortem.lib.htmx import add_errors, render_page, wants_fragment
from postmortem.lib.times import on_clock
from timeline import forms, selectors, services
from timeline.models import Entry, Hypothesis, Milestone
from timeline.selectors import Gap

TAB = "timeline"
PAGE = 100
FOLD = 3  # as many plain confirmed entries in a row fold into one line
FILTERS = (
    ("all", "All"),
    ("milestones", "Milestones"),
    ("decisions", "Decisions"),
    ("provisional", "Provisional"),
    ("gaps", "Gaps"),
)


@dataclass
class Item:
    """One line of the list: an entry, a gap, or a folded run of entries."""

    key: str
    entry: Entry | None = None
    gap: Gap | None = None
    unlinked: list[Evidence] = field(default_factory=list)
    folded: list[Item] = field(default_factory=list)
    day: str = ""

    @property
    def at(self) -> datetime | None:
        if self.gap is not None:
            return self.gap.start
        return self.entry.occurred_at if self.entry else None

    @property
    def css(self) -> str:
        """Classes of the design system."""
        row = self.entry
        if row is None:
            return "is-gap" if self.gap else "is-fold"
        if row.is_retracted:
            return "is-abandoned is-withdrawn"
        if row.kind == Entry.Kind.NO_RECORD:
            return "is-gap is-stated"
        names = [
            name
            for name, holds in (
                ("is-milestone", self.marks),
                ("is-provisional", row.is_provisional),
                ("is-decision", row.kind == Entry.Kind.DECISION),
                ("is-abandoned", self.is_abandoned),
            )
            if holds
        ]
        return " ".join(names)

    @property
    def marks(self) -> list[Milestone]:
        return list(getattr(self.entry, "live_milestones", ()))

    @property
    def is_abandoned(self) -> bool:
        """A decision whose hypothesis was abandoned stays, struck through."""
        tested = self.entry.hypothesis if self.entry else None
        return tested is not None and tested.state == Hypothesis.State.ABANDONED

    @property
    def is_plain(self) -> bool:
        """Confirmed, and neither a milestone nor a decision: it may fold."""
        row = self.entry
        return (
            row is not None
            and not row.is_retracted
            and not row.is_provisional
            and not self.marks
            and row.kind not in {Entry.Kind.DECISION, Entry.Kind.NO_RECORD}
            and row.occurred_at is not None
        )

    @property
    def is_background(self) -> bool:
        return self.entry is not None and self.css == ""


@incident_view("incident.view")
def entry_list(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The timeline; with `after` and htmx only the next rows."""
    form = forms.QuickAddForm(incident=incident)
    return timeline_page(request, incident, form)


@incident_view("timeline.add")
def entry_quick_add(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """One line becomes an entry; what cannot be read stays in the field (422)."""
    here = reverse("timeline:entry_list", args=[incident.key])
    if request.method != "POST":
        return redirect(here)
    form = forms.QuickAddForm(request.POST, incident=incident)
    if form.is_valid():
        try:
            entry = services.add_entry(
                incident_id=incident.pk, actor=request.user, **form.cleaned_data
            )
        except ValidationError as error:
            _add_quick_errors(form, error)
        except DomainError as error:
            # Closed meanwhile, for example: the line stays where it was typed.
            form.add_error(None, error.message)
            return timeline_page(request, incident, form, status=error.status)
        else:
            messages.success(request, f"{entry.ref} is recorded.")
            return redirect(here if wants_fragment(request) else f"{here}#{entry.ref}")
    return timeline_page(request, incident, form, status=422)


def _add_quick_errors(form: forms.QuickAddForm, error: ValidationError) -> None:
    """The quick form has two fields for what the service knows by finer names."""
    known = {"occurred_at": "at", "observed_signal": "text", "action_taken": "text"}
    if hasattr(error, "error_dict"):
        error = ValidationError(
            {known.get(name, name): items for name, items in error.error_dict.items()}
        )
    add_errors(form, error)


@incident_view("timeline.add")
def entry_preview(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """How the line was read, before it is saved: date, T offset, kind, lane."""
    form = forms.QuickAddForm(request.GET or None, incident=incident)
    read: dict[str, Any] = {}
    if form.is_valid():
        read = form.cleaned_data
    marks = selectors.milestones(incident)
    return render(
        request,
        "timeline/_quick_read.html",
        {
            "incident": incident,
            "form": form,
            "read": read,
            "kind": dict(forms.QUICK_KINDS).get(read.get("kind", "")),
            "declared_at": selectors.declared_at(incident, marks),
        },
    )


def timeline_page(
    request: SignedInRequest,
    incident: Incident,
    form: forms.QuickAddForm,
    *,
    status: int = 200,
) -> HttpResponse:
    rows = selectors.entries(incident)
    withdrawn = selectors.withdrawn_entries(incident)
    marks = selectors.milestones(incident)
    found = selectors.timeline_gaps(rows, marks, selectors.gap_threshold(incident))
    show = request.GET.get("show", "all")
    lane, owner = request.GET.get("lane", ""), request.GET.get("owner", "")
    loose = selectors.unlinked_evidence(incident, rows) if found else []
    items = _filtered(
        _items(selectors.in_order([*rows, *withdrawn]), found, loose), show, lane, owner
    )
    after = request.GET.get("after", "")
    shown, more = _slice(items, after)
    _date(shown, incident.clock_zone)
    chart = selectors.lane_chart(incident, rows, marks, found)
    context = {
        "incident": incident,
        "items": _folded(shown) if show == "all" and not lane and not owner else shown,
        "more": more,
        "more_url": _url(request, after=more) if more else "",
        "declared_at": selectors.declared_at(incident, marks),
    }
    if wants_fragment(request) and after and status == 200:
        around: dict[str, Any] = {"can": workspace(request, incident, TAB)["can"]}
        return render(request, "timeline/_entry_rows.html", {**context, **around})
    context |= {
        **workspace(request, incident, TAB),
        "form": form,
        "show": show,
        "lane": lane,
        "owner": owner,
        "total": len(rows),
        "filters": _filters(request, rows, found),
        "lanes": _lanes(rows),
        "owners": _owners(rows),
        "has_chart": chart.start is not None and chart.marks > 1,
        "lane_svg": selectors.lane_svg(chart),
        "spark_svg": selectors.spark_svg(chart),
        "gap_count": len(found),
        **_aside(incident, marks),
    }
    page = render_page(request, "timeline/entry_list.html", context, status=status)
    page["Cache-Control"] = "no-store"
    return page


def _aside(incident: Incident, marks: Sequence[Milestone]) -> dict[str, Any]:
    """Required milestones, dependency checkpoints and the ledger of hypotheses."""
    fed = selectors.feeding(marks)
    excluded = {row.kind: row for row in marks if row.not_applicable}
    required = []
    for kind in Milestone.Kind:
        row = fed.get(kind)
        entry = row.entry if row else None
        required.append(
            {
                "kind": kind.value,
                "label": kind.label,
                "milestone": row or excluded.get(kind),
                "entry": entry,
                "state": "missing"
                if row is None and kind not in excluded
                else "not_applicable"
                if row is None
                else "provisional"
                if entry and entry.is_provisional
                else "proven",
                "more": sum(1 for other in marks if other.kind == kind) - 1,
            }
        )
    return {
        "required": required,
        "proven": sum(
            1 for row in required if row["state"] in {"proven", "not_applicable"}
        ),
        "checkpoints": selectors.checkpoints(incident),
        "hypotheses": selectors.hypotheses(incident),
    }


def _items(
    rows: Sequence[Entry], found: Sequence[Gap], loose: Sequence[Evidence]
) -> list[Item]:
    """Entries in order, with each gap in front of the first entry inside it."""
    waiting = list(found)
    items: list[Item] = []
    for row in rows:
        while waiting and row.occurred_at and row.occurred_at > waiting[0].start:
            items.append(_gap_item(waiting.pop(0), loose))
        items.append(Item(key=row.ref, entry=row))
    items.extend(_gap_item(gap, loose) for gap in waiting)
    return items


def _gap_item(gap: Gap, loose: Sequence[Evidence]) -> Item:
    inside = [
        item
        for item in loose
        if item.captured_at and gap.start <= item.captured_at <= gap.end
    ]
    return Item(key=f"gap-{gap.start:%Y%m%dT%H%M%S}", gap=gap, unlinked=inside)


def _filtered(items: list[Item], show: str, lane: str, owner: str) -> list[Item]:
    def wanted(item: Item) -> bool:
        row = item.entry
        if row is None or row.kind == Entry.Kind.NO_RECORD:
            return show in {"all", "gaps"} and not lane and not owner
        if lane and not (row.lane and row.lane.ref == lane):
            return False
        if owner and str(row.owner_id or "") != owner:
            return False
        if show == "milestones":
            return bool(item.marks) and not row.is_retracted
        if show == "decisions":
            return row.kind == Entry.Kind.DECISION and not row.is_retracted
        if show == "provisional":
            return row.is_provisional and not row.is_retracted
        return show == "all"

    return [item for item in items if wanted(item)]


def _slice(items: list[Item], after: str) -> tuple[list[Item], str]:
    """A page of the list behind the row `after`, and the key of its last row if more
    follow. A key that has gone meanwhile starts at the top."""
    start = next(
        (index + 1 for index, item in enumerate(items) if item.key == after), 0
    )
    shown = items[start : start + PAGE]
    return shown, shown[-1].key if start + PAGE < len(items) else ""


def _date(items: Sequence[Item], zone: str) -> None:
    """Say the date where it changes."""
    before = ""
    for item in items:
        if item.at is None:
            continue
        here = on_clock(item.at, zone)
        day = f"{here.day} {here:%b %Y}"
        if day != before:
            item.day = day
        before = day


def _folded(items: Sequence[Item]) -> list[Item]:
    """Runs of plain confirmed entries become one line that opens."""
    result: list[Item] = []
    run: list[Item] = []

    def close() -> None:
        if len(run) >= FOLD:
            result.append(Item(key=f"fold-{run[0].key}", folded=list(run)))
        else:
            result.extend(run)
        run.clear()

    for item in items:
        if item.day and run:
            close()
        if item.is_plain and not item.day:
            run.append(item)
        else:
            close()
            result.append(item)
    close()
    return result


def _url(request: SignedInRequest, **changes: str) -> str:
    """This page with other query parameters; an empty one is left out."""
    kept = {
        name: request.GET.get(name, "") for name in ("show", "lane", "owner", "after")
    } | changes
    query = urlencode({name: value for name, value in kept.items() if value})
    return f"{request.path}?{query}" if query else request.path


def _filters(
    request: SignedInRequest, rows: Sequence[Entry], found: Sequence[Gap]
) -> list[dict[str, Any]]:
    counts = {
        "all": len(rows),
        "milestones": sum(1 for row in rows if getattr(row, "live_milestones", ())),
        "decisions": sum(1 for row in rows if row.kind == Entry.Kind.DECISION),
        "provisional": sum(
            1 for row in rows if row.is_provisional and row.kind != Entry.Kind.NO_RECORD
        ),
        "gaps": len(found) + sum(1 for row in rows if row.kind == Entry.Kind.NO_RECORD),
    }
    active = request.GET.get("show", "all")
    return [
        {
            "label": label,
            "count": counts[name],
            "url": _url(request, show="" if name == "all" else name, after=""),
            "active": name == active,
            "icon": "progress-help" if name == "provisional" else "",
        }
        for name, label in FILTERS
    ]


def _lanes(rows: Sequence[Entry]) -> list[tuple[str, str]]:
    return sorted({(row.lane.ref, row.lane.name) for row in rows if row.lane})


def _owners(rows: Sequence[Entry]) -> list[tuple[str, str]]:
    return sorted(
        {(str(row.owner_id), row.owner.label) for row in rows if row.owner},
        key=lambda pair: pair[1],
    )


@incident_view("incident.view")
def recovery_strip(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """The recovery strip: a fragment of the overview, and a page with its table."""
    data = selectors.recovery_strip(incident)
    context: dict[str, Any] = {
        "incident": incident,
        "strip": data,
        "strip_svg": selectors.strip_svg(data),
        "strip_svg_small": selectors.strip_svg(data, width=366, height=158),
    }
    if not wants_fragment(request):
        context |= workspace(request, incident, "overview")
    return render_page(
        request,
        "timeline/recovery_strip.html",
        context,
        fragment="timeline/_recovery_strip.html",
    )

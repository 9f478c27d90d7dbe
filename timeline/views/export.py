"""The timeline to take along: CSV, JSON and paper of what the filter shows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from accounts.decorators import SignedInRequest
from incidents.decorators import incident_view
from incidents.models import Incident
from postmortem.lib.times import on_clock
from postmortem.lib.ui import t_offset
from timeline import selectors
from timeline.models import Entry
from timeline.selectors import Line, Outline
from timeline.views.page import chart_context, durations_context
from timeline.views.rows import Item, choice_of, items_of

BATCH = 500
COLUMNS = (
    "ref",
    "kind",
    "time",
    "until",
    "precision",
    "time_in_words",
    "from_declaration",
    "observed_signal",
    "action_taken",
    "lane",
    "dependency",
    "owner",
    "milestones",
    "belief",
    "hypothesis",
    "why",
    "measurement_incomplete",
    "state",
    "evidence",
    "recorded_at",
    "withdrawn_because",
)


@incident_view("incident.view")
def entry_export(
    request: SignedInRequest, incident: Incident, kind: str
) -> HttpResponse | StreamingHttpResponse:
    """Every row that the filter shows, gaps included, in the order of the timeline."""
    if kind not in {"csv", "json"}:
        raise Http404("CSV or JSON")
    whole = selectors.outline(incident)
    rows = _records(incident, whole, choice_of(request.GET, incident).lines(whole))
    if kind == "csv":
        answer: HttpResponse | StreamingHttpResponse = StreamingHttpResponse(
            _csv(rows), content_type="text/csv; charset=utf-8"
        )
    else:
        body = {
            "incident": incident.key,
            "clock_zone": incident.clock_zone,
            "declared_at": _iso(incident.clock_zone, whole.declared_at),
            "filter": {name: value for name, value in request.GET.items() if value},
            "rows": list(rows),
        }
        answer = HttpResponse(
            json.dumps(body, ensure_ascii=False, indent=1),
            content_type="application/json",
        )
    name = f"{incident.key}-timeline.{kind}"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _records(
    incident: Incident, whole: Outline, lines: list[Line]
) -> Iterator[dict[str, Any]]:
    for start in range(0, len(lines), BATCH):
        for item in items_of(incident, whole, lines[start : start + BATCH]):
            yield record_of(item, incident, whole.declared_at)


def _iso(zone: str, moment: datetime | None) -> str:
    return on_clock(moment, zone).isoformat() if moment else ""


def record_of(
    item: Item, incident: Incident, declared_at: datetime | None
) -> dict[str, Any]:
    """A row with the names of COLUMNS; times in ISO 8601 on the incident clock, with
    their offset. A time that is not known is empty, never midnight."""
    zone = incident.clock_zone
    iso = partial(_iso, zone)
    empty: dict[str, Any] = dict.fromkeys(COLUMNS, "")
    if item.gap is not None:
        return empty | {
            "ref": item.key,
            "kind": "gap",
            "time": iso(item.gap.start),
            "until": iso(item.gap.end),
            "observed_signal": item.gap.words(zone),
            "state": "blocks closing" if item.gap.blocks else "warning",
        }
    row = item.entry
    assert row is not None
    day = row.precision == Entry.Precision.DAY
    at = row.occurred_at
    return empty | {
        "ref": row.ref,
        "kind": row.kind,
        "time": on_clock(at, zone).date().isoformat() if day and at else iso(at),
        "until": "" if day else iso(row.occurred_until),
        "precision": row.precision,
        "time_in_words": row.at_text,
        "from_declaration": "" if day else t_offset(at, declared_at),
        "observed_signal": row.observed_signal,
        "action_taken": row.action_taken,
        "lane": row.lane.name if row.lane else "",
        "dependency": row.dependency.name if row.dependency else "",
        "owner": row.owner.label if row.owner else "",
        "milestones": " ".join(mark.kind for mark in item.marks),
        "belief": row.belief,
        "hypothesis": str(row.hypothesis) if row.hypothesis else "",
        "why": row.why,
        "measurement_incomplete": "yes" if row.measurement_incomplete else "",
        "state": _state(row),
        "evidence": " ".join(evidence.ref for evidence in row.evidence),
        "recorded_at": iso(row.recorded_at),
        "withdrawn_because": row.retraction_reason,
    }


def _state(row: Entry) -> str:
    if row.is_retracted:
        return "withdrawn"
    if row.kind == Entry.Kind.NO_RECORD:
        return "stated gap"
    return "provisional" if row.is_provisional else "confirmed"


def _csv(rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """CSV in UTF-8 with the mark that spreadsheets need; no cell starts a formula."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS)
    writer.writeheader()
    yield b"\xef\xbb\xbf"
    for count, row in enumerate(rows, start=1):
        writer.writerow({name: safe_cell(value) for name, value in row.items()})
        if count % 200 == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def safe_cell(value: Any) -> Any:
    """A text that a spreadsheet would run as a formula gets an apostrophe in front."""
    if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"}:
        return f"'{value}"
    return value


@incident_view("incident.view")
def entry_print(request: SignedInRequest, incident: Incident) -> HttpResponse:
    """Everything that the filter shows on paper: no controls, nothing folded."""
    whole = selectors.outline(incident)
    choice = choice_of(request.GET, incident)
    lines = choice.lines(whole)
    required = selectors.required_milestones(incident, whole.milestones)
    return render(
        request,
        "timeline/entry_print.html",
        {
            "incident": incident,
            "zone": incident.clock_zone,
            "items": items_of(incident, whole, lines),
            "declared_at": whole.declared_at,
            "base": reverse("timeline:entry_list", args=[incident.key]),
            "can": {},
            "plain": True,
            "outline": whole,
            "required": required,
            **durations_context(incident, whole),
            **chart_context(incident, whole, choice),
            "is_filtered": not choice.is_plain,
            "printed_at": timezone.now(),
        },
    )

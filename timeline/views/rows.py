"""Lines of the list as the templates show them, and the filters of the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.http import QueryDict

from incidents.models import Evidence, Incident
from postmortem.lib.times import on_clock, start_of_day
from timeline import forms, selectors
from timeline.models import Entry, Hypothesis
from timeline.selectors import Choice, Gap, Line, Outline

FOLD = 3  # as many plain confirmed entries in a row fold into one line
FILTERS = (
    ("all", "All"),
    ("milestones", "Milestones"),
    ("decisions", "Decisions"),
    ("provisional", "Provisional"),
    ("gaps", "Gaps"),
)
NAMES = ("show", "lane", "dep", "owner", "from", "to")


@dataclass
class Item:
    """One line of the list: an entry, a gap, or a folded run of entries."""

    key: str
    entry: Entry | None = None
    gap: Gap | None = None
    marks: list[Any] = field(default_factory=list)
    unlinked: list[Evidence] = field(default_factory=list)
    folded: list[Item] = field(default_factory=list)
    day: str = ""
    offset_note: str = ""

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


def items_of(
    incident: Incident, whole: Outline, lines: Sequence[Line], *, fold: bool = False
) -> list[Item]:
    """The lines with their entries read: two queries, three with a gap among them."""
    rows = selectors.entries_at(
        incident, (line.number for line in lines if not line.gap)
    )
    lanes = {row.pk: row for row in whole.lanes}
    points = {row.pk: row for row in whole.checkpoints}
    tested = {row.pk: row for row in whole.hypotheses}
    marks: dict[int, list[Any]] = {}
    for mark in whole.milestones:
        if mark.entry is not None:
            marks.setdefault(mark.entry.number, []).append(mark)
    found = [line.gap for line in lines if line.gap]
    loose = (
        selectors.unlinked_evidence(incident, found[0].start, found[-1].end)
        if found
        else []
    )
    items = []
    for line in lines:
        if line.gap is not None:
            items.append(_gap_item(line, loose))
            continue
        row = rows.get(line.number)
        if row is None:
            continue
        if row.lane_id in lanes:
            row.lane = lanes[row.lane_id]
        if row.dependency_id in points:
            row.dependency = points[row.dependency_id]
        if row.hypothesis_id in tested:
            row.hypothesis = tested[row.hypothesis_id]
        items.append(Item(key=line.key, entry=row, marks=marks.get(row.number, [])))
    _date(items, incident.clock_zone)
    return _folded(items) if fold else items


def _gap_item(line: Line, loose: Sequence[Evidence]) -> Item:
    gap = line.gap
    assert gap is not None
    inside = [
        item
        for item in loose
        if item.captured_at and gap.start <= item.captured_at <= gap.end
    ]
    return Item(key=line.key, gap=gap, unlinked=inside)


def _date(items: Sequence[Item], zone: str) -> None:
    """Say the date where it changes, and the offset where the clock was put forward or
    back between two rows (R-TL-02)."""
    before = ""
    offset = None
    for item in items:
        if item.at is None:
            continue
        here = on_clock(item.at, zone)
        day = f"{here.day} {here:%b %Y}"
        if day != before:
            item.day = day
        if offset is not None and here.utcoffset() != offset:
            item.offset_note = f"the clock of {zone} changed to UTC{here:%z}"
            item.day = day
        before, offset = day, here.utcoffset()


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


# --- filters of the address -----------------------------------------------------------


def choice_of(query: Mapping[str, str], incident: Incident) -> Choice:
    """The filters in a query string; what cannot be read filters nothing."""
    show = query.get("show", "all")
    return Choice(
        show=show if show in selectors.SHOWS else "all",
        lane=query.get("lane", "")[:20],
        dependency=query.get("dep", "")[:20],
        owner=query.get("owner", "")[:20],
        start=moment_of(query.get("from", ""), incident),
        end=moment_of(query.get("to", ""), incident, at_end=True),
    )


def unread(query: Mapping[str, str], incident: Incident) -> list[str]:
    """The times in a query string that cannot be read, so that they filter nothing."""
    typed = (query.get(name, "").strip() for name in ("from", "to"))
    return [text for text in typed if text and moment_of(text, incident) is None]


def moment_of(
    text: str, incident: Incident, *, at_end: bool = False
) -> datetime | None:
    """A time on the incident clock, as it stands in an address; of a day and of what is
    only roughly known the beginning, or the end."""
    text = text.strip()[:40].replace(" +", "+")
    if not text:
        return None
    try:
        found = forms.leading_time(text, incident=incident)
    except ValidationError:
        return None
    if found is None or found.rest or found.occurred_at is None:
        return None
    at = (found.occurred_until if at_end else None) or found.occurred_at
    if isinstance(at, datetime):
        return at
    return start_of_day(at + timedelta(days=at_end), incident.clock_zone)


def address(path: str, query: QueryDict, **changes: str) -> str:
    """`path` with the filters of this page and `changes`; an empty one is left out."""
    kept = {name: query.get(name, "") for name in NAMES} | changes
    text = urlencode({name: value for name, value in kept.items() if value})
    return f"{path}?{text}" if text else path


def filters_of(whole: Outline, path: str, query: QueryDict, show: str) -> list[Any]:
    """The segments above the list, with their figures."""
    return [
        {
            "name": name,
            "label": label,
            "count": whole.counts[name],
            "url": address(path, query, show="" if name == "all" else name),
            "active": name == show,
            "icon": "progress-help" if name == "provisional" else "",
        }
        for name, label in FILTERS
    ]

"""What changed, field by field: the rows that a deed of the activity chain wrote, and
the life of one row. Query counts do not grow with the rows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import OuterRef, Q, Subquery
from django.urls import NoReverseMatch, reverse

from accounts.models import User
from incidents.models import (
    ActivityEntry,
    CaseRecord,
    CaseRelation,
    Evidence,
    EvidenceLink,
    Incident,
)
from postmortem.lib.ui import incident_time

# Bookkeeping of every row; what it says stands in the deed itself.
SILENT = frozenset(
    {
        "id",
        "uuid",
        "number",
        "incident",
        "claim",
        "version",
        "recorded_at",
        "recorded_by",
        "retracted_at",
        "retracted_by",
        "linked_at",
        "linked_by",
        "attested",
        "activity_count",
        "activity_head",
        "created_at",
    }
)
ROWS_OF_A_DEED = 60  # an import writes thousands: the rest is counted
DEEDS_ON_A_PAGE = 40
# A deed is written at the end of the transaction that wrote its rows.
SPAN_OF_A_DEED = timedelta(minutes=5)


@dataclass(frozen=True)
class Change:
    """One field that moved, in words; `is_text` compares word by word."""

    label: str
    old: str
    new: str
    is_text: bool = False


@dataclass
class RowChange:
    """What happened to one row in one deed. what: added, changed, withdrawn, restored,
    linked or unlinked; ref: of the row, or of what was linked, then to `to_ref`."""

    what: str
    noun: str
    ref: str
    url: str = ""
    title: str = ""
    to_ref: str = ""
    changes: list[Change] = field(default_factory=list)

    @property
    def is_new(self) -> bool:
        return self.what == "added"

    @property
    def is_link(self) -> bool:
        return self.what in {"linked", "unlinked"}


@dataclass
class Deed:
    """Who did what, when and why, with the rows that it wrote."""

    at: datetime
    who: str
    sentence: str
    reason: str = ""
    sequence: int | None = None
    hash: str = ""
    rows: list[RowChange] = field(default_factory=list)


@dataclass
class DeedRows:
    """The rows of one deed; `left_out`: how many more of them there are, by kind."""

    rows: list[RowChange]
    left_out: list[tuple[str, int]]


def deed_rows(incident: Incident, entry: ActivityEntry) -> DeedRows:
    """The row differences behind one entry of the chain."""
    by_model: dict[str, list[int]] = defaultdict(list)
    for row in entry.history_rows[:ROWS_OF_A_DEED]:
        by_model[row["model"]].append(row["history_id"])
    more: dict[str, int] = defaultdict(int)
    for row in entry.history_rows[ROWS_OF_A_DEED:]:
        more[_noun(apps.get_model(row["model"]), many=True)] += 1
    pairs: list[tuple[Any, Any]] = []
    for label, ids in by_model.items():
        pairs += _with_previous(apps.get_model(label), ids)
    names = _Names(incident, pairs)
    return DeedRows(
        [row for pair in pairs if (row := _row_change(*pair, names, None))],
        sorted(more.items()),
    )


def changes_after(incident: Incident, entries: Iterable[ActivityEntry]) -> DeedRows:
    """What these deeds come to: the first state of each row against its last, so that
    what was put back, or added and withdrawn again, is not told. A bounded number of
    rows; the rest is counted by kind."""
    by_model: dict[str, set[int]] = defaultdict(set)
    for entry in entries:
        for row in entry.history_rows:
            by_model[row["model"]].add(row["history_id"])
    pairs: list[tuple[Any, Any]] = []
    for label, ids in sorted(by_model.items()):
        first: dict[Any, Any] = {}
        last: dict[Any, Any] = {}
        for version, was in _with_previous(apps.get_model(label), sorted(ids)):
            first.setdefault(version.id, was)
            last[version.id] = version
        pairs += [
            (version, first[key])
            for key, version in last.items()
            if first[key] is not None or not getattr(version, "retracted_at", None)
        ]
    more: dict[str, int] = defaultdict(int)
    for version, _ in pairs[ROWS_OF_A_DEED:]:
        more[_noun(version.instance_type, many=True)] += 1
    pairs = pairs[:ROWS_OF_A_DEED]
    names = _Names(incident, pairs)
    rows = [row for pair in pairs if (row := _row_change(*pair, names, None))]
    return DeedRows(rows, sorted(more.items()))


def row_history(
    incident: Incident, row: CaseRecord | Incident, *, before: datetime | None = None
) -> tuple[list[Deed], datetime | None]:
    """The life of one row and of what is linked to it, newest first, and where older
    deeds begin. `before` continues there."""
    versions = _latest(type(row), before, id=row.pk)
    links = [
        item
        for model, name in _link_models(type(row))
        for item in _latest(model, before, **{f"{name}_id": row.pk})
    ]
    found = sorted(
        [*versions, *links], key=lambda v: (v.history_date, v.history_id), reverse=True
    )
    page, rest = found[:DEEDS_ON_A_PAGE], found[DEEDS_ON_A_PAGE:]
    pairs = _paired(page, found)
    names = _Names(incident, pairs)
    covering = _covering(incident, row, page)
    deeds: dict[Any, Deed] = {}

    def covers(item: Any) -> ActivityEntry | None:
        return covering.get((_label(item), item.history_id))

    # Of one instant, the chain says what came first; ids of two tables do not.
    pairs.sort(
        key=lambda pair: (
            pair[0].history_date,
            entry.sequence if (entry := covers(pair[0])) else 0,
        ),
        reverse=True,
    )
    for item, was in pairs:
        entry = covers(item)
        key = entry.sequence if entry else (item.history_date, item.history_user_id)
        if key not in deeds:
            deeds[key] = _deed(entry, item, names)
        change = _row_change(item, was, names, row)
        if change:
            deeds[key].rows.append(change)
    for deed in deeds.values():
        deed.rows.sort(key=lambda change: change.is_link)
    return list(deeds.values()), page[-1].history_date if rest else None


# --- loading --------------------------------------------------------------------------


def _history(model: type[models.Model]) -> Any:
    return model.history.model._default_manager  # type: ignore[attr-defined]


def _label(version: Any) -> str:
    return str(version.instance_type._meta.label)


def _with_previous(
    model: type[models.Model], ids: list[int]
) -> list[tuple[Any, Any | None]]:
    """History rows with what the row looked like before: two queries."""
    manager = _history(model)
    before = manager.filter(id=OuterRef("id"), history_id__lt=OuterRef("history_id"))
    rows = list(
        manager.filter(history_id__in=ids)
        .annotate(
            before=Subquery(before.order_by("-history_id").values("history_id")[:1])
        )
        .order_by("history_id")
    )
    known = {row.history_id: row for row in rows}
    missing = {row.before for row in rows if row.before} - set(known)
    if missing:
        known |= {row.history_id: row for row in manager.filter(history_id__in=missing)}
    return [(row, known.get(row.before)) for row in rows]


def _latest(model: type[models.Model], before: datetime | None, **of: Any) -> list[Any]:
    rows = _history(model).filter(**of)
    if before is not None:
        rows = rows.filter(history_date__lt=before)
    # One more than is shown: the version that the oldest shown one is compared with.
    return list(rows.order_by("-history_id")[: DEEDS_ON_A_PAGE + 1])


def _link_models(model: type[models.Model]) -> list[tuple[type[models.Model], str]]:
    """Models that join rows of this kind with others, and their key to it. What rests
    on a piece of evidence stands in the history of that claim."""
    return [
        (other, item.name)
        for other in apps.get_models()
        if issubclass(other, EvidenceLink | CaseRelation)
        and not other.__name__.startswith("Historical")
        for item in other._meta.concrete_fields
        if item.related_model is model and item.name not in {"incident", "evidence"}
    ]


def _paired(page: list[Any], loaded: list[Any]) -> list[tuple[Any, Any | None]]:
    """Each version of the page with the one before it, looked up when not loaded."""
    last: dict[tuple[Any, int], Any] = {}
    before: dict[tuple[Any, int], Any] = {}
    for item in sorted(loaded, key=lambda v: v.history_id):
        place = (type(item), item.id)
        if place in last:
            before[(type(item), item.history_id)] = last[place]
        last[place] = item
    missing: dict[type[models.Model], list[int]] = defaultdict(list)
    for item in page:
        if item.history_type != "+" and (type(item), item.history_id) not in before:
            missing[item.instance_type].append(item.history_id)
    for model, ids in missing.items():
        for item, was in _with_previous(model, ids):
            before[(type(item), item.history_id)] = was
    return [(item, before.get((type(item), item.history_id))) for item in page]


def _covering(
    incident: Incident, row: CaseRecord | Incident, versions: list[Any]
) -> dict[tuple[str, int], ActivityEntry]:
    """The entry of the chain that covers each version: those about the row first, then
    those written right after a version (a deed on another row may move this one)."""
    wanted = {(_label(item), item.history_id) for item in versions}
    found: dict[tuple[str, int], ActivityEntry] = {}

    def take(entries: Iterable[ActivityEntry]) -> None:
        for entry in entries:
            for covered in entry.history_rows:
                key = (covered["model"], covered["history_id"])
                if key in wanted:
                    found.setdefault(key, entry)

    entries = ActivityEntry.objects.filter(incident=incident).order_by("-sequence")
    if not versions:
        return found
    oldest = min(item.history_date for item in versions)
    if row.ref:
        take(entries.filter(subject_ref=row.ref, at__gte=oldest))
    spans = Q()
    for item in versions:
        if (_label(item), item.history_id) not in found:
            start = item.history_date
            spans |= Q(at__gte=start, at__lte=start + SPAN_OF_A_DEED)
    if spans:
        take(entries.filter(spans)[:500])
    return found


class _Names:
    """What the foreign keys of these rows are called: one query per kind of row."""

    def __init__(self, incident: Incident, pairs: Iterable[tuple[Any, Any]]) -> None:
        self.zone = incident.clock_zone
        self.key = incident.key
        wanted: dict[type[models.Model], set[Any]] = defaultdict(set)
        for pair in pairs:
            for version in pair:
                if version is None:
                    continue
                wanted[User].add(version.history_user_id)
                for item in _fields(version):
                    if isinstance(item, models.ForeignKey):
                        target = item.related_model
                        wanted[target].add(getattr(version, item.attname))
        self.rows: dict[tuple[type[models.Model], Any], models.Model] = {}
        for model, keys in wanted.items():
            if model is Incident:
                continue
            for row in model._default_manager.filter(pk__in=keys - {None}):
                if isinstance(row, CaseRecord):
                    row.incident = incident
                self.rows[(model, row.pk)] = row

    def row(self, item: Any, version: Any) -> models.Model | None:
        return self.rows.get((item.related_model, getattr(version, item.attname)))

    def person(self, pk: int | None) -> str:
        user = self.rows.get((User, pk))
        return user.label if isinstance(user, User) else "Import"

    def words(self, item: Any, version: Any) -> str:
        """A value as a person reads it; empty is ''."""
        value = getattr(version, item.attname)
        if value is None or value == "" or value == {} or value == []:
            return ""
        if isinstance(item, models.ForeignKey):
            row = self.row(item, version)
            if isinstance(row, CaseRecord):
                return f"{row.ref} {getattr(row, 'name', '')}".strip()
            return row.label if isinstance(row, User) else str(row or value)
        if item.flatchoices:
            return str(dict(item.flatchoices).get(value, value))
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, datetime):
            return incident_time(value, self.zone)
        if isinstance(value, Decimal):
            return f"{value:f}"
        if isinstance(value, dict | list):
            return json.dumps(value, ensure_ascii=False, sort_keys=True)
        return str(value)


# --- telling --------------------------------------------------------------------------


def _fields(version: Any) -> list[Any]:
    """The recorded fields of a version that say something of their own."""
    return [
        item
        for item in version.tracked_fields
        if item.name not in SILENT or item.name == "claim"
    ]


def _noun(model: type[models.Model], *, many: bool = False) -> str:
    if issubclass(model, EvidenceLink | CaseRelation):
        return "links" if many else "link"
    meta = model._meta
    return str(meta.verbose_name_plural if many else meta.verbose_name)


def _deed(entry: ActivityEntry | None, version: Any, names: _Names) -> Deed:
    if entry is not None:
        return Deed(
            entry.at,
            entry.actor_label,
            entry.sentence,
            entry.reason,
            entry.sequence,
            entry.hash,
        )
    verb = {"+": "wrote", "-": "deleted"}.get(version.history_type, "changed")
    return Deed(
        version.history_date,
        names.person(version.history_user_id),
        f"{verb} this row",
        version.history_change_reason or "",
    )


def _row_change(
    version: Any, was: Any | None, names: _Names, seen_from: models.Model | None
) -> RowChange | None:
    """One version against the one before it; None when nothing that shows moved."""
    model = version.instance_type
    if issubclass(model, EvidenceLink | CaseRelation):
        return _link_change(version, was, names, seen_from)
    ref = f"{model.prefix}-{version.number}" if issubclass(model, CaseRecord) else ""
    what = "changed" if was is not None else "added"
    gone = getattr(version, "retracted_at", None) is not None
    was_gone = was is not None and getattr(was, "retracted_at", None) is not None
    if gone and not was_gone:
        what = "withdrawn"
    elif was_gone and not gone:
        what = "restored"
    changes = _changes(version, was, names)
    if what == "changed" and not changes:
        return None
    return RowChange(what, _noun(model), ref, _url(model, ref, names), changes=changes)


def _url(model: type[models.Model], ref: str, names: _Names) -> str:
    if not ref:
        return ""
    try:
        return f"{reverse(model.tab, args=[names.key])}#{ref}"  # type: ignore[attr-defined]
    except NoReverseMatch:
        return ""


def _link_change(
    version: Any, was: Any | None, names: _Names, seen_from: models.Model | None
) -> RowChange | None:
    ends = [
        row
        for item in version.tracked_fields
        if isinstance(item, models.ForeignKey)
        and isinstance(row := names.row(item, version), CaseRecord)
    ]
    if issubclass(version.instance_type, EvidenceLink):
        ends.sort(key=lambda row: isinstance(row, Evidence))
    others = [row for row in ends if row != seen_from]
    if not others:
        return None
    joined = others[-1]  # the target of a relation, the evidence of a claim
    gone = version.retracted_at is not None
    was_gone = was is None or was.retracted_at is not None
    changes = _changes(version, None if was_gone else was, names)
    what = "unlinked" if gone else "linked" if was_gone else "changed"
    if (gone and was_gone) or (what == "changed" and not changes):
        return None
    return RowChange(
        what,
        str(joined._meta.verbose_name),
        joined.ref,
        joined.get_absolute_url(),
        str(getattr(joined, "title", "") or getattr(joined, "headline", "")),
        others[0].ref if seen_from is None and len(others) > 1 else "",
        [] if what == "unlinked" else changes,
    )


def _changes(version: Any, was: Any | None, names: _Names) -> list[Change]:
    found = []
    is_link = issubclass(version.instance_type, EvidenceLink | CaseRelation)
    for item in version.tracked_fields:
        if item.name in SILENT or (is_link and isinstance(item, models.ForeignKey)):
            continue
        new = names.words(item, version)
        old = names.words(item, was) if was is not None else ""
        same = getattr(version, item.attname) == (
            getattr(was, item.attname) if was is not None else None
        )
        if same or new == old or (was is None and new == "no"):
            continue
        is_text = isinstance(item, models.TextField) or (
            isinstance(item, models.CharField) and not item.flatchoices
        )
        label = str(item.verbose_name)
        found.append(Change(label[:1].upper() + label[1:], old, new, is_text))
    return found

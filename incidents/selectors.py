"""Reads of the case file: live rows, findings with their waivers, the content hash,
where evidence is used, the quality of the record."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.apps import apps
from django.core.files.storage import default_storage
from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from accounts.models import User
from incidents.models import (
    ActivityEntry,
    CaseRecord,
    Claim,
    Evidence,
    EvidenceLink,
    FigureEvidence,
    FindingSnapshot,
    ImpactEvidence,
    ImpactFigure,
    ImpactStatement,
    Incident,
    KnownUnknown,
    KnownUnknownEvidence,
    Lane,
    Participation,
    ScopeEvidence,
    ScopeStatement,
    SeverityPolicy,
    StoredFile,
    Waiver,
)
from postmortem.lib.canonical import digest
from postmortem.lib.findings import Case, Check, Finding, Gate, Level, run_checks
from postmortem.lib.record import build_record
from postmortem.lib.times import span

# --- rows in force ------------------------------------------------------------------


def lanes(incident: Incident) -> list[Lane]:
    return list(
        Lane.objects.filter(incident=incident, retracted_at=None).select_related(
            "owner"
        )
    )


def participations(incident: Incident) -> list[Participation]:
    """Every duty that was held, present and past, in the order it was taken."""
    return list(
        Participation.objects.filter(
            incident=incident, retracted_at=None
        ).select_related("user")
    )


def current_duties(incident: Incident) -> list[Participation]:
    return [row for row in participations(incident) if row.is_current]


def commander(incident: Incident) -> Participation | None:
    """Who is in command now (R-RO-01)."""
    return next(
        (
            row
            for row in current_duties(incident)
            if row.duty == Participation.Duty.COMMANDER and not row.is_backup
        ),
        None,
    )


def _links(model: type[EvidenceLink]) -> Prefetch[Any]:
    return Prefetch("evidence_links", model._default_manager.select_related("evidence"))


def scope(incident: Incident) -> list[ScopeStatement]:
    """Scope statements in force with their signals."""
    return list(
        ScopeStatement.objects.filter(incident=incident, retracted_at=None)
        .select_related("lane", "closing_evidence", "closed_by", "known_unknown")
        .prefetch_related(_links(ScopeEvidence))
    )


def impacts(incident: Incident) -> list[ImpactStatement]:
    """Impact statements in force with evidence; `live_figures` are theirs."""
    return list(
        ImpactStatement.objects.filter(incident=incident, retracted_at=None)
        .select_related("known_unknown")
        .prefetch_related(
            _links(ImpactEvidence),
            Prefetch(
                "figures",
                ImpactFigure.objects.filter(retracted_at=None)
                .select_related("known_unknown")
                .prefetch_related(_links(FigureEvidence)),
                to_attr="live_figures",
            ),
        )
    )


def figures(incident: Incident) -> list[ImpactFigure]:
    return list(
        ImpactFigure.objects.filter(
            incident=incident, retracted_at=None, impact__retracted_at=None
        )
        .select_related("impact", "known_unknown")
        .prefetch_related(_links(FigureEvidence))
    )


def evidence(incident: Incident) -> list[Evidence]:
    """Artifacts in force, superseded ones included (they stay readable)."""
    return list(
        Evidence.objects.filter(incident=incident, retracted_at=None).select_related(
            "paired_with", "superseded_by", "recorded_by"
        )
    )


def unknowns(incident: Incident) -> list[KnownUnknown]:
    """Known unknowns in force: open ones first, then by deadline."""
    rows = (
        KnownUnknown.objects.filter(incident=incident, retracted_at=None)
        .select_related("owner", "resolved_by")
        .prefetch_related(_links(KnownUnknownEvidence))
    )
    last = datetime.max.replace(tzinfo=timezone.get_default_timezone())
    return sorted(
        rows,
        key=lambda row: (
            row.state != KnownUnknown.State.OPEN,
            row.due_at or last,
            row.number,
        ),
    )


def waivers(incident: Incident) -> list[Waiver]:
    return list(
        Waiver.objects.filter(incident=incident, retracted_at=None).select_related(
            "recorded_by", "seconded_by", "owner"
        )
    )


def activity_list(incident: Incident) -> QuerySet[ActivityEntry]:
    """Who did what and why, latest first."""
    return ActivityEntry.objects.filter(incident=incident).order_by("-sequence")


def policy(incident: Incident) -> SeverityPolicy:
    """The defaults of the incident's severity; built-in ones if the row is gone."""
    return SeverityPolicy.objects.filter(severity=incident.severity).first() or (
        SeverityPolicy(severity=incident.severity, gap_minutes=60, cadence_minutes=0)
    )


# --- lists of incidents -------------------------------------------------------------


def search(
    user: User,
    *,
    status: str = "",
    severity: str = "",
    lane: str = "",
    q: str = "",
) -> QuerySet[Incident]:
    """The incidents that this person may see, filtered; `q` is a key or words."""
    found = Incident.objects.visible_to(user).select_related("snapshot", "declared_by")
    if status:
        found = found.filter(status__in=status.split(","))
    if severity:
        found = found.filter(severity__in=severity.split(","))
    if lane:
        mine = Lane.objects.filter(slug=lane, retracted_at=None)
        found = found.filter(pk__in=mine.values("incident"))
    for word in q.split():
        prefix, _, number = word.upper().partition("-")
        if prefix == "INC" and number.isdigit() and len(number) <= 9:
            found = found.filter(number=int(number))
        else:
            found = found.filter(
                Q(title__icontains=word)
                | Q(summary__icontains=word)
                | Q(source_ref__icontains=word)
            )
    return found


# --- the clock ----------------------------------------------------------------------


@dataclass(frozen=True)
class Clock:
    """The incident's span on its own clock. T offsets count from declaration.

    end: when it was stabilized, or None while it runs.
    """

    zone: str
    start: datetime | None
    end: datetime | None
    now: datetime

    @property
    def is_running(self) -> bool:
        return self.end is None

    @property
    def elapsed(self) -> timedelta | None:
        """From declaration to the end or to now; None: not recorded."""
        return None if self.start is None else (self.end or self.now) - self.start

    @property
    def duration(self) -> str:
        return span(self.elapsed)

    def offset(self, moment: datetime) -> str:
        """`T+12 min`, `T−9 min`; empty without a declaration time."""
        if self.start is None:
            return ""
        delta = moment - self.start
        text = span(delta)
        return f"T{text}" if delta < timedelta(0) else f"T+{text}"


def clock(incident: Incident, *, now: datetime | None = None) -> Clock:
    return Clock(
        zone=incident.clock_zone,
        start=incident.declared_at,
        end=incident.stabilized_at,
        now=now or timezone.now(),
    )


# --- findings -----------------------------------------------------------------------


def findings(incident: Incident, now: datetime | None = None) -> list[Finding]:
    """Every finding of the case, worst first; `accepted_by` where a waiver holds."""
    return _run(incident, lambda _: True, now=now)


def blocking(
    incident: Incident, gate: Gate, now: datetime | None = None
) -> list[Finding]:
    """What holds a transition back now. Closing is held back by every open ERROR."""

    def gates(item: Check) -> bool:
        return gate is Gate.CLOSE or gate in item.gates

    return [item for item in _run(incident, gates, now=now) if item.is_blocking]


def _run(incident: Incident, only: Any, *, now: datetime | None) -> list[Finding]:
    case = Case(incident, now=now)
    found = run_checks(case, only=only)
    if not found:
        return found
    in_force = {
        (item.check_id, item.finding_key): item
        for item in case.load(waivers)
        if item.is_in_force(case.now)
    }
    return [
        replace(item, accepted_by=_accepted(in_force[item.id, item.key]))
        if (item.id, item.key) in in_force
        and (item.level is not Level.ERROR or item.waivable)
        else item
        for item in found
    ]


def _accepted(waiver: Waiver) -> str:
    people = [waiver.recorded_by, waiver.seconded_by]
    return " and ".join(person.label for person in people if person)


def content_hash(incident: Incident, *, fresh: bool = False) -> str:
    """SHA-256 of the canonical record: what approvals are bound to.

    The stored one is used while the activity head has not moved; `fresh` recomputes,
    as gates and the seal must.
    """
    if not fresh:
        stored = FindingSnapshot.objects.filter(incident=incident).first()
        if (
            stored
            and stored.content_hash
            and stored.activity_head == incident.activity_head
        ):
            return stored.content_hash
    return digest(build_record(incident))


# --- where evidence is used ---------------------------------------------------------


@dataclass(frozen=True)
class Use:
    """One claim that rests on an artifact."""

    claim: Any
    label: str
    note: str = ""

    @property
    def ref(self) -> str:
        return str(self.claim.ref)

    @property
    def url(self) -> str:
        return str(self.claim.get_absolute_url())


@cache
def link_models() -> tuple[Any, ...]:
    """Every claim's link table, of this app and of the apps above."""
    return tuple(
        model
        for model in apps.get_models()
        if issubclass(model, EvidenceLink)
        and not model._meta.abstract
        and not model.__name__.startswith("Historical")
    )


def evidence_use(incident: Incident) -> dict[int, list[Use]]:
    """For each artifact (by primary key) the claims in force that rest on it.

    One query per kind of claim, whatever the number of rows.
    """
    found: dict[int, list[Use]] = defaultdict(list)
    for model in link_models():
        claim_model = model._meta.get_field("claim").related_model
        label = str(claim_model._meta.verbose_name)
        for link in model._default_manager.filter(
            incident=incident, retracted_at=None, claim__retracted_at=None
        ).select_related("claim"):
            link.claim.incident = incident
            found[link.evidence_id].append(Use(link.claim, label, link.note))
    return dict(found)


# --- any row by its ref -------------------------------------------------------------


@cache
def record_models() -> dict[str, type[CaseRecord]]:
    """Every kind of case record by its prefix (`TL`, `EV`, `ACT`, …)."""
    return {
        model.prefix: model
        for model in apps.get_models()
        if issubclass(model, CaseRecord) and not model.__name__.startswith("Historical")
    }


def find_row(incident: Incident, ref: str) -> CaseRecord | None:
    """The row of this incident with this ref, retracted ones included, or None."""
    prefix, _, number = ref.rpartition("-")
    model = record_models().get(prefix)
    if model is None or not number.isdigit() or len(number) > 9:
        return None
    row = model._default_manager.filter(incident=incident, number=int(number)).first()
    if row:
        row.incident = incident
    return row


# --- quality of the record ----------------------------------------------------------


@dataclass(frozen=True)
class KindQuality:
    """How well one kind of claim is proven."""

    label: str
    total: int
    with_evidence: int
    provisional: int


@dataclass(frozen=True)
class RecordQuality:
    """How good the record is (R-MT-04). A share without rows is None, never zero."""

    kinds: tuple[KindQuality, ...]
    open_unknowns: int
    overdue_unknowns: int
    red_flags: int

    @property
    def claims(self) -> int:
        return sum(kind.total for kind in self.kinds)

    @property
    def with_evidence(self) -> int:
        return sum(kind.with_evidence for kind in self.kinds)

    @property
    def provisional(self) -> int:
        return sum(kind.provisional for kind in self.kinds)

    @property
    def evidence_percent(self) -> int | None:
        """Share of claims with evidence in whole percent; None: no claims yet."""
        return self.with_evidence * 100 // self.claims if self.claims else None


@cache
def claim_models() -> tuple[Any, ...]:
    return tuple(
        model
        for model in apps.get_models()
        if issubclass(model, Claim) and not model.__name__.startswith("Historical")
    )


def claims(incident: Incident) -> list[Any]:
    """Every claim in force of every app, with its evidence."""
    found: list[Any] = []
    for model in claim_models():
        rows = model._default_manager.filter(
            incident=incident, retracted_at=None
        ).prefetch_related("evidence_links__evidence")
        for row in rows:
            row.incident = incident
            found.append(row)
    return found


def record_quality(
    incident: Incident,
    *,
    red_flags: int | None = None,
    now: datetime | None = None,
) -> RecordQuality:
    """Numbers on the record itself; `red_flags` if the caller has the findings."""
    now = now or timezone.now()
    if red_flags is None:
        red_flags = sum(item.is_blocking for item in findings(incident, now))
    per_kind: dict[str, list[Any]] = defaultdict(list)
    for row in claims(incident):
        per_kind[str(row._meta.verbose_name)].append(row)
    still_open = [
        row for row in unknowns(incident) if row.state == KnownUnknown.State.OPEN
    ]
    return RecordQuality(
        kinds=tuple(
            KindQuality(
                label=label,
                total=len(rows),
                with_evidence=sum(bool(row.evidence) for row in rows),
                provisional=sum(row.is_provisional for row in rows),
            )
            for label, rows in per_kind.items()
        ),
        open_unknowns=len(still_open),
        overdue_unknowns=sum(
            row.due_at is not None and row.due_at < now for row in still_open
        ),
        red_flags=red_flags,
    )


# --- what lists show ----------------------------------------------------------------


def next_step(incident: Incident, found: list[Finding]) -> str:
    """One sentence: what moves this incident on."""
    errors = [item for item in found if item.is_blocking]
    status = Incident.Status(incident.status)
    if status is Incident.Status.CANCELLED:
        return ""
    if status is Incident.Status.CLOSED:
        return "Closed and frozen; follow-up actions go on."
    gate = {
        Incident.Status.ACTIVE: Gate.STABILIZE,
        Incident.Status.STABILIZED: Gate.ALL_CLEAR,
    }.get(status)
    if status is Incident.Status.STABILIZED and incident.all_clear_at:
        return "Start the review."
    first = next((item for item in errors if gate is None or gate in item.gates), None)
    if first:
        where = f" ({first.subject_ref})" if first.subject_ref else ""
        return f"{first.fix_label}: {first.message}{where}"[:300]
    return {
        Incident.Status.ACTIVE: "Declare it stabilized.",
        Incident.Status.STABILIZED: "Give the all-clear.",
        Incident.Status.IN_REVIEW: "Approve and close.",
    }[status]


# --- stored files -------------------------------------------------------------------


def lost_files(incident: Incident) -> list[tuple[Evidence, str]]:
    """Artifacts whose bytes are not in the store as they were hashed: gone, or of
    another size. The hash itself is computed again by `manage.py verify`."""
    rows = [row for row in evidence(incident) if row.sha256]
    stored = {
        item.sha256: item
        for item in StoredFile.objects.filter(sha256__in={row.sha256 for row in rows})
    }
    lost: list[tuple[Evidence, str]] = []
    for row in rows:
        item = stored.get(row.sha256)
        try:
            size = default_storage.size(item.path) if item else None
        except OSError:
            size = None
        if size is None:
            lost.append((row, "is not in the store"))
        elif size != row.size:
            lost.append((row, f"has {size} bytes in the store, not {row.size}"))
    return lost


def altered_files(incident: Incident) -> list[tuple[Evidence, str]]:
    """As `lost_files`, and also every stored file whose SHA-256 has changed."""
    found = lost_files(incident)
    known = {row.pk for row, _ in found}
    for row in evidence(incident):
        if not row.sha256 or row.pk in known:
            continue
        path = StoredFile.objects.values_list("path", flat=True).get(sha256=row.sha256)
        with default_storage.open(path, "rb") as stored:
            if hashlib.file_digest(stored, "sha256").hexdigest() != row.sha256:
                found.append((row, "was altered: its SHA-256 has changed"))
    return found

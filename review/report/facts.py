"""The facts that the blocks of the one-pager draw on, read once, and its indicators."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from django.conf import settings

from actions.models import ActionItem, ClosureTest
from incidents.models import (
    CaseRecord,
    Claim,
    Evidence,
    FindingSnapshot,
    ImpactFigure,
    Incident,
)
from incidents.selectors import (
    findings_of,
    from_snapshot,
    is_current,
    policy,
    record_hash,
)
from postmortem.lib.findings import Case, Finding
from postmortem.lib.record import every_row, live_rows, with_rows
from postmortem.lib.times import on_clock, span
from review.report.content import (
    NOT_RECORDED,
    Indicator,
    Ref,
)
from review.selectors import closure_facts, latest_seal, sealed_findings
from timeline.models import Entry
from timeline.selectors import (
    durations_of,
    entries,
    feeding,
    instant,
    milestones,
    silences,
)

T = TypeVar("T", bound=CaseRecord)
REFS_SHOWN = 4


class Facts:
    """One incident as the sheet needs it: rows read once, refs, words, indicators."""

    def __init__(
        self,
        incident: Incident,
        as_of: datetime,
        findings: Sequence[Finding] | None,
        content: str,
    ) -> None:
        self.incident = incident = incident if incident.rows else with_rows(incident)
        self.zone = incident.clock_zone
        self.as_of = as_of
        is_closed = incident.status == Incident.Status.CLOSED
        self.seal = latest_seal(incident) if is_closed else None
        self.content = content or record_hash(incident)
        self.case = Case(incident, now=as_of, known={record_hash: self.content})
        self.findings = list(findings) if findings is not None else self._findings()
        self.cited: dict[str, int] = {}
        marks = self.marks = self.case.load(milestones)
        self.milestones = feeding(marks)
        self.durations = {d.key: d for d in durations_of(incident, marks)}
        self.artifacts = every_row(incident, Evidence.objects.all())
        self.figures = self.live(ImpactFigure)
        self.actions = sorted(
            (
                row
                for row in self.live(ActionItem)
                if row.state != ActionItem.State.CANCELLED
            ),
            key=lambda row: (row.due_at is None, row.due_at, row.number),
        )
        self.tests: dict[int, list[ClosureTest]] = {}
        for test in self.live(ClosureTest):
            self.tests.setdefault(test.action_id, []).append(test)

    def live(self, model: type[T]) -> list[T]:
        """The rows in force of this kind, by number."""
        return live_rows(self.incident, model._default_manager.all())

    @cached_property
    def checked(self) -> FindingSnapshot | None:
        """The stored result of the checks, where it is of exactly this record."""
        rows = FindingSnapshot.objects.filter(
            incident=self.incident, content_hash=self.content
        )
        stored = rows.defer("findings").first()
        return stored if stored and is_current(self.incident, stored) else None

    def _findings(self) -> list[Finding]:
        if self.seal:
            return sealed_findings(self.seal)
        if self.checked:
            return list(from_snapshot(self.incident, self.checked).findings)
        return findings_of(self.case)

    @cached_property
    def closure(self) -> dict[str, Any]:
        """The facts of the closure, stored or of now."""
        stored = self.checked.facts.get("closure") if self.checked else None
        return stored or closure_facts(self.case)

    def words(self, key: str) -> str:
        """A duration in words, 'not recorded' included; never a false zero."""
        found = self.durations.get(key)
        return found.text if found else NOT_RECORDED

    def proof(self, kind: str) -> tuple[Ref, ...]:
        milestone = self.milestones.get(kind)
        if milestone is None or milestone.entry is None:
            return ()
        return self.refs(milestone.entry)[0][:1]

    def ref(self, item: Any) -> Ref:
        """An artifact beside a claim, counted; an `Evidence` or a chip of one."""
        self.cited[item.ref] = self.cited.get(item.ref, 0) + 1
        return Ref(item.ref, self._evidence_url(item), item.is_original)

    def _evidence_url(self, item: Any) -> str:
        if not isinstance(item, Evidence):
            return f"{settings.BASE_URL}{item.url}"
        item.incident = self.incident
        return settings.BASE_URL + item.get_absolute_url()

    def refs(self, claim: Claim) -> tuple[tuple[Ref, ...], int]:
        items = [e for e in claim.evidence if not e.is_retracted]
        items.sort(key=lambda e: (not e.is_original, e.number))
        shown = sorted(items[:REFS_SHOWN], key=lambda e: e.number)
        return tuple(self.ref(e) for e in shown), len(items) - len(shown)

    def day(self, moment: datetime | None) -> str:
        if moment is None:
            return "no date"
        local = on_clock(moment, self.zone)
        return f"{local.day} {local:%b}"

    def _indicators(self) -> tuple[Indicator, ...]:
        return (
            self._timeliness(),
            self._accuracy(),
            self._reliability(),
            Indicator(
                "Compliance",
                NOT_RECORDED,
                ("Control bypasses: not recorded", "Exceptions: not recorded"),
                is_recorded=False,
            ),
        )

    def _timeliness(self) -> Indicator:
        detect = self.durations.get("detect")
        is_recorded = detect is not None and detect.delta is not None
        mitigate = self.words("mitigate")
        return Indicator(
            "Timeliness",
            f"{self.words('detect')} to detect" if is_recorded else NOT_RECORDED,
            (f"Mitigated: {mitigate}", self._cadence()),
            self.proof("first_alert") if is_recorded else (),
            self.proof("first_mitigation") if mitigate != NOT_RECORDED else (),
            is_recorded=is_recorded,
        )

    def _cadence(self) -> str:
        """Updates with a time, and the longest silence while customers were affected;
        a bare day is no time."""
        rows = self.case.load(entries)
        updates = sum(
            row.kind == Entry.Kind.COMMS and instant(row) is not None for row in rows
        )
        if not updates:
            return "Updates: none with a time"
        number = f"{updates} update{'' if updates == 1 else 's'}"
        minutes = self.case.load(policy).cadence_minutes
        if not minutes:
            return number
        allowed = timedelta(minutes=minutes)
        found = silences(rows, list(self.marks), allowed)
        if found is None:
            return number
        if not found:
            return f"{number}, on cadence ({minutes} min)"
        return f"{number}, at most {span(found[0].length)} apart"

    def _accuracy(self) -> Indicator:
        if not self.figures:
            return Indicator(
                "Accuracy",
                NOT_RECORDED,
                ("Record parity: not recorded", "Duplicates: not recorded"),
                is_recorded=False,
            )
        actual = sum(f.basis == ImpactFigure.Basis.ACTUAL for f in self.figures)
        duplicates = [
            f.count
            for f in self.figures
            if f.measure == ImpactFigure.Measure.DUPLICATES and f.count is not None
        ]
        return Indicator(
            "Accuracy",
            f"{actual} of {len(self.figures)} figures actual",
            (
                "Record parity: not recorded",
                f"Duplicates: {sum(duplicates):,}"
                if duplicates
                else "Duplicates: not recorded",
            ),
        )

    def _reliability(self) -> Indicator:
        mandatory = [a for a in self.actions if a.is_mandatory]
        tests = [t for a in mandatory for t in self.tests.get(a.pk, [])]
        if not tests:
            return Indicator(
                "Reliability",
                NOT_RECORDED,
                ("Mandatory tests: none recorded", "Repeats: not recorded"),
                is_recorded=False,
            )
        accepted = [run for test in tests if (run := test.accepted_run) is not None]
        refs = tuple(
            dict.fromkeys(ref for run in accepted for ref in self.refs(run)[0])
        )
        return Indicator(
            "Reliability",
            f"{len(accepted)} of {len(tests)} tests passed",
            ("Mandatory actions", "Repeats: not recorded"),
            line_refs=refs[:1],
            state="ok" if len(accepted) == len(tests) else "bad",
        )

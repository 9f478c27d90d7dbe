"""The closure checklist: six rows, computed from the findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from actions import selectors as actions
from actions.models import ActionItem
from incidents import selectors as case_file
from incidents.models import Claim, Evidence, ImpactStatement, Incident
from incidents.selectors import stored_with_findings
from postmortem.lib.findings import Case, Finding, Row
from postmortem.lib.words import listed
from rca import selectors as rca
from rca.models import Cause
from review.selectors.approvals import excluded_people
from review.selectors.gaps import Chip, chip_of, gaps_of
from review.selectors.reviews import current_review
from review.selectors.seals import present_findings
from timeline import selectors as timeline

APPROVAL_CHECKS = frozenset({"AP101", "AP102"})
VAGUE_CHECKS = frozenset({"AI004"})
CHIPS = 6


@dataclass(frozen=True)
class ChecklistRow:
    """One of the six rows: a state, a sentence, its findings and what proves it."""

    row: Row
    title: str
    sentence: str
    findings: tuple[Finding, ...]
    proof_label: str = ""
    proof: tuple[Chip, ...] = ()
    proof_more: int = 0

    @property
    def flags(self) -> list[Finding]:
        """Red flags: findings that block, each with its fix."""
        return [f for f in self.findings if f.is_blocking]

    @property
    def notes(self) -> list[Finding]:
        return [f for f in self.findings if not f.is_blocking and f.is_open]

    @property
    def accepted(self) -> list[Finding]:
        return [f for f in self.findings if not f.is_open]

    @property
    def is_confirmed(self) -> bool:
        return not self.flags


@dataclass(frozen=True)
class Checklist:
    """The six rows, and the findings that belong to none of them."""

    rows: tuple[ChecklistRow, ...]
    others: tuple[Finding, ...]
    findings: tuple[Finding, ...]

    @property
    def confirmed(self) -> int:
        return sum(row.is_confirmed for row in self.rows)

    @property
    def blocking(self) -> list[Finding]:
        """What holds back an approval: every open ERROR but missing approvals."""
        return [
            f for f in self.findings if f.is_blocking and f.id not in APPROVAL_CHECKS
        ]

    @property
    def other_flags(self) -> list[Finding]:
        return [f for f in self.others if f.is_blocking]

    @property
    def other_notes(self) -> list[Finding]:
        return [f for f in self.others if not f.is_blocking and f.is_open]


def checklist(
    incident: Incident,
    *,
    findings: Iterable[Finding] | None = None,
    facts: dict[str, Any] | None = None,
    now: datetime | None = None,
) -> Checklist:
    """The six rows R-CK-01 to R-CK-06. findings and facts: the stored ones, for a page;
    without them, computed now."""
    found = findings if findings is not None else present_findings(incident, now)
    rows_told = (facts or {}).get("rows") or checklist_facts(Case(incident, now=now))
    by_row: dict[Row, list[Finding]] = {row: [] for row in Row}
    others = []
    for finding in found:
        if finding.row is None:
            if finding.id not in APPROVAL_CHECKS:
                others.append(finding)
        else:
            by_row[finding.row].append(finding)
    rows = tuple(
        ChecklistRow(
            row=row,
            title=title,
            sentence=rows_told[row]["sentence"],
            findings=tuple(by_row[row]),
            proof_label=rows_told[row]["proof_label"],
            proof=tuple(Chip(**item) for item in rows_told[row]["proof"]),
            proof_more=rows_told[row]["proof_more"],
        )
        for row, title in TITLES.items()
    )
    return Checklist(rows, tuple(others), tuple(found))


@stored_with_findings("closure")
def closure_facts(case: Case) -> dict[str, Any]:
    """What the review page shows of the record, of the moment of the findings: the rows
    of the checklist, the gaps, the recurrence risks, who may not approve."""
    return {
        "rows": checklist_facts(case),
        "gaps": [asdict(gap) for gap in gaps_of(case)],
        "risks": [row.ref for row in risks_of(case)],
        "excluded": {
            str(person): why for person, why in case.load(excluded_people).items()
        },
    }


def checklist_facts(case: Case) -> dict[str, Any]:
    """Sentence and proof of each row, in plain values."""
    facts = _Facts(case)
    told = {}
    for row in TITLES:
        label, proof = facts.proof(row)
        told[str(row)] = {
            "sentence": facts.sentence(row),
            "proof_label": label,
            "proof": [asdict(chip_of(item)) for item in proof[:CHIPS]],
            "proof_more": max(0, len(proof) - CHIPS),
        }
    return told


TITLES: dict[Row, str] = {
    Row.TIMELINE: "Recovery timeline",
    Row.RCA: "Root cause analysis",
    Row.IMPACT: "Incident impact",
    Row.ACTIONS: "Action items",
    Row.CONTROLS: "Control tests",
    Row.BLAMELESS: "Blameless summary",
}


class _Facts:
    """What the sentences and the proof of the checklist are made of: rows that the
    checks read too, so that both together cost no further query."""

    def __init__(self, case: Case) -> None:
        self.milestones = case.load(timeline.milestones)
        self.entries = len(case.load(timeline.entries))
        self.causes = rca.standing_causes(case)
        self.impacts = case.load(case_file.impacts)
        self.figures = case.load(case_file.figures)
        rows = case.load(actions.actions)
        self.actions = [a for a in rows if a.state != ActionItem.State.CANCELLED]
        self.tests = [test for action in rows for test in action.live_tests]
        self.runs = [run for test in self.tests for run in test.live_runs]
        self.review = case.load(current_review)

    def sentence(self, row: Row) -> str:
        return {
            Row.TIMELINE: self._timeline,
            Row.RCA: self._rca,
            Row.IMPACT: self._impact,
            Row.ACTIONS: self._actions,
            Row.CONTROLS: self._controls,
            Row.BLAMELESS: self._blameless,
        }[row]()

    def _timeline(self) -> str:
        if not self.entries:
            return "Nothing on the timeline yet."
        return (
            f"{_count(self.entries, 'entry', 'entries')} in order on one clock, "
            "with decision timestamps and links."
        )

    def _rca(self) -> str:
        if not self.causes:
            return "No cause is stated yet."
        proximate = sum(not cause.is_systemic for cause in self.causes)
        systemic = len(self.causes) - proximate
        provisional = sum(
            cause.state == Cause.State.PROVISIONAL for cause in self.causes
        )
        words = f"{proximate} proximate and {systemic} systemic, kept apart."
        if provisional:
            words += f" {_count(provisional, 'cause is', 'causes are')} provisional."
        return words

    def _impact(self) -> str:
        kinds = {impact.kind for impact in self.impacts}
        stated = [
            str(kind.label).lower()
            for kind in ImpactStatement.Kind
            if kind.value in kinds
        ]
        if not stated:
            return "No impact is stated yet."
        words = f"{listed(stated).capitalize()} impact stated"
        if self.figures:
            words += f", {_count(len(self.figures), 'figure', 'figures')}"
        corrected = sum(bool(impact.downstream_work) for impact in self.impacts)
        return words + (
            "; downstream effects and manual correction work addressed."
            if corrected
            else "; downstream effects and manual correction work not addressed."
        )

    def _actions(self) -> str:
        if not self.actions:
            return "No action is recorded yet."
        tested = {test.action_id for test in self.tests}
        whole = sum(
            bool(item.owner_id and item.due_at and item.pk in tested)
            for item in self.actions
        )
        return (
            f"{whole} of {len(self.actions)} have an owner, a due date and a closure "
            "test."
        )

    def _controls(self) -> str:
        if not self.runs:
            return "No control has been exercised yet; a procedure is not proof."
        accepted = sum(run.is_accepted for run in self.runs)
        return (
            f"{accepted} of {_count(len(self.runs), 'run', 'runs')} passed with an "
            "artifact; date and environment are explicit."
        )

    def _blameless(self) -> str:
        if not self.review or not self.review.learning:
            return "What was learned about conditions and decisions is not written yet."
        return (
            "Speaks of conditions, decisions and process; ownership of follow-up is "
            "explicit."
        )

    def proof(self, row: Row) -> tuple[str, list[Evidence]]:
        if row is Row.TIMELINE:
            kinds = {m.kind for m in self.milestones if m.entry}
            proven = {
                m.kind
                for m in self.milestones
                if m.entry and not m.entry.is_provisional
            }
            label = f"{len(proven)} of {len(kinds)} milestones proven by"
            return label, _evidence(m.entry for m in self.milestones if m.entry)
        if row is Row.RCA:
            primary = [c for c in self.causes if c.label == Cause.Label.PRIMARY]
            return "Primary cause proven by", _evidence(primary or self.causes)
        if row is Row.IMPACT:
            return "Amounts and statements tied to", _evidence(
                [*self.figures, *self.impacts]
            )
        if row is Row.CONTROLS:
            return "Runs proven by", _evidence(r for r in self.runs if r.is_accepted)
        return "", []


def _evidence(claims: Iterable[Claim]) -> list[Evidence]:
    found: dict[int, Evidence] = {}
    for claim in claims:
        for item in claim.evidence:
            if not item.is_retracted:
                found.setdefault(item.pk, item)
    return sorted(found.values(), key=lambda item: item.number)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def recurrence_risks(incident: Incident) -> list[ActionItem]:
    """Mandatory actions still open: while one could recreate an outage in a core flow,
    the incident stays 'stabilized' (R-AP-03)."""
    return risks_of(Case(incident))


def risks_of(case: Case) -> list[ActionItem]:
    """As `recurrence_risks`, on the rows that the case has loaded."""
    if not any(lane.is_core_flow for lane in case.load(case_file.lanes)):
        return []
    return [
        row for row in case.load(actions.actions) if row.is_mandatory and row.is_pending
    ]


def is_unfinished(findings: Iterable[Finding]) -> bool:
    """The badge 'unfinished': something but the approvals still blocks, or the
    follow-through is vague (R-DOC-15)."""
    return any(
        (f.is_blocking and f.id not in APPROVAL_CHECKS)
        or (f.is_open and f.id in VAGUE_CHECKS)
        for f in findings
    )

"""The closure checklist, the gaps that would be sealed, and readiness: all computed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from actions.models import ActionItem, ClosureTest, TestRun
from incidents.models import (
    Claim,
    Evidence,
    ImpactFigure,
    ImpactStatement,
    Incident,
    Lane,
    Waiver,
)
from incidents.selectors import claims
from postmortem.lib.findings import Finding, Row
from postmortem.lib.times import on_clock
from rca.models import Cause
from review.models import Review
from review.selectors.seals import present_findings
from timeline.models import Entry, Milestone

WHERE = {
    "SC": "Scope",
    "IM": "Impact",
    "FG": "Impact",
    "TL": "Timeline",
    "DP": "Dependencies",
    "CA": "Root cause",
    "FM": "Failure modes",
    "RUN": "Control tests",
}
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
    proof: tuple[Evidence, ...] = ()
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


@dataclass(frozen=True)
class Gap:
    """An evidence gap that closing would seal into the record (R-EV-10, R-CT-08)."""

    title: str
    where: str
    unproven: str
    accepted_by: str
    url: str = ""
    evidence: Evidence | None = None
    code: str = ""
    later: str = ""  # ref of the claim that rests on a later summary only


@dataclass(frozen=True)
class Readiness:
    """One point of getting ready for the meeting, and whether it is met."""

    label: str
    is_met: bool
    detail: str


def checklist(
    incident: Incident,
    *,
    findings: list[Finding] | None = None,
    now: datetime | None = None,
) -> Checklist:
    """The six rows R-CK-01 to R-CK-06, computed from the findings of this moment."""
    found = findings if findings is not None else present_findings(incident, now)
    facts = _Facts(incident)
    by_row: dict[Row, list[Finding]] = {row: [] for row in Row}
    others = []
    for finding in found:
        if finding.row is None:
            if finding.id not in APPROVAL_CHECKS:
                others.append(finding)
        else:
            by_row[finding.row].append(finding)
    rows = []
    for row, title in TITLES.items():
        label, proof = facts.proof(row)
        rows.append(
            ChecklistRow(
                row=row,
                title=title,
                sentence=facts.sentence(row),
                findings=tuple(by_row[row]),
                proof_label=label,
                proof=tuple(proof[:CHIPS]),
                proof_more=max(0, len(proof) - CHIPS),
            )
        )
    return Checklist(tuple(rows), tuple(others), tuple(found))


TITLES: dict[Row, str] = {
    Row.TIMELINE: "Recovery timeline",
    Row.RCA: "Root cause analysis",
    Row.IMPACT: "Incident impact",
    Row.ACTIONS: "Action items",
    Row.CONTROLS: "Control tests",
    Row.BLAMELESS: "Blameless summary",
}


class _Facts:
    """What the sentences and the proof of the checklist are made of; read once."""

    def __init__(self, incident: Incident) -> None:
        live: dict[str, Any] = {"incident": incident, "retracted_at": None}
        self.milestones = list(
            Milestone.objects.filter(**live)
            .select_related("entry")
            .prefetch_related("entry__evidence_links__evidence")
        )
        self.entries = Entry.objects.filter(**live).count()
        self.causes = list(
            Cause.objects.filter(**live)
            .exclude(state=Cause.State.RULED_OUT)
            .prefetch_related("evidence_links__evidence")
        )
        self.impacts = list(
            ImpactStatement.objects.filter(**live).prefetch_related(
                "evidence_links__evidence"
            )
        )
        self.figures = list(
            ImpactFigure.objects.filter(**live).prefetch_related(
                "evidence_links__evidence"
            )
        )
        self.actions = list(
            ActionItem.objects.filter(**live)
            .exclude(state=ActionItem.State.CANCELLED)
            .select_related("owner")
        )
        self.tests = list(ClosureTest.objects.filter(**live))
        self.runs = list(
            TestRun.objects.filter(**live).prefetch_related("evidence_links__evidence")
        )
        self.review = Review.objects.filter(**live).first()

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
        words = f"{_join(stated).capitalize()} impact stated"
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


def _join(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def gaps(incident: Incident, *, now: datetime | None = None) -> list[Gap]:
    """What stays unproven when the record is sealed: stated gaps, accepted findings,
    claims that rest on a later summary, and test runs without an artifact."""
    now = now or timezone.now()
    return [
        *_stated(incident),
        *_accepted(incident, now),
        *_later_summaries(incident),
        *_bare_runs(incident),
    ]


def _stated(incident: Incident) -> list[Gap]:
    zone = incident.clock_zone
    found = []
    for entry in Entry.objects.filter(
        incident=incident, retracted_at=None, kind=Entry.Kind.NO_RECORD
    ).select_related("recorded_by", "incident"):
        when = ""
        if entry.occurred_at:
            when = f" for {on_clock(entry.occurred_at, zone):%H:%M}"
            if entry.occurred_until:
                when += f" to {on_clock(entry.occurred_until, zone):%H:%M}"
        found.append(
            Gap(
                title=f"No record{when}",
                where="Timeline",
                unproven=entry.headline,
                accepted_by=entry.recorded_by.label if entry.recorded_by else "",
                url=entry.get_absolute_url(),
            )
        )
    return found


def _accepted(incident: Incident, now: datetime) -> list[Gap]:
    return [
        Gap(
            title=waiver.finding_message,
            where=waiver.subject_ref or "The case",
            unproven=waiver.reason,
            accepted_by=" and ".join(
                person.label
                for person in (waiver.recorded_by, waiver.seconded_by)
                if person
            ),
            url=waiver.get_absolute_url(),
            code=waiver.check_id,
        )
        for waiver in Waiver.objects.filter(
            incident=incident, retracted_at=None
        ).select_related("recorded_by", "seconded_by", "incident")
        if waiver.is_in_force(now)
    ]


def _later_summaries(incident: Incident) -> list[Gap]:
    return [
        Gap(
            title=f"{claim.ref} rests on a later summary",
            where=WHERE.get(claim.prefix, claim.prefix),
            unproven=_words_of(claim),
            accepted_by="",
            url=_url_of(claim),
            evidence=claim.evidence[0],
            later=claim.ref,
        )
        for claim in claims(incident)
        if claim.rests_on_later_summary
    ]


def _words_of(claim: Claim) -> str:
    for name in ("headline", "consequence", "statement", "label", "name", "notes"):
        if words := getattr(claim, name, ""):
            return str(words)
    return ""


def _url_of(claim: Claim) -> str:
    if isinstance(claim, TestRun):
        return ""
    return claim.get_absolute_url()


def _bare_runs(incident: Incident) -> list[Gap]:
    found = []
    for run in (
        TestRun.objects.filter(
            incident=incident, retracted_at=None, outcome=TestRun.Outcome.PASSED
        )
        .select_related("closure_test__action__incident", "tester")
        .prefetch_related("evidence_links__evidence")
    ):
        if not run.evidence:
            action = run.closure_test.action
            found.append(
                Gap(
                    title=f"{run.ref} of {action.ref} has no artifact",
                    where="Control tests",
                    unproven=run.closure_test.pass_condition
                    or run.closure_test.procedure,
                    accepted_by="",
                    url=run.get_absolute_url(),
                )
            )
    return found


def readiness(incident: Incident, review: Review | None) -> list[Readiness]:
    """What has to stand before the meeting (R-DOC-08 to R-DOC-12, R-BL-01)."""
    zone = incident.clock_zone
    if review is None:
        return [Readiness("Review opened", False, "No review is opened yet.")]
    duties = {
        "meeting flow": review.meeting_owner,
        "documentation": review.documentation_owner,
        "follow-up": review.follow_up_owner,
    }
    open_duties = [name for name, person in duties.items() if person is None]
    ready = {True: "Yes", False: "No", None: "not recorded"}[review.is_ready]
    if review.is_ready is not None and review.readiness_reason:
        ready += f": {review.readiness_reason}"
    meeting = (
        f"{on_clock(review.meeting_at, zone):%-d %b %Y, %H:%M}"
        if review.meeting_at
        else "not recorded"
    )
    return [
        Readiness(
            "Three duties assigned",
            not open_duties,
            f"Open: {_join(open_duties)}"
            if open_duties
            else "All three have a person.",
        ),
        Readiness(
            "The group can review impact and decisions, not only systems",
            review.is_ready is True,
            ready,
        ),
        Readiness(
            "Blameless rule acknowledged",
            review.blameless_at is not None,
            f"{on_clock(review.blameless_at, zone):%-d %b %Y, %H:%M}"
            if review.blameless_at
            else "not recorded",
        ),
        Readiness(
            "Learning meeting after stabilization",
            review.meeting_at is not None
            and (
                incident.stabilized_at is None
                or review.meeting_at >= incident.stabilized_at
            ),
            meeting,
        ),
        Readiness(
            "How we responded is written",
            bool(review.how_we_responded),
            review.how_we_responded or "not recorded",
        ),
    ]


def recurrence_risks(incident: Incident) -> list[ActionItem]:
    """Mandatory actions still open: while one could recreate an outage in a core flow,
    the incident stays 'stabilized' (R-AP-03)."""
    core = Lane.objects.filter(incident=incident, retracted_at=None, is_core_flow=True)
    if not core.exists():
        return []
    return list(
        ActionItem.objects.filter(
            incident=incident,
            retracted_at=None,
            timing=ActionItem.Timing.MANDATORY,
            state__in=[ActionItem.State.DRAFT, ActionItem.State.OPEN],
        ).select_related("owner")
    )


def is_unfinished(findings: Iterable[Finding]) -> bool:
    """The badge 'unfinished': something but the approvals still blocks, or the
    follow-through is vague (R-DOC-15)."""
    return any(
        (f.is_blocking and f.id not in APPROVAL_CHECKS)
        or (f.is_open and f.id in VAGUE_CHECKS)
        for f in findings
    )

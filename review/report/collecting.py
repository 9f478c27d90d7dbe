"""Collecting the one-pager from the record."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.urls import reverse

from actions.models import ActionItem, ClosureTest, TestRun
from incidents.models import (
    Evidence,
    ImpactFigure,
    ImpactStatement,
    Incident,
    KnownUnknown,
    Lane,
    Participation,
)
from incidents.selectors import citations, policy
from postmortem.lib import tabs
from postmortem.lib.canonical import digest
from postmortem.lib.findings import Finding
from postmortem.lib.times import span
from postmortem.lib.ui import clock_range, incident_time, money, shorthash
from rca.models import Cause
from review.report.bridge import bridged
from review.report.content import (
    NOT_RECORDED,
    ActionLine,
    Amount,
    ApprovalLine,
    IndexLine,
    Line,
    Ref,
    Report,
    sentence,
)
from review.report.cutting import STAMP
from review.report.facts import REFS_SHOWN, Facts
from review.selectors import (
    Gap,
    approvals_state,
    excluded_of,
    gaps_from,
    latest_seal,
)
from timeline.models import DependencyCheckpoint
from timeline.selectors import entries, recovery_strip, strip_svg

# Part of every build key: raise it when the page changes, so that it is built again.
TEMPLATE_VERSION = 7
LATER_SHOWN = 3  # more claims on later summaries than this become one line
PLACES = {
    "case": "incidents:incident_detail",
    "causes": "rca:cause_list",
    "actions": "actions:action_list",
    "risks": "review:review_detail",
    "evidence": "incidents:evidence_list",
}
ROLES = {
    Cause.Label.TRIGGER: "Trigger",
    Cause.Label.PRIMARY: "Primary",
    Cause.Label.CONTRIBUTING: "Contributing",
}


def build_key(incident: Incident, *, content: str, findings: Sequence[Finding]) -> str:
    """Names one rendering: the same record, status, findings and template give it."""
    seal = latest_seal(incident)
    return digest(
        [
            str(incident.uuid),
            content,
            incident.status,
            incident.key,
            seal.sequence if seal else 0,
            sorted([f.id, f.subject_ref, f.message, f.accepted_by] for f in findings),
            approvals_digest(incident, content),
            TEMPLATE_VERSION,
        ]
    )


def approvals_digest(incident: Incident, content: str) -> str:
    state = approvals_state(incident, present_hash=content)
    return digest([[a.pk, a.approver.label, a.at] for a in state.valid])


def build_report(
    incident: Incident,
    *,
    as_of: datetime,
    findings: Sequence[Finding] | None = None,
    content: str = "",
) -> Report:
    """Collect the one-pager of an incident. `as_of` (aware) is printed and is the only
    time that the page takes from outside the record. content: the hash of the record,
    if the caller has it."""
    return _Builder(incident, as_of, findings, content).report()


class _Builder(Facts):
    def report(self) -> Report:
        incident = self.incident
        blocking = sum(f.is_blocking for f in self.findings)
        flags = Counter(f.id for f in self.findings if f.is_blocking)
        clock = tabs.incident_clock(incident)
        start, end = clock.start, clock.end
        impact = self._impact()
        amounts = self._money()
        indicators = self._indicators()
        causes = self._causes()
        actions = self._actions()
        risks = self._risks()
        controls = self._controls()
        currencies = {f.currency for f in self.figures if f.amount is not None}
        length = f" ({span(end - start)})" if start and end else ""
        return Report(
            key=incident.key,
            title=incident.title,
            severity=incident.severity,
            status=incident.get_status_display(),
            is_sealed=self.seal is not None,
            stamp=self._stamp(blocking),
            stamp_lines=self._stamp_lines(blocking),
            clock=clock_range(start, end, self.zone) + length,
            zone=self.zone,
            commander=self._commander(),
            lanes=", ".join(lane.name for lane in self.live(Lane)) or NOT_RECORDED,
            summary=incident.summary,
            impact=impact,
            money=amounts,
            currency=currencies.pop() if len(currencies) == 1 else "",
            indicators=indicators,
            recovery=self._recovery(),
            strip=self._strip(),
            trigger=tuple(c for label, c in causes if label == Cause.Label.TRIGGER),
            primary=tuple(c for label, c in causes if label == Cause.Label.PRIMARY),
            contributing=tuple(
                c for label, c in causes if label == Cause.Label.CONTRIBUTING
            ),
            mandatory=tuple(a for a in actions if a.is_mandatory),
            scheduled=tuple(a for a in actions if not a.is_mandatory),
            approvals=self._approvals(),
            risks=risks,
            controls=controls,
            index=self._index(),
            evidence_total=sum(not e.is_retracted for e in self.artifacts),
            content_hash=self.content,
            sealed_hash=self.seal.content_hash if self.seal else "",
            url=settings.BASE_URL
            + reverse("review:review_detail", args=[incident.key]),
            as_of=self.as_of,
            flags=tuple(
                f"{check} ({number} times)" if number > 1 else check
                for check, number in sorted(flags.items())
            ),
            where={name: self._place(url_name) for name, url_name in PLACES.items()},
            is_drill=incident.is_drill,
            version=f"seal {self.seal.sequence}" if self.seal else "",
        )

    def _place(self, url_name: str) -> Ref:
        """A page of the record: where what is left out can be read."""
        path = reverse(url_name, args=[self.incident.key])
        return Ref(
            path.removeprefix("/incidents/").strip("/"), settings.BASE_URL + path
        )

    def _stamp(self, blocking: int) -> str:
        if self.seal:
            return "Closed and sealed"
        return (
            f"Draft, {blocking} finding{'' if blocking == 1 else 's'} "
            f"block{'s' if blocking == 1 else ''}"
        )

    def _stamp_lines(self, blocking: int) -> tuple[str, ...]:
        if self.seal:
            number = len(self.seal.approvals)
            return (
                *self._stamped(self.seal.sealed_at),
                f"{number} approval{'' if number == 1 else 's'}, "
                f"{blocking} findings block",
            )
        return (
            *self._stamped(self.as_of),
            f"{self.incident.get_status_display()}, not sealed",
        )

    def _stamped(self, moment: datetime) -> tuple[str, ...]:
        """A time with its zone, which stands whole on a line of its own where one has
        no room for both."""
        line = f"{incident_time(moment, self.zone)} {self.zone}"
        return (line,) if STAMP.lines(line) == 1 else tuple(line.rsplit(" ", 1))

    def _commander(self) -> str:
        held = [
            duty
            for duty in self.live(Participation)
            if duty.duty == Participation.Duty.COMMANDER and not duty.is_backup
        ]
        return held[-1].user.label if held else NOT_RECORDED

    def _impact(self) -> tuple[Line, ...]:
        rows: dict[str, list[ImpactStatement]] = {}
        for row in self.live(ImpactStatement):
            rows.setdefault(row.kind, []).append(row)
        found = []
        for kind in ImpactStatement.Kind:
            stated = rows.get(kind.value, [])
            if not stated:
                found.append(Line(str(kind.label), NOT_RECORDED))
            for row in stated:
                refs, more = self.refs(row)
                text = row.statement or "No material change found."
                if row.downstream_work:
                    text = f"{sentence(text)} {sentence(row.downstream_work)}"
                found.append(
                    Line(str(kind.label), text, refs, more, row.is_provisional)
                )
        return tuple(found)

    def _money(self) -> tuple[Amount, ...]:
        rows = []
        for figure, sign in bridged(self.figures):
            refs, _ = self.refs(figure)
            count = f", {figure.count:,}" if figure.count is not None else ""
            rows.append(
                Amount(
                    f"{sign} {figure.label}{count}".strip(),
                    money(figure.amount, figure.currency),
                    refs[: 1 if len(figure.label) > 22 else 2],
                    figure.basis == ImpactFigure.Basis.ESTIMATE,
                    sign,
                )
            )
        return tuple(rows)

    def _recovery(self) -> tuple[Line, ...]:
        """Customers and books recover separately (R-RV-02), from first impact, each by
        the record that shows it."""
        return (
            self._recovered("customers", "recover_customers", "customer_recovered"),
            self._recovered("ledger", "recover_ledger", "ledger_recovered"),
        )

    def _recovered(self, who: str, key: str, kind: str) -> Line:
        took = self.words(key)
        refs = () if took == NOT_RECORDED else self.proof(kind)
        return Line("", f"{who} {took}", refs)

    def _strip(self) -> str:
        """The timeline's strip, with its letters at 7 pt on this page's width."""
        data = recovery_strip(
            self.incident,
            self.case.load(entries),
            self.marks,
            self.case.load(policy).longest_gap,
        )
        drawn = str(strip_svg(data, width=720, height=104, theme="print"))
        drawn = drawn.replace('font-size="8.5"', 'font-size="9.5"')
        # A name at the left edge is a little wider here than in the browser's font.
        drawn = drawn.replace('viewBox="0 0 720', 'viewBox="-4 0 724')
        return re.sub(r'font-family="[^"]*"', 'font-family="Report Sans"', drawn)

    def _causes(self) -> list[tuple[str, Line]]:
        found = []
        for cause in self.live(Cause):
            if cause.state == Cause.State.RULED_OUT:
                continue
            refs, more = self.refs(cause)
            found.append(
                (
                    cause.label,
                    Line(
                        ROLES[Cause.Label(cause.label)],
                        cause.statement,
                        refs,
                        more,
                        cause.state == Cause.State.PROVISIONAL,
                    ),
                )
            )
        return found

    def _actions(self) -> list[ActionLine]:
        found = []
        for action in self.actions:
            tests = self.tests.get(action.pk, [])
            test = tests[0] if tests else None
            accepted = [run for t in tests if (run := t.accepted_run) is not None]
            run = accepted[0] if tests and len(accepted) == len(tests) else None
            state, label = self._proof(action, tests, run)
            found.append(
                ActionLine(
                    ref=action.ref,
                    title=action.title,
                    owner=action.owner.label if action.owner else "no owner",
                    due=self.day(action.due_at),
                    test=(test.pass_condition or test.procedure)
                    if test
                    else "no closure test",
                    state=state,
                    state_label=label,
                    refs=self.refs(run)[0][:1] if run else (),
                    is_mandatory=action.is_mandatory,
                )
            )
        return found

    def _proof(
        self, action: ActionItem, tests: Sequence[ClosureTest], run: TestRun | None
    ) -> tuple[str, str]:
        """How the closure tests stand, all of them: a later failure takes a pass
        back."""
        if run is not None:
            return "ok", "Passed"
        waiting = [test for test in tests if test.accepted_run is None]
        bare = [test for test in waiting if test.unproven_run]
        if any(test.latest_run for test in waiting if test not in bare):
            return "bad", "Not passed"
        if not bare and len(waiting) < len(tests):
            return "bad", f"{len(tests) - len(waiting)} of {len(tests)} passed"
        if bare or action.state == ActionItem.State.COMPLETED:
            return "bad", "Artifact missing"
        if action.due_at and action.due_at < self.as_of:
            return "bad", "Overdue"
        if not (tests and action.due_at and action.owner):
            return "bad", "Not planned"
        if action.is_mandatory or action.state == ActionItem.State.DRAFT:
            return "plan", "No run yet"
        return "plan", "On plan"

    def _approvals(self) -> tuple[ApprovalLine, ...]:
        if self.seal:
            return tuple(
                ApprovalLine(
                    given["label"],
                    f"{incident_time(datetime.fromisoformat(given['at']), self.zone)} "
                    f"{self.zone}, approved {shorthash(given['content_hash'])}",
                    True,
                )
                for given in self.seal.approvals
            )
        state = approvals_state(
            self.incident,
            present_hash=self.content,
            excluded=excluded_of(self.closure),
            explained=False,
        )
        found = []
        for seat in state.seats:
            if seat.approval is None:
                found.append(ApprovalLine(seat.label, "not yet", False))
                continue
            when = incident_time(seat.approval.at, self.zone)
            words = {
                "approved": f"approved {shorthash(self.content)}",
                "stale": "approved an earlier version",
                "changes": "requested changes",
            }[seat.state]
            found.append(
                ApprovalLine(
                    seat.approval.approver.label,
                    f"{when} {self.zone}, {words}",
                    seat.is_approved,
                )
            )
        return tuple(found)

    def _risks(self) -> tuple[Line, ...]:
        found: list[Line] = []
        for point in self.live(DependencyCheckpoint):
            if point.state != DependencyCheckpoint.State.DEGRADED:
                continue
            refs, more = self.refs(point)
            text = f"{point.name} is still degraded."
            found.append(Line("Risk", text, refs, more, short=text.rstrip(".")))
        for item in self.live(KnownUnknown):
            if item.state == KnownUnknown.State.RESOLVED:
                continue
            accepted = item.state == KnownUnknown.State.ACCEPTED
            ends = [
                item.owner.label if item.owner else "no owner",
                self.day(item.due_at) if item.due_at else "no deadline",
            ]
            end = ", ".join(ends)
            text = f"{sentence(item.question)} {end[:1].upper()}{end[1:]}"
            found.append(Line("Risk" if accepted else "Unknown", text))
        for test in (test for tests in self.tests.values() for test in tests):
            for run in test.live_runs:
                if run.sandbox_limit:
                    refs, more = self.refs(run)
                    found.append(
                        Line("Risk", f"Not reproduced: {run.sandbox_limit}", refs, more)
                    )
        stated = gaps_from(self.closure)
        later = [gap for gap in stated if gap.later]
        if len(later) > LATER_SHOWN:
            found.append(self._later(later))
            stated = [gap for gap in stated if not gap.later]
        for gap in stated:
            text = gap.title
            if gap.unproven and gap.unproven != gap.title:
                text = f"{text.rstrip('.')}: {gap.unproven}"
            text = sentence(text)
            text += (
                f" Accepted by {gap.accepted_by}."
                if gap.accepted_by
                else " Not accepted."
            )
            gap_refs = (self.ref(gap.evidence),) if gap.evidence else ()
            short = f"{gap.code} {gap.where}" if gap.code else ""
            found.append(Line("Gap", text, gap_refs, short=short))
        return tuple(found)

    def _later(self, found: Sequence[Gap]) -> Line:
        """Many claims on later summaries as one line: their refs, and the summaries."""
        refs = [gap.later for gap in found]
        more = f" and {len(refs) - LATER_SHOWN} more" if len(refs) > LATER_SHOWN else ""
        items = {gap.evidence.ref: gap.evidence for gap in found if gap.evidence}
        shown = [self.ref(item) for item in list(items.values())[:REFS_SHOWN]]
        return Line(
            "Gap",
            f"{len(refs)} claims rest on later summaries only: "
            f"{', '.join(refs[:LATER_SHOWN])}{more}. Not accepted.",
            tuple(shown),
            len(items) - len(shown),
        )

    def _controls(self) -> tuple[Ref, ...]:
        """Control artifacts in the trail: data contracts, runbooks (R-OP-04)."""
        kinds = {
            Evidence.Kind.DATA_CONTRACT,
            Evidence.Kind.RUNBOOK,
            Evidence.Kind.CONTROL_LOG,
        }
        items = [item for item in self._present() if item.kind in kinds]
        return tuple(self.ref(item) for item in items[:6])

    def _present(self) -> list[Evidence]:
        """Artifacts that neither were withdrawn nor have a better one, by number."""
        return [
            row
            for row in self.artifacts
            if not row.is_retracted and row.superseded_by_id is None
        ]

    def _index(self) -> tuple[IndexLine, ...]:
        """Artifacts, most cited first: on this page, then in the whole record."""
        used = citations(self.incident)
        rows = self._present()
        rows.sort(
            key=lambda e: (
                -self.cited.get(e.ref, 0),
                -len(used.get(e.pk, [])),
                e.number,
            )
        )
        return tuple(
            IndexLine(
                ref=Ref(item.ref, self._evidence_url(item), item.is_original),
                title=item.title,
                place=_place(item),
                cited=self.cited.get(item.ref, 0),
                is_original=item.is_original,
            )
            for item in rows
        )


def _place(item: Evidence) -> str:
    """Where the artifact lives, short: its file's hash, its link's host, or nowhere."""
    if item.sha256:
        return f"sha {item.sha256[:8]}"
    if item.url:
        return re.sub(r"^https?://(www\.)?", "", item.url).split("/")[0]
    return "named only"

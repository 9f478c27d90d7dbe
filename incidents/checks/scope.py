"""Checks of scope statements and of the all-clear (R-SC, R-RV)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from incidents import selectors
from incidents.checks.base import form, short
from incidents.models import (
    Evidence,
    Incident,
    Participation,
    ScopeStatement,
    Severity,
)
from postmortem.lib.findings import Case, Gate, Level, Problem, Row, check

Audience = ScopeStatement.Audience
Duty = Participation.Duty
_LINES = {
    Audience.EXPERIENCED: "What users experienced is not stated",
    Audience.INTERNAL: "What happened in internal processing is not stated",
}
_UPTIME = re.compile(
    r"\b(uptime|downtime|availab\w+|unavailab\w+|outage|offline|unreachable|down"
    r"|5xx|50[0234]|errors? rate|latency|time-?outs?)\b",
    re.IGNORECASE,
)
_UP = re.compile(
    r"\b(?:9\d(?:[.,]\d+)?\s*% (?:uptime|availab\w+)"
    r"|(?:uptime|availability) (?:\w+ ){0,3}(?:9\d(?:[.,]\d+)?\s*%|high|normal|green)"
    r"|(?:high|full|normal) (?:uptime|availability)"
    r"|(?:services?|systems?|apis?|sites?|health checks?|monitors?|monitoring"
    r"|dashboards?) (?:\w+ )?(?:stayed|remained|kept|was|were) (?:\w+ )?"
    r"(?:up|available|healthy|green|reachable)"
    r"|(?:no|without) (?:any )?(?:downtime|outage))(?!\w)",
    re.IGNORECASE,
)
_OUTCOME = re.compile(
    r"\b(pay\w*|card\w*|checkout\w*|order\w*|refund\w*|transfer\w*|charg\w+|captur\w+"
    r"|authori[sz]\w+|customer\w*|merchant\w*|seller\w*|client\w*|settle\w*|ledger\w*"
    r"|transaction\w*|purchase\w*|balance\w*|money|fund\w*|invoice\w*|deposit\w*"
    r"|withdraw\w*|onboard\w*|confirm\w*|bill\w*|subscri\w+|donat\w+|user\w* could)\b",
    re.IGNORECASE,
)


@check(
    "SC001",
    "Both scope lines are stated",
    level=Level.ERROR,
    requirements=("R-SC-05", "R-SC-01"),
    tab="Scope",
    row=Row.IMPACT,
    gates=(Gate.ALL_CLEAR,),
)
def both_lines_stated(case: Case) -> Iterator[Problem]:
    """What users experienced and what internal processing did recover at different
    times. An incident with one line only hides the other recovery."""
    stated = {row.audience for row in case.load(selectors.scope)}
    for audience, message in _LINES.items():
        if audience not in stated:
            yield Problem(
                message,
                hint="State it, even if the line is “nothing changed for them”.",
                fix_label="State scope",
                url=form(case.incident, "scope_add", query=f"audience={audience}"),
                inputs=(str(audience),),
            )


@check(
    "SC002",
    "Each scope statement links an artifact",
    level=Level.WARNING,
    requirements=("R-SC-04",),
    tab="Scope",
    row=Row.IMPACT,
)
def scope_has_artifact(case: Case) -> Iterator[Problem]:
    """Scope draws on metrics, logs, events, traces and alerts: without one a reader
    cannot tell how far the effect reached."""
    for row in case.load(selectors.scope):
        if not row.evidence:
            yield Problem(
                f"“{short(row.consequence)}” links no signal",
                subject=row,
                hint="Link the metric, log, event, trace or alert that shows it.",
                fix_label="Link signal",
                url=form(case.incident, "scope_edit", row.number),
                inputs=(row.consequence,),
            )


@check(
    "SC003",
    "Each scope line is closed by a signal",
    level=Level.ERROR,
    requirements=("R-SC-05", "R-SC-08"),
    tab="Scope",
    row=Row.IMPACT,
    gates=(Gate.ALL_CLEAR,),
)
def scope_is_closed(case: Case) -> Iterator[Problem]:
    """Recovery cannot be declared while a scope line is open, and a line closes only
    by a signal that shows the end. Never accepted instead of closed."""
    for row in case.load(selectors.scope):
        if row.state == ScopeStatement.State.OPEN:
            yield Problem(
                f"“{short(row.consequence)}” is open with no closing signal",
                subject=row,
                hint="Choose the original record that shows the effect has ended.",
                fix_label="Attach signal",
                url=form(case.incident, "scope_close", row.number),
                owner_label=row.lane.name if row.lane else "",
                inputs=(row.state,),
            )


@check(
    "SC004",
    "A closed scope line still has its proof",
    level=Level.ERROR,
    requirements=("R-SC-08",),
    tab="Scope",
    row=Row.IMPACT,
    gates=(Gate.ALL_CLEAR,),
)
def closing_signal_holds(case: Case) -> Iterator[Problem]:
    """A line that was closed by a record which has since been withdrawn, or turned out
    to be a later summary, is closed by nothing."""
    for row in case.load(selectors.scope):
        signal = row.closing_evidence
        if row.state != ScopeStatement.State.CLOSED or (signal and signal.proves):
            continue
        words = f"{signal.ref}, which proves nothing now" if signal else "no signal"
        yield Problem(
            f"“{short(row.consequence)}” is closed by {words}",
            subject=row,
            hint="Reopen the line and close it by an original record.",
            fix_label="Reopen",
            url=form(case.incident, "scope_reopen", row.number),
            inputs=(row.state, signal.ref if signal else ""),
        )


@check(
    "SC005",
    "Scope is more than uptime",
    level=Level.WARNING,
    requirements=("R-SC-02",),
    tab="Scope",
    row=Row.IMPACT,
)
def more_than_uptime(case: Case) -> Iterator[Problem]:
    """‘The service was unavailable’ says nothing about money: which payments failed,
    waited or were made twice is what the scope is for."""
    for row in case.load(selectors.scope):
        text = f"{row.consequence} {row.who}"
        if _UPTIME.search(text) and not _OUTCOME.search(text):
            yield Problem(
                f"“{short(row.consequence)}” tells uptime, not what payments did",
                subject=row,
                hint="Say which outcome failed or waited for the payer or the books.",
                fix_label="Rewrite",
                url=form(case.incident, "scope_edit", row.number),
                inputs=(row.consequence, row.who),
            )


@check(
    "SC006",
    "Scope answers its three questions",
    level=Level.WARNING,
    requirements=("R-SC-03",),
    tab="Scope",
    row=Row.IMPACT,
)
def three_questions(case: Case) -> Iterator[Problem]:
    """Which outcome was affected, who was blocked or delayed, and where continuity was
    at risk: a scope line that leaves one out cannot be compared or priced."""
    for row in case.load(selectors.scope):
        missing = [
            words
            for words, value in (
                ("who was blocked or delayed", row.who),
                ("where continuity was at risk", row.continuity_risk),
            )
            if not value
        ]
        if missing:
            yield Problem(
                f"“{short(row.consequence)}” does not say {' or '.join(missing)}",
                subject=row,
                hint="“Nobody” and “nowhere” are answers too.",
                fix_label="Complete",
                url=form(case.incident, "scope_edit", row.number),
                inputs=(row.who, row.continuity_risk),
            )


@check(
    "SC016",
    "Communication is part of the scope",
    level=Level.WARNING,
    requirements=("R-SC-06",),
    tab="Scope",
    row=Row.IMPACT,
)
def says_what_they_are_told(case: Case) -> Iterator[Problem]:
    """While customers are affected, what they are told belongs to the scope: silence
    makes a second incident out of the first."""
    if case.incident.status not in {Incident.Status.ACTIVE, Incident.Status.STABILIZED}:
        return
    for row in case.load(selectors.scope):
        if (
            row.audience == Audience.EXPERIENCED
            and row.state == ScopeStatement.State.OPEN
            and not row.communication
        ):
            yield Problem(
                f"“{short(row.consequence)}” does not say what customers are told",
                subject=row,
                hint="Name the update, where it went and when the next one is due.",
                fix_label="Say it",
                url=form(case.incident, "scope_edit", row.number),
                inputs=(row.communication,),
            )


def _high_uptime(case: Case) -> str:
    """The words that say that uptime stayed high; '' if nothing says so."""
    texts = [
        case.incident.summary,
        *(
            text
            for row in case.load(selectors.scope)
            for text in (row.consequence, row.technical_context)
        ),
        *(row.statement for row in case.load(selectors.impacts)),
    ]
    found = next(filter(None, map(_UP.search, texts)), None)
    return " ".join(found.group().split()) if found else ""


@check(
    "SC017",
    "Impact under high uptime is escalated",
    level=Level.WARNING,
    requirements=("R-SC-09",),
    tab="Scope",
    row=Row.IMPACT,
)
def escalated_under_high_uptime(case: Case) -> Iterator[Problem]:
    """Green dashboards hide hurt payments best. An impact that uptime does not show
    takes a severity of at least SEV3, named roles and a written way to escalate."""
    words = _high_uptime(case)
    hurt = any(not row.no_material_change for row in case.load(selectors.impacts))
    if not words or not hurt:
        return
    incident = case.incident
    duties = {row.duty for row in case.load(selectors.participations)}
    procedures = {Evidence.Kind.RUNBOOK, Evidence.Kind.RUNBOOK_STEP}
    missing = [
        (text, url)
        for is_missing, text, url in (
            (
                incident.severity in {Severity.SEV4, Severity.SEV5},
                f"severity is {incident.severity}",
                form(incident, "severity_edit"),
            ),
            (
                len(duties - {Duty.RESPONDER}) < 2 or Duty.COMMANDER not in duties,
                "commander and a second role are not both named",
                form(incident, "people_list"),
            ),
            (
                not any(
                    row.kind in procedures for row in case.load(selectors.evidence)
                ),
                "no escalation runbook is linked",
                form(incident, "evidence_add"),
            ),
        )
        if is_missing
    ]
    if missing:
        yield Problem(
            f"Payments were hurt while uptime stayed high (“{short(words)}”): "
            f"{'; '.join(text for text, _ in missing)}",
            hint="Escalate early: severity, roles and procedure before the numbers "
            "turn red.",
            fix_label="Escalate",
            url=missing[0][1],
            inputs=(words, *(text for text, _ in missing)),
        )


@check(
    "SC012",
    "The all-clear is given",
    level=Level.ERROR,
    requirements=("R-RV-08", "R-RV-01"),
    tab="Overview",
    row=Row.TIMELINE,
)
def all_clear_given(case: Case) -> Iterator[Problem]:
    """Stabilized is not over. The all-clear says that customers and books have both
    recovered and stayed so, and closing needs it."""
    incident = case.incident
    if incident.all_clear_at is None:
        yield Problem(
            "The all-clear is not given",
            hint="Close both scope lines, wait out the sustain window, then give it.",
            fix_label="Give all-clear",
            url=form(incident, "incident_all_clear"),
        )

"""Wording of the analysis: blame, certainty without proof, doubt where it is confirmed.
Advice: marked and explained, never refused and never rewritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from incidents import language
from incidents.language import Match
from incidents.models import CaseRecord, Incident
from incidents.selectors import participations
from postmortem.lib.findings import Case
from rca.models import Analysis, Cause, FailureMode
from rca.selectors.rows import analysis, causes, failure_modes

CAUSE_TEXTS = {
    "statement": "statement",
    "role": "role",
    "evidence_shows": "answer on evidence",
    "condition": "answer on conditions",
    "beyond": "answer on what lies beyond",
    "risk_change": "answer on repeat risk",
    "ruled_out_reason": "reason for ruling it out",
    "no_action_reason": "reason for no action",
}
MODE_TEXTS = {
    "name": "name",
    "customer_symptom": "customer symptom",
    "financial_impact": "financial impact",
    "detection_signal": "detection signal",
    "recovery_action": "recovery action",
    "control_to_validate": "control",
}
ANALYSIS_TEXTS = {"why_it_fits": "reason"}


@dataclass(frozen=True)
class Wording:
    """One match in one text of one row. kind: blame, overclaim or hedge."""

    row: CaseRecord
    field: str
    place: str
    kind: str
    match: Match


def wording(incident: Incident) -> list[Wording]:
    """Every word of the analysis that somebody should look at again."""
    return wording_in(Case(incident))


def wording_in(case: Case) -> list[Wording]:
    """As `wording`, on the rows that the case has loaded; computed once."""
    return case.load(_wording, case=case)


def _wording(incident: Incident, *, case: Case) -> list[Wording]:
    names = tuple(
        name
        for duty in case.load(participations)
        for name in (duty.user.name, duty.user.handle)
        if name
    )
    method = case.load(analysis)
    rows: list[Analysis | Cause | FailureMode] = [
        *([method] if method else []),
        *case.load(causes),
        *case.load(failure_modes),
    ]
    return [item for row in rows for item in wording_of(row, names)]


def wording_of(
    row: Analysis | Cause | FailureMode, names: Sequence[str]
) -> list[Wording]:
    """The matches of one row. Certainty and doubt are judged in what a cause states:
    certainty needs proof, doubt and 'confirmed' contradict each other."""
    texts = (
        CAUSE_TEXTS
        if isinstance(row, Cause)
        else MODE_TEXTS
        if isinstance(row, FailureMode)
        else ANALYSIS_TEXTS
    )
    found = [
        Wording(row, name, place, "blame", match)
        for name, place in texts.items()
        for match in language.find_blame(getattr(row, name), names=names)
    ]
    if isinstance(row, Cause) and row.state != Cause.State.RULED_OUT:
        for name in ("statement", "role", "evidence_shows", "condition"):
            text, place = getattr(row, name), CAUSE_TEXTS[name]
            if row.is_provisional:
                found += [
                    Wording(row, name, place, "overclaim", match)
                    for match in language.find_overclaim(text)
                ]
            if row.state == Cause.State.CONFIRMED:
                found += [
                    Wording(row, name, place, "hedge", match)
                    for match in language.find_hedge(text)
                ]
    return found


def marked(text: str, found: Sequence[Wording]) -> SafeString:
    """The text, escaped, with the matched words underlined."""
    parts: list[SafeString] = []
    at = 0
    for item in sorted(found, key=lambda w: w.match.start):
        if item.match.start < at:
            continue
        parts.append(format_html("{}", text[at : item.match.start]))
        parts.append(
            format_html(
                '<mark class="pm-vague" title="{}">{}</mark>',
                f"{item.match.reason} {item.match.hint}",
                item.match.text,
            )
        )
        at = item.match.end
    parts.append(format_html("{}", text[at:]))
    return mark_safe("".join(parts))  # noqa: S308 (each part was escaped above)

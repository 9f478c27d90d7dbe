"""Checks of the hypotheses ledger, and of certainty that was not earned."""

from __future__ import annotations

from collections.abc import Iterator

from incidents.language import find_overclaim
from postmortem.lib.findings import Case, Level, Problem, Row, check
from timeline import selectors
from timeline.checks.entries import TAB, owner, page, quoted
from timeline.models import Hypothesis, HypothesisEvidence

State = Hypothesis.State


def stated(row: Hypothesis, limit: int = 70) -> str:
    text = " ".join(row.statement.split())
    return f"“{text if len(text) <= limit else text[: limit - 1] + '…'}”"


@check(
    "HY001",
    "Hypothesis still open",
    level=Level.WARNING,
    requirements=("R-HY-01", "R-HY-03"),
    tab=TAB,
    row=Row.RCA,
)
def hypothesis_open(case: Case) -> Iterator[Problem]:
    """A hypothesis that nobody settled is uncertainty: say what decided it, or leave it
    open with a known unknown, but do not let it fade away."""
    for row in case.load(selectors.hypotheses):
        if row.state == State.OPEN:
            yield Problem(
                f"Hypothesis {stated(row)} is still open",
                subject=row,
                fix_label="Settle it",
                url=page(case, "hypothesis_settle", row.number),
                inputs=(row.statement,),
            )


@check(
    "HY002",
    "Settled hypothesis without its evidence",
    level=Level.WARNING,
    requirements=("R-HY-01", "R-HY-02"),
    tab=TAB,
    row=Row.RCA,
)
def settled_without_evidence(case: Case) -> Iterator[Problem]:
    """A supported hypothesis cites what supports it, an abandoned one the evidence that
    changed direction; otherwise it was only an opinion."""
    for row in case.load(selectors.hypotheses):
        if row.state == State.OPEN:
            continue
        abandoned = row.state == State.ABANDONED
        wanted = (
            HypothesisEvidence.Stance.AGAINST
            if abandoned
            else HypothesisEvidence.Stance.FOR
        )
        links = [link for link in row.evidence_links.all() if link.stance == wanted]
        missing = []
        if not row.what_decided:
            missing.append("what decided it")
        if not any(link.evidence.proves for link in links):
            missing.append(
                "an original record of what changed direction"
                if abandoned
                else "an original record that supports it"
            )
        if missing:
            yield Problem(
                f"Hypothesis {stated(row)} is {row.state} without "
                f"{' and '.join(missing)}",
                subject=row,
                fix_label="Link evidence",
                url=page(case, "hypothesis_settle", row.number),
                inputs=(row.state, missing),
            )


@check(
    "HY003",
    "Conclusion from an incomplete measurement",
    level=Level.WARNING,
    requirements=("R-HY-03",),
    tab=TAB,
    row=Row.RCA,
)
def incomplete_measurement(case: Case) -> Iterator[Problem]:
    """What was concluded while the measurement was incomplete stays provisional;
    uncertainty is not smoothed away afterwards."""
    settled = {
        row.pk: row
        for row in case.load(selectors.hypotheses)
        if row.state != State.OPEN
    }
    for entry in case.load(selectors.entries):
        row = settled.get(entry.hypothesis_id or 0)
        if entry.measurement_incomplete and row is not None:
            yield Problem(
                f"{row.ref} is {row.state}, but the measurement in {entry.ref} was "
                "incomplete",
                subject=entry,
                hint="Say what was missing, or complete the measurement.",
                fix_label="Open the entry",
                url=page(case, "entry_edit", entry.number),
                inputs=(row.ref, row.state),
            )


@check(
    "TL013",
    "Certainty without evidence",
    level=Level.WARNING,
    requirements=("R-HY-03", "R-RC-09", "R-TL-03"),
    tab=TAB,
    row=Row.TIMELINE,
)
def certainty_without_evidence(case: Case) -> Iterator[Problem]:
    """Words such as 'definitely' or 'fully resolved' in a provisional entry say more
    than the record shows: link the artifact, or say what was seen."""
    for entry in case.load(selectors.entries):
        if not entry.is_provisional:
            continue
        for text in (entry.observed_signal, entry.action_taken):
            for found in find_overclaim(text)[:1]:
                yield Problem(
                    f"“{found.text}” in {quoted(entry)} has no evidence",
                    subject=entry,
                    hint=found.hint,
                    fix_label="Link or reword",
                    url=page(case, "entry_edit", entry.number),
                    owner_label=owner(entry),
                    inputs=(found.text, text),
                )

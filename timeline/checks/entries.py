"""Checks of entries: proof, gaps, order, decisions, wording."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.urls import reverse

from incidents.selectors import policy
from postmortem.lib.findings import Case, Level, Problem, Row, check
from postmortem.lib.times import on_clock, span
from postmortem.lib.words import listed
from timeline import selectors
from timeline.models import Entry, Milestone
from timeline.selectors.analysis import between
from timeline.selectors.outline import gap_key

TAB = "Timeline"
LATE = timedelta(hours=24)  # house choice: 'long after it happened' (R-TL-01)


def page(case: Case, name: str, *args: object, **query: str) -> str:
    """The address of a form of this incident's timeline."""
    url = reverse(f"timeline:{name}", args=[case.incident.key, *args])
    return f"{url}?{urlencode(query)}" if query else url


def owner(entry: Entry) -> str:
    return entry.owner.label if entry.owner else ""


def quoted(entry: Entry, limit: int = 70) -> str:
    text = " ".join(entry.headline.split())
    return f"“{text if len(text) <= limit else text[: limit - 1] + '…'}”"


@check(
    "TL001",
    "Entry without proof",
    level=Level.WARNING,
    requirements=("R-TL-03", "R-TL-10", "R-EV-04", "R-EV-05"),
    tab=TAB,
    row=Row.TIMELINE,
)
def entry_without_proof(case: Case) -> Iterator[Problem]:
    """An entry without an original record that can be opened is unconfirmed: somebody
    who was not there cannot follow the sequence from artifacts alone."""
    for entry in case.load(selectors.entries):
        if entry.kind == Entry.Kind.NO_RECORD or not entry.is_provisional:
            continue
        if getattr(entry, "live_milestones", ()):
            continue  # the milestone's own finding says it, and blocks
        if entry.rests_on_later_summary:
            words, label = "rests on a later summary only", "Attach original"
        elif entry.evidence:
            words, label = "cites nothing that can be opened", "Attach original"
        else:
            words, label = "has no evidence", "Link evidence"
        yield Problem(
            f"{quoted(entry)} {words}",
            subject=entry,
            hint="It stays provisional until an original record is linked.",
            fix_label=label,
            url=page(case, "evidence_link", entry.number),
            owner_label=owner(entry),
            inputs=(entry.headline, [item.ref for item in entry.evidence]),
        )


@check(
    "TL004",
    "Stretch with no evidence",
    level=Level.ERROR,
    requirements=("R-TL-08", "R-CK-01", "R-EV-10"),
    tab=TAB,
    row=Row.TIMELINE,
    waivable=True,
)
def gap_without_evidence(case: Case) -> Iterator[Problem]:
    """A stretch between first impact and stabilized with no proven entry, longer than
    the threshold of the severity, hides what was done. It blocks while customers were
    affected and is a warning after that. Link what exists, or state that no record
    exists and why."""
    threshold = case.load(policy).longest_gap
    found = selectors.timeline_gaps(
        case.load(selectors.entries), case.load(selectors.milestones), threshold
    )
    for gap in found:
        yield Problem(
            gap.words(case.incident.clock_zone),
            hint=f"Longer than the {span(threshold)} of {case.incident.severity}. Link "
            "an artifact from inside it, or state that no record exists.",
            fix_label="Link or explain",
            url=f"{page(case, 'entry_list', at=iso(gap.start))}#{gap_key(gap)}",
            inputs=(iso(gap.start), iso(gap.end)),
            level=None if gap.blocks else Level.WARNING,
        )


def iso(moment: datetime) -> str:
    return moment.isoformat()


@check(
    "TL006",
    "Straight from symptom to recovery",
    level=Level.ERROR,
    requirements=("R-TL-08", "R-CK-01", "R-DOC-07"),
    tab=TAB,
    row=Row.TIMELINE,
    waivable=True,
)
def symptom_to_recovery(case: Case) -> Iterator[Problem]:
    """Between the first symptom and recovery somebody did or decided something, or it
    must be said that nothing was done. Without it nobody can judge why it recovered."""
    found = selectors.jump(
        case.load(selectors.entries), case.load(selectors.milestones)
    )
    if found:
        yield Problem(
            f"From {found.symptom.ref} straight to recovery in {found.recovery.ref}, "
            "with no action or decision between",
            subject=found.recovery,
            hint="Add what was done or decided, with its time and its evidence.",
            fix_label="Add what was done",
            url=page(case, "entry_add", kind=Entry.Kind.ACTION),
            owner_label=owner(found.recovery),
            inputs=(found.symptom.ref, found.recovery.ref),
        )


@check(
    "TL007",
    "Decision without its reasoning",
    level=Level.WARNING,
    requirements=("R-TL-07",),
    tab=TAB,
    row=Row.TIMELINE,
)
def decision_without_reasoning(case: Case) -> Iterator[Problem]:
    """A decision records the belief at the time, the hypothesis tested and why that
    action; afterwards nobody can tell luck from judgement without them."""
    for entry in case.load(selectors.entries):
        if entry.kind != Entry.Kind.DECISION:
            continue
        declares = any(
            mark.kind == Milestone.Kind.DECLARED
            for mark in getattr(entry, "live_milestones", ())
        )  # declaring an incident tests no hypothesis
        missing = [
            words
            for words, present in (
                ("what was believed", entry.belief or tells_belief(entry)),
                ("the hypothesis tested", entry.hypothesis_id or declares),
                ("why this action", entry.why),
            )
            if not present
        ]
        if missing:
            yield Problem(
                f"Decision {quoted(entry)} does not say {listed(missing, 'or')}",
                subject=entry,
                fix_label="Complete it",
                url=page(case, "entry_edit", entry.number),
                owner_label=owner(entry),
                inputs=tuple(missing),
            )


BELIEF = re.compile(r"\b(?:in the belief|believ(?:e|es|ed|ing)|assum(?:e|es|ed|ing))\b")


def tells_belief(entry: Entry) -> bool:
    """Whether the entry says in its own words what was believed."""
    return bool(BELIEF.search(f"{entry.observed_signal} {entry.action_taken}".lower()))


@check(
    "TL008",
    "Time not known",
    level=Level.WARNING,
    requirements=("R-TL-02", "R-TL-04"),
    tab=TAB,
    row=Row.TIMELINE,
)
def time_not_known(case: Case) -> Iterator[Problem]:
    """An entry without a time, or with only its day, has no place on the one clock."""
    for entry in case.load(selectors.entries):
        if entry.kind in {Entry.Kind.DECISION, Entry.Kind.NO_RECORD}:
            continue
        if entry.precision in {Entry.Precision.UNKNOWN, Entry.Precision.DAY}:
            words = (
                "has no known time"
                if entry.precision == Entry.Precision.UNKNOWN
                else "is dated to the day only"
            )
            yield Problem(
                f"{quoted(entry)} {words}",
                subject=entry,
                hint=f"The source says: {entry.at_text}." if entry.at_text else "",
                fix_label="Set the time",
                url=page(case, "entry_edit", entry.number),
                owner_label=owner(entry),
                inputs=(entry.precision, entry.at_text),
            )


@check(
    "TL009",
    "Entry outside the incident",
    level=Level.INFO,
    requirements=("R-TL-02",),
    tab=TAB,
    row=Row.TIMELINE,
)
def entry_outside(case: Case) -> Iterator[Problem]:
    """An entry more than a day before first impact or after stabilized is kept as
    background, but it may be a typing error in the date."""
    rows, marks = case.load(selectors.entries), case.load(selectors.milestones)
    for found in selectors.misplaced(rows, marks):
        where = "before first impact" if found.is_before else "after stabilized"
        least = "at least " if found.entry.precision == Entry.Precision.DAY else ""
        yield Problem(
            f"{quoted(found.entry)} lies {least}{span(found.distance)} {where}",
            subject=found.entry,
            hint="Leave it as background if the date is right.",
            fix_label="Check the time",
            url=page(case, "entry_edit", found.entry.number),
            owner_label=owner(found.entry),
            inputs=(where, iso(found.entry.occurred_at or case.now)),
        )


@check(
    "TL012",
    "Recorded long after it happened",
    level=Level.INFO,
    requirements=("R-TL-01",),
    tab=TAB,
    row=Row.TIMELINE,
)
def recorded_late(case: Case) -> Iterator[Problem]:
    """A timeline starts during the incident. What was written down more than a day
    later rests on memory and is read with that in mind."""
    late = [
        entry
        for entry in case.load(selectors.entries)
        if entry.occurred_at
        and entry.recorded_at
        and entry.kind != Entry.Kind.NO_RECORD
        and entry.recorded_at - (entry.occurred_until or entry.occurred_at) > LATE
    ]
    if late:
        count = len(late)
        refs = ", ".join(entry.ref for entry in late[:5])
        more = f" and {count - 5} more" if count > 5 else ""
        yield Problem(
            f"{count} {'entry was' if count == 1 else 'entries were'} written down "
            f"more than {span(LATE)} after it happened: {refs}{more}",
            fix_label="Show them",
            url=page(case, "entry_list"),
            inputs=tuple(entry.ref for entry in late),
        )


@check(
    "TL014",
    "Stated gap",
    level=Level.INFO,
    requirements=("R-EV-10",),
    tab=TAB,
    row=Row.TIMELINE,
)
def stated_gap(case: Case) -> Iterator[Problem]:
    """Missing evidence is preserved as a stated gap, not hidden: whoever approves the
    record sees where no record exists and why."""
    zone = case.incident.clock_zone
    for entry in selectors.stated_gaps(case.load(selectors.entries)):
        if entry.occurred_at and entry.occurred_until:
            first, last = entry.occurred_at, entry.occurred_until
            yield Problem(
                f"No record exists from {between(first, last, zone)}: "
                f"{' '.join(entry.observed_signal.split())}",
                subject=entry,
                inputs=(
                    iso(on_clock(first, zone)),
                    iso(on_clock(last, zone)),
                    entry.observed_signal,
                ),
            )


@check(
    "TL016",
    "Decision without a timestamp",
    level=Level.ERROR,
    requirements=("R-CK-01", "R-TL-07"),
    tab=TAB,
    row=Row.TIMELINE,
    waivable=True,
)
def decision_without_time(case: Case) -> Iterator[Problem]:
    """The closure checklist asks for decision timestamps: what was known when is the
    whole point of recording a decision."""
    for entry in case.load(selectors.entries):
        undated = entry.precision in {Entry.Precision.UNKNOWN, Entry.Precision.DAY}
        if entry.kind == Entry.Kind.DECISION and undated:
            yield Problem(
                f"Decision {quoted(entry)} has no timestamp",
                subject=entry,
                hint=f"The source says: {entry.at_text}." if entry.at_text else "",
                fix_label="Set the time",
                url=page(case, "entry_edit", entry.number),
                owner_label=owner(entry),
                inputs=(entry.precision, entry.at_text),
            )


@check(
    "TL017",
    "A part of the sequence is missing",
    level=Level.WARNING,
    requirements=("R-TL-05", "R-DOC-02"),
    tab=TAB,
    row=Row.TIMELINE,
)
def part_missing(case: Case) -> Iterator[Problem]:
    """A timeline shows what was observed and what was done: key signals, mitigation
    attempts and indicators of recovery."""
    rows = case.load(selectors.entries)
    if not any(row.kind == Entry.Kind.SIGNAL or row.observed_signal for row in rows):
        yield Problem(
            "The timeline has no observed signal",
            fix_label="Add a signal",
            url=page(case, "entry_add", kind=Entry.Kind.SIGNAL),
            inputs=("signal",),
        )
    if not any(
        row.kind in {Entry.Kind.ACTION, Entry.Kind.DECISION} or row.action_taken
        for row in rows
    ):
        yield Problem(
            "The timeline has no action and no decision",
            fix_label="Add an action",
            url=page(case, "entry_add", kind=Entry.Kind.ACTION),
            inputs=("action",),
        )


@check(
    "TL020",
    "Time worked out, not printed",
    level=Level.INFO,
    requirements=("R-TL-02", "R-TL-03"),
    tab=TAB,
    row=Row.TIMELINE,
)
def time_worked_out(case: Case) -> Iterator[Problem]:
    """A time that the source does not print was worked out by whoever wrote it down;
    the reader has to know how (`derived` of an imported entry, docs/case-format.md)."""
    for entry in case.load(selectors.entries):
        how = entry.extra.get("derived")
        if entry.occurred_at and isinstance(how, str) and how.strip():
            yield Problem(
                f"The time of {quoted(entry)} was worked out: {how.strip()}",
                subject=entry,
                hint="Link the record that shows the time, or leave it as stated.",
                fix_label="Link evidence",
                url=page(case, "evidence_link", entry.number),
                owner_label=owner(entry),
                inputs=(how, iso(entry.occurred_at)),
            )

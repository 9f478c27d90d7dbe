"""Checks of what is told outside while an incident runs. They look at the last update
only: the next one can still mend it, and what was said before cannot be unsaid."""

from __future__ import annotations

from collections.abc import Iterator

from incidents.language import (
    find_partial,
    find_promise,
    find_reassurance,
    names_next_time,
    tells_the_rest,
)
from incidents.models import Incident
from postmortem.lib.findings import Case, Level, Problem, Row, check
from timeline import selectors
from timeline.checks.entries import TAB, page, quoted
from timeline.models import Entry


def last_update(case: Case) -> Entry | None:
    """The last message with a time, while the incident is active."""
    if case.incident.status != Incident.Status.ACTIVE:
        return None
    told = [
        row
        for row in case.load(selectors.entries)
        if row.kind == Entry.Kind.COMMS and selectors.instant(row)
    ]
    return told[-1] if told else None


def words_of(entry: Entry) -> str:
    return "\n".join(
        part for part in (entry.action_taken, entry.observed_signal) if part
    )


def say_next(
    case: Case, entry: Entry, message: str, hint: str, *inputs: str
) -> Problem:
    return Problem(
        message,
        subject=entry,
        hint=hint,
        fix_label="Add message",
        url=page(case, "entry_add", kind=Entry.Kind.COMMS),
        inputs=inputs,
    )


@check(
    "CO002",
    "Update without the time of the next",
    level=Level.WARNING,
    requirements=("R-CO-02", "R-CO-05"),
    tab=TAB,
    row=Row.TIMELINE,
)
def next_not_named(case: Case) -> Iterator[Problem]:
    """Who is told when the next update comes asks less in between. An update says what
    is affected, what works, what is being done, what changed since the last one, and
    the clock time of the next."""
    entry = last_update(case)
    if entry is not None and not names_next_time(words_of(entry)):
        yield say_next(
            case,
            entry,
            f"The last update {quoted(entry)} names no clock time for the next one",
            "Say what is affected, what works, what is being done and what changed; "
            "end with “Next update 15:10”.",
        )


@check(
    "CO003",
    "Update promises or only reassures",
    level=Level.WARNING,
    requirements=("R-CO-04", "R-CO-06"),
    tab=TAB,
    row=Row.TIMELINE,
)
def promises(case: Case) -> Iterator[Problem]:
    """A restoration that is promised to the minute and missed costs more trust than a
    band; a reassurance without facts costs it at once."""
    entry = last_update(case)
    if entry is None:
        return
    text = words_of(entry)
    for match in [*find_promise(text), *find_reassurance(text)]:
        yield say_next(
            case,
            entry,
            f"The last update says “{match.text}”: {match.reason[0].lower()}"
            f"{match.reason[1:].rstrip('.')}",
            match.hint,
            match.rule,
            match.text,
        )


@check(
    "CO004",
    "Partial recovery without the rest",
    level=Level.WARNING,
    requirements=("R-CO-03",),
    tab=TAB,
    row=Row.TIMELINE,
)
def rest_not_told(case: Case) -> Iterator[Problem]:
    """“Partly recovered” tells nobody whether their payment goes through: an update
    says which payments process, and which may be delayed or retried."""
    entry = last_update(case)
    if entry is None:
        return
    text = words_of(entry)
    partial = find_partial(text)
    if partial and not tells_the_rest(text):
        yield say_next(
            case,
            entry,
            f"The last update says “{partial[0].text}” and not which payments wait",
            "Say which payments process, and which may be delayed or retried.",
            partial[0].text,
        )

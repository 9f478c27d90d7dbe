"""Checks of the failure-mode table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from incidents.models import Evidence
from postmortem.lib.findings import Case, Level, Problem, Row, check
from postmortem.lib.times import span
from rca.checks.base import TAB, form_url, missing_parts, one_of, owner_of
from rca.models import FailureMode
from rca.selectors import failure_modes
from timeline import selectors as timeline
from timeline.models import Entry, Milestone

Kind = Milestone.Kind


def _modes(case: Case) -> list[FailureMode]:
    return [
        row
        for row in case.load(failure_modes)
        if row.standing != FailureMode.Standing.RULED_OUT
    ]


@check(
    "FM001",
    "No failure mode described",
    level=Level.WARNING,
    requirements=("R-FM-01",),
    tab=TAB,
    row=Row.RCA,
)
def any_mode(case: Case) -> Iterator[Problem]:
    """Without a failure mode there is nothing to test a control against."""
    if not case.load(failure_modes):
        yield Problem(
            "No failure mode is described",
            hint="Start with what the causes point to; unknowns come last.",
            fix_label="Add row",
            url=form_url("failure_mode_add", case.incident),
        )


@check(
    "FM002",
    "Descriptive, not preventative",
    level=Level.WARNING,
    requirements=("R-FM-02",),
    tab=TAB,
    row=Row.RCA,
)
def preventative(case: Case) -> Iterator[Problem]:
    """A row that cannot name symptom, measured impact, detection signal and recovery
    action describes the past and prevents nothing."""
    for row in _modes(case):
        if row.mode == FailureMode.Mode.KNOWN_UNKNOWN:
            continue
        if row.missing_columns:
            yield Problem(
                f"{row.ref} is descriptive, not preventative: no "
                f"{one_of(row.missing_columns)}",
                row,
                hint="Fill the columns, or move the row to the known unknowns.",
                fix_label="Complete row",
                url=form_url("failure_mode_edit", case.incident, row.number),
                inputs=tuple(row.missing_columns),
            )


@check(
    "FM003",
    "Failure mode without evidence",
    level=Level.WARNING,
    requirements=("R-FM-09", "R-EV-04"),
    tab=TAB,
    row=Row.RCA,
)
def mode_evidence(case: Case) -> Iterator[Problem]:
    """Rows are hypotheses about this incident, with what supports or rules them out. A
    summary written later restates an original and never stands in for one."""
    for row in case.load(failure_modes):
        if not row.evidence or row.rests_on_later_summary:
            what = "a later summary only" if row.evidence else "no evidence"
            yield Problem(
                f"{row.ref} {row.name} rests on {what}",
                row,
                hint="Attach metrics, logs, traces, alert history or the runbook step.",
                fix_label="Attach original",
                url=form_url("failure_mode_edit", case.incident, row.number),
                inputs=(row.standing, *(item.ref for item in row.evidence)),
            )


@check(
    "FM004",
    "Known unknown without owner or deadline",
    level=Level.WARNING,
    requirements=("R-FM-08",),
    tab=TAB,
    row=Row.RCA,
)
def unknown_modes(case: Case) -> Iterator[Problem]:
    """Mixed signals stay provisional, with an owner and a verification deadline."""
    for row in case.load(failure_modes):
        if row.mode != FailureMode.Mode.KNOWN_UNKNOWN:
            continue
        if row.standing != FailureMode.Standing.PROVISIONAL:
            message = f"{row.ref} is a known unknown and not marked provisional"
            missing: list[str] = []
        else:
            missing = missing_parts(row.known_unknown)
            if not missing:
                continue
            message = f"{row.ref} is a known unknown and names no {one_of(missing)}"
        yield Problem(
            message,
            row,
            hint="Name the check that settles it, who makes it and until when.",
            fix_label="Name check",
            url=form_url("failure_mode_edit", case.incident, row.number),
            owner_label=owner_of(row),
            inputs=(row.standing, *missing),
        )


@check(
    "FM005",
    "Control not validated",
    level=Level.INFO,
    requirements=("R-HY-04", "R-FM-01"),
    tab=TAB,
    row=Row.CONTROLS,
)
def validated_controls(case: Case) -> Iterator[Problem]:
    """A control is a hypothesis, too, until it was validated."""
    for row in _modes(case):
        if row.mode == FailureMode.Mode.KNOWN_UNKNOWN or row.control_validated:
            continue
        named = bool(row.control_to_validate.strip())
        yield Problem(
            f"{row.ref}: the control is not validated yet"
            if named
            else f"{row.ref} names no control to validate",
            row,
            hint=row.control_to_validate
            or "Name the control that would have changed the course.",
            fix_label="Open row",
            url=form_url("failure_mode_edit", case.incident, row.number),
            inputs=(row.control_to_validate,),
            level=None if named else Level.WARNING,
        )


@check(
    "FM006",
    "Users knew before the alert",
    level=Level.WARNING,
    requirements=("R-FM-07",),
    tab=TAB,
    row=Row.RCA,
)
def blind_spot(case: Case) -> Iterator[Problem]:
    """If users report an outage before an alert does, monitoring has a blind spot: it
    cost time and payments, and it stays until a signal covers it."""
    if any(m.mode == FailureMode.Mode.BLIND_SPOT for m in case.load(failure_modes)):
        return
    rows = case.load(timeline.entries)
    alert = timeline.feeding(case.load(timeline.milestones)).get(Kind.FIRST_ALERT)
    if alert is None or alert.entry is None or alert.entry.occurred_at is None:
        return
    told = next(
        (
            row
            for row in rows
            if row.occurred_at
            and row.precision != Entry.Precision.DAY
            and any(item.kind == Evidence.Kind.COMPLAINTS for item in row.evidence)
        ),
        None,
    )
    if told is None or told.occurred_at is None:
        return
    ahead = alert.entry.occurred_at - told.occurred_at
    if ahead <= timedelta(0):
        return
    yield Problem(
        f"Users reported it {span(ahead)} before the first alert ({told.ref}, "
        f"{alert.entry.ref}), and no row names what monitoring did not see",
        hint="Add a row “Monitoring blind spot”: the duration and impact it added, the "
        "gap in metrics, logs, events, traces or alerts, the alert to tune, the "
        "runbook step that verifies it. Ruled out is an answer too.",
        fix_label="Add row",
        url=form_url("failure_mode_add", case.incident)
        + f"?mode={FailureMode.Mode.BLIND_SPOT}",
        inputs=(told.ref, alert.entry.ref, str(ahead)),
    )

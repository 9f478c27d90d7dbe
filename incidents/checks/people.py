"""Checks of duties (R-RO)."""

from __future__ import annotations

from collections.abc import Iterator

from incidents import permissions, selectors
from incidents.checks.base import form
from incidents.models import Incident, Participation
from postmortem.lib.findings import Case, Level, Problem, check

Duty = Participation.Duty
# Duties whose holder changes systems, while the commander decides (R-RO-06).
EXECUTING = frozenset({Duty.ENGINEERING, Duty.PAYMENTS_OPS, Duty.RESPONDER})
SUPPORTING = (Duty.ENGINEERING, Duty.PRODUCT, Duty.FINANCE_OPS, Duty.COMPLIANCE)


def _held(case: Case) -> list[Participation]:
    """Duties that count: those held now, or in a review all that were held."""
    rows = case.load(selectors.participations)
    if case.incident.status in permissions.LIVE:
        return [row for row in rows if row.is_current]
    return rows


@check(
    "RO001",
    "There is a commander",
    level=Level.WARNING,
    requirements=("R-RO-01",),
    tab="People",
)
def has_commander(case: Case) -> Iterator[Problem]:
    """Exactly one person decides at a time; with none, several do."""
    if not any(row.is_command for row in _held(case)):
        is_live = case.incident.status in permissions.LIVE
        yield Problem(
            "Nobody is in command" if is_live else "Nobody is named who was in command",
            hint="Name the commander, or hand over command.",
            fix_label="Hand over command",
            url=form(case.incident, "command_handover"),
        )


@check(
    "RO002",
    "There is a scribe",
    level=Level.WARNING,
    requirements=("R-RO-05",),
    tab="People",
)
def has_scribe(case: Case) -> Iterator[Problem]:
    """The scribe is named together with the commander: what nobody writes down during
    the incident has to be remembered afterwards."""
    if not any(row.duty == Duty.SCRIBE for row in _held(case)):
        yield Problem(
            "No scribe is named",
            hint="Name who writes the record while others act.",
            fix_label="Name scribe",
            url=form(case.incident, "duty_add", query=f"duty={Duty.SCRIBE}"),
        )


@check(
    "RO003",
    "Supporting owners are named",
    level=Level.INFO,
    requirements=("R-RO-02",),
    tab="People",
)
def supporting_owners(case: Case) -> Iterator[Problem]:
    """Engineering, product, finance ops and compliance each have one owner, so that no
    question of theirs waits for somebody to feel responsible."""
    held = {row.duty for row in _held(case)}
    missing = [duty.label for duty in SUPPORTING if duty not in held]
    if missing:
        yield Problem(
            f"No owner for {', '.join(missing).lower()}",
            hint="Name a person, or leave it with a reason.",
            fix_label="Name owner",
            url=form(case.incident, "duty_add"),
            inputs=tuple(missing),
            level=Level.WARNING if case.incident.severity in {"SEV1", "SEV2"} else None,
        )


@check(
    "RO004",
    "The commander does not execute",
    level=Level.WARNING,
    requirements=("R-RO-06",),
    tab="People",
)
def commander_does_not_execute(case: Case) -> Iterator[Problem]:
    """Command and execution are separate: who changes the system loses the view over
    the incident."""
    if case.incident.status == Incident.Status.CANCELLED:
        return
    rows = _held(case)
    for row in rows:
        if not row.is_command:
            continue
        doing = [
            other.get_duty_display().lower()
            for other in rows
            if other.duty in EXECUTING
            and other.user_id == row.user_id
            and _overlap(row, other)
        ]
        if doing:
            yield Problem(
                f"{row.user.label} commands and executes ({', '.join(doing)})",
                subject=row,
                hint="Give one of the two duties to somebody else.",
                fix_label="Hand over",
                url=form(case.incident, "command_handover"),
                inputs=(row.user.handle, *doing),
            )


def _overlap(one: Participation, other: Participation) -> bool:
    """Whether two duties were held at the same time; an unknown end is open."""
    starts_late = one.until and other.since and other.since >= one.until
    ends_early = one.since and other.until and other.until <= one.since
    return not (starts_late or ends_early)

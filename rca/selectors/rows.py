"""Causes and failure modes with everything that a page or a check reads. Each function
costs the same number of queries for two causes and for two hundred."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.db.models import Prefetch, QuerySet

from incidents.models import CaseRecord, Incident
from postmortem.lib.findings import Case
from postmortem.lib.record import every_row, live_rows
from rca.models import (
    Analysis,
    Cause,
    CauseEntry,
    CauseEvidence,
    CausePath,
    FailureMode,
    FailureModeEvidence,
)
from timeline.models import Hypothesis, HypothesisEvidence

T = TypeVar("T", bound=Any)
Answers = Callable[[Incident], Mapping[int, Sequence[CaseRecord]]]
_answers: list[Answers] = []


def register_answers(provider: Answers) -> None:
    """Say what answers each cause: rows of an app above, by the cause's primary key.
    The actions app does; at most one query."""
    _answers[:] = [provider]


def answers(incident: Incident) -> Mapping[int, Sequence[CaseRecord]]:
    """What answers each cause, such as ACT-1; nothing while no app says so."""
    return _answers[0](incident) if _answers else {}


def analysis(incident: Incident) -> Analysis | None:
    """The method in force, or None while nobody chose one (R-DOC-14)."""
    found = next(iter(live_rows(incident, Analysis.objects.all())), None)
    if found is not None:
        found.incident = incident
    return found


def causes(incident: Incident) -> list[Cause]:
    """Causes in force, ruled-out ones included, by label and number.

    Each has `next_causes` and `entry_rows`: where its arrows lead and what it explains.
    """
    return [row for row in every_cause(incident) if not row.is_retracted]


def every_cause(incident: Incident) -> list[Cause]:
    """As `causes`, and those withdrawn as mistakes, which are shown struck through."""
    order = {label: index for index, label in enumerate(Cause.Label.values)}
    every = _attach(incident, every_row(incident, _causes()))
    found = [row for row in every if not row.is_retracted]
    by_pk = {cause.pk: cause for cause in found}
    for cause in every:
        cause.next_causes = []
        cause.entry_rows = []
    for path in live_rows(incident, CausePath.objects.all()):
        if path.cause_id in by_pk and path.leads_to_id in by_pk:
            by_pk[path.cause_id].next_causes.append(by_pk[path.leads_to_id])
    for joined in live_rows(incident, CauseEntry.objects.select_related("entry")):
        if joined.cause_id in by_pk and not joined.entry.is_retracted:
            joined.entry.incident = incident
            by_pk[joined.cause_id].entry_rows.append(joined.entry)
    for cause in found:
        cause.next_causes.sort(key=lambda row: row.number)
        cause.entry_rows.sort(key=lambda row: row.number)
    return sorted(every, key=lambda cause: (order[cause.label], cause.number))


def standing_causes(case: Case) -> list[Cause]:
    """Causes that are neither withdrawn nor ruled out, of the rows that the case has
    read."""
    return [row for row in case.load(causes) if row.state != Cause.State.RULED_OUT]


def _causes() -> QuerySet[Cause]:
    return Cause.objects.select_related(
        "known_unknown", "known_unknown__owner", "retracted_by"
    ).prefetch_related(_evidence(CauseEvidence))


def failure_modes(incident: Incident) -> list[FailureMode]:
    """Rows of the failure-mode table: supported first, known unknowns last."""
    order = {str(standing): index for index, standing in enumerate(_STANDINGS)}
    rows = _attach(incident, live_rows(incident, _modes()))
    return sorted(
        rows,
        key=lambda row: (
            row.mode == FailureMode.Mode.KNOWN_UNKNOWN,
            order[row.standing],
            row.number,
        ),
    )


_STANDINGS = (
    FailureMode.Standing.SUPPORTED,
    FailureMode.Standing.PROVISIONAL,
    FailureMode.Standing.RULED_OUT,
)


def withdrawn_modes(incident: Incident) -> list[FailureMode]:
    """Rows withdrawn as mistakes."""
    rows = _modes().filter(incident=incident).exclude(retracted_at=None)
    return _attach(incident, rows.select_related("retracted_by"))


def _modes() -> QuerySet[FailureMode]:
    return FailureMode.objects.select_related(
        "known_unknown", "known_unknown__owner"
    ).prefetch_related(_evidence(FailureModeEvidence))


def abandoned_hypotheses(incident: Incident) -> list[Hypothesis]:
    """Beliefs of the timeline that were dropped, with what changed direction (R-HY-02):
    read-only here."""
    rows = Hypothesis.objects.filter(
        incident=incident, retracted_at=None, state=Hypothesis.State.ABANDONED
    )
    return _attach(incident, rows.prefetch_related(_evidence(HypothesisEvidence)))


def _evidence(model: type[Any]) -> Prefetch[Any]:
    links = model.objects.filter(retracted_at=None).select_related("evidence")
    return Prefetch("evidence_links", links)


def _attach(incident: Incident, rows: Iterable[T]) -> list[T]:
    """Give every row its incident, so that its address costs no query."""
    found = list(rows)
    for row in found:
        row.incident = incident
        if getattr(row, "known_unknown", None) is not None:
            row.known_unknown.incident = incident
        for link in row.evidence_links.all():
            link.evidence.incident = incident
    return found

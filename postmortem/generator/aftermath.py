"""What follows: impact, all-clear, causes, the review, closing."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from incidents.models import (
    CaseRecord,
    Evidence,
    FigureEvidence,
    FindingSnapshot,
    ImpactEvidence,
    ImpactFigure,
    ImpactStatement,
    Incident,
    KnownUnknown,
    Waiver,
)
from postmortem.generator.response import Mark, Tale
from postmortem.generator.texts import CONDITIONS
from postmortem.lib.canonical import canonical_bytes, digest
from rca.models import (
    Analysis,
    Cause,
    CauseEntry,
    CauseEvidence,
    CausePath,
    FailureMode,
    FailureModeEvidence,
)
from review.models import ClosureApproval, Participant, Review, Seal
from review.services.closing import signed

Status = Incident.Status
DAY = timedelta(days=1)


def _added(tale: Tale, row: CaseRecord, verb: str, words: str, **who: Any) -> None:
    tale.book.tell(verb, f"{words} {row.ref}", subject=row, **who)


def assess(tale: Tale) -> None:
    """Impact in three kinds with a figure each, and the books paired with the logs."""
    book, cast = tale.book, tale.cast
    at = tale.plan.ended_at + timedelta(hours=1)
    who: dict[str, Any] = {"actor": cast.finance, "at": at}
    report = tale.add_evidence(
        Evidence.Kind.RECONCILIATION,
        f"Postings against the report of {tale.provider}",
        side=Evidence.Side.FINANCE,
        **who,
    )
    first = tale.evidence[0]
    book.change(first, paired_with=report, **who)
    book.tell(
        "incidents.evidence_paired",
        f"paired {first.ref} with {report.ref}",
        subject=first,
        **who,
    )
    for kind, words, measure in (
        ("customer", "{count} payers waited.", ImpactFigure.Measure.DELAYED),
        ("operational", "{count} postings were late.", ImpactFigure.Measure.BACKLOG),
        ("business", "Fees of {amount} EUR were borne.", ImpactFigure.Measure.COST),
    ):
        row = ImpactStatement(
            incident=tale.incident,
            kind=kind,
            statement=tale.words(words),
            downstream_work="Postings were matched by hand until the next morning.",
        )
        book.add(row, **who)
        book.link(ImpactEvidence, row, report, **who)
        _added(tale, row, "incidents.impact_added", "stated", **who)
        figure = ImpactFigure(
            incident=tale.incident,
            impact=row,
            measure=measure,
            label=ImpactFigure.Measure(measure).label,
            method="Counted in the report.",
        )
        if measure == ImpactFigure.Measure.COST:
            figure.amount = Decimal(tale.rng.randrange(100, 90000)) / 4
            figure.currency = "EUR"
        else:
            figure.count = tale.rng.randrange(10, 9000)
        book.add(figure, **who)
        book.link(FigureEvidence, figure, report, **who)
        _added(tale, figure, "incidents.figure_added", "counted", **who)


def give_all_clear(tale: Tale) -> None:
    """Scope closed by a signal, the open question settled, the all-clear given."""
    book, cast, incident = tale.book, tale.cast, tale.incident
    at = tale.plan.ended_at + timedelta(hours=3)
    signal = tale.evidence[-1]
    for row in tale.scope:
        book.change(
            row,
            actor=cast.commander,
            at=at,
            state="closed",
            closed_at=at,
            closed_by=cast.commander,
            closing_evidence=signal,
        )
        book.tell(
            "incidents.scope_closed",
            f"closed {row.ref} by {signal.ref}",
            actor=cast.commander,
            at=at,
            subject=row,
        )
    question: KnownUnknown = book.rows[KnownUnknown][0]
    book.change(
        question,
        actor=cast.finance,
        at=at,
        state=KnownUnknown.State.RESOLVED,
        resolution="None: the settlement report lists the same payments.",
        resolved_at=at,
        resolved_by=cast.finance,
    )
    book.tell(
        "incidents.unknown_resolved",
        f"resolved {question.ref}",
        actor=cast.finance,
        at=at,
        subject=question,
    )
    book.change(
        incident,
        actor=cast.commander,
        at=at,
        all_clear_at=at,
        all_clear_by=cast.commander,
    )
    book.tell(
        "incidents.all_clear_given", "gave the all-clear", actor=cast.commander, at=at
    )


def open_review(tale: Tale) -> Review:
    """In review, with an owner, three duties, participants and the four answers."""
    book, cast, incident = tale.book, tale.cast, tale.incident
    at = tale.plan.ended_at + timedelta(hours=16)
    who: dict[str, Any] = {"actor": cast.product, "at": at}
    book.change(incident, status=Status.IN_REVIEW, in_review_at=at, **who)
    review = book.add(
        Review(incident=incident, owner=cast.product, opened_at=at), **who
    )
    book.tell(
        "review.review_opened",
        f"opened the review, owned by {cast.product.label}",
        subject=review,
        **who,
    )
    book.change(review, blameless_at=at, blameless_by=cast.product, **who)
    book.tell(
        "review.blameless_acknowledged",
        "acknowledged the blameless rule: learning and prevention, not punishment",
        subject=review,
        **who,
    )
    for user, capacity in (
        (cast.commander, Participant.Capacity.RESPONDER),
        (cast.engineers[0], Participant.Capacity.SERVICE_OWNER),
        (cast.product, Participant.Capacity.PRODUCT_OWNER),
        (cast.finance, Participant.Capacity.FINANCE),
        (cast.support, Participant.Capacity.FACILITATOR),
    ):
        row = book.add(
            Participant(incident=incident, user=user, capacity=capacity), **who
        )
        book.tell(
            "review.participant_added",
            f"added {user.label} to the review as {row.get_capacity_display().lower()}",
            subject=row,
            **who,
        )
    return review


def write_review(tale: Tale, review: Review) -> None:
    """The texts of the meeting, two days later."""
    book, cast = tale.book, tale.cast
    who: dict[str, Any] = {"actor": cast.product, "at": tale.plan.ended_at + 3 * DAY}
    book.change(
        review,
        meeting_owner=cast.product,
        documentation_owner=cast.scribe,
        follow_up_owner=cast.product,
        is_ready=True,
        readiness_reason="Figures and decisions are on record.",
        meeting_at=tale.plan.ended_at + 2 * DAY,
        how_we_responded="Command stood within minutes; traffic moved in two steps.",
        learning=f"A limit of ours met a change at {tale.provider}. The second path "
        "carried the traffic while the books stayed explainable.",
        **who,
    )
    book.tell("review.review_edited", "edited the review: texts", subject=review, **who)
    book.change(
        tale.incident,
        summary=f"{tale.provider} changed its edge and our pool did not follow. "
        "Traffic moved to the second path in two steps; the books agreed the same day.",
        **who,
    )
    book.tell("incidents.incident_edited", "edited the case file: summary", **who)


def analyze(tale: Tale) -> tuple[list[Cause], FailureMode]:
    """Trigger, primary and contributing cause, joined, and a failure mode."""
    book, cast, incident = tale.book, tale.cast, tale.incident
    who: dict[str, Any] = {
        "actor": cast.engineers[0],
        "at": tale.plan.ended_at + 2 * DAY,
    }
    row: CaseRecord = book.add(
        Analysis(
            incident=incident,
            method=Analysis.Method.DEPENDENCY,
            why_it_fits="The first signal came from outside; nothing was deployed.",
        ),
        **who,
    )
    book.tell(
        "rca.analysis_set", "chose the method: dependency trace", subject=row, **who
    )
    causes: list[Cause] = []
    condition = tale.words(tale.rng.choice(CONDITIONS))
    for label, words, role in (
        (
            "trigger",
            f"{tale.provider} changed its edge.",
            "Preceded the first failure.",
        ),
        ("primary", condition, "Produced the failures directly."),
        (
            "contributing",
            "Changes of providers reach one mailbox.",
            "Delayed the diagnosis.",
        ),
    ):
        cause = Cause(
            incident=incident,
            label=label,
            statement=words,
            role=role,
            state=Cause.State.CONFIRMED,
            evidence_shows="Log and notice carry the same minute.",
            condition="The limit was set for the traffic of two years ago.",
            beyond="Yes: retries added load.",
            risk_change="A limit that follows the traffic.",
        )
        book.add(cause, **who)
        book.link(CauseEvidence, cause, tale.evidence[0], **who)
        _added(tale, cause, "rca.cause_added", f"stated {label} cause", **who)
        causes.append(cause)
    for cause, target in ((causes[0], causes[1]), (causes[2], causes[1])):
        book.add(CausePath(incident=incident, cause=cause, leads_to=target), **who)
        book.tell(
            "rca.causes_linked",
            f"{cause.ref} leads to {target.ref}",
            subject=cause,
            **who,
        )
    entry = tale.marks[Mark.FIRST_IMPACT]
    book.add(CauseEntry(incident=incident, cause=causes[0], entry=entry), **who)
    book.tell(
        "rca.cause_entries_set",
        f"{causes[0].ref} explains {entry.ref}",
        subject=causes[0],
        **who,
    )
    mode = FailureMode(
        incident=incident,
        mode=FailureMode.Mode.THIRD_PARTY,
        name=f"Pool too small for {tale.provider}",
        standing=FailureMode.Standing.SUPPORTED,
        customer_symptom="Payers wait at the last step",
        financial_impact=tale.words("{amount} EUR waiting at the peak"),
        detection_signal="Refused connections",
        recovery_action="Move the traffic to the second path",
        control_to_validate="The pool grows with the traffic",
        control_validated=True,
    )
    book.add(mode, **who)
    book.link(FailureModeEvidence, mode, tale.evidence[0], **who)
    book.tell(
        "rca.failure_mode_added",
        f"added the failure mode {mode.ref}: {mode.name}",
        subject=mode,
        **who,
    )
    return causes, mode


def accept_a_finding(tale: Tale) -> None:
    """A warning that one person accepted."""
    at = tale.plan.ended_at + 4 * DAY
    actor = tale.cast.product
    row = Waiver(
        incident=tale.incident,
        check_id="AI008",
        subject_ref="ACT-2",
        finding_key=digest(["AI008", "ACT-2"]),
        finding_message="Action is not tracked",
        level="info",
        reason="The team plans this work on its board.",
        owner=actor,
    )
    tale.book.add(row, actor=actor, at=at)
    tale.book.tell(
        "incidents.finding_accepted",
        f"accepted {row.check_id}: {row.finding_message}",
        actor=actor,
        at=at,
        subject=row,
        reason=row.reason,
    )


def close(tale: Tale, handles: dict[int, str]) -> str:
    """Two approvals of the record as it stands, and the seal; returns its hash."""
    book, cast, incident = tale.book, tale.cast, tale.incident
    at = tale.plan.ended_at + 10 * DAY
    record = canonical_bytes(book.record(handles))
    present = hashlib.sha256(record).hexdigest()
    approvals = []
    for actor, seat in (
        (cast.engineering_manager, ClosureApproval.Seat.ENGINEERING),
        (cast.finance_manager, ClosureApproval.Seat.FINANCE),
    ):
        given = ClosureApproval(
            incident=incident,
            approver=actor,
            seat=seat,
            is_manager=True,
            decision=ClosureApproval.Decision.APPROVED,
            content_hash=present,
            at=at,
        )
        approvals.append(book.keep(given))
        book.tell(
            "review.closure_approved",
            f"approved the closure of version {present[:12]} "
            f"({given.get_seat_display().lower()} seat)",
            actor=actor,
            at=at,
            data={
                "approval": given.pk,
                "content_hash": present,
                "seat": given.seat,
                "is_manager": True,
            },
        )
    book.change(incident, actor=cast.product, at=at, status=Status.CLOSED, closed_at=at)
    book.tell(
        "review.incident_closed",
        f"closed and sealed version {present[:12]} with {len(approvals)} approvals",
        actor=cast.product,
        at=at,
        data={
            "content_hash": present,
            "seal": 1,
            "approvals": [item.pk for item in approvals],
            "findings": [],
        },
    )
    seal = Seal(
        incident=incident,
        sequence=1,
        sealed_at=at,
        sealed_by=cast.product,
        content_hash=present,
        record=record,
        activity_count=incident.activity_count,
        activity_head=incident.activity_head,
        findings=[],
        approvals=[_said(item) for item in approvals],
    )
    book.keep(signed(seal))
    return present


def _said(item: ClosureApproval) -> dict[str, object]:
    return {
        "person": str(item.approver.person_id),
        "label": item.approver.label,
        "seat": item.seat,
        "is_manager": item.is_manager,
        "content_hash": item.content_hash,
        "comment": item.comment,
        "at": item.at.isoformat(),
    }


def snapshot(tale: Tale, content_hash: str, now: datetime) -> None:
    """The stored result of a case that was closed with nothing open: as its seal says,
    no finding. Every other case has the checks run on it."""
    tale.book.keep(
        FindingSnapshot(
            incident=tale.incident,
            next_step="Closed and frozen; follow-up actions go on.",
            content_hash=content_hash,
            activity_head=tale.incident.activity_head,
            computed_at=now,
        )
    )

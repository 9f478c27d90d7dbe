"""The incident itself: declared, answered on the timeline, stabilized."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from accounts.models import User
from incidents.models import (
    Evidence,
    Incident,
    KnownUnknown,
    KnownUnknownEvidence,
    Lane,
    Participation,
    ScopeEvidence,
    ScopeStatement,
    StoredFile,
)
from incidents.services.lifecycle import LaneSpec
from postmortem.generator.book import Book
from postmortem.generator.people import Cast
from postmortem.generator.plans import Plan
from postmortem.generator.texts import NOTES, SIGNALS, STEPS, UPDATES, fill
from timeline.models import (
    CheckpointEvidence,
    DependencyCheckpoint,
    Entry,
    EntryEvidence,
    Hypothesis,
    HypothesisEvidence,
    Milestone,
)

Status = Incident.Status
Kind = Entry.Kind
Mark = Milestone.Kind
UPDATE_EVERY = timedelta(minutes=17)
# What carries the milestones: share of the timeline, mark, kind, words.
COURSE: tuple[tuple[float, Mark, Kind, str], ...] = (
    (0.0, Mark.FIRST_IMPACT, Kind.SIGNAL, "First {count} payments without an answer"),
    (0.04, Mark.FIRST_ALERT, Kind.SIGNAL, "Alert on the {provider} route"),
    (0.08, Mark.DECLARED, Kind.ACTION, "Declared the incident"),
    (0.3, Mark.FIRST_MITIGATION, Kind.ACTION, "Moved {percent} % to the second path"),
    (
        0.55,
        Mark.ROLLBACK_OR_FAILOVER,
        Kind.ACTION,
        "Moved the rest of the {provider} route to the second path",
    ),
    (
        0.8,
        Mark.CUSTOMER_RECOVERED,
        Kind.SIGNAL,
        "Authorization rate back at its usual level for 30 minutes",
    ),
    (
        0.9,
        Mark.LEDGER_RECOVERED,
        Kind.SIGNAL,
        "Postings and the provider's report agree",
    ),
    (1.0, Mark.STABILIZED, Kind.SIGNAL, "Rate, queue and balance at their usual level"),
)
RECOVERIES = {Mark.CUSTOMER_RECOVERED, Mark.LEDGER_RECOVERED, Mark.STABILIZED}


@dataclass
class Tale:
    """What is known while one case is told."""

    plan: Plan
    book: Book
    cast: Cast
    rng: Random
    provider: str
    files: list[StoredFile]
    lanes: list[Lane] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    marks: dict[str, Entry] = field(default_factory=dict)
    scope: list[ScopeStatement] = field(default_factory=list)

    @property
    def incident(self) -> Incident:
        return self.book.incident

    @property
    def is_settled(self) -> bool:
        """A case that is closed has no loose end."""
        return self.plan.status == Status.CLOSED

    @property
    def recovers(self) -> bool:
        return self.plan.status not in {Status.ACTIVE, Status.CANCELLED}

    def words(self, template: str) -> str:
        return fill(template, self.rng, self.provider)

    def add_evidence(
        self, kind: Evidence.Kind, title: str, *, actor: User, at: datetime, **more: Any
    ) -> Evidence:
        row = Evidence(
            incident=self.incident,
            kind=kind,
            title=title,
            source=self.provider,
            captured_at=at,
            **more,
        )
        if kind == Evidence.Kind.LOG_QUERY and self.rng.random() < 0.1:
            kept = self.rng.choice(self.files)
            row.sha256, row.size = kept.sha256, kept.size
            row.filename, row.media_type = "log-export.txt", "text/plain"
        else:
            number = len(self.evidence) + 1
            row.url = f"https://records.generated.example/{self.incident.uuid}/{number}"
        self.book.add(row, actor=actor, at=at)
        self.book.tell(
            "incidents.evidence_added",
            f"added {row.ref} {row.title}",
            actor=actor,
            at=at,
            subject=row,
        )
        self.evidence.append(row)
        return row


def declare(tale: Tale) -> None:
    """Declared with lanes, people and the two lines of scope."""
    plan, book, cast, rng = tale.plan, tale.book, tale.cast, tale.rng
    incident, actor = book.incident, cast.commander
    at = incident.declared_at
    assert at is not None
    book.add(incident, actor=actor, at=at)
    for slug in rng.sample(sorted(Lane.KNOWN), rng.randrange(1, 4)):
        lane = LaneSpec(slug).build(incident)
        lane.status = Lane.Status.DEGRADED
        lane.owner = cast.engineers[0]
        tale.lanes.append(book.add(lane, actor=actor, at=at))
    duties = (
        (Participation.Duty.COMMANDER, cast.commander),
        (Participation.Duty.SCRIBE, cast.scribe),
        (Participation.Duty.ENGINEERING, cast.engineers[0]),
        (Participation.Duty.PAYMENTS_OPS, cast.payops),
        (Participation.Duty.FINANCE_OPS, cast.finance),
        (Participation.Duty.PRODUCT, cast.product),
        (Participation.Duty.COMPLIANCE, cast.compliance),
    )
    for duty, user in duties:
        book.add(
            Participation(incident=incident, user=user, duty=duty, since=at),
            actor=actor,
            at=at,
        )
    book.tell(
        "incidents.incident_declared",
        f"declared {incident.key}, {plan.severity}: {incident.title}",
        actor=actor,
        at=at,
        data={"severity": plan.severity, "clock_zone": incident.clock_zone},
    )


def respond(tale: Tale) -> None:
    """The timeline from first impact to stabilized, as far as the case has come."""
    plan, rng = tale.plan, tale.rng
    whole = plan.entries if tale.recovers else int(plan.entries / 0.75)
    places = _places(whole, plan.entries)
    step = (plan.ended_at - plan.began_at) / max(1, plan.entries - 1)
    hypothesis: Hypothesis | None = None
    told_at = plan.began_at
    for position in range(plan.entries):
        at = plan.began_at + step * position
        if 0 < position < plan.entries - 1:
            at += step * rng.uniform(-0.4, 0.4)
        at = at.replace(microsecond=0)
        course = places.get(position)
        if course is None and position == 4:
            hypothesis = _believe(tale, at)
        if course:
            entry = _entry(tale, at, course[2], tale.words(course[3]), proven=True)
            _mark(tale, course[1], entry, at)
        elif at - told_at > UPDATE_EVERY:
            told_at = at
            _entry(tale, at, Kind.COMMS, tale.words(rng.choice(UPDATES)))
        else:
            _ordinary(tale, at, hypothesis)
    if hypothesis and tale.recovers:
        _settle(tale, hypothesis, plan.ended_at)


def _places(whole: int, told: int) -> dict[int, tuple[float, Mark, Kind, str]]:
    found: dict[int, tuple[float, Mark, Kind, str]] = {}
    at = -1
    for course in COURSE:
        at = max(at + 1, round(course[0] * (whole - 1)))
        if at < told:
            found[at] = course
    return found


def _believe(tale: Tale, at: datetime) -> Hypothesis:
    actor = tale.cast.engineers[0]
    row = Hypothesis(
        incident=tale.incident,
        statement=f"{tale.provider} changed its edge, and our pool does not follow.",
    )
    tale.book.add(row, actor=actor, at=at)
    tale.book.tell(
        "timeline.hypothesis_added",
        f"stated hypothesis {row.ref}",
        actor=actor,
        at=at,
        subject=row,
    )
    return row


def _settle(tale: Tale, row: Hypothesis, at: datetime) -> None:
    actor = tale.cast.engineers[0]
    supported = tale.rng.random() < 0.6
    side = HypothesisEvidence.Stance.FOR if supported else "against"
    tale.book.change(
        row,
        actor=actor,
        at=at,
        state=Hypothesis.State.SUPPORTED if supported else Hypothesis.State.ABANDONED,
        what_decided="The rate followed the pool size within one minute."
        if supported
        else "The other region shows the same with the old pool.",
    )
    tale.book.link(
        HypothesisEvidence, row, tale.evidence[0], actor=actor, at=at, stance=side
    )
    tale.book.tell(
        "timeline.hypothesis_settled",
        f"{row.ref} is {row.get_state_display().lower()}",
        actor=actor,
        at=at,
        subject=row,
    )


def _ordinary(tale: Tale, at: datetime, hypothesis: Hypothesis | None) -> None:
    """One entry between the marks: mostly signals and steps."""
    rng = tale.rng
    kinds = (Kind.SIGNAL, Kind.ACTION, Kind.NOTE, Kind.DECISION)
    kind = rng.choices(kinds, (9, 6, 3, 1 if hypothesis else 0))[0]
    texts = {Kind.SIGNAL: SIGNALS, Kind.NOTE: NOTES}.get(kind, STEPS)
    reasons: dict[str, Any] = {}
    if kind == Kind.DECISION:
        reasons = {
            "belief": "The second path has room for this traffic.",
            "why": "It can be taken back within a minute.",
            "hypothesis": hypothesis,
        }
    _entry(tale, at, kind, tale.words(rng.choice(texts)), **reasons)


def _entry(
    tale: Tale,
    at: datetime,
    kind: Kind,
    words: str,
    *,
    proven: bool = False,
    **more: Any,
) -> Entry:
    book, rng, cast = tale.book, tale.rng, tale.cast
    actor = rng.choice(cast.recorders)
    noted = at + timedelta(seconds=rng.randrange(5, 90))
    proven = proven or tale.is_settled or rng.random() < 0.93
    if proven and (not tale.evidence or rng.random() < 0.33):
        is_log = kind in {Kind.NOTE, Kind.SIGNAL}
        tale.add_evidence(
            rng.choice((Evidence.Kind.LOG_QUERY, Evidence.Kind.METRIC))
            if is_log
            else Evidence.Kind.CHAT
            if kind == Kind.COMMS
            else Evidence.Kind.CONTROL_LOG,
            words[:200],
            actor=actor,
            at=noted,
        )
    text = "observed_signal" if kind in {Kind.SIGNAL, Kind.NOTE} else "action_taken"
    entry = Entry(
        incident=tale.incident,
        kind=kind,
        occurred_at=at,
        precision=Entry.Precision.SECOND,
        owner=actor,
        lane=rng.choice(tale.lanes),
        **{text: words},
        **more,
    )
    book.add(entry, actor=actor, at=noted)
    linked = [tale.evidence[-1]] if proven else []
    book.link(EntryEvidence, entry, *linked, actor=actor, at=noted)
    book.tell(
        "timeline.entry_added",
        f"recorded {entry.ref}: {entry.headline}",
        actor=actor,
        at=noted,
        subject=entry,
        data={"evidence": [item.ref for item in linked], "milestone": ""},
    )
    if rng.random() < 0.03:
        _amend(tale, entry, noted + timedelta(minutes=2))
    return entry


def _amend(tale: Tale, entry: Entry, at: datetime) -> None:
    """Some entries are read again and said better."""
    actor = tale.cast.scribe
    name = "observed_signal" if entry.observed_signal else "action_taken"
    moved = tale.book.change(
        entry,
        actor=actor,
        at=at,
        **{name: f"{getattr(entry, name)} (read off the export)"},
    )
    tale.book.tell(
        "timeline.entry_edited",
        f"edited {entry.ref}: {name.replace('_', ' ')}",
        actor=actor,
        at=at,
        subject=entry,
        data={"changes": moved},
    )


def _mark(tale: Tale, kind: Mark, entry: Entry, at: datetime) -> None:
    actor = tale.cast.scribe
    row = Milestone(incident=tale.incident, kind=kind, entry=entry)
    tale.book.add(row, actor=actor, at=at)
    tale.book.tell(
        "timeline.milestone_added",
        f"marked {entry.ref} as the milestone {row.label.lower()}",
        actor=actor,
        at=at,
        subject=row,
    )
    tale.marks[kind] = entry


def describe(tale: Tale) -> None:
    """Scope lines, and what is not known."""
    book, cast, at = tale.book, tale.cast, tale.plan.ended_at
    for audience, words in (
        (ScopeStatement.Audience.EXPERIENCED, "Payers waited and paid late or not."),
        (ScopeStatement.Audience.INTERNAL, "Captured payments were posted late."),
    ):
        row = ScopeStatement(
            incident=tale.incident,
            audience=audience,
            consequence=words,
            who=tale.words("{count} payers through {provider}"),
            continuity_risk="Orders are abandoned while the queue grows.",
            technical_context=tale.words("The pool of {two} connections was used up."),
            lane=tale.lanes[0],
        )
        book.add(row, actor=cast.payops, at=at)
        book.link(ScopeEvidence, row, tale.evidence[0], actor=cast.payops, at=at)
        book.tell(
            "incidents.scope_added",
            f"added {row.ref}",
            actor=cast.payops,
            at=at,
            subject=row,
        )
        tale.scope.append(row)
    question = KnownUnknown(
        incident=tale.incident,
        question=f"How many payments did {tale.provider} accept without telling us?",
        why_it_matters="Decides whether the refunds are complete.",
        missing_check=f"Settlement report of {tale.provider}",
        owner=cast.finance,
        due_at=at + timedelta(days=5),
    )
    book.add(question, actor=cast.finance, at=at)
    book.link(
        KnownUnknownEvidence, question, tale.evidence[0], actor=cast.finance, at=at
    )
    book.tell(
        "incidents.unknown_added",
        f"stated the known unknown {question.ref}: {question.question}",
        actor=cast.finance,
        at=at,
        subject=question,
    )


def stabilize(tale: Tale) -> None:
    """Every lane recovered, its dependency looked at, and the incident stabilized."""
    book, cast, at = tale.book, tale.cast, tale.plan.ended_at + timedelta(minutes=3)
    for lane in tale.lanes:
        book.change(lane, actor=cast.scribe, at=at, status=Lane.Status.RECOVERED)
        book.tell(
            "incidents.lane_edited",
            f"{lane.name} is recovered",
            actor=cast.scribe,
            at=at,
            subject=lane,
        )
        row = DependencyCheckpoint(
            incident=tale.incident,
            kind=DependencyCheckpoint.Kind.GATEWAY,
            name=tale.provider,
            lane=lane,
            first_signal_at=tale.plan.began_at,
            order=DependencyCheckpoint.Order.NO_CHANGE,
            state=DependencyCheckpoint.State.STABILIZED,
            stabilized_at=tale.marks[Mark.CUSTOMER_RECOVERED].occurred_at,
            verified="Failures began without a change of ours and ended with theirs.",
        )
        book.add(row, actor=cast.engineers[0], at=at)
        book.link(
            CheckpointEvidence, row, tale.evidence[0], actor=cast.engineers[0], at=at
        )
        book.tell(
            "timeline.checkpoint_added",
            f"noted the dependency {row.ref} {row.name}: stabilized",
            actor=cast.engineers[0],
            at=at,
            subject=row,
        )
    book.change(
        tale.incident,
        actor=cast.commander,
        at=at,
        status=Status.STABILIZED,
        stabilized_at=at,
    )
    book.tell(
        "incidents.incident_stabilized",
        "declared the incident stabilized",
        actor=cast.commander,
        at=at,
    )


def cancel(tale: Tale) -> None:
    """A false alarm."""
    actor, at = tale.cast.commander, tale.plan.ended_at + timedelta(minutes=5)
    reason = "False alarm: the probe was wrong, payments were not affected."
    tale.book.change(
        tale.incident,
        actor=actor,
        at=at,
        reason=reason,
        status=Status.CANCELLED,
        cancelled_at=at,
        cancel_reason=reason,
    )
    tale.book.tell(
        "incidents.incident_cancelled",
        "cancelled the incident",
        actor=actor,
        at=at,
        reason=reason,
    )

"""A case that has everything a closure takes, made through the services."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Role, Team, User
from actions.models import ActionItem, TestRun
from actions.services import approvals as action_approvals
from actions.services import items
from actions.services import tests as closure_tests
from incidents.models import (
    Evidence,
    ImpactFigure,
    ImpactStatement,
    Incident,
    Participation,
    ScopeStatement,
)
from incidents.selectors import content_hash
from incidents.services import claims, lifecycle, people
from incidents.services.evidence import add_evidence
from rca.models import Analysis, Cause, FailureMode
from rca.services import analysis, causes, failure_modes
from review.models import Participant, Review, Seal
from review.services import approvals, closing, reviews
from tests import factories
from tests.conftest import person
from timeline.models import DependencyCheckpoint, Milestone
from timeline.services import checkpoints, entries, hypotheses

Kind = Milestone.Kind


def at(hour: int, minute: int) -> dt.datetime:
    return dt.datetime(2026, 3, 10, hour, minute, tzinfo=dt.UTC)


class Case:
    """Short names for the verbs of one review. `people` by role."""

    def __init__(self, incident: Incident, cast: dict[str, User]) -> None:
        self.incident = incident
        self.cast = cast
        self.actor = cast["commander"]

    @property
    def ids(self) -> dict[str, Any]:
        return {"incident_id": self.incident.pk, "actor": self.actor}

    def evidence(self, title: str, kind: str = "log_query", **fields: Any) -> Evidence:
        number = Evidence.objects.filter(incident=self.incident).count() + 1
        fields.setdefault("url", f"https://records.example/e/{number}")
        return add_evidence(**self.ids, kind=kind, title=title, **fields)

    def reload(self) -> Incident:
        self.incident = Incident.objects.get(pk=self.incident.pk)
        return self.incident

    @property
    def hash(self) -> str:
        return content_hash(self.reload(), fresh=True)

    @property
    def review(self) -> Review:
        return Review.objects.get(incident=self.incident)

    def approve(self, who: str | User, **fields: Any) -> Any:
        user = self.cast[who] if isinstance(who, str) else who
        fields.setdefault("content_hash", self.hash)
        return approvals.approve_closure(
            incident_id=self.incident.pk, actor=user, **fields
        )

    def close(self, who: str = "reviewer") -> Seal:
        seal = closing.close_incident(
            incident_id=self.incident.pk, actor=self.cast[who]
        )
        self.reload()
        return seal

    def closed(self) -> Seal:
        self.approve("reviewer")
        self.approve("finance")
        return self.close()


def tell_timeline(case: Case) -> None:
    ids = case.ids
    finance: dict[str, Any] = {"side": Evidence.Side.FINANCE}
    belief = hypotheses.add_hypothesis(
        **ids, statement="The event schema changed with the deploy"
    )
    proof = case.evidence("Consumer decode errors")
    hypotheses.settle_hypothesis(
        **ids,
        number=belief.number,
        state="supported",
        what_decided="Every failing event carries the new field",
        evidence_for=[proof],
    )
    rows: list[tuple[tuple[int, int], str, str, str, str, dict[str, Any]]] = [
        ((13, 43), "signal", Kind.FIRST_IMPACT, "Order completion fell", "metric", {}),
        ((13, 52), "signal", Kind.FIRST_ALERT, "Pending events alert", "alert", {}),
        ((14, 0), "decision", Kind.DECLARED, "Declared SEV2", "chat_message", {}),
        (
            (14, 9),
            "action",
            Kind.FIRST_MITIGATION,
            "Auto-capture held",
            "control_log",
            {},
        ),
        (
            (14, 20),
            "action",
            Kind.ROLLBACK_OR_FAILOVER,
            "Consumer rolled back",
            "deploy_record",
            {},
        ),
        (
            (14, 30),
            "signal",
            Kind.CUSTOMER_RECOVERED,
            "Orders complete again",
            "metric",
            {},
        ),
        (
            (14, 40),
            "signal",
            Kind.LEDGER_RECOVERED,
            "Ledger and events agree",
            "reconciliation",
            finance,
        ),
        ((14, 50), "signal", Kind.STABILIZED, "Backlog is empty", "metric", {}),
    ]
    for moment, kind, milestone, text, evidence_kind, fields in rows:
        field = "observed_signal" if kind == "signal" else "action_taken"
        extra: dict[str, Any] = {field: text}
        if kind == "decision":
            extra |= {
                "belief": "A deploy at 13:41 changed the schema",
                "hypothesis": belief,
                "why": "Orders stop after authorization",
            }
        entries.add_entry(
            **ids,
            kind=kind,
            occurred_at=at(*moment),
            owner=case.cast["responder"],
            evidence=[case.evidence(text, evidence_kind, **fields)],
            milestone=milestone,
            **extra,
        )
    lane = case.incident.lanes.get(slug="checkout")
    checkpoints.add_checkpoint(
        **ids,
        kind=DependencyCheckpoint.Kind.GATEWAY,
        name="Provider A",
        lane=lane,
        first_signal_at=at(13, 43),
        order="after",
        state="stabilized",
        stabilized_at=at(14, 40),
        verified="Failures began after our deploy and ended with the rollback",
        evidence=[case.evidence("Provider events", "provider_notice")],
    )


def tell_impact(case: Case) -> None:
    ids = case.ids
    ledger = case.evidence("Ledger extract", "reconciliation", side="finance")
    signal = case.evidence("Order completion rate", "metric")
    for audience in ScopeStatement.Audience:
        scope = claims.add_scope(
            **ids,
            audience=audience,
            consequence="Paid orders were not confirmed",
            who="Card payers at checkout",
            continuity_risk="Fulfilment waits for the order",
            technical_context="The event consumer rejected every event",
            evidence=[signal],
        )
        claims.close_scope(
            **ids,
            number=scope.number,
            closing_evidence=signal,
            closed_at=at(14, 40),
        )
    for kind in ImpactStatement.Kind:
        row = claims.add_impact(
            **ids,
            kind=kind,
            statement="6,418 payers authorized with no order confirmation",
            downstream_work="41 payments were retried by hand",
            evidence=[ledger],
        )
    claims.add_figure(
        **ids,
        impact=row,
        measure=ImpactFigure.Measure.DELAYED,
        label="Authorized and uncaptured at peak",
        count=6418,
        amount=Decimal("412860.20"),
        currency="EUR",
        method="Sum of open authorizations",
        evidence=[ledger],
    )


def tell_causes(case: Case) -> list[Cause]:
    ids = case.ids
    analysis.set_analysis(
        **ids, method=Analysis.Method.CHANGE, why_it_fits="A deploy preceded the fault"
    )
    texts = {
        Cause.Label.TRIGGER: ("webhook-ingest 4.18.0 went live at 13:41", "preceded"),
        Cause.Label.PRIMARY: ("The consumer rejects unknown fields", "produced"),
        Cause.Label.CONTRIBUTING: ("No contract test gated deploys", "widened"),
    }
    found: list[Cause] = []
    for label, (text, role) in texts.items():
        cause = causes.add_cause(
            **ids,
            label=label,
            statement=text,
            role=f"It {role} the rejection of events",
            evidence_shows="Deploy record and decode errors",
            condition="Deploys were not gated by a contract test",
            beyond="No further condition was found",
            risk_change="Gate deploys on the contract test",
            evidence=[case.evidence(f"Proof of {label}", "deploy_record")],
            leads_to=[],
        )
        found.append(causes.confirm_cause(**ids, number=cause.number))
    causes.edit_cause(
        **ids,
        number=found[0].number,
        leads_to=[found[1]],
    )
    failure_modes.add_failure_mode(
        **ids,
        mode=FailureMode.Mode.DEPLOYMENT,
        name="Schema change breaks ingestion",
        standing="supported",
        customer_symptom="No order confirmation",
        financial_impact="412,860.20 EUR uncaptured",
        detection_signal="Pending events over 500",
        recovery_action="Roll the consumer back",
        control_to_validate="Contract test gate",
        control_validated=True,
        evidence=[case.evidence("Trace of a rejected event", "trace")],
    )
    return found


def tell_actions(case: Case, answered: list[Cause]) -> ActionItem:
    ids = case.ids
    owner = case.cast["responder"]
    action = items.add_action(
        **ids,
        title="Block ingest deploys when the contract test fails",
        kind=ActionItem.Kind.REDUCE,
        timing=ActionItem.Timing.MANDATORY,
        owner=owner,
        due_at=dt.datetime(2026, 3, 20, 12, tzinfo=dt.UTC),
        risk_removed="A bad schema reaches production",
        risk_remaining="A provider change arrives unannounced",
        trade_off="Deploys take a minute longer",
        rollback_path="Remove the gate label",
        proof_location="runner archive",
        tracker_url="https://tracker.example/PAY-1",
        causes=answered,
        failure_modes=list(FailureMode.objects.filter(incident=case.incident)),
    )
    test = closure_tests.add_closure_test(
        **ids,
        action=action,
        procedure="Deploy a build with a changed schema to staging; check the gate and "
        "the webhook statuses at the provider's boundary",
        pass_condition="The deploy is blocked within 2 min",
        environment="staging",
        due_at=dt.datetime(2026, 3, 19, 12, tzinfo=dt.UTC),
    )
    items.open_action(**ids, number=action.number)
    closure_tests.record_run(
        incident_id=case.incident.pk,
        actor=owner,
        closure_test=test,
        ran_at=dt.datetime(2026, 3, 16, 15, 40, tzinfo=dt.UTC),
        environment="staging",
        outcome=TestRun.Outcome.PASSED,
        evidence=[
            case.evidence("Gate test output", "test_output"),
            case.evidence("Suspense account at zero", "reconciliation", side="finance"),
        ],
    )
    items.complete_action(
        incident_id=case.incident.pk, actor=owner, number=action.number
    )
    action_approvals.approve_action(
        incident_id=case.incident.pk,
        actor=case.cast["reviewer"],
        number=action.number,
    )
    return action


def tell_scheduled(case: Case) -> ActionItem:
    """A scheduled follow-up with an approved deferral: it goes on after closing."""
    ids = case.ids
    action = items.add_action(
        **ids,
        title="Page the owner when pending events exceed 500 for 3 min",
        kind=ActionItem.Kind.REDUCE,
        timing=ActionItem.Timing.SCHEDULED,
        owner=case.cast["responder"],
        due_at=dt.datetime(2026, 4, 10, 12, tzinfo=dt.UTC),
        risk_removed="A stall is seen late",
        risk_remaining="A slow stall stays below 500",
        rollback_path="Remove the alert",
        proof_location="runner archive",
        tracker_url="https://tracker.example/PAY-2",
        causes=list(Cause.objects.filter(incident=case.incident, label="contributing")),
    )
    closure_tests.add_closure_test(
        **ids,
        action=action,
        procedure="Hold 600 synthetic events for 3 min",
        pass_condition="The owner is paged within 4 min",
        environment="staging",
        due_at=dt.datetime(2026, 4, 9, 12, tzinfo=dt.UTC),
    )
    items.open_action(**ids, number=action.number)
    action_approvals.approve_deferral(
        incident_id=case.incident.pk,
        actor=case.cast["reviewer"],
        number=action.number,
    )
    return action


def finished(case: Case) -> Case:
    """Everything told, stabilized, all-clear given, in review, nothing blocking."""
    ids = case.ids
    people.set_duty(**ids, user=case.cast["scribe"], duty=Participation.Duty.SCRIBE)
    lifecycle.edit_incident(
        **ids, summary="A deploy changed the schema; orders stopped until rollback."
    )
    tell_timeline(case)
    tell_impact(case)
    answered = tell_causes(case)
    lifecycle.stabilize_incident(**ids, now=at(14, 50))
    lifecycle.give_all_clear(**ids)
    tell_actions(case, answered)
    reviews.open_review(**ids, owner=case.cast["commander"])
    reviews.acknowledge_blameless_rule(**ids)
    reviews.add_participant(
        **ids,
        user=case.cast["responder"],
        capacity=Participant.Capacity.RESPONDER,
    )
    reviews.edit_review(
        **ids,
        meeting_owner=case.cast["scribe"],
        documentation_owner=case.cast["commander"],
        follow_up_owner=case.cast["responder"],
        is_ready=True,
        readiness_reason="Finance and support bring their records.",
        meeting_at=dt.datetime(2026, 3, 13, 14, 0, tzinfo=dt.UTC),
        how_we_responded="The alert named the pending events; holds stood early.",
        learning="Unknown fields were rejected because the schema was closed.",
    )
    case.reload()
    return case


def edit(case: Case, **fields: object) -> Review:
    return reviews.edit_review(**case.ids, **fields)  # type: ignore[arg-type]


@pytest.fixture
def scribe(db: None) -> User:
    return person("scribe", "Tomas Berg", "Scribe on call", Role.RESPONDER)


@pytest.fixture
def cast(
    commander: User, scribe: User, responder: User, reviewer: User, finance: User
) -> dict[str, User]:
    return {
        "commander": commander,
        "scribe": scribe,
        "responder": responder,
        "reviewer": reviewer,
        "finance": finance,
    }


@pytest.fixture
def bare(cast: dict[str, User]) -> Case:
    """A stabilized SEV2 without a review; nothing else is told."""
    incident = factories.make_incident(
        actor=cast["commander"], lanes=["checkout"], declared_at=at(14, 0)
    )
    case = Case(incident, cast)
    Incident.objects.filter(pk=incident.pk).update(
        status="stabilized",
        stabilized_at=dt.datetime(2026, 3, 17, 8, 0, tzinfo=dt.UTC),
    )
    case.reload()
    return case


@pytest.fixture
def case(cast: dict[str, User]) -> Case:
    """A SEV2 in review that only the approvals hold back."""
    incident = factories.make_incident(
        actor=cast["commander"],
        lanes=["checkout"],
        kind="ingestion",
        declared_at=at(14, 0),
    )
    return finished(Case(incident, cast))


def manager(handle: str, function: str, *roles: str) -> User:
    """One more manager of a team of this function."""
    user = person(handle, handle.title(), f"{handle} manager", *roles)
    Team.objects.create(
        slug=f"team-{handle}", name=handle, function=function, manager=user
    )
    return user

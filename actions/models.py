"""Owned actions, their closure tests, test runs and approvals."""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import models
from django.utils.functional import cached_property

from accounts.models import User
from incidents.models import (
    CaseRecord,
    CaseRelation,
    Claim,
    Evidence,
    EvidenceLink,
    Incident,
)
from incidents.models.case import user_fk
from postmortem.lib.addresses import row_address
from postmortem.lib.fields import LineField, ProseField, validate_link
from rca.models import Cause, FailureMode


class ActionItem(CaseRecord):
    """A preventive change. It stays draft until it says what changes, who owns it and
    what proof closes it (R-AI-03). A tracker link never closes it (R-AI-08)."""

    class Kind(models.TextChoices):
        STABILIZE = "stabilize", "Stabilize exposure"
        RESTORE = "restore", "Restore behavior"
        REDUCE = "reduce_recurrence", "Reduce recurrence"

    class Timing(models.TextChoices):
        MANDATORY = "mandatory_now", "Mandatory now"
        SCHEDULED = "scheduled", "Scheduled"

    class Priority(models.TextChoices):
        NONE = "", "No priority limit"
        WEEKS_4 = "4_weeks", "Priority, 4 weeks"
        WEEKS_8 = "8_weeks", "Priority, 8 weeks"

    class Area(models.TextChoices):
        GENERAL = "general", "General"
        CONTINUITY = "continuity", "Continuity recovery"
        RISK_CONTROLS = "risk_controls", "Risk controls before money movement"
        SETTLEMENT = "settlement_path", "Settlement path"

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        OPEN = "open", "Open"
        COMPLETED = "completed", "Completed"
        CANCELLED = "cancelled", "Cancelled"

    PENDING = (State.DRAFT, State.OPEN)  # still to be done

    prefix = "ACT"
    tab = "actions:action_list"

    title = LineField("what changes", max_length=200)
    details = ProseField(blank=True)
    kind = models.CharField(max_length=18, choices=Kind)
    timing = models.CharField(max_length=14, choices=Timing, default=Timing.SCHEDULED)
    priority = models.CharField(max_length=8, choices=Priority, blank=True, default="")
    area = models.CharField(max_length=16, choices=Area, default=Area.GENERAL)
    state = models.CharField(
        max_length=10, choices=State, default=State.DRAFT, editable=False
    )
    owner = user_fk()
    due_at = models.DateTimeField("due", null=True, blank=True)
    risk_removed = ProseField("risk removed when shipped", blank=True)
    risk_remaining = ProseField("risk that remains", blank=True)
    trade_off = ProseField(blank=True)
    rollback_path = ProseField(blank=True)
    proof_location = LineField("where proof is stored", max_length=300, blank=True)
    tracker_url = models.CharField(
        "tracker link", max_length=500, blank=True, validators=[URLValidator()]
    )
    completed_at = models.DateTimeField(null=True, editable=False)
    completed_by = user_fk(editable=False)
    cancelled_reason = ProseField(blank=True, editable=False)
    causes = models.ManyToManyField(
        Cause, through="ActionCause", related_name="actions"
    )
    failure_modes = models.ManyToManyField(
        FailureMode, through="ActionFailureMode", related_name="actions"
    )

    class Meta(CaseRecord.Meta):
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(retracted_at=None, state__in=["draft", "open"]),
                name="actions_pending_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.ref} {self.title}"

    def clean(self) -> None:
        if self.tracker_url:
            try:
                validate_link(self.tracker_url)
            except ValidationError as error:
                raise ValidationError({"tracker_url": error}) from error

    def get_absolute_url(self) -> str:
        return row_address("actions:action_detail", self.incident.key, self.number)

    @property
    def is_mandatory(self) -> bool:
        return self.timing == self.Timing.MANDATORY

    @cached_property
    def former_owners(self) -> list[User]:
        """Everybody else who ever owned the action, from its history."""
        earlier = ActionItem.history.filter(id=self.pk).values("owner_id")
        return list(User.objects.filter(pk__in=earlier).exclude(pk=self.owner_id or 0))

    @property
    def needs_finance_approval(self) -> bool:
        """A second approver from finance, only where money moves or settles."""
        return self.area in {self.Area.RISK_CONTROLS, self.Area.SETTLEMENT}

    @property
    def is_pending(self) -> bool:
        """Still to be done: a draft or an open action."""
        return not self.is_retracted and self.state in self.PENDING

    @property
    def live_tests(self) -> list[ClosureTest]:
        """Closure tests that were not withdrawn; read with them prefetched."""
        return [test for test in self.closure_tests.all() if not test.is_retracted]

    @property
    def live_causes(self) -> list[Cause]:
        return [link.cause for link in self.cause_links.all() if not link.retracted_at]

    @property
    def live_failure_modes(self) -> list[FailureMode]:
        links = self.failure_mode_links.all()
        return [link.failure_mode for link in links if not link.retracted_at]

    @property
    def is_proven(self) -> bool:
        """Every closure test has an accepted run, and there is at least one test."""
        tests = self.live_tests
        return bool(tests) and all(test.accepted_run for test in tests)


class ActionCause(CaseRelation):
    """An action answers a cause."""

    action = models.ForeignKey(
        ActionItem, on_delete=models.PROTECT, related_name="cause_links"
    )
    cause = models.ForeignKey(Cause, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["action", "cause"], name="actions_cause_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.action_id} answers {self.cause_id}"


class ActionFailureMode(CaseRelation):
    """An action answers a row of the failure-mode table."""

    action = models.ForeignKey(
        ActionItem, on_delete=models.PROTECT, related_name="failure_mode_links"
    )
    failure_mode = models.ForeignKey(
        FailureMode, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["action", "failure_mode"], name="actions_failuremode_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.action_id} answers {self.failure_mode_id}"


class ClosureTest(CaseRecord):
    """The proof that will close an action: procedure, pass condition, environment."""

    prefix = "CT"
    tab = "actions:action_list"

    action = models.ForeignKey(
        ActionItem, on_delete=models.PROTECT, related_name="closure_tests"
    )
    procedure = ProseField()
    pass_condition = ProseField(blank=True)
    environment = LineField(max_length=120, blank=True)
    due_at = models.DateTimeField("due", null=True, blank=True)

    def get_absolute_url(self) -> str:
        return f"{self.action.get_absolute_url()}#{self.ref}"

    @property
    def live_runs(self) -> list[TestRun]:
        """Runs that were not withdrawn, in the order they were made."""
        runs = [run for run in self.runs.all() if not run.is_retracted]
        return sorted(runs, key=lambda run: (run.ran_at, run.number))

    @property
    def latest_run(self) -> TestRun | None:
        runs = self.live_runs
        return runs[-1] if runs else None

    @property
    def accepted_run(self) -> TestRun | None:
        """The newest accepted run that no later run contradicts by failing."""
        for run in reversed(self.live_runs):
            if run.outcome == TestRun.Outcome.FAILED:
                return None
            if run.is_accepted:
                return run
        return None

    @property
    def unproven_run(self) -> TestRun | None:
        """The newest run that passed without proof, where nothing contradicts it."""
        if self.accepted_run:
            return None
        for run in reversed(self.live_runs):
            if run.outcome == TestRun.Outcome.FAILED:
                return None
            if run.outcome == TestRun.Outcome.PASSED:
                return run
        return None


class TestRun(Claim):
    """One run of a closure test. Accepted only when it passed and its artifact is
    attached: procedure text is not proof (R-CT-05)."""

    __test__ = False  # not a pytest class

    class Outcome(models.TextChoices):
        PASSED = "passed", "Passed"
        FAILED = "failed", "Failed"
        INCONCLUSIVE = "inconclusive", "Inconclusive"

    prefix = "RUN"
    tab = "actions:action_list"

    closure_test = models.ForeignKey(
        ClosureTest, on_delete=models.PROTECT, related_name="runs"
    )
    ran_at = models.DateTimeField("date of the test")
    environment = LineField(max_length=120)
    outcome = models.CharField(max_length=12, choices=Outcome)
    tester = user_fk()
    notes = ProseField(blank=True)
    sandbox_limit = ProseField(
        "what the sandbox could not reproduce",
        blank=True,
        help_text="It becomes residual risk, and a follow-up stays open.",
    )

    # A procedure or a control's description tells what should happen, not what did.
    PROCEDURE_TEXTS: ClassVar[frozenset[str]] = frozenset(
        {Evidence.Kind.RUNBOOK, Evidence.Kind.RUNBOOK_STEP, Evidence.Kind.DATA_CONTRACT}
    )

    @property
    def proof(self) -> list[Evidence]:
        """Original artifacts that can be opened and are more than procedure text."""
        return [
            item
            for item in self.evidence
            if item.proves and item.kind not in self.PROCEDURE_TEXTS
        ]

    @property
    def rests_on_procedure_text(self) -> bool:
        """Its only originals are procedure texts (R-CT-05)."""
        return not self.proof and any(item.proves for item in self.evidence)

    @property
    def is_accepted(self) -> bool:
        return (
            self.outcome == self.Outcome.PASSED
            and not self.is_retracted
            and bool(self.proof)
        )

    def get_absolute_url(self) -> str:
        return f"{self.closure_test.action.get_absolute_url()}#{self.ref}"


class TestRunEvidence(EvidenceLink):
    """An artifact of a test run."""

    __test__ = False

    claim = models.ForeignKey(
        TestRun, on_delete=models.PROTECT, related_name="evidence_links"
    )


class ActionApproval(models.Model):
    """One person's word on an action: its completion or its deferral. Bound to the
    digest of what was approved; not part of the content hash (decision 1)."""

    class Purpose(models.TextChoices):
        COMPLETION = "completion", "Completion"
        DEFERRAL = "deferral", "Deferral to the schedule"

    class Decision(models.TextChoices):
        APPROVED = "approved", "Approved"
        CHANGES = "changes_requested", "Changes requested"

    class Seat(models.TextChoices):
        QUALITY = "quality", "Remediation quality"
        FINANCE = "finance", "Money-movement effect"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="+")
    action = models.ForeignKey(
        ActionItem, on_delete=models.PROTECT, related_name="approvals"
    )
    purpose = models.CharField(max_length=10, choices=Purpose)
    seat = models.CharField(max_length=8, choices=Seat, default=Seat.QUALITY)
    decision = models.CharField(max_length=18, choices=Decision)
    approver = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    approved_digest = models.CharField(max_length=64)
    comment = ProseField(blank=True)
    at = models.DateTimeField()

    class Meta:
        # As they were given, behind the incident's lock: a clock may be set back.
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.action_id} {self.decision}"

    def clean(self) -> None:
        if self.decision == self.Decision.CHANGES and not self.comment:
            raise ValidationError({"comment": "Say what has to change."})

"""The review, its approvals, the seal, and the rendered reports."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from accounts.models import User
from incidents.models import CaseRecord, Incident, Severity
from incidents.models.case import user_fk
from postmortem.lib.errors import field_error
from postmortem.lib.fields import LineField, ProseField


class Review(CaseRecord):
    """The post-mortem as a piece of work: owner, three duties, readiness, the blameless
    rule, the meeting. Opened on stabilizing (R-DOC-16). One per incident."""

    prefix = "RV"
    tab = "review:review_detail"

    owner = user_fk()
    opened_at = models.DateTimeField(null=True, editable=False)
    meeting_owner = user_fk(verbose_name="meeting flow")
    documentation_owner = user_fk(verbose_name="documentation")
    follow_up_owner = user_fk(verbose_name="follow-up actions")
    is_ready = models.BooleanField(
        "the group can review impact and response decisions, not only systems",
        null=True,
        blank=True,
    )
    readiness_reason = ProseField(blank=True)
    blameless_at = models.DateTimeField(null=True, editable=False)
    blameless_by = user_fk(editable=False)
    meeting_at = models.DateTimeField(null=True, blank=True)
    how_we_responded = ProseField(blank=True)
    learning = ProseField("blameless summary", blank=True)


class Participant(CaseRecord):
    """Somebody who takes part in the review, and in which capacity (R-DOC-08)."""

    class Capacity(models.TextChoices):
        RESPONDER = "responder", "Responder"
        SERVICE_OWNER = "service_owner", "Service owner"
        PRODUCT_OWNER = "product_owner", "Product owner"
        FINANCE = "finance", "Finance"
        FACILITATOR = "facilitator", "Facilitator"

    prefix = "RP"
    tab = "review:review_detail"

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    capacity = models.CharField(max_length=14, choices=Capacity)

    class Meta(CaseRecord.Meta):
        constraints = [
            *CaseRecord.Meta.constraints,
            models.UniqueConstraint(
                fields=["incident", "user"],
                condition=models.Q(retracted_at=None),
                name="review_participant_once",
                violation_error_message="This person takes part already.",
            ),
        ]


class ClosurePolicy(models.Model):
    """Who must approve a closure, per severity: two people at least (R-AP-02)."""

    severity = models.CharField(max_length=4, choices=Severity, primary_key=True)
    approvals = models.PositiveSmallIntegerField(default=2)
    managers = models.PositiveSmallIntegerField(default=1)
    engineering_and_finance = models.BooleanField(
        "one engineering and one finance seat", default=False
    )

    class Meta:
        verbose_name_plural = "closure policies"
        ordering = ["severity"]

    def __str__(self) -> str:
        return self.severity

    def clean(self) -> None:
        if not 2 <= self.approvals <= 9:
            raise ValidationError(
                {"approvals": "Closing takes two people at least, and nine at most."}
            )
        if self.managers > self.approvals:
            raise ValidationError(
                {"managers": "There cannot be more managers than people who approve."}
            )


class ClosureApproval(models.Model):
    """One person's word on exactly one content hash; the latest word counts.

    An approval lapses when the record changes, and stays visible as stale. lapsed_at:
    when a reopening, or keeping the incident stabilized, ended this round of approvals.
    is_manager: whether the seat was taken as the manager of a team of that function.
    """

    class Seat(models.TextChoices):
        ENGINEERING = "engineering", "Engineering"
        FINANCE = "finance", "Finance"
        OTHER = "other", "Reviewer"

    class Decision(models.TextChoices):
        APPROVED = "approved", "Approved"
        CHANGES = "changes_requested", "Changes requested"
        WITHDRAWN = "withdrawn", "Withdrawn"

    incident = models.ForeignKey(
        Incident, on_delete=models.PROTECT, related_name="closure_approvals"
    )
    approver = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    seat = models.CharField(max_length=12, choices=Seat, default=Seat.OTHER)
    is_manager = models.BooleanField(default=False)
    decision = models.CharField(max_length=18, choices=Decision)
    content_hash = models.CharField(max_length=64)
    comment = ProseField(blank=True)
    at = models.DateTimeField(default=timezone.now)
    lapsed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        # As they were given, behind the incident's lock: a clock may be set back.
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.decision}"

    def clean(self) -> None:
        if self.decision == self.Decision.CHANGES and not self.comment:
            raise field_error(
                "comment", "Say what has to change before you can approve.", "required"
            )


class Seal(models.Model):
    """The closed record: canonical bytes, their hash, the chain's head, the findings of
    that moment, and an Ed25519 signature over all of them (decisions 1 and 2)."""

    incident = models.ForeignKey(
        Incident, on_delete=models.PROTECT, related_name="seals"
    )
    sequence = models.PositiveIntegerField()
    sealed_at = models.DateTimeField()
    sealed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    content_hash = models.CharField(max_length=64)
    record = models.BinaryField()
    activity_count = models.PositiveIntegerField()
    activity_head = models.CharField(max_length=64)
    findings = models.JSONField(default=list, blank=True)
    approvals = models.JSONField(default=list, blank=True)
    public_key = models.CharField(max_length=64)
    signature = models.CharField(max_length=128)

    class Meta:
        ordering = ["incident", "sequence"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "sequence"], name="review_seal_sequence"
            )
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} seal {self.sequence}"


class ReportBuild(models.Model):
    """A one-pager to be rendered by a worker: unique per content and status, claimed
    with a lease, stored with its hash."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        READY = "ready", "Ready"
        FAILED = "failed", "Failed"

    incident = models.ForeignKey(
        Incident, on_delete=models.CASCADE, related_name="reports"
    )
    build_key = models.CharField(max_length=64, unique=True)
    content_hash = models.CharField(max_length=64)
    is_draft = models.BooleanField(default=True)
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    requested_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    requested_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    built_at = models.DateTimeField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.PositiveIntegerField(null=True, blank=True)
    path = LineField(max_length=200, blank=True)
    error = ProseField(blank=True)

    class Meta:
        ordering = ["-requested_at", "-pk"]
        indexes = [models.Index(fields=["state", "lease_until"])]

    def __str__(self) -> str:
        return f"{self.incident_id} {self.state}"

    @property
    def is_between_tries(self) -> bool:
        """The last try failed, and the next one begins when the lease is over."""
        return self.state == self.State.QUEUED and bool(self.error)

    @property
    def is_in_hand(self) -> bool:
        """A worker has it, or was stopped less than a lease ago."""
        return (
            self.state == self.State.QUEUED
            and not self.error
            and self.lease_until is not None
            and self.lease_until > timezone.now()
        )

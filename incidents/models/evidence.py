"""Evidence, its abstract link to a claim, and known unknowns."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, URLValidator
from django.db import models
from django.urls import reverse
from django.utils import timezone
from simple_history.models import HistoricalRecords

from incidents.models.case import CaseRecord, Incident, user_fk
from postmortem.lib.fields import LineField, ProseField, validate_link

sha256_validator = RegexValidator(
    r"^[0-9a-f]{64}$", "A SHA-256 is 64 lower-case hexadecimal digits."
)


class Evidence(CaseRecord):
    """One artifact: a stored file, a durable link, or one that is only named.

    A file lies under its SHA-256 and is never replaced, only superseded. An artifact
    that is only named cannot be opened by another reviewer and proves nothing yet.
    captured_at: when the original was captured, not when it was added.
    """

    class Kind(models.TextChoices):
        ALERT = "alert", "Alert"
        LOG_QUERY = "log_query", "Log query"
        METRIC = "metric", "Metrics snapshot"
        TRACE = "trace", "Trace"
        EVENT = "event", "Event record"
        DEPLOY = "deploy_record", "Deploy record"
        CONFIG_CHANGE = "config_change", "Config change"
        PROVIDER_NOTICE = "provider_notice", "Provider notice"
        STATUS_UPDATE = "status_update", "Status update"
        CHAT = "chat_message", "Chat message"
        NOTES = "timeline_notes", "Timeline notes"
        SCREENSHOT = "screenshot", "Screenshot"
        RUNBOOK_STEP = "runbook_step", "Runbook step"
        RUNBOOK = "runbook_version", "Runbook version"
        RECONCILIATION = "reconciliation", "Reconciliation artifact"
        DATA_CONTRACT = "data_contract", "Data contract"
        CONTROL_LOG = "control_log", "Control log"
        SAMPLE = "sample", "Before/after sample"
        TEST_OUTPUT = "test_output", "Test output"
        APPROVAL_NOTE = "approval_note", "Approval note"
        COMPLAINTS = "complaints", "Customer reports"
        REPORT = "report", "Report or article"
        OTHER = "other", "Other"

    class Side(models.TextChoices):
        OPERATIONAL = "operational", "Operational record"
        FINANCE = "finance", "Finance record"

    prefix = "EV"
    tab = "incidents:evidence_list"

    kind = models.CharField(max_length=16, choices=Kind)
    title = LineField(max_length=200)
    description = ProseField(blank=True)
    is_original = models.BooleanField(
        "original record",
        default=True,
        help_text="Captured during the incident. A later summary never stands alone.",
    )
    side = models.CharField(max_length=12, choices=Side, default=Side.OPERATIONAL)
    source = LineField(max_length=120, blank=True, help_text="System or person.")
    captured_at = models.DateTimeField(null=True, blank=True)
    url = models.CharField(
        "durable link",
        max_length=1000,
        blank=True,
        validators=[URLValidator(schemes=["http", "https"])],
    )
    sha256 = models.CharField(
        max_length=64, blank=True, editable=False, validators=[sha256_validator]
    )
    size = models.BigIntegerField(null=True, editable=False)
    filename = LineField(max_length=200, blank=True, editable=False)
    media_type = LineField(max_length=100, blank=True, editable=False)
    superseded_by = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        related_name="supersedes",
        null=True,
        editable=False,
    )
    supersede_reason = ProseField(blank=True, editable=False)
    paired_with = models.ForeignKey(
        "self", on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    # Outside the record: taking content away changes no fact and no content hash.
    redaction_reason = ProseField(blank=True, editable=False)
    redaction_asked_at = models.DateTimeField(null=True, editable=False)
    redaction_asked_by = user_fk(editable=False)
    redacted_at = models.DateTimeField(null=True, editable=False)
    redacted_by = user_fk(editable=False)

    class Meta(CaseRecord.Meta):
        verbose_name_plural = "evidence"
        indexes = [models.Index(fields=["sha256"])]

    def __str__(self) -> str:
        return f"{self.ref} {self.title}"

    def get_absolute_url(self) -> str:
        """Its own page: what it is, where it is used, what is in it."""
        return reverse(
            "incidents:evidence_detail", args=[self.incident.key, self.number]
        )

    @property
    def is_redacted(self) -> bool:
        """Its content was taken out of the store; hash and custody stay."""
        return self.redacted_at is not None

    @property
    def has_file(self) -> bool:
        """Its stored bytes should open."""
        return bool(self.sha256) and not self.is_redacted

    @property
    def is_openable(self) -> bool:
        """Another reviewer can open it: a file or a link, not only a mention."""
        return bool(self.has_file or self.url)

    @property
    def proves(self) -> bool:
        """An original record that can be opened and has not been withdrawn."""
        return self.is_original and self.is_openable and not self.is_retracted

    @staticmethod
    def proof(path: str = "") -> models.Q:
        """`proves` in SQL. path: `evidence__` in a query of links."""
        has_file = ~models.Q(**{f"{path}sha256": ""}) & models.Q(
            **{f"{path}redacted_at": None}
        )
        has_link = ~models.Q(**{f"{path}url": ""})
        in_force = {f"{path}is_original": True, f"{path}retracted_at": None}
        return models.Q(**in_force) & (has_file | has_link)

    def clean(self) -> None:
        if self.url:
            try:
                validate_link(self.url)
            except ValidationError as error:
                raise ValidationError({"url": error}) from error
        if self.paired_with_id and self.paired_with_id == self.pk:
            raise ValidationError({"paired_with": "An artifact is not its own pair."})


class StoredFile(models.Model):
    """The bytes behind a SHA-256, stored once whatever the number of artifacts.

    checked_at, problem: when they were last read and hashed again, and what was wrong
    ('' if nothing). removed_at: no artifact may open them any more; they are deleted.
    """

    sha256 = models.CharField(max_length=64, unique=True, validators=[sha256_validator])
    size = models.BigIntegerField()
    path = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now)
    checked_at = models.DateTimeField(null=True, db_index=True)
    problem = LineField(max_length=200, blank=True)
    removed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.sha256


class LinkCheck(models.Model):
    """What a durable link answered last; an observation, no part of the record.

    http_status: of the last answer, None without one. words: what happened, in ours.
    """

    class State(models.TextChoices):
        OK = "ok", "Answers"
        BROKEN = "broken", "Broken"
        UNCHECKED = "unchecked", "Not checked"

    evidence = models.OneToOneField(
        Evidence, on_delete=models.CASCADE, related_name="link_check"
    )
    state = models.CharField(max_length=9, choices=State)
    http_status = models.PositiveSmallIntegerField(null=True)
    words = LineField(max_length=200)
    checked_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.evidence_id}: {self.words}"


class EvidenceLink(models.Model):
    """That a claim rests on a piece of evidence. Each claim has its own subclass with
    a real foreign key `claim` (related_name `evidence_links`)."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="+")
    evidence = models.ForeignKey(
        Evidence, on_delete=models.PROTECT, related_name="%(class)s_links"
    )
    note = LineField(max_length=200, blank=True)
    linked_at = models.DateTimeField(default=timezone.now, editable=False)
    linked_by = models.ForeignKey(  # nobody knows of a link that was imported
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        editable=False,
    )
    retracted_at = models.DateTimeField(null=True, editable=False)

    history = HistoricalRecords(inherit=True)

    class Meta:
        abstract = True
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["claim", "evidence"],
                name="%(app_label)s_%(class)s_once",
                violation_error_message="This evidence is linked already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.evidence_id} for {self.claim_id}"  # type: ignore[attr-defined]


class KnownUnknown(CaseRecord):
    """What is not known, why it matters and what would settle it (R-KU-01). The one
    mechanism for 'provisional': missing check, owner, deadline."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        RESOLVED = "resolved", "Resolved"
        ACCEPTED = "accepted", "Accepted as residual risk"

    prefix = "KU"

    question = LineField(max_length=300, help_text="What is not known.")
    why_it_matters = ProseField(blank=True)
    missing_check = LineField(
        max_length=300,
        blank=True,
        help_text="The artifact or check that would settle it.",
    )
    owner = user_fk()
    due_at = models.DateTimeField("deadline", null=True, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    resolution = ProseField(blank=True)
    resolved_at = models.DateTimeField(null=True, editable=False)
    resolved_by = user_fk(editable=False)

    # The three that are nearly always open on the first day (R-KU-02): question, why it
    # matters, what would settle it.
    FIRST_DAY: ClassVar[dict[str, tuple[str, str, str]]] = {
        "provider": (
            "What happened inside the provider chain, and when?",
            "Our signals show the effect; whether it began there decides the cause and "
            "what we may claim.",
            "The provider's written incident report with its own times",
        ),
        "cause": (
            "Is the systemic cause confirmed, or only the one that fits?",
            "An action against an assumed cause leaves the real one in place.",
            "A test or record that would look different if the cause were another",
        ),
        "finance": (
            "What is the complete financial impact?",
            "First figures leave out reversals, fees and what is corrected by hand.",
            "The reconciliation of the whole window, signed off by finance",
        ),
    }

    @property
    def evidence(self) -> list[Evidence]:
        """Its preserved artifacts; read with `evidence_links__evidence` prefetched."""
        return [
            link.evidence
            for link in self.evidence_links.all()
            if link.retracted_at is None
        ]

    def __str__(self) -> str:
        return f"{self.ref} {self.question}"


class KnownUnknownEvidence(EvidenceLink):
    """A preserved artifact of a known unknown."""

    claim = models.ForeignKey(
        KnownUnknown, on_delete=models.PROTECT, related_name="evidence_links"
    )

"""Entries on the incident clock, milestones, hypotheses, dependency checkpoints."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.urls import reverse
from django.utils import timezone

from incidents.models import (
    CaseRecord,
    Claim,
    Evidence,
    EvidenceLink,
    Incident,
    Lane,
)
from incidents.models.case import user_fk
from postmortem.lib.errors import field_error
from postmortem.lib.fields import LineField, ProseField
from postmortem.lib.times import refuse_future


class Hypothesis(CaseRecord):
    """A belief about the cause that was tested. Never deleted: an abandoned one keeps
    the evidence that changed direction (R-HY-01, R-HY-02)."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        SUPPORTED = "supported", "Supported"
        ABANDONED = "abandoned", "Abandoned"

    prefix = "HY"
    tab = "timeline:entry_list"

    statement = ProseField()
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    what_decided = ProseField(
        "what decided it",
        blank=True,
        help_text="The observation that supported it or changed direction.",
    )

    class Meta(CaseRecord.Meta):
        verbose_name_plural = "hypotheses"

    def __str__(self) -> str:
        return f"{self.ref} {self.statement}"


class HypothesisEvidence(EvidenceLink):
    """Evidence for or against a hypothesis."""

    class Stance(models.TextChoices):
        FOR = "for", "Supports it"
        AGAINST = "against", "Contradicts it"

    claim = models.ForeignKey(
        Hypothesis, on_delete=models.PROTECT, related_name="evidence_links"
    )
    stance = models.CharField(max_length=8, choices=Stance, default=Stance.FOR)


class Entry(Claim):
    """One moment of the incident: what was seen, what was done (R-TL-04).

    occurred_at is apart from recorded_at; null means not known, and at_text keeps the
    words of the source. Precision 'day' is never midnight: the day is an interval up to
    occurred_until. Order: occurred_at, position, number; undated rows by position.
    """

    class Kind(models.TextChoices):
        SIGNAL = "signal", "Signal"
        ACTION = "action", "Action"
        DECISION = "decision", "Decision"
        COMMS = "comms", "Communication"
        NOTE = "note", "Note"
        NO_RECORD = "no_record", "Stated gap: no record exists"

    # Kinds of evidence that tell of a change of our own.
    CHANGES = frozenset({Evidence.Kind.DEPLOY, Evidence.Kind.CONFIG_CHANGE})

    class Precision(models.TextChoices):
        SECOND = "second", "To the second"
        MINUTE = "minute", "To the minute"
        APPROX = "approx", "About"
        DAY = "day", "Only the day"
        UNKNOWN = "unknown", "Not known"

    prefix = "TL"
    tab = "timeline:entry_list"

    kind = models.CharField(max_length=10, choices=Kind)
    occurred_at = models.DateTimeField("time", null=True, blank=True)
    occurred_until = models.DateTimeField("until", null=True, blank=True)
    precision = models.CharField(
        max_length=8, choices=Precision, default=Precision.MINUTE
    )
    at_text = LineField("time in words", max_length=120, blank=True)
    position = models.IntegerField(null=True, blank=True, editable=False)
    owner = user_fk()
    observed_signal = ProseField(blank=True)
    action_taken = ProseField(blank=True)
    lane = models.ForeignKey(
        Lane, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    belief = ProseField("belief at the time", blank=True)
    hypothesis = models.ForeignKey(
        Hypothesis,
        on_delete=models.PROTECT,
        related_name="entries",
        null=True,
        blank=True,
        verbose_name="hypothesis tested",
    )
    why = ProseField("why this action", blank=True)
    dependency = models.ForeignKey(
        "timeline.DependencyCheckpoint",
        on_delete=models.PROTECT,
        related_name="entries",
        null=True,
        blank=True,
        help_text="The external interface that showed it or was acted on.",
    )
    measurement_incomplete = models.BooleanField(default=False)

    class Meta(Claim.Meta):
        verbose_name_plural = "entries"
        indexes = [models.Index(fields=["incident", "occurred_at", "position"])]

    def clean(self) -> None:
        faults: dict[str, ValidationError] = {}
        if not self.observed_signal and not self.action_taken:
            faults["observed_signal"] = ValidationError(
                "Say what was seen or what was done.", code="required"
            )
        if self.occurred_at is None and self.precision != self.Precision.UNKNOWN:
            faults["occurred_at"] = ValidationError(
                "Give the time, or choose the precision “Not known”.", code="required"
            )
        if self.occurred_at and self.precision == self.Precision.UNKNOWN:
            faults["precision"] = ValidationError(
                "A time is given, so say how precisely it is known.", code="invalid"
            )
        if (
            self.occurred_at
            and self.occurred_until
            and self.occurred_until < self.occurred_at
        ):
            faults["occurred_until"] = ValidationError(
                "The end lies before the start.", code="invalid"
            )
        try:
            refuse_future(self.occurred_at)
        except ValidationError as error:
            faults.setdefault("occurred_at", error)
        if faults:
            raise ValidationError(faults)

    @property
    def says_no_record(self) -> bool:
        return self.kind == self.Kind.NO_RECORD

    @property
    def headline(self) -> str:
        """The line that stands first: what was done, else what was seen."""
        if self.kind in {self.Kind.SIGNAL, self.Kind.NO_RECORD}:
            return self.observed_signal or self.action_taken
        return self.action_taken or self.observed_signal

    @property
    def cites_change(self) -> bool:
        return any(item.kind in self.CHANGES for item in self.evidence)

    def get_absolute_url(self) -> str:
        """The part of a long timeline in which this entry stands, and its row."""
        page = reverse(self.tab, args=[self.incident.key])
        return f"{page}?at={self.ref}#{self.ref}"


class SentLine(models.Model):
    """That a line of the quick-add bar has arrived: the key of what was sent and the
    entry it became. A line that is sent again, because the answer was lost on the way,
    finds its entry here instead of becoming a second one."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="+")
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    key = models.CharField(max_length=40)
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "sender", "key"], name="timeline_line_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.entry_id} from {self.key}"


class EntryEvidence(EvidenceLink):
    """An artifact behind a timeline entry."""

    claim = models.ForeignKey(
        Entry, on_delete=models.PROTECT, related_name="evidence_links"
    )


class Milestone(CaseRecord):
    """A required moment (R-TL-06), carried by an entry, or 'not applicable' with a
    reason. A kind may occur more than once: the first feeds the durations unless
    another is marked. It is provisional when its entry is."""

    class Kind(models.TextChoices):
        FIRST_IMPACT = "first_impact", "First impact"
        FIRST_ALERT = "first_alert", "First alert"
        DECLARED = "declared", "Declared"
        FIRST_MITIGATION = "first_mitigation", "First mitigation"
        ROLLBACK_OR_FAILOVER = "rollback_or_failover", "Rollback or failover"
        CUSTOMER_RECOVERED = "customer_recovered", "Customers recovered"
        LEDGER_RECOVERED = "ledger_recovered", "Ledger recovered"
        STABILIZED = "stabilized", "Stabilized"

    prefix = "MS"
    tab = "timeline:entry_list"

    kind = models.CharField(max_length=22, choices=Kind)
    entry = models.ForeignKey(
        Entry,
        on_delete=models.PROTECT,
        related_name="milestones",
        null=True,
        blank=True,
    )
    not_applicable = models.BooleanField(default=False)
    reason = ProseField(blank=True)
    is_marked = models.BooleanField("feeds the durations", default=False)

    def clean(self) -> None:
        if self.not_applicable and not self.reason:
            raise field_error(
                "reason", "Say why this milestone does not apply.", "required"
            )
        if self.not_applicable == (self.entry_id is not None):
            raise field_error(
                "entry", "A milestone has either an entry or “not applicable”."
            )

    @property
    def label(self) -> str:
        return self.get_kind_display()


class DependencyCheckpoint(Claim):
    """Where signals appeared first on one external interface, and whether it has
    stabilized (R-DP-06). A dependency still degraded stays visible everywhere."""

    class Kind(models.TextChoices):
        GATEWAY = "external_gateway", "External gateway or API"
        IDENTITY = "identity_service", "Identity or verification service"
        DATA_FEED = "data_feed", "Data feed"
        PROCESSOR = "downstream_processor", "Downstream processor or system"

    class Order(models.TextChoices):
        BEFORE = "before", "Signal before internal changes"
        AFTER = "after", "Signal after internal changes"
        NO_CHANGE = "no_change", "No internal change was made"
        UNKNOWN = "unknown", "Not known"

    class State(models.TextChoices):
        STABILIZED = "stabilized", "Stabilized"
        DEGRADED = "degraded", "Still degraded"
        NOT_TOUCHED = "not_touched", "Not touched by these flows"
        UNKNOWN = "unknown", "Not known"

    prefix = "DP"
    tab = "timeline:entry_list"

    kind = models.CharField(max_length=20, choices=Kind)
    name = LineField(max_length=120)
    lane = models.ForeignKey(
        Lane, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    first_signal_at = models.DateTimeField(null=True, blank=True)
    order = models.CharField(
        "before or after internal changes",
        max_length=10,
        choices=Order,
        default=Order.UNKNOWN,
    )
    state = models.CharField(max_length=12, choices=State, default=State.UNKNOWN)
    stabilized_at = models.DateTimeField(null=True, blank=True)
    verified = ProseField(
        "what was verified", blank=True, help_text="The answer to the question below."
    )

    # What the entries say of the order, on rows of `timeline.selectors.outline`.
    order_words = ""
    disagrees = False

    def __str__(self) -> str:
        return f"{self.ref} {self.name}"

    @property
    def question(self) -> str:
        """What this type of dependency must answer (R-DP-02 to R-DP-05)."""
        return {
            self.Kind.GATEWAY: "Did failures appear before or after internal changes, "
            "and did the interface recover when the flow became normal?",
            self.Kind.IDENTITY: "Did checks fail upstream, or did requests fail before "
            "they reached the service?",
            self.Kind.DATA_FEED: "Did stale or missing data affect what comes after, "
            "or did the fallback cope?",
            self.Kind.PROCESSOR: "Did the external system change first, and does "
            "stabilization show in operational and in reconciliation records?",
        }[self.Kind(self.kind)]

    @property
    def records(self) -> str:
        """What shows it, by type of dependency (R-DP-02 to R-DP-05); any other original
        record is accepted."""
        return {
            self.Kind.GATEWAY: "error samples, status notices, or success and failure "
            "trends",
            self.Kind.IDENTITY: "request logs, timeout or rejection patterns, or "
            "provider messages",
            self.Kind.DATA_FEED: "freshness checks, missing-update logs, or fallback "
            "evidence",
            self.Kind.PROCESSOR: "response logs, advisories, and a reconciliation "
            "artifact",
        }[self.Kind(self.kind)]

    def clean(self) -> None:
        if self.stabilized_at and self.state != self.State.STABILIZED:
            raise field_error(
                "state", "A time of stabilization is given, so the state is stabilized."
            )


class CheckpointEvidence(EvidenceLink):
    """An artifact behind a dependency checkpoint."""

    claim = models.ForeignKey(
        DependencyCheckpoint, on_delete=models.PROTECT, related_name="evidence_links"
    )


class Import(models.Model):
    """That the file of an artifact was read as candidates, and how. No part of the
    record, like its candidates: what counts is its activity and the artifact."""

    class Reader(models.TextChoices):
        SLACK = "slack", "Slack export (ZIP or JSON)"
        TABLE = "csv", "CSV table"
        CHAT = "chat", "Chat log"
        PROSE = "prose", "Old timeline (Markdown or text)"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="+")
    evidence = models.ForeignKey(Evidence, on_delete=models.PROTECT, related_name="+")
    reader = models.CharField(max_length=5, choices=Reader)
    day = models.DateField("day of times without one")
    clock_zone = LineField(max_length=64)
    read = models.PositiveIntegerField()
    added = models.PositiveIntegerField()
    known = models.PositiveIntegerField()
    skipped = models.PositiveIntegerField()
    imported_by = user_fk()
    imported_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.evidence_id} as {self.reader}"


class LogReading(models.Model):
    """A log that a worker reads: as it came in, at `path` and no evidence yet, or the
    file of an artifact; and, when a person says so, makes candidates of. No part of the
    record. lines_read, bytes_read: how far it is. result: the preview that was made.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        READY = "ready", "Read"
        DONE = "done", "Candidates made"
        FAILED = "failed", "Refused"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="+")
    evidence = models.ForeignKey(
        Evidence, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    filename = LineField(max_length=200)
    path = LineField(max_length=200, blank=True)
    size = models.PositiveBigIntegerField()
    reader = models.CharField(max_length=5, choices=Import.Reader, blank=True)
    day = models.DateField(null=True, blank=True)
    is_original = models.BooleanField(null=True, blank=True)
    makes = models.BooleanField("makes candidates", default=False)
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    asked_by = user_fk()
    asked_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    lines_read = models.PositiveIntegerField(default=0)
    bytes_read = models.PositiveBigIntegerField(default=0)
    result = models.JSONField(default=dict, blank=True)
    made = models.ForeignKey(
        Import, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    error = ProseField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["state", "lease_until"])]

    def __str__(self) -> str:
        return f"{self.filename} {self.state}"

    @property
    def is_in_hand(self) -> bool:
        """A worker has it, or was stopped less than a lease ago."""
        return self.lease_until is not None and self.lease_until > timezone.now()

    def get_absolute_url(self) -> str:
        return reverse("timeline:reading_detail", args=[self.incident.key, self.pk])


class Candidate(models.Model):
    """A line of a foreign log that may become an entry. It is no fact and no part of
    the record until a person accepts it.

    place: where it stands in its source. raw: the source's own line. fingerprint: time,
    author, text and how often they occurred before, so that the same file twice, or an
    overlapping export, adds nothing.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        ACCEPTED = "accepted", "Accepted"
        DISMISSED = "dismissed", "Dismissed"

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="+")
    source = models.ForeignKey(
        Import, on_delete=models.PROTECT, related_name="candidates"
    )
    place = LineField(max_length=200)
    occurred_at = models.DateTimeField(null=True, blank=True)
    occurred_until = models.DateTimeField(null=True, blank=True)
    precision = models.CharField(max_length=8, choices=Entry.Precision)
    at_text = LineField(max_length=120, blank=True)
    author = LineField(max_length=120, blank=True)
    text = ProseField()
    raw = ProseField(blank=True)
    fingerprint = models.CharField(max_length=32)
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    entry = models.ForeignKey(
        Entry,
        on_delete=models.PROTECT,
        related_name="candidates",
        null=True,
        blank=True,
    )
    decided_by = user_fk()
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = LineField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "fingerprint"], name="timeline_candidate_once"
            )
        ]
        indexes = [models.Index(fields=["incident", "state", "occurred_at"])]

    def __str__(self) -> str:
        return f"{self.place}: {self.text[:60]}"

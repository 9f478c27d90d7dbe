"""The root cause analysis: method, causes by role, failure modes."""

from __future__ import annotations

from django.db import models

from incidents.models import CaseRecord, CaseRelation, Claim, EvidenceLink
from postmortem.lib.errors import field_error
from postmortem.lib.fields import LineField, ProseField
from timeline.models import Entry


class Analysis(CaseRecord):
    """The chosen approach and why it fits (R-DOC-14). One per incident."""

    class Method(models.TextChoices):
        CHANGE = "change_analysis", "Change analysis"
        TREE = "fault_tree", "Fault tree"
        WHYS = "iterated_why", "Iterated why"
        BARRIER = "barrier_analysis", "Barrier (control) analysis"
        DEPENDENCY = "dependency_trace", "Dependency trace"
        RECONCILIATION = "reconciliation_trace", "Reconciliation trace"
        OTHER = "other", "Other"

    prefix = "RCA"
    tab = "rca:cause_list"

    method = models.CharField(max_length=22, choices=Method)
    why_it_fits = ProseField(blank=True)

    class Meta(CaseRecord.Meta):
        verbose_name_plural = "analyses"


class Cause(Claim):
    """A cause, labeled by its role in the impact path, which must be written
    (R-RC-05). Confirmed causes rest on original evidence; a provisional one names the
    missing check, its owner and deadline (the known unknown it points to)."""

    class Label(models.TextChoices):
        TRIGGER = "trigger", "Trigger"
        PRIMARY = "primary", "Primary cause"
        CONTRIBUTING = "contributing", "Contributing cause"

    class State(models.TextChoices):
        CONFIRMED = "confirmed", "Confirmed"
        PROVISIONAL = "provisional", "Provisional"
        RULED_OUT = "ruled_out", "Ruled out"

    prefix = "CA"
    tab = "rca:cause_list"

    label = models.CharField(max_length=12, choices=Label)
    statement = ProseField()
    role = ProseField(
        "role in the impact path",
        blank=True,
        help_text="How it led to the impact: preceded, produced, widened, delayed.",
    )
    state = models.CharField(max_length=12, choices=State, default=State.PROVISIONAL)
    ruled_out_reason = ProseField(blank=True)
    evidence_shows = ProseField("what evidence shows this", blank=True)
    condition = ProseField("what condition allowed it", blank=True)
    beyond = ProseField("is there more beyond this?", blank=True)
    risk_change = ProseField("what change reduces repeat risk", blank=True)
    no_action_reason = ProseField(
        blank=True, help_text="Only where no action answers this cause."
    )
    leads_to = models.ManyToManyField(
        "self", through="CausePath", symmetrical=False, related_name="led_by"
    )
    entries = models.ManyToManyField(Entry, through="CauseEntry", related_name="causes")

    # Set by `selectors.causes`: the ends of its arrows, and what it explains.
    next_causes: list[Cause]
    entry_rows: list[Entry]

    def __str__(self) -> str:
        return f"{self.ref} {self.statement}"

    def clean(self) -> None:
        if self.state == self.State.RULED_OUT and not self.ruled_out_reason:
            raise field_error(
                "ruled_out_reason",
                "Say what ruled it out; it stays on record.",
                "required",
            )

    @property
    def is_systemic(self) -> bool:
        """Contributing causes are systemic; trigger and primary are proximate."""
        return self.label == self.Label.CONTRIBUTING


class CauseEvidence(EvidenceLink):
    """An artifact behind a cause (R-RC-07)."""

    claim = models.ForeignKey(
        Cause, on_delete=models.PROTECT, related_name="evidence_links"
    )


class CausePath(CaseRelation):
    """One arrow of the cause graph: `cause` leads to `leads_to`."""

    cause = models.ForeignKey(Cause, on_delete=models.PROTECT, related_name="paths_out")
    leads_to = models.ForeignKey(
        Cause, on_delete=models.PROTECT, related_name="paths_in"
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["cause", "leads_to"], name="rca_causepath_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.cause_id} to {self.leads_to_id}"


class CauseEntry(CaseRelation):
    """A timeline entry that a cause explains."""

    cause = models.ForeignKey(Cause, on_delete=models.PROTECT, related_name="+")
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["cause", "entry"], name="rca_entry_once")
        ]

    def __str__(self) -> str:
        return f"{self.cause_id} at {self.entry_id}"


class FailureMode(Claim):
    """One row of the failure-mode table: an incident-specific hypothesis with symptom,
    impact, detection signal, recovery action and control to validate (R-FM-01)."""

    class Mode(models.TextChoices):
        THIRD_PARTY = "third_party", "Third-party dependency"
        DATABASE = "database", "Database bottleneck"
        MISCONFIGURATION = "misconfiguration", "Infrastructure misconfiguration"
        DEPLOYMENT = "deployment", "Deployment mistake"
        BLIND_SPOT = "blind_spot", "Monitoring blind spot"
        KNOWN_UNKNOWN = "known_unknown", "Known unknown"
        OTHER = "other", "Other"

    class Standing(models.TextChoices):
        SUPPORTED = "supported", "Supported"
        PROVISIONAL = "provisional", "Provisional"
        RULED_OUT = "ruled_out", "Ruled out"

    prefix = "FM"
    tab = "rca:cause_list"

    mode = models.CharField(max_length=18, choices=Mode, default=Mode.OTHER)
    name = LineField(max_length=200)
    standing = models.CharField(
        max_length=12, choices=Standing, default=Standing.PROVISIONAL
    )
    customer_symptom = ProseField(blank=True)
    financial_impact = ProseField(blank=True)
    detection_signal = ProseField(blank=True)
    recovery_action = ProseField(blank=True)
    control_to_validate = ProseField(blank=True)
    control_validated = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.ref} {self.name}"

    @property
    def missing_columns(self) -> list[str]:
        """Columns without which the analysis is 'descriptive, not preventative'."""
        columns = {
            "customer symptom": self.customer_symptom,
            "measured impact": self.financial_impact,
            "detection signal": self.detection_signal,
            "recovery action": self.recovery_action,
        }
        return [name for name, value in columns.items() if not value]


class FailureModeEvidence(EvidenceLink):
    """An artifact behind a row of the failure-mode table."""

    claim = models.ForeignKey(
        FailureMode, on_delete=models.PROTECT, related_name="evidence_links"
    )

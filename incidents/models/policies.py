"""The thresholds of each severity, and who changed them and why."""

from __future__ import annotations

from datetime import timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from accounts.models import Change
from incidents.models.case import Severity

WEEK = 7 * 24 * 60  # minutes


class SeverityPolicy(models.Model):
    """Editable defaults per severity (decision 15). Minutes; cadence 0 is 'none'."""

    severity = models.CharField(max_length=4, choices=Severity, primary_key=True)
    gap_minutes = models.PositiveIntegerField(
        "minutes without evidence",
        validators=[MinValueValidator(1), MaxValueValidator(WEEK)],
        help_text="A longer stretch of the timeline without a proven entry is a gap.",
    )
    cadence_minutes = models.PositiveIntegerField(
        "minutes between updates",
        validators=[MaxValueValidator(WEEK)],
        help_text="An active incident tells those outside at least this often; 0: "
        "nothing is asked.",
    )
    sustain_minutes = models.PositiveIntegerField(
        "minutes that recovery has to hold",
        default=30,
        validators=[MaxValueValidator(WEEK)],
        help_text="The all-clear opens so long after it was stable.",
    )
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        ordering = ["severity"]
        verbose_name_plural = "severity policies"

    def __str__(self) -> str:
        return self.severity

    @property
    def longest_gap(self) -> timedelta:
        """How long a stretch without evidence may be (decision 15)."""
        return timedelta(minutes=self.gap_minutes)


class PolicyChange(Change):
    """Who changed the thresholds of a severity, from what to what, when and why."""

    policy = models.ForeignKey(
        SeverityPolicy, on_delete=models.PROTECT, related_name="changes"
    )

"""Who did what and why (append-only, hash-chained), waivers, the outbox, and the
stored result of the checks."""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models
from django.utils import timezone

from accounts.models import User
from incidents.models.case import CaseRecord, Incident, user_fk
from postmortem.lib.fields import LineField, ProseField


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """Rows are written once: no update, no delete."""

    def update(self, **kwargs: Any) -> NoReturn:
        raise RuntimeError("these rows are append-only")

    def delete(self) -> NoReturn:
        raise RuntimeError("these rows are append-only")


class ActivityEntry(models.Model):
    """One deed, chained to the one before it. Label and sentence are frozen at write;
    the hash covers the pseudonymous person id, the digests of the history rows written
    with it, and of the label only a digest, so that the label itself can be erased
    (decision 8). Entries of before have no such digest."""

    incident = models.ForeignKey(
        Incident, on_delete=models.PROTECT, related_name="activity"
    )
    sequence = models.PositiveIntegerField()
    at = models.DateTimeField()
    actor = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    actor_person = models.UUIDField()
    actor_label = LineField(max_length=120)
    label_digest = models.CharField(max_length=64, blank=True, editable=False)
    verb = models.CharField(max_length=60)
    subject_ref = models.CharField(max_length=20, blank=True)
    sentence = ProseField()
    reason = ProseField(blank=True)
    data = models.JSONField(default=dict)
    history_rows = models.JSONField(default=list)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "activity"
        ordering = ["incident", "sequence"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "sequence"], name="incidents_activity_sequence"
            )
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.verb}"


class Verification(models.Model):
    """One look at the whole chain: up to which entry, when, by whom, what was wrong.
    Not a part of the record; it says nothing about entries written later.

    with_files: the stored evidence files were hashed again too.
    """

    incident = models.ForeignKey(
        Incident, on_delete=models.CASCADE, related_name="verifications"
    )
    at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    sequence = models.PositiveIntegerField()
    head = models.CharField(max_length=64, blank=True)
    with_files = models.BooleanField(default=False)
    breach_count = models.PositiveIntegerField(default=0)
    breaches = models.JSONField(default=list)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"up to {self.sequence}: {self.breach_count or 'no'} breaches"


class RestrictedRead(models.Model):
    """Somebody opened a restricted incident, by page or API: once per person in some
    minutes, so that it tells who has seen it and not every click."""

    incident = models.ForeignKey(
        Incident, on_delete=models.PROTECT, related_name="reads"
    )
    reader = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    place = models.CharField(max_length=200)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["incident", "-at"])]

    def __str__(self) -> str:
        return f"{self.reader} at {self.at}"


class Waiver(CaseRecord):
    """A finding accepted with a reason. An ERROR needs a second person; the waiver
    lapses when the inputs behind the finding change (decision 10)."""

    prefix = "WV"
    tab = "review:review_detail"

    check_id = models.CharField(max_length=6)
    subject_ref = models.CharField(max_length=20, blank=True)
    finding_key = models.CharField(max_length=64)
    finding_message = LineField(max_length=400)
    level = models.CharField(max_length=8)
    reason = ProseField()
    expires_at = models.DateTimeField(null=True, blank=True)
    owner = user_fk()
    seconded_by = user_fk(editable=False)
    seconded_at = models.DateTimeField(null=True, editable=False)
    is_attested = models.BooleanField("given elsewhere", default=False, editable=False)

    @property
    def needs_second(self) -> bool:
        return self.level == "error"

    def is_in_force(self, now: Any) -> bool:
        """Two people for an ERROR; one given elsewhere never counts (decision 4)."""
        if self.is_retracted or self.is_attested:
            return False
        if self.needs_second and not self.seconded_at:
            return False
        return self.expires_at is None or self.expires_at > now


class FindingSnapshot(models.Model):
    """The last result of the checks, for lists (decision 11); gates recompute.

    activity_head: the state of the record that content_hash was computed for.
    facts: what else was seen at that moment, by name, for pages of the apps above. On a
    closed incident FOLLOW_UP stands there while somebody has to look at it again.
    next_due: when the checks run again though nothing was recorded: a date passes.
    """

    FOLLOW_UP = "follow_up"

    incident = models.OneToOneField(
        Incident, on_delete=models.CASCADE, related_name="snapshot"
    )
    blocking = models.PositiveIntegerField(default=0)
    advisory = models.PositiveIntegerField(default=0)
    findings = models.JSONField(default=list)
    facts = models.JSONField(default=dict)
    next_step = LineField(max_length=300, blank=True)
    content_hash = models.CharField(max_length=64, blank=True)
    activity_head = models.CharField(max_length=64, blank=True)
    computed_at = models.DateTimeField(default=timezone.now)
    next_due = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["incident"],
                condition=models.Q(facts__has_key="follow_up"),
                name="incidents_follow_up",
            )
        ]

    def __str__(self) -> str:
        return f"{self.incident_id}: {self.blocking} blocking"


class Notification(models.Model):
    """The outbox: one message to one person. `dedupe_key` makes it go out once, however
    often a task runs; a worker takes a row with a lease."""

    class State(models.TextChoices):
        QUEUED = "queued", "Queued"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"
        SKIPPED = "skipped", "Email switched off"

    recipient = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="notifications"
    )
    incident = models.ForeignKey(
        Incident, on_delete=models.CASCADE, related_name="+", null=True
    )
    kind = models.CharField(max_length=40)
    dedupe_key = models.CharField(max_length=200, unique=True)
    subject = LineField(max_length=200)
    body = ProseField()
    url = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    error = ProseField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["state", "lease_until"]),
            models.Index(fields=["recipient", "read_at", "-created_at"]),
        ]

    def __str__(self) -> str:
        return self.subject

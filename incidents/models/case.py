"""The incident, the abstract case record, lanes and people."""

from __future__ import annotations

import uuid
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import StrIndex, Upper
from django.utils import timezone
from django.utils.functional import cached_property
from simple_history.models import HistoricalRecords

from accounts.models import Role, User
from postmortem.lib.addresses import incident_address
from postmortem.lib.fields import LineField, ProseField
from postmortem.lib.times import validate_zone

if TYPE_CHECKING:
    from postmortem.lib.record import Rows


class Severity(models.TextChoices):
    SEV1 = "SEV1"
    SEV2 = "SEV2"
    SEV3 = "SEV3"
    SEV4 = "SEV4"
    SEV5 = "SEV5"


class OfEach(models.Exists):
    """Whether there is such a row, asked of each row by its key. PostgreSQL would else
    read and hash all of them first; it does not where there is an OFFSET."""

    template = "EXISTS(%(subquery)s OFFSET 0)"


def _has_a_place(user: User) -> bool:
    """Signed in, active, with a role: without one, nothing is visible."""
    return user.is_authenticated and user.is_active and bool(user.roles)


# Open ones first, then how severe they are, then the newest.
STATUS_ORDER = ("active", "stabilized", "in_review", "closed", "cancelled")
LIST_ORDER = (
    StrIndex(models.Value(" ".join(STATUS_ORDER)), models.F("status")).asc(),
    models.F("severity").asc(),
    models.F("number").desc(),
)


def visible_to(user: User, path: str = "", *, paged: bool = False) -> models.Q:
    """The condition of being visible to this person (decision 12): unrestricted ones
    for everybody with a role, restricted ones for their participants, named approvers,
    compliance and administrators.

    path: `incident__` in a query of rows that belong to an incident. paged: the
    incidents are read a page at a time along an index.
    """
    if not _has_a_place(user):
        return models.Q(**{f"{path}pk__in": []})
    if user.roles & {Role.ADMIN, Role.COMPLIANCE}:
        return models.Q()
    return _open_or_involved(user.pk, path, paged or bool(path))


@lru_cache(maxsize=256)
def _open_or_involved(user_id: int, path: str, paged: bool) -> models.Q:
    """That an incident is unrestricted, or that this person declared it, is an approver
    of it or has a duty in it. The condition holds no rows: kept, because every query of
    every page is built with it.

    paged: rows that are asked for a page at a time and in an order of their own: each
    asks by the key of its incident. Reading all incidents of the person first cost rows
    of incidents twenty times the page, and the list of incidents three times; a search
    for words, or a count, does read them first.
    """
    found = models.Q(**{f"{path}is_restricted": False})
    found |= models.Q(**{f"{path}declared_by": user_id})
    for rows in (
        Incident.approvers.through.objects.filter(user=user_id),
        Participation.objects.filter(user=user_id, retracted_at=None),
    ):
        if paged:
            of_row = rows.filter(incident=models.OuterRef(f"{path}pk"))
            found |= models.Q(OfEach(of_row))
        else:
            found |= models.Q(pk__in=rows.values("incident"))
    return found


class IncidentQuerySet(models.QuerySet["Incident"]):
    def visible_to(self, user: User, *, paged: bool = False) -> IncidentQuerySet:
        """The incidents this person may know of. Every look-up starts here. paged: as
        of the condition."""
        return self.filter(visible_to(user, paged=paged))


class Incident(models.Model):
    """One incident and its post-mortem. `number` gives the ref INC-2041; the `uuid`
    identifies it across installations. Only services assign `status`."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        STABILIZED = "stabilized", "Stabilized"
        IN_REVIEW = "in_review", "In review"
        CLOSED = "closed", "Closed"
        CANCELLED = "cancelled", "Cancelled"

    class Kind(models.TextChoices):
        GATEWAY = "gateway", "Gateway failure"
        PROCESSOR = "processor", "Processor degradation"
        INGESTION = "ingestion", "Webhook or internal recording"
        PAYOUT = "payout", "Payout failure"
        LEDGER = "ledger", "Ledger drift"
        DATA = "data", "Data loss or corruption"
        SECURITY = "security", "Security"
        OTHER = "other", "Other or not yet known"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.PositiveIntegerField(unique=True, editable=False)
    source_ref = LineField(max_length=40, blank=True, editable=False)
    title = LineField(max_length=160)
    summary = ProseField(
        blank=True,
        help_text="Conditions, decisions and learning in a few plain sentences.",
    )
    severity = models.CharField(max_length=4, choices=Severity)
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.OTHER)
    is_drill = models.BooleanField("drill", default=False)
    is_restricted = models.BooleanField(
        "restricted", default=False, help_text="Only its people may see it."
    )
    clock_zone = LineField(
        "incident clock", max_length=64, default="UTC", validators=[validate_zone]
    )
    status = models.CharField(
        max_length=12, choices=Status, default=Status.ACTIVE, editable=False
    )
    declared_at = models.DateTimeField(null=True, editable=False)
    declared_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", null=True, editable=False
    )
    stabilized_at = models.DateTimeField(null=True, editable=False)
    all_clear_at = models.DateTimeField(null=True, editable=False)
    all_clear_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", null=True, editable=False
    )
    in_review_at = models.DateTimeField(null=True, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)
    cancelled_at = models.DateTimeField(null=True, editable=False)
    cancel_reason = ProseField(blank=True, editable=False)
    reopened_at = models.DateTimeField(null=True, editable=False)
    reopen_reason = ProseField(blank=True, editable=False)
    approvers = models.ManyToManyField(User, related_name="+", blank=True)
    attested = models.JSONField(default=dict, editable=False)
    extra = models.JSONField(default=dict, blank=True, editable=False)
    activity_count = models.PositiveIntegerField(default=0, editable=False)
    activity_head = models.CharField(max_length=64, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    # The whole record, on the copy that `with_rows` makes; None on every other.
    rows: Rows | None = None

    objects = IncidentQuerySet.as_manager()
    history = HistoricalRecords(
        excluded_fields=["activity_count", "activity_head"], related_name="history_rows"
    )

    class Meta:
        ordering = ["-number"]
        indexes = [
            models.Index(fields=["status", "-declared_at"]),
            models.Index(fields=["severity", "-declared_at"]),
            models.Index(*LIST_ORDER, name="incidents_in_list_order"),
            models.Index(Upper("source_ref"), name="incidents_source_ref"),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.title}"

    @property
    def key(self) -> str:
        return f"INC-{self.number}"

    @property
    def ref(self) -> str:
        """Empty: in refs of the case, the incident itself is 'the case'."""
        return ""

    @property
    def is_frozen(self) -> bool:
        return self.status in {self.Status.CLOSED, self.Status.CANCELLED}

    @property
    def incident(self) -> Incident:
        return self

    @cached_property
    def importers(self) -> list[User]:
        """Who brought the case in: they could have written all of it, so they approve
        nothing of it (R-AP-02)."""
        told = self.activity.filter(verb="incidents.case_imported")
        return [entry.actor for entry in told.select_related("actor")]

    def get_absolute_url(self) -> str:
        return incident_address("incidents:incident_detail", self.key)

    def is_visible_to(self, user: User) -> bool:
        """What `visible_to` says, of an incident at hand: an unrestricted one costs no
        query."""
        if not self.is_restricted:
            return _has_a_place(user)
        return Incident.objects.visible_to(user).filter(pk=self.pk).exists()


class CaseRecord(models.Model):
    """Everything that belongs to an incident: numbered per incident, retracted but
    never deleted, with row history and an optimistic lock.

    recorded_at: when the fact was written down (null: not known, as in old cases).
    """

    prefix: ClassVar[str]
    tab: ClassVar[str] = "incidents:incident_detail"

    incident = models.ForeignKey(
        Incident, on_delete=models.PROTECT, related_name="%(class)ss", editable=False
    )
    number = models.PositiveIntegerField(editable=False)
    recorded_at = models.DateTimeField(null=True, editable=False)
    recorded_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", null=True, editable=False
    )
    retracted_at = models.DateTimeField(null=True, editable=False)
    retracted_by = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", null=True, editable=False
    )
    retraction_reason = ProseField(blank=True, editable=False)
    extra = models.JSONField(default=dict, blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)

    history = HistoricalRecords(inherit=True)

    class Meta:
        abstract = True
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "number"], name="%(app_label)s_%(class)s_number"
            )
        ]

    def __str__(self) -> str:
        return self.ref

    @property
    def ref(self) -> str:
        return f"{self.prefix}-{self.number}"

    @property
    def full_ref(self) -> str:
        return f"{self.incident.key}/{self.ref}"

    @property
    def is_retracted(self) -> bool:
        return self.retracted_at is not None

    def get_absolute_url(self) -> str:
        """The place on the page that shows this row."""
        return f"{incident_address(self.tab, self.incident.key)}#{self.ref}"


class CaseRelation(models.Model):
    """A row that joins two rows of one case (a cause and the action that answers it).
    Withdrawn, never deleted, with row history like everything else."""

    incident = models.ForeignKey(
        Incident, on_delete=models.PROTECT, related_name="+", editable=False
    )
    retracted_at = models.DateTimeField(null=True, editable=False)

    history = HistoricalRecords(inherit=True)

    class Meta:
        abstract = True


class Lane(CaseRecord):
    """One payment flow with its own status (R-SC-15); the slug is free."""

    class Family(models.TextChoices):
        CARD = "card_acceptance", "Card acceptance"
        DISBURSEMENTS = "disbursements", "Disbursements"
        COLLECTION = "collection", "Collection"
        REGULATORY = "regulatory_controls", "Regulatory controls"
        EVENTS = "event_ingestion", "Event ingestion"
        OTHER = "other", "Other"

    class Status(models.TextChoices):
        UNKNOWN = "unknown", "Not assessed"
        NORMAL = "normal", "Normal"
        DEGRADED = "degraded", "Degraded"
        DOWN = "down", "Down"
        RECOVERED = "recovered", "Recovered"

    prefix = "LN"

    # Name, family and core flow of the well-known lanes; any other slug goes too.
    KNOWN: ClassVar[dict[str, tuple[str, str, bool]]] = {
        "checkout": ("Checkout authorization", Family.CARD, True),
        "payouts": ("Payout batches", Family.DISBURSEMENTS, True),
        "virtual-accounts": ("Virtual bank accounts", Family.COLLECTION, False),
        "webhooks": ("Webhooks", Family.EVENTS, True),
        "refunds": ("Refunds", Family.CARD, False),
        "onboarding": ("Onboarding and KYC", Family.REGULATORY, False),
        "tax-forms": ("Tax forms", Family.REGULATORY, False),
        "ledger": ("Ledger", Family.OTHER, False),
    }

    slug = models.SlugField(max_length=60)
    name = LineField(max_length=80)
    family = models.CharField(max_length=20, choices=Family, default=Family.OTHER)
    is_core_flow = models.BooleanField("core flow", default=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.UNKNOWN)
    owner = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    class Meta(CaseRecord.Meta):
        constraints = [
            *CaseRecord.Meta.constraints,
            models.UniqueConstraint(
                fields=["incident", "slug"],
                name="incidents_lane_slug",
                violation_error_message="This incident already has that lane.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


# Whoever is in command now: the duty of a commander, in person, not ended.
IN_COMMAND = models.Q(duty="commander", is_backup=False, until=None, retracted_at=None)


class Participation(CaseRecord):
    """One person's duty in one incident, with its time: hand-overs are two rows."""

    class Duty(models.TextChoices):
        COMMANDER = "commander", "Commander"
        SCRIBE = "scribe", "Scribe"
        ENGINEERING = "engineering", "Engineering"
        PAYMENTS_OPS = "payments_ops", "Payments ops"
        FINANCE_OPS = "finance_ops", "Finance ops"
        PRODUCT = "product", "Product"
        COMPLIANCE = "compliance", "Compliance"
        LEGAL = "legal", "Legal"
        SUPPORT = "support", "Support"
        RESPONDER = "responder", "Responder"

    prefix = "PP"

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="duties")
    duty = models.CharField(max_length=14, choices=Duty)
    is_backup = models.BooleanField("backup", default=False)
    since = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)

    class Meta(CaseRecord.Meta):
        constraints = [
            *CaseRecord.Meta.constraints,
            models.UniqueConstraint(
                fields=["incident"],
                condition=IN_COMMAND,
                name="incidents_one_commander",
                violation_error_message=(
                    "There is one commander at a time (R-RO-01); hand over instead."
                ),
            ),
        ]
        indexes = [
            # Whoever may see restricted incidents is read from this alone: it holds
            # every incident of a person, and a list asks for them on every page.
            models.Index(
                fields=["user", "incident"],
                condition=models.Q(retracted_at=None),
                name="incidents_involved",
            ),
        ]

    @property
    def is_current(self) -> bool:
        return self.until is None and not self.is_retracted

    @property
    def is_command(self) -> bool:
        """Command itself, present or past, and not the backup of it."""
        return self.duty == self.Duty.COMMANDER and not self.is_backup


def user_fk(**kwargs: Any) -> models.ForeignKey[Any, Any]:
    """A person named in a record: kept for good, or 'not named'."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        **kwargs,
    )

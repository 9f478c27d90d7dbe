"""The abstract claim, and the claims of the case file: scope and impact."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

from incidents.models.case import CaseRecord, Lane, user_fk
from incidents.models.evidence import Evidence, EvidenceLink, KnownUnknown
from postmortem.lib.currencies import decimals, is_currency, minor_digits
from postmortem.lib.errors import field_error
from postmortem.lib.fields import AmountField, LineField, ProseField


class Claim(CaseRecord):
    """A statement that has to be proven by evidence.

    Provisional until an original record that can be opened is linked: one property and
    one badge everywhere (R-TL-03, R-EV-04). `known_unknown` says what would prove it.
    """

    known_unknown = models.ForeignKey(
        KnownUnknown,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        editable=False,
    )

    class Meta(CaseRecord.Meta):
        abstract = True

    @property
    def live_links(self) -> list[Any]:
        """Links in force; read with `evidence_links__evidence` prefetched."""
        links = self.evidence_links.all()  # type: ignore[attr-defined]
        return [link for link in links if link.retracted_at is None]

    @property
    def evidence(self) -> list[Evidence]:
        return [link.evidence for link in self.live_links]

    @property
    def says_no_record(self) -> bool:
        """It states that there is no record, and so needs none (R-EV-10)."""
        return False

    @property
    def is_provisional(self) -> bool:
        return not any(item.proves for item in self.evidence)

    @property
    def rests_on_later_summary(self) -> bool:
        """It has evidence, but none of it is an original record (R-EV-04)."""
        return bool(self.evidence) and not any(e.is_original for e in self.evidence)


class ScopeStatement(Claim):
    """What customers experienced, or internal processing. Payment consequence first,
    technical context second (R-SC-01); open until evidence closes it (R-SC-08)."""

    class Audience(models.TextChoices):
        EXPERIENCED = "experienced", "Experienced by users"
        INTERNAL = "internal", "Internal processing"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        CLOSED = "closed", "Closed"

    prefix = "SC"

    audience = models.CharField(max_length=12, choices=Audience)
    consequence = ProseField(
        "payment consequence", help_text="Which outcome was affected, for the payer."
    )
    who = ProseField("who was blocked or delayed", blank=True)
    continuity_risk = ProseField("where continuity risk appeared", blank=True)
    technical_context = ProseField(blank=True)
    communication = ProseField(
        "what they are told",
        blank=True,
        help_text="Which update went to whom and where; “nobody was told” and why.",
    )
    lane = models.ForeignKey(
        Lane, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    state = models.CharField(
        max_length=6, choices=State, default=State.OPEN, editable=False
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = user_fk(editable=False)
    closing_evidence = models.ForeignKey(
        Evidence, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )


class ScopeEvidence(EvidenceLink):
    """A signal that a scope statement rests on."""

    claim = models.ForeignKey(
        ScopeStatement, on_delete=models.PROTECT, related_name="evidence_links"
    )


class ImpactStatement(Claim):
    """Customer, operational or business impact; 'no material change found' is an answer
    that needs evidence too (R-SC-10)."""

    class Kind(models.TextChoices):
        CUSTOMER = "customer", "Customer"
        OPERATIONAL = "operational", "Operational"
        BUSINESS = "business", "Business"

    prefix = "IM"

    kind = models.CharField(max_length=12, choices=Kind)
    statement = ProseField(blank=True)
    no_material_change = models.BooleanField("no material change found", default=False)
    downstream_work = ProseField(
        "downstream effects and manual correction work",
        blank=True,
        help_text="What was corrected by hand afterwards, or 'none' with evidence.",
    )

    @property
    def live_figures(self) -> list[ImpactFigure]:
        """Figures in force; read with `figures` prefetched."""
        return [row for row in self.figures.all() if not row.is_retracted]

    def clean(self) -> None:
        if not self.statement and not self.no_material_change:
            raise field_error(
                "statement",
                "State the impact, or choose “no material change found”.",
                "required",
            )


class ImpactEvidence(EvidenceLink):
    """An artifact behind an impact statement."""

    claim = models.ForeignKey(
        ImpactStatement, on_delete=models.PROTECT, related_name="evidence_links"
    )


class ImpactFigure(Claim):
    """One number of an impact statement: a count, or an amount with its currency;
    actual or estimate, with the method (R-MT-02)."""

    class Measure(models.TextChoices):
        FAILED = "failed_transactions", "Failed transactions"
        DELAYED = "delayed_transactions", "Delayed transactions"
        DUPLICATES = "duplicates", "Duplicates"
        BACKLOG = "backlog", "Backlog"
        COMPLAINTS = "complaints", "Complaints"
        CLIENTS = "clients", "Affected clients"
        MANUAL = "manual_corrections", "Manual corrections"
        REVENUE = "revenue", "Revenue"
        COST = "cost", "Cost borne"
        OTHER = "other", "Other"

    class Basis(models.TextChoices):
        ACTUAL = "actual", "Actual"
        ESTIMATE = "estimate", "Estimate"

    prefix = "FG"

    impact = models.ForeignKey(
        ImpactStatement, on_delete=models.PROTECT, related_name="figures"
    )
    measure = models.CharField(max_length=20, choices=Measure)
    label = LineField(max_length=160)
    count = models.BigIntegerField(null=True, blank=True)
    amount = AmountField(null=True, blank=True)
    currency = models.CharField(
        max_length=3,
        blank=True,
        validators=[
            RegexValidator(
                r"^[A-Z]{3}$", "Write the ISO 4217 code of the currency, such as EUR."
            )
        ],
    )
    basis = models.CharField(max_length=8, choices=Basis, default=Basis.ACTUAL)
    method = LineField(
        max_length=300, blank=True, help_text="How the figure was worked out."
    )

    def clean(self) -> None:
        if re.fullmatch("[A-Z]{3}", self.currency) and not is_currency(self.currency):
            raise field_error(
                "currency",
                f"{self.currency} is no currency of ISO 4217. Write its code, "
                "such as EUR, USD or JPY.",
                "unknown_currency",
            )
        if self.amount is not None and not self.currency:
            raise field_error(
                "currency",
                "An amount needs its currency, for example EUR.",
                "currency_missing",
            )
        digits = minor_digits(self.currency)
        if self.amount is not None and decimals(self.amount) > digits:
            most = f"at most {digits} digits" if digits else "no digits"
            raise field_error(
                "amount",
                f"An amount in {self.currency} has {most} after the point.",
                "minor_unit",
            )
        if self.amount is None and self.count is None:
            raise field_error(
                "count",
                "Give a count or an amount; leave the figure out if it is not "
                "known and write a known unknown instead.",
                "figure_missing",
            )
        if self.count is not None and self.count < 0:
            raise ValidationError({"count": "A count is not negative."})


class FigureEvidence(EvidenceLink):
    """An artifact behind a figure."""

    claim = models.ForeignKey(
        ImpactFigure, on_delete=models.PROTECT, related_name="evidence_links"
    )

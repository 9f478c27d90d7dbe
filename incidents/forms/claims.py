"""Scope, impact and figures."""

from __future__ import annotations

from typing import Any

from django import forms

from incidents.forms.fields import (
    CaseForm,
    ClockField,
    CountField,
    CurrencyField,
    EvidenceMixin,
    MoneyField,
    live_evidence,
    model_field,
)
from incidents.models import (
    Evidence,
    ImpactFigure,
    ImpactStatement,
    Incident,
    Lane,
    ScopeStatement,
)


class ScopeForm(EvidenceMixin):
    """Payment consequence first, technical context second (R-SC-01)."""

    audience = model_field(ScopeStatement, "audience")
    consequence = model_field(ScopeStatement, "consequence")
    who = model_field(ScopeStatement, "who")
    continuity_risk = model_field(ScopeStatement, "continuity_risk")
    technical_context = model_field(ScopeStatement, "technical_context")
    communication = model_field(ScopeStatement, "communication")
    lane = forms.ModelChoiceField(queryset=Lane.objects.none(), required=False)

    def narrow(self, incident: Incident) -> None:
        super().narrow(incident)
        lane: Any = self.fields["lane"]
        lane.queryset = Lane.objects.filter(incident=incident, retracted_at=None)


class CloseScopeForm(CaseForm):
    """A scope line closes only by the signal that shows its end (R-SC-08)."""

    closing_evidence = forms.ModelChoiceField(
        queryset=Evidence.objects.none(),
        required=False,
        label="Closing signal",
        help_text="An original record that can be opened.",
    )

    def narrow(self, incident: Incident) -> None:
        choice: Any = self.fields["closing_evidence"]
        choice.queryset = live_evidence(incident).filter(superseded_by=None)
        self.fields["closed_at"] = ClockField(incident, label="Effect ended")


class ImpactForm(EvidenceMixin):
    kind = model_field(ImpactStatement, "kind")
    statement = model_field(ImpactStatement, "statement")
    no_material_change = model_field(ImpactStatement, "no_material_change")
    downstream_work = model_field(ImpactStatement, "downstream_work")


class FigureForm(EvidenceMixin):
    impact = forms.ModelChoiceField(queryset=ImpactStatement.objects.none())
    measure = model_field(ImpactFigure, "measure")
    label = model_field(ImpactFigure, "label")
    count = CountField(required=False)
    amount = MoneyField(required=False)
    currency = CurrencyField(
        required=False, max_length=3, help_text="ISO 4217 code, such as EUR."
    )
    basis = model_field(ImpactFigure, "basis")
    method = model_field(ImpactFigure, "method")

    def narrow(self, incident: Incident) -> None:
        super().narrow(incident)
        impact: Any = self.fields["impact"]
        impact.queryset = ImpactStatement.objects.filter(
            incident=incident, retracted_at=None
        )
        impact.label_from_instance = lambda row: (
            f"{row.ref} {row.get_kind_display()}: {row.statement[:60]}"
        )

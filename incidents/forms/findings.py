"""Known unknowns, and accepting a finding."""

from __future__ import annotations

from django import forms

from incidents.forms.fields import (
    CaseForm,
    ClockField,
    EvidenceMixin,
    PersonChoiceField,
    model_field,
)
from incidents.models import Incident, KnownUnknown


class UnknownForm(EvidenceMixin):
    question = model_field(KnownUnknown, "question")
    why_it_matters = model_field(KnownUnknown, "why_it_matters")
    missing_check = model_field(KnownUnknown, "missing_check")
    owner = PersonChoiceField()

    def narrow(self, incident: Incident) -> None:
        super().narrow(incident)
        self.fields["due_at"] = ClockField(incident, label="Deadline")


class ResolveUnknownForm(EvidenceMixin):
    resolution = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}))


class AcceptFindingForm(CaseForm):
    """Accept a finding with a reason; an ERROR also needs owner and expiry."""

    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}))
    owner = PersonChoiceField(help_text="Who holds the risk; needed if it blocks.")

    def narrow(self, incident: Incident) -> None:
        self.fields["expires_at"] = ClockField(
            incident,
            label="Until",
            help_text="2026-04-10 18:00; needed if the finding blocks.",
        )

"""The thresholds of a severity."""

from __future__ import annotations

from typing import Any

from django import forms

from incidents.forms.fields import model_field
from incidents.models import SeverityPolicy


class PolicyForm(forms.Form):
    gap_minutes = model_field(SeverityPolicy, "gap_minutes")
    cadence_minutes = model_field(SeverityPolicy, "cadence_minutes")
    sustain_minutes = model_field(SeverityPolicy, "sustain_minutes")
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}))
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, policy: SeverityPolicy, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, item in self.fields.items():
            item.initial = getattr(policy, name, None)

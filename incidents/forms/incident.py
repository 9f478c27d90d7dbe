"""Declaring an incident, its head, and the verbs that move it on."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from incidents.forms.fields import CaseForm, PersonChoiceField, model_field
from incidents.models import Incident, Lane, Severity
from postmortem.lib.times import read_time, validate_zone

SEVERITY_WORDS = {
    Severity.SEV1: "Payments stop, or money is at risk, for most customers",
    Severity.SEV2: "A core flow fails or stalls for many customers",
    Severity.SEV3: "One flow, market or method is impaired; a way round exists",
    Severity.SEV4: "Few customers or one integration; no money at risk",
    Severity.SEV5: "No customer noticed; worth a record",
}


class SeverityField(forms.ChoiceField):
    """A severity by what it means (R-SC-07)."""

    widget = forms.RadioSelect

    def __init__(self, **kwargs: Any) -> None:
        choices = [(s.value, f"{s}: {words}") for s, words in SEVERITY_WORDS.items()]
        super().__init__(choices=choices, **kwargs)


class DeclareForm(forms.Form):
    """Open an incident."""

    title = model_field(Incident, "title")
    title.widget.attrs["autofocus"] = True
    severity = SeverityField()
    kind = model_field(Incident, "kind")
    lanes = forms.MultipleChoiceField(
        choices=[(slug, name) for slug, (name, *_) in Lane.KNOWN.items()],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="The payment flows that are touched.",
    )
    other_lanes = forms.CharField(
        required=False, help_text="Other flows, with commas between them."
    )
    clock_zone = model_field(
        Incident, "clock_zone", help_text="An IANA zone such as UTC or Europe/Berlin."
    )
    declared_at = forms.CharField(
        required=False, help_text="Empty: now. 14:05 or 2026-03-10 14:05."
    )
    commander = PersonChoiceField(empty_label="Me")
    scribe = PersonChoiceField()
    summary = model_field(Incident, "summary")
    is_drill = model_field(Incident, "is_drill")
    is_restricted = model_field(Incident, "is_restricted")

    def clean(self) -> dict[str, Any]:
        data = dict(super().clean() or self.cleaned_data)
        others = data.pop("other_lanes", "")
        data["lanes"] = [
            *data.get("lanes", []),
            *(name.strip() for name in others.split(",") if name.strip()),
        ]
        text = data.get("declared_at")
        data["declared_at"] = None
        try:
            validate_zone(data.get("clock_zone", "UTC"))
        except ValidationError as error:
            self.add_error("clock_zone", error)
        else:
            self._read_declared(data, text)
        return data

    def _read_declared(self, data: dict[str, Any], text: str | None) -> None:
        if text and "clock_zone" in data:
            try:
                data["declared_at"] = read_time(text, clock_zone=data["clock_zone"])
            except ValidationError as error:
                self.add_error("declared_at", error)


class IncidentForm(CaseForm):
    """The head of the case file."""

    title = model_field(Incident, "title")
    summary = model_field(Incident, "summary")
    kind = model_field(Incident, "kind")
    is_drill = model_field(Incident, "is_drill")
    is_restricted = model_field(Incident, "is_restricted")

    def narrow(self, incident: Incident) -> None:
        if not incident.is_restricted:
            self.fields["restrict_anyway"] = forms.BooleanField(
                required=False,
                label="Restrict it all the same",
                help_text="Also from people whom its rows name: without this, they are "
                "told to you first and nothing changes.",
            )


class ReasonForm(CaseForm):
    """A verb that needs only its reason: relapse, cancel, withdraw, reopen. Without one
    the service says what it is for."""

    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}), max_length=10_000, required=False
    )


class ConfirmForm(CaseForm):
    """A verb that needs nothing but the decision: stabilize, all-clear."""


class SeverityForm(CaseForm):
    severity = SeverityField()
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}))


class ClockZoneForm(CaseForm):
    clock_zone = model_field(Incident, "clock_zone")
    reason = forms.CharField(required=False)

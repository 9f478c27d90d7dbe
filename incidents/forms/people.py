"""Duties, hand-overs and lanes."""

from __future__ import annotations

from django import forms

from incidents.forms.fields import CaseForm, ClockField, PersonChoiceField, model_field
from incidents.models import Incident, Lane, Participation


class DutyForm(CaseForm):
    user = PersonChoiceField(
        required=True, label="Person", empty_label="Choose a person"
    )
    duty = model_field(Participation, "duty")
    is_backup = model_field(Participation, "is_backup")

    def narrow(self, incident: Incident) -> None:
        self.fields["since"] = ClockField(incident, label="Since")


class HandOverForm(CaseForm):
    to = PersonChoiceField(
        required=True, label="Hand command to", empty_label="Choose a person"
    )
    reason = forms.CharField(required=False)

    def narrow(self, incident: Incident) -> None:
        self.fields["at"] = ClockField(incident, label="At")


class EndDutyForm(CaseForm):
    def narrow(self, incident: Incident) -> None:
        self.fields["until"] = ClockField(incident, label="Until")


class LaneForm(CaseForm):
    name = model_field(Lane, "name")
    family = model_field(Lane, "family")
    is_core_flow = model_field(Lane, "is_core_flow")
    status = model_field(Lane, "status")
    owner = PersonChoiceField()

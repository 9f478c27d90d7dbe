"""Forms of the analysis. They only parse: each field has the name of the service's
keyword, and every rule lives in the service."""

from __future__ import annotations

from typing import Any

from django import forms

from incidents.forms import (
    CaseForm,
    ClockField,
    EvidenceMixin,
    PersonChoiceField,
    RowsField,
    live_evidence,
    model_field,
)
from incidents.models import Incident
from rca.models import Analysis, Cause, FailureMode
from timeline.models import Entry

# The table's definitions (R-RC-01 to R-RC-04), shown wherever a label is chosen.
DEFINITIONS = {
    Cause.Label.TRIGGER: "The change or condition immediately before visible "
    "degradation",
    Cause.Label.PRIMARY: "The technical condition that directly produced the failure "
    "(proximate)",
    Cause.Label.CONTRIBUTING: "Process or control gaps that raised impact, delayed "
    "recovery or made recurrence likelier (systemic)",
}


class EntriesField(RowsField):
    """Entries of the timeline by ref and headline."""

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.ref} {obj.headline}"


class AnalysisForm(CaseForm):
    method = model_field(Analysis, "method", help_text="Chosen to fit this incident.")
    why_it_fits = model_field(Analysis, "why_it_fits")

    def narrow(self, incident: Incident) -> None:
        self.fields["why_it_fits"].widget.attrs["rows"] = 4


class CauseForm(EvidenceMixin):
    """One cause by its role in the impact path, with the prompts that keep people out
    and conditions in (R-BL-02)."""

    label = forms.ChoiceField(
        choices=[(k.value, f"{k.label}: {v}") for k, v in DEFINITIONS.items()],
        widget=forms.RadioSelect,
        help_text="By its role in the impact path, not by what showed first.",
    )
    statement = model_field(
        Cause, "statement", help_text="A condition, not a person; what, not who."
    )
    role = model_field(Cause, "role")
    evidence_shows = model_field(Cause, "evidence_shows")
    condition = model_field(Cause, "condition")
    beyond = model_field(
        Cause, "beyond", help_text="Asked of every cause: rarely is it the only one."
    )
    risk_change = model_field(Cause, "risk_change")
    no_action_reason = model_field(Cause, "no_action_reason")

    field_order = ("label", "statement", "role", "evidence", "leads_to", "entries")

    def narrow(self, incident: Incident) -> None:
        super().narrow(incident)
        causes = Cause.objects.filter(incident=incident, retracted_at=None)
        if self.row is not None:
            causes = causes.exclude(pk=self.row.pk)
        self.fields["leads_to"] = RowsField(
            queryset=causes,
            required=False,
            label="Leads to",
            help_text="The causes that this one made possible or worse.",
        )
        self.fields["entries"] = EntriesField(
            queryset=Entry.objects.filter(incident=incident, retracted_at=None),
            required=False,
            label="Explains",
            help_text="Entries of the timeline that follow from it.",
        )
        self.order_fields(self.field_order)

    def values_of(self, row: Any) -> dict[str, Any]:
        paths = row.paths_out.filter(retracted_at=None)
        entries = type(row).entries.through.objects.filter(cause=row, retracted_at=None)
        return {
            **super().values_of(row),
            "leads_to": list(paths.values_list("leads_to_id", flat=True)),
            "entries": list(entries.values_list("entry_id", flat=True)),
        }


class ConfirmCauseForm(CaseForm):
    resolution = forms.CharField(
        required=False,
        label="What the missing check showed",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Settles the open known unknown of this cause.",
    )

    def narrow(self, incident: Incident) -> None:
        if self.row is None or self.row.known_unknown_id is None:
            del self.fields["resolution"]


class ProvisionalForm(CaseForm):
    """What would prove it, who makes the check, until when (R-RC-08)."""

    missing_check = forms.CharField(
        max_length=300,
        required=False,
        label="Missing check",
        help_text="The artifact or check that would settle it.",
    )
    owner = PersonChoiceField()

    def narrow(self, incident: Incident) -> None:
        self.fields["due_at"] = ClockField(incident, label="Deadline")

    def values_of(self, row: Any) -> dict[str, Any]:
        unknown = row.known_unknown
        if unknown is None:
            return {}
        return {
            "missing_check": unknown.missing_check,
            "owner": unknown.owner_id,
            "due_at": unknown.due_at,
        }


class RuleOutForm(CaseForm):
    reason = forms.CharField(
        label="What ruled it out",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def narrow(self, incident: Incident) -> None:
        self.fields["evidence"] = RowsField(
            queryset=live_evidence(incident),
            required=False,
            help_text="The artifacts that changed direction; added to those linked.",
        )


class FailureModeForm(EvidenceMixin):
    """One row of the failure-mode table with all its columns (R-FM-01)."""

    mode = model_field(FailureMode, "mode")
    name = model_field(FailureMode, "name", help_text="What failed, in this incident.")
    standing = model_field(FailureMode, "standing")
    customer_symptom = model_field(FailureMode, "customer_symptom")
    financial_impact = model_field(
        FailureMode, "financial_impact", help_text="Measured, or “not proven yet”."
    )
    detection_signal = model_field(FailureMode, "detection_signal")
    recovery_action = model_field(FailureMode, "recovery_action")
    control_to_validate = model_field(FailureMode, "control_to_validate")
    control_validated = model_field(FailureMode, "control_validated")
    missing_check = forms.CharField(
        max_length=300,
        required=False,
        label="Missing check",
        help_text="Only while provisional: what would settle it, who, until when.",
    )
    owner = PersonChoiceField()

    def narrow(self, incident: Incident) -> None:
        super().narrow(incident)
        self.fields["due_at"] = ClockField(incident, label="Deadline")

    def values_of(self, row: Any) -> dict[str, Any]:
        values = super().values_of(row)
        if row.known_unknown is not None:
            values |= {
                "missing_check": row.known_unknown.missing_check,
                "owner": row.known_unknown.owner_id,
                "due_at": row.known_unknown.due_at,
            }
        return values

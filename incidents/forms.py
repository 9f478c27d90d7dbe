"""Forms of the case file. They only parse: each field has the name of the service's
keyword, and every rule but the reading of text lives in the service."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import QuerySet

from accounts.models import User
from incidents.models import (
    Evidence,
    ImpactFigure,
    ImpactStatement,
    Incident,
    KnownUnknown,
    Lane,
    Participation,
    ScopeStatement,
)
from postmortem.lib.times import on_clock, read_time, validate_zone


def model_field(model: type[models.Model], name: str, **options: Any) -> Any:
    """The form field of a model field: its words, choices and length, written once."""
    item = model._meta.get_field(name)
    assert isinstance(item, models.Field)
    if isinstance(item, models.TextField):
        options.setdefault("widget", forms.Textarea(attrs={"rows": 3}))
    return item.formfield(**options)


class ClockField(forms.CharField):
    """A time as a person types it, read on the incident clock (R-TL-02)."""

    def __init__(self, incident: Incident | None = None, **kwargs: Any) -> None:
        self.zone = incident.clock_zone if incident else "UTC"
        kwargs.setdefault("required", False)
        kwargs.setdefault(
            "help_text",
            f"14:05 (today) or 2026-03-10 14:05, on the incident clock ({self.zone}).",
        )
        super().__init__(**kwargs)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        return read_time(text, clock_zone=self.zone)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, datetime):
            return value
        local = on_clock(value, self.zone)
        text = local.strftime("%Y-%m-%d %H:%M:%S" if local.second else "%Y-%m-%d %H:%M")
        first, second = (
            local.replace(fold=fold, tzinfo=local.tzinfo) for fold in (0, 1)
        )
        if first.utcoffset() != second.utcoffset():
            return local.isoformat()  # the hour that the clock shows twice
        return text


_GROUPED = re.compile(r"^-?\d{1,3}([,\u00a0\u202f ]\d{3})+(\.\d+)?$")


def _ungrouped(text: str) -> str:
    return re.sub(r"[,\u00a0\u202f ]", "", text) if _GROUPED.match(text) else text


class MoneyField(forms.CharField):
    """An amount such as 412860.20 or 412,860.20; a decimal, never a float."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            amount = Decimal(_ungrouped(text))
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite():
            raise ValidationError(
                f"“{text}” is not an amount. Write 412860.20, with a point before the "
                "cents; the currency stands in its own field.",
                code="invalid",
            )
        return amount


class CountField(forms.CharField):
    """A whole number such as 18204 or 18,204."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        plain = _ungrouped(text)
        if not re.fullmatch(r"-?\d{1,18}", plain):
            raise ValidationError(
                f"“{text}” is not a whole number. Write 18204.", code="invalid"
            )
        return int(plain)


class CurrencyField(forms.CharField):
    def clean(self, value: Any) -> str:
        return str(super().clean(value)).upper()


class RowsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Any number of rows. An id that no row can have is one that no row has."""

    def clean(self, value: Any) -> Any:
        try:
            return super().clean(value)
        except OverflowError:
            raise ValidationError(
                "Choose among the rows that are offered.", code="invalid_choice"
            ) from None


class PersonChoiceField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Somebody who can sign in, by role title and name."""

    def __init__(self, **kwargs: Any) -> None:
        everybody = User.objects.filter(is_active=True).order_by("title", "name")
        kwargs.setdefault("queryset", everybody)
        kwargs.setdefault("required", False)
        kwargs.setdefault("empty_label", "Nobody yet")
        super().__init__(**kwargs)

    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.title}, {obj.name}" if obj.title else str(obj.name)


def live_evidence(incident: Incident) -> QuerySet[Evidence]:
    return Evidence.objects.filter(incident=incident, retracted_at=None)


class CaseForm(forms.Form):
    """A form on an incident. With `row` it edits: values and version come from it."""

    def __init__(
        self, *args: Any, incident: Incident, row: Any = None, **kwargs: Any
    ) -> None:
        self.incident = incident
        self.row = row
        super().__init__(*args, **kwargs)
        self.narrow(incident)
        if row is not None:
            self.initial = {**self.values_of(row), **self.initial}
            self.fields["version"] = forms.IntegerField(
                widget=forms.HiddenInput, required=False, initial=row.version
            )

    def narrow(self, incident: Incident) -> None:
        """Limit choices to this case; the subclasses say how."""

    def values_of(self, row: Any) -> dict[str, Any]:
        values = {
            name: getattr(row, name)
            for name in self.fields
            if hasattr(row, name) and name != "evidence"
        }
        if "evidence" in self.fields and hasattr(row, "evidence_links"):
            links = row.evidence_links.filter(retracted_at=None)
            values["evidence"] = list(links.values_list("evidence_id", flat=True))
        return values


class EvidenceMixin(CaseForm):
    """A claim's form: the artifacts that it rests on."""

    def narrow(self, incident: Incident) -> None:
        super().narrow(incident)
        self.fields["evidence"] = RowsField(
            queryset=live_evidence(incident),
            required=False,
            widget=forms.CheckboxSelectMultiple,
            help_text="The artifacts that show this. One that is missing here is added "
            "on the evidence tab first.",
        )


# --- the incident -------------------------------------------------------------------


class DeclareForm(forms.Form):
    """Open an incident."""

    title = model_field(Incident, "title")
    severity = model_field(Incident, "severity")
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


class ReasonForm(CaseForm):
    """A verb that needs only its reason: relapse, cancel, withdraw, reopen."""

    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}))


class ConfirmForm(CaseForm):
    """A verb that needs nothing but the decision: stabilize, all-clear."""


class SeverityForm(CaseForm):
    severity = model_field(Incident, "severity")
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}))


class ClockZoneForm(CaseForm):
    clock_zone = model_field(Incident, "clock_zone")
    reason = forms.CharField(required=False)


# --- people and lanes ---------------------------------------------------------------


class DutyForm(CaseForm):
    user = PersonChoiceField(required=True, empty_label="Choose a person")
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


# --- claims -------------------------------------------------------------------------


class ScopeForm(EvidenceMixin):
    """Payment consequence first, technical context second (R-SC-01)."""

    audience = model_field(ScopeStatement, "audience")
    consequence = model_field(ScopeStatement, "consequence")
    who = model_field(ScopeStatement, "who")
    continuity_risk = model_field(ScopeStatement, "continuity_risk")
    technical_context = model_field(ScopeStatement, "technical_context")
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


# --- evidence -----------------------------------------------------------------------


class EvidenceEditForm(CaseForm):
    """What is said about an artifact. Its file is never replaced."""

    title = model_field(Evidence, "title")
    kind = model_field(Evidence, "kind")
    is_original = model_field(Evidence, "is_original")
    side = model_field(Evidence, "side")
    source = model_field(Evidence, "source")
    url = model_field(Evidence, "url", help_text="Stays openable for other reviewers.")
    description = model_field(Evidence, "description")

    def narrow(self, incident: Incident) -> None:
        self.fields["captured_at"] = ClockField(incident, label="Captured")


class EvidenceUploadForm(EvidenceEditForm):
    """A new artifact: its file, its durable link, or only its name."""

    upload = forms.FileField(
        required=False, allow_empty_file=True, label="File", max_length=None
    )

    field_order: tuple[str, ...] = (
        "upload",
        "url",
        "title",
        "kind",
        "is_original",
        "side",
        "source",
    )

    def narrow(self, incident: Incident) -> None:
        super().narrow(incident)
        self.initial.setdefault("is_original", True)


class FileForm(CaseForm):
    """The file of an artifact that was only named or linked."""

    upload = forms.FileField(label="File", allow_empty_file=True)


class SupersedeForm(CaseForm):
    replacement = forms.ModelChoiceField(queryset=Evidence.objects.none())
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}))

    def narrow(self, incident: Incident) -> None:
        choice: Any = self.fields["replacement"]
        choice.queryset = live_evidence(incident).filter(superseded_by=None)


class PairForm(CaseForm):
    """An operational record and the finance record of the same matter."""

    paired_with = forms.ModelChoiceField(
        queryset=Evidence.objects.none(), required=False, empty_label="No pair"
    )

    def narrow(self, incident: Incident) -> None:
        choice: Any = self.fields["paired_with"]
        choice.queryset = live_evidence(incident)
        if self.row is not None:
            choice.queryset = choice.queryset.exclude(side=self.row.side)


# --- known unknowns and findings ----------------------------------------------------


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


class MultipleFileInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class MultipleFileField(forms.FileField):
    """Several files at once, as a list; each is read like a single one."""

    widget = MultipleFileInput

    def clean(self, data: Any, initial: Any = None) -> Any:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(MultipleFileField, self).clean(f, initial) for f in files if f]


class EvidenceFilesForm(EvidenceUploadForm):
    """Several artifacts of one kind in one go; without a title each is called after
    its file."""

    title = model_field(Evidence, "title", required=False)
    upload = MultipleFileField(
        required=False,
        allow_empty_file=True,
        label="Files",
        help_text="Hashed before they are stored, and never replaced afterwards.",
    )
    field_order = (
        "upload",
        "url",
        "title",
        "kind",
        "is_original",
        "side",
        "source",
        "captured_at",
        "description",
    )

"""What the forms of the case file are made of: fields that read what a person types,
the form on an incident, the artifacts of a claim."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import QuerySet

from accounts.models import User
from incidents.models import (
    Evidence,
    Incident,
)
from postmortem.lib.fields import read_amount
from postmortem.lib.times import on_clock, read_time


def model_field(model: type[models.Model], name: str, **options: Any) -> Any:
    """The form field of a model field: its words, choices and length, written once."""
    item = model._meta.get_field(name)
    assert isinstance(item, models.Field)
    if isinstance(item, models.TextField):
        options.setdefault("widget", forms.Textarea(attrs={"rows": 3}))
    made: Any = item.formfield(**options)
    if getattr(made, "choices", None) and not isinstance(item, models.ForeignKey):
        made.choices = [
            (value, words if value else "Not chosen") for value, words in made.choices
        ]
    return made


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
        return read_amount(_ungrouped(text)) if text else None


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
    """Any number of rows, each with a box to tick: nothing is cut off, and none is lost
    by a click without a key held down. An id that no row can have is one that no row
    has."""

    widget = forms.CheckboxSelectMultiple

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

    def shown_of(self, past: Any) -> dict[str, Any]:
        """What the form showed of an older version, from its history row: the row's own
        fields. Relations have histories of their own and are not merged."""
        own = {field.name for field in past._meta.concrete_fields}
        return {name: getattr(past, name) for name in self.fields if name in own}


class EvidenceMixin(CaseForm):
    """A claim's form: the artifacts that it rests on."""

    def narrow(self, incident: Incident) -> None:
        super().narrow(incident)
        self.fields["evidence"] = RowsField(
            queryset=live_evidence(incident),
            required=False,
            help_text="The artifacts that show this. One that is missing here is added "
            "on the evidence tab first.",
        )

"""Artifacts: added, corrected, superseded, paired."""

from __future__ import annotations

from typing import Any

from django import forms

from incidents.forms.fields import CaseForm, ClockField, live_evidence, model_field
from incidents.models import Evidence, Incident


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
    replacement = forms.ModelChoiceField(
        queryset=Evidence.objects.none(), empty_label="Not chosen"
    )
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


class MultipleFileInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class MultipleFileField(forms.FileField):
    """Several files at once, as a list; each is read like a single one."""

    # When the form is refused the chosen files stay chosen: one press tries again.
    widget = MultipleFileInput(attrs={"hx-preserve": "true"})

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

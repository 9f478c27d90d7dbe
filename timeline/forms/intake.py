"""Forms of foreign logs and of the candidates that they give."""

from __future__ import annotations

from typing import Any

from django import forms

from incidents.forms import CaseForm
from incidents.models import Incident
from timeline.models import Import

READERS = [("", "Find out"), *Import.Reader.choices]


class ReadingForm(CaseForm):
    """How a log is read."""

    reader = forms.ChoiceField(choices=READERS, required=False, label="What it is")
    day = forms.DateField(
        required=False,
        label="Day of times without one",
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Write the day as 2026-03-10."},
    )

    def narrow(self, incident: Incident) -> None:
        super().narrow(incident)
        self.fields["day"].help_text = (
            "For lines such as “14:05 Anna: rate down”, on the incident clock "
            f"({incident.clock_zone})."
        )


class ImportForm(ReadingForm):
    """A log as a file or as pasted text."""

    upload = forms.FileField(
        required=False,
        allow_empty_file=True,
        label="File",
        help_text="Slack export (ZIP or JSON), CSV, chat log, Markdown or text; at "
        "most 200 MB.",
    )
    text = forms.CharField(
        required=False,
        strip=False,
        label="Or paste it",
        widget=forms.Textarea(
            attrs={"rows": 7, "spellcheck": "false", "class": "pm-mono"}
        ),
    )
    record = forms.ChoiceField(
        label="Record",
        required=False,
        choices=[
            ("", "As usual for its kind"),
            ("original", "Original record, written during the incident"),
            ("later", "Later summary"),
        ],
        help_text="Entries that rest on a later summary stay provisional. Chats and "
        "tables are taken as original, an old timeline as a later summary.",
    )
    field_order = ("upload", "text", "reader", "day", "record")

    def clean(self) -> dict[str, Any]:
        data = dict(super().clean() or self.cleaned_data)
        record = data.pop("record", "")
        data["is_original"] = {"original": True, "later": False}.get(record)
        return data

"""What to show of the activity."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.models import User
from incidents.forms.fields import ClockField
from incidents.models import ActivityEntry, Incident


class ActivityFilterForm(forms.Form):
    """What to show of the activity; every part is optional."""

    q = forms.CharField(required=False, max_length=100)
    person = forms.ModelChoiceField(
        User.objects.none(), required=False, empty_label="Anybody"
    )
    verb = forms.ChoiceField(required=False)
    subject = forms.CharField(required=False, max_length=20)
    since = ClockField(label="From", help_text="")
    until = ClockField(label="Until", help_text="")

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        done = ActivityEntry.objects.filter(incident=incident)
        self.fields["person"].queryset = User.objects.filter(  # type: ignore[attr-defined]
            pk__in=done.values("actor")
        )
        verbs = done.order_by("verb").values_list("verb", flat=True).distinct()
        self.fields["verb"].choices = [  # type: ignore[attr-defined]
            ("", "Any deed"),
            *((verb, verb_words(verb)) for verb in verbs),
        ]
        for name in ("since", "until"):
            self.fields[name].zone = incident.clock_zone  # type: ignore[attr-defined]


def verb_words(verb: str) -> str:
    """`timeline.entry_added` as 'Entry added'."""
    return verb.rpartition(".")[2].replace("_", " ").capitalize()

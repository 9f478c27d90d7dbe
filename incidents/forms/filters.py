"""The name of a saved filter."""

from __future__ import annotations

from django import forms

from incidents.forms.fields import model_field
from incidents.models import SavedFilter


class FilterForm(forms.Form):
    name = model_field(SavedFilter, "name")

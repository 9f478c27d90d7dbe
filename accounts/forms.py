"""Forms of the account page: they only parse."""

from __future__ import annotations

from datetime import timedelta

from django import forms
from django.utils import timezone

from accounts.models import ApiToken, User
from postmortem.lib.times import refuse_odd_year, start_of_day, zone_names


class PreferencesForm(forms.Form):
    """Time zone and email of one person."""

    time_zone = forms.ChoiceField(
        choices=lambda: [(name, name) for name in zone_names()],
        help_text="For lists and emails. Every incident keeps its own clock.",
    )
    notify_by_email = forms.BooleanField(
        required=False, label="Send me deadlines and approvals by email"
    )


class TokenForm(forms.Form):
    """A new API token."""

    name = forms.CharField(
        max_length=80, help_text="Where it will be used, such as “CI” or “my laptop”."
    )
    kind = forms.ChoiceField(
        choices=ApiToken.Kind.choices,
        initial=ApiToken.Kind.PERSONAL,
        widget=forms.RadioSelect,
        help_text="A service token never approves: that takes a person.",
    )
    scopes = forms.MultipleChoiceField(
        choices=ApiToken.Scope.choices,
        initial=[ApiToken.Scope.READ],
        widget=forms.CheckboxSelectMultiple,
    )
    expires_on = forms.DateField(
        required=False,
        label="Valid through",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Empty: until it is revoked.",
    )

    def __init__(self, *args: object, user: User, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.user = user

    def clean_expires_on(self) -> object:
        """The end of that day on the person's own clock."""
        day = self.cleaned_data["expires_on"]
        if day is None:
            return None
        refuse_odd_year(day)
        end = start_of_day(day + timedelta(days=1), self.user.time_zone)
        if end <= timezone.now():
            raise forms.ValidationError("This day is over. Choose a later one.")
        return end

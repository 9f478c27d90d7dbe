"""Forms of the account page: they only parse."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from allauth.account import forms as sign_in
from django import forms
from django.utils import timezone

from accounts.models import AccessChange, ApiToken, Role, Team, User
from postmortem.lib.compare import sentence_case
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


def _version_field(**subject: Any) -> forms.IntegerField:
    """What a form on somebody's access was opened at."""
    return forms.IntegerField(
        widget=forms.HiddenInput, initial=AccessChange.version_of(**subject)
    )


class PersonForm(forms.Form):
    """Who somebody is and what they may do; `account` None adds a new one."""

    email = forms.EmailField(
        help_text="To sign in. A link to choose a password goes there by “Forgot your "
        "password?”."
    )
    name = forms.CharField(max_length=120)
    title = forms.CharField(
        max_length=120, required=False, help_text="Role title shown in the record."
    )
    roles = forms.MultipleChoiceField(
        choices=Role.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="The ceiling of what this person may do. Without any: nothing.",
    )
    is_active = forms.BooleanField(
        required=False,
        label="The account may be used",
        help_text="Switched off: no sign-in, no token. The record keeps the name.",
    )
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, account: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["is_active" if account is None else "email"]
        if account is not None:
            self.initial = {
                "name": account.name,
                "title": account.title,
                "roles": sorted(account.roles),
                "is_active": account.is_active,
            }
            self.fields["version"] = _version_field(person=account)


class TeamForm(forms.Form):
    """A team, its manager and members."""

    name = forms.CharField(max_length=120)
    function = forms.ChoiceField(choices=Team.Function.choices)
    manager = forms.ModelChoiceField(
        User.objects.none(),
        required=False,
        empty_label="Nobody yet",
        help_text="Their approval counts as manager-level; reminders escalate to them.",
    )
    members = forms.ModelMultipleChoiceField(
        User.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, team: Team | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.filter(is_active=True)
        for name in ("manager", "members"):
            self.fields[name].queryset = people  # type: ignore[attr-defined]
        if team is not None:
            self.initial = {
                "name": team.name,
                "function": team.function,
                "manager": team.manager_id,
                "members": list(team.members.values_list("pk", flat=True)),
            }
            self.fields["version"] = _version_field(team=team)


class JoinForm(forms.Form):
    """Which other account belongs to the same human."""

    to = forms.ModelChoiceField(
        User.objects.none(), label="The other account", empty_label="Not chosen"
    )
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2}), help_text="How you know."
    )

    def __init__(self, *args: Any, account: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = User.objects.exclude(person_id=account.person_id)
        self.fields["to"].queryset = others.exclude(handle="system")  # type: ignore[attr-defined]


class PartForm(forms.Form):
    """Why an account is another human's after all."""

    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 2}), help_text="How you know."
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


class _Plain:
    """Labels of the sign-in library in sentence case, and none of them twice."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.label = sentence_case(str(field.label or ""))
            field.widget.attrs.pop("placeholder", None)


class SignInForm(_Plain, sign_in.LoginForm):  # type: ignore[misc]
    """Address and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["remember"].label = "Keep me signed in on this device"


class ChangePasswordForm(_Plain, sign_in.ChangePasswordForm):  # type: ignore[misc]
    """The present password and the new one."""


class ResetPasswordForm(_Plain, sign_in.ResetPasswordForm):  # type: ignore[misc]
    """The address to which a link goes."""


class NewPasswordForm(_Plain, sign_in.ResetPasswordKeyForm):  # type: ignore[misc]
    """The password behind such a link."""


class ReauthenticateForm(_Plain, sign_in.ReauthenticateForm):  # type: ignore[misc]
    """The password again, before a step that needs it."""

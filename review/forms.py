"""Forms of the review: they parse, the services decide."""

from __future__ import annotations

from typing import Any

from django import forms

from incidents.forms import ClockField, PersonChoiceField
from incidents.models import Incident
from review.models import Participant, Review

PROSE = forms.Textarea(attrs={"rows": 4})


def _help(name: str) -> str:
    return str(getattr(Review._meta.get_field(name), "help_text", ""))


class OpenReviewForm(forms.Form):
    """Who answers for the review."""

    owner = PersonChoiceField(
        empty_label="Me",
        help_text="Answers for the review, and so cannot approve its closure.",
    )

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


class ReviewForm(forms.Form):
    """Duties, readiness, meeting and the texts of the review."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    owner = PersonChoiceField(required=True, label="Owner of the review")
    meeting_owner = PersonChoiceField(label="Meeting flow")
    documentation_owner = PersonChoiceField(
        label="Documentation",
        help_text="Counts as an author of the review and cannot approve its closure.",
    )
    follow_up_owner = PersonChoiceField(label="Follow-up actions")
    is_ready = forms.TypedChoiceField(
        choices=[("", "Not answered"), ("yes", "Yes"), ("no", "No")],
        coerce=lambda text: {"yes": True, "no": False}[text],
        empty_value=None,
        required=False,
        label="Can the group review impact and decisions, not only systems?",
    )
    readiness_reason = forms.CharField(
        widget=PROSE, required=False, label="Why", max_length=10000
    )
    meeting_at = forms.CharField(required=False, label="Learning meeting")
    how_we_responded = forms.CharField(
        widget=PROSE,
        required=False,
        max_length=10000,
        label="How we responded",
        help_text="Detection, command, decisions, communication: what helped, what "
        "slowed.",
    )
    learning = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 6}),
        required=False,
        max_length=10000,
        label="Blameless summary",
        help_text="Conditions, decisions and learning. What made sense at the time?",
    )

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["meeting_at"] = ClockField(
            incident, required=False, label="Learning meeting"
        )


class ParticipantForm(forms.Form):
    """Who takes part, and in which capacity."""

    user = PersonChoiceField(
        required=True, label="Person", empty_label="Choose a person"
    )
    capacity = forms.ChoiceField(choices=Participant.Capacity.choices)

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


class ReasonForm(forms.Form):
    """A verb that needs its reason."""

    reason = forms.CharField(widget=PROSE, max_length=10000)

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


class ConfirmForm(forms.Form):
    """A verb without any input: pressing the button says it."""

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


class ApproveForm(forms.Form):
    """Approving what was read: the hash of the version stands in the form."""

    content_hash = forms.CharField(widget=forms.HiddenInput, max_length=80)
    has_read = forms.BooleanField(
        label="I have read the six sections of this version and the gaps that it seals"
    )
    comment = forms.CharField(widget=PROSE, required=False, max_length=10000)

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


class ChangesForm(forms.Form):
    """Asking for changes to the version that was read."""

    content_hash = forms.CharField(widget=forms.HiddenInput, max_length=80)
    comment = forms.CharField(
        widget=PROSE, max_length=10000, label="What has to change"
    )

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)


class KeepForm(forms.Form):
    """Why the incident stays stabilized, and which risk is open."""

    open_risk = forms.CharField(
        max_length=300, help_text="Name the action or the proof that is missing."
    )
    reason = forms.CharField(widget=PROSE, max_length=10000)

    def __init__(self, *args: Any, incident: Incident, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)

"""Forms of the review: they parse, the services decide."""

from __future__ import annotations

from typing import Any

from django import forms

from incidents.forms import CaseForm, ClockField, PersonChoiceField
from incidents.forms.fields import model_field
from incidents.models import Incident
from review.models import ClosurePolicy, Participant

PROSE = forms.Textarea(attrs={"rows": 4})
READY = {True: "yes", False: "no", None: ""}


class OpenReviewForm(CaseForm):
    """Who answers for the review."""

    owner = PersonChoiceField(
        empty_label="Me",
        help_text="Answers for the review, and so cannot approve its closure.",
    )


class ReviewForm(CaseForm):
    """Duties, readiness, meeting and the texts of the review."""

    owner = PersonChoiceField(required=True, label="Owner of the review")
    meeting_owner = PersonChoiceField(label="Meeting flow")
    documentation_owner = PersonChoiceField(
        label="Documentation",
        help_text="Counts as an author of the review and cannot approve its closure.",
    )
    follow_up_owner = PersonChoiceField(label="Follow-up actions")
    is_ready = forms.TypedChoiceField(
        choices=[("", "Not answered"), ("yes", "Yes"), ("no", "No")],
        coerce=lambda text: text == "yes",
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

    def narrow(self, incident: Incident) -> None:
        self.fields["meeting_at"] = ClockField(incident, label="Learning meeting")

    def values_of(self, row: Any) -> dict[str, Any]:
        return {**super().values_of(row), "is_ready": READY[row.is_ready]}

    def shown_of(self, past: Any) -> dict[str, Any]:
        return {**super().shown_of(past), "is_ready": READY[past.is_ready]}


class ParticipantForm(CaseForm):
    """Who takes part, and in which capacity."""

    user = PersonChoiceField(
        required=True, label="Person", empty_label="Choose a person"
    )
    capacity = forms.ChoiceField(choices=Participant.Capacity.choices)


class ApproveForm(CaseForm):
    """Approving what was read: the hash of the version stands in the form."""

    content_hash = forms.CharField(widget=forms.HiddenInput, max_length=80)
    has_read = forms.BooleanField(
        label="I have read the six sections of this version and the gaps that it seals"
    )
    comment = forms.CharField(widget=PROSE, required=False, max_length=10000)


class ChangesForm(CaseForm):
    """Asking for changes to the version that was read."""

    content_hash = forms.CharField(widget=forms.HiddenInput, max_length=80)
    comment = forms.CharField(
        widget=PROSE, max_length=10000, label="What has to change"
    )


class KeepForm(CaseForm):
    """Why the incident stays stabilized, and which risk is open."""

    open_risk = forms.CharField(
        max_length=300, help_text="Name the action or the proof that is missing."
    )
    reason = forms.CharField(widget=PROSE, max_length=10000)


class ClosurePolicyForm(forms.Form):
    """Who has to approve a closure; `version` is that of the severity's policy."""

    approvals = model_field(ClosurePolicy, "approvals")
    managers = model_field(ClosurePolicy, "managers")
    engineering_and_finance = model_field(ClosurePolicy, "engineering_and_finance")
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}))
    version = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, policy: ClosurePolicy, version: int, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        for name, item in self.fields.items():
            item.initial = getattr(policy, name, None)
        self.fields["version"].initial = version

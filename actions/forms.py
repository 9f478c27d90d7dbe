"""Forms of the actions. They only parse; every rule lives in the services."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q

from accounts.models import User
from actions.models import ActionItem, ClosureTest, TestRun
from incidents.forms import (
    CaseForm,
    ClockField,
    MultipleFileField,
    PersonChoiceField,
    RowsField,
    live_evidence,
    model_field,
)
from incidents.models import Evidence, Incident
from postmortem.lib.times import refuse_odd_year, zone
from rca.models import Cause, FailureMode

_BARE_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class DueField(ClockField):
    """A date by which something is done. A bare day means by its end, on the incident
    clock: a due date is a limit, not a moment that happened."""

    def __init__(self, incident: Incident, **kwargs: Any) -> None:
        kwargs.setdefault(
            "help_text",
            f"2026-03-27 (end of that day) or 2026-03-27 18:00, {incident.clock_zone}.",
        )
        super().__init__(incident, **kwargs)

    def clean(self, value: Any) -> Any:
        text = str(value or "").strip()
        if not _BARE_DAY.fullmatch(text):
            return super().clean(value)
        try:
            day = date.fromisoformat(text)
        except ValueError:
            raise ValidationError(
                f"“{text}” is not a day of the calendar.", code="unreadable_time"
            ) from None
        refuse_odd_year(day)
        end = datetime.combine(day, time(23, 59), tzinfo=zone(self.zone))
        return end.astimezone(UTC)


def _people(current: User | None) -> Any:
    """Everybody who can sign in, and whoever is named already (an imported person)."""
    return User.objects.filter(
        Q(is_active=True) | Q(pk=current.pk if current else None)
    ).order_by("title", "name")


class ActionForm(CaseForm):
    """An action: what changes, who owns it, what it answers and how it is undone."""

    title = model_field(
        ActionItem,
        "title",
        help_text="A change somebody can see done: what, where, under which condition.",
    )
    kind = model_field(ActionItem, "kind")
    timing = model_field(
        ActionItem,
        "timing",
        help_text="Mandatory now: an open gap could bring the outage back.",
    )
    owner = PersonChoiceField()
    due_at = forms.CharField(required=False)
    area = model_field(
        ActionItem,
        "area",
        help_text="Risk controls and the settlement path need a finance approval too.",
    )
    priority = model_field(ActionItem, "priority")
    causes = RowsField(
        queryset=Cause.objects.none(),
        required=False,
        label="Causes it answers",
    )
    failure_modes = RowsField(
        queryset=FailureMode.objects.none(),
        required=False,
        label="Failure modes it answers",
    )
    details = model_field(ActionItem, "details")
    risk_removed = model_field(ActionItem, "risk_removed")
    risk_remaining = model_field(ActionItem, "risk_remaining")
    trade_off = model_field(ActionItem, "trade_off")
    rollback_path = model_field(
        ActionItem, "rollback_path", help_text="What undoes this change if it harms."
    )
    proof_location = model_field(
        ActionItem,
        "proof_location",
        help_text="Folder, dashboard or system where the proof stays.",
    )
    tracker_url = model_field(
        ActionItem,
        "tracker_url",
        help_text="The work item. Closing it there does not close the action here.",
    )

    def narrow(self, incident: Incident) -> None:
        self.fields["due_at"] = DueField(incident, label="Due")
        owner: Any = self.fields["owner"]
        owner.queryset = _people(self.row.owner if self.row else None)
        causes: Any = self.fields["causes"]
        causes.queryset = Cause.objects.filter(
            incident=incident, retracted_at=None
        ).exclude(state=Cause.State.RULED_OUT)
        modes: Any = self.fields["failure_modes"]
        modes.queryset = FailureMode.objects.filter(
            incident=incident, retracted_at=None
        ).exclude(standing=FailureMode.Standing.RULED_OUT)
        for field in (causes, modes):
            if not field.queryset.exists():
                field.widget = forms.MultipleHiddenInput()

    def values_of(self, row: Any) -> dict[str, Any]:
        return {
            **super().values_of(row),
            "causes": [cause.pk for cause in row.live_causes],
            "failure_modes": [mode.pk for mode in row.live_failure_modes],
        }


class OpenForm(CaseForm):
    """Take a draft out of draft."""


class CompleteForm(CaseForm):
    """Completion with both risks in writing (R-AI-05)."""

    risk_removed = model_field(ActionItem, "risk_removed", required=False)
    risk_remaining = model_field(ActionItem, "risk_remaining", required=False)


class ClosureTestForm(CaseForm):
    """How it will be proven, and what has to come out."""

    procedure = model_field(
        ClosureTest,
        "procedure",
        help_text="What is run, in the shape of this incident.",
    )
    pass_condition = model_field(
        ClosureTest,
        "pass_condition",
        help_text="What must be seen, so that two people judge the run alike.",
    )
    environment = model_field(
        ClosureTest, "environment", help_text="For example staging, live-shaped events."
    )
    due_at = forms.CharField(required=False)

    def narrow(self, incident: Incident) -> None:
        self.fields["due_at"] = DueField(incident, label="Due")


class ArtifactsForm(CaseForm):
    """Artifacts of a run: what is in the case already, or a new file."""

    evidence = RowsField(
        queryset=Evidence.objects.none(),
        required=False,
        label="Artifacts in this case",
    )
    uploads = MultipleFileField(
        required=False,
        allow_empty_file=True,
        label="New files",
        help_text="Test output, logs or screenshots of this run.",
    )

    def narrow(self, incident: Incident) -> None:
        evidence: Any = self.fields["evidence"]
        evidence.queryset = live_evidence(incident)


class RunForm(ArtifactsForm):
    """One run of a closure test."""

    outcome = model_field(TestRun, "outcome", widget=forms.RadioSelect)
    ran_at = forms.CharField()
    environment = model_field(TestRun, "environment")
    tester = PersonChoiceField(empty_label="Me")
    notes = model_field(TestRun, "notes", label="What came out")
    sandbox_limit = model_field(TestRun, "sandbox_limit")

    field_order = (
        "outcome",
        "ran_at",
        "environment",
        "tester",
        "notes",
        "uploads",
        "evidence",
        "sandbox_limit",
    )

    def narrow(self, incident: Incident) -> None:
        super().narrow(incident)
        self.fields["ran_at"] = ClockField(
            incident, label="Date of the test", required=True
        )
        outcome: Any = self.fields["outcome"]
        outcome.choices = TestRun.Outcome.choices
        self.order_fields(self.field_order)


class ApprovalForm(CaseForm):
    """A person's word; `digest` is what they read."""

    comment = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        required=False,
        max_length=10_000,
        help_text="What you looked at.",
    )
    digest = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)


class SeatForm(ApprovalForm):
    """An approval for one seat: asked for only where a person could take either."""

    seat = forms.CharField(widget=forms.HiddenInput, required=False, max_length=20)

    field_order = ("seat", "comment", "digest")

    def offer(self, seats: list[tuple[str, str]]) -> None:
        """The seats that are free for this person; the first is chosen beforehand."""
        if len(seats) > 1:
            self.fields["seat"] = forms.ChoiceField(label="Seat", choices=seats)
            self.order_fields(self.field_order)
        if seats:
            self.initial["seat"] = seats[0][0]


class ChangesForm(CaseForm):
    """What has to change before it can be approved."""

    comment = forms.CharField(
        label="What has to change",
        widget=forms.Textarea(attrs={"rows": 4}),
        max_length=10_000,
        required=False,
    )
    digest = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)

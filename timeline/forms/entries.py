"""Forms of entries and of the claims beside them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from incidents.forms import (
    CaseForm,
    ClockField,
    EvidenceMixin,
    PersonChoiceField,
    RowsField,
    live_evidence,
    model_field,
)
from incidents.models import Evidence, Incident, Lane
from postmortem.lib.times import on_clock
from timeline.forms.quick import QUICK_KINDS
from timeline.forms.times import read_when, reading_day
from timeline.models import (
    DependencyCheckpoint,
    Entry,
    Hypothesis,
    HypothesisEvidence,
    Milestone,
)


class WhenField(ClockField):
    """A time or, for the precision 'only the day', a day; on the incident clock."""

    def __init__(self, incident: Incident | None = None, **kwargs: Any) -> None:
        self.incident = incident
        if incident is not None:
            day = on_clock(reading_day(incident), incident.clock_zone)
            kwargs.setdefault(
                "help_text",
                f"14:05 ({day.day} {day:%b %Y}), 2026-03-10 14:05, or only 2026-03-10; "
                f"on the incident clock ({incident.clock_zone}).",
            )
        super().__init__(incident, **kwargs)

    def clean(self, value: Any) -> Any:
        text = forms.CharField.clean(self, value)
        if not text:
            return None
        assert self.incident is not None
        return read_when(text, incident=self.incident)


class MomentField(WhenField):
    """A time with its minute: a bare day is refused, never read as midnight."""

    def clean(self, value: Any) -> Any:
        moment = super().clean(value)
        if moment is not None and not isinstance(moment, datetime):
            raise ValidationError(
                f"{moment.isoformat()} names a day, not a time. Add the time.",
                code="bare_day",
            )
        return moment


class EntryChoiceField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """An entry by its time and first words."""

    zone = "UTC"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(queryset=Entry.objects.none(), required=False, **kwargs)

    def label_from_instance(self, obj: Any) -> str:
        if obj.occurred_at is None:
            return f"{obj.ref}, time not known, {obj.headline[:60]}"
        at = on_clock(obj.occurred_at, self.zone)
        return f"{at:%d %b %H:%M}, {obj.headline[:60]} ({obj.ref})"


def live(model: type[Any], incident: Incident) -> Any:
    return model._default_manager.filter(incident=incident, retracted_at=None)


def _day_shown(row: Any) -> dict[str, Any]:
    """The days of an entry that is known to the day only; nothing for others."""
    if row.precision != Entry.Precision.DAY or not row.occurred_at:
        return {}
    zone = row.incident.clock_zone
    first = on_clock(row.occurred_at, zone).date()
    end = row.occurred_until or row.occurred_at + timedelta(days=1)
    last = on_clock(end - timedelta(microseconds=1), zone).date()
    return {
        "occurred_at": first.isoformat(),
        "occurred_until": last.isoformat() if last != first else None,
    }


# R-CO-02, R-CO-03, R-CO-05
UPDATE_SAYS = (
    "What is affected, what works, what is being done, what changed since the last "
    "update; of a partial recovery, which payments may be delayed or retried. End with "
    "the clock time of the next update."
)


class EntryForm(EvidenceMixin):
    """One entry: time with its precision, what was seen, what was done, and for a
    decision what was believed, tested and why."""

    # A kind asks only what it needs: the rest stands in groups that open by themselves
    # once something is in them, so that nothing that was typed is ever hidden.
    fields_template = "timeline/_entry_fields.html"
    DECIDES = ("belief", "hypothesis", "why")
    LESS_OFTEN = ("measurement_incomplete", "occurred_until", "at_text", "after")

    field_order = (
        "kind",
        "occurred_at",
        "precision",
        "observed_signal",
        "action_taken",
        "lane",
        "dependency",
        "owner",
        "evidence",
        "milestone",
        "belief",
        "hypothesis",
        "why",
        "measurement_incomplete",
        "occurred_until",
        "at_text",
        "after",
    )

    kind = forms.ChoiceField(choices=QUICK_KINDS, initial=Entry.Kind.SIGNAL)
    occurred_at = WhenField(label="Time")
    precision = model_field(Entry, "precision", required=False)
    occurred_until = WhenField(
        label="Until", help_text="Only if it lasted, or lies somewhere in between."
    )
    at_text = model_field(
        Entry,
        "at_text",
        help_text="The words of the source, for example “shortly after the deploy”.",
    )
    after = EntryChoiceField(
        label="Stands behind",
        empty_label="Its time says it",
        help_text="Only for an entry whose time is not known.",
    )
    observed_signal = model_field(Entry, "observed_signal")
    action_taken = model_field(Entry, "action_taken")
    lane = forms.ModelChoiceField(
        queryset=Lane.objects.none(), required=False, empty_label="No lane"
    )
    dependency = model_field(
        Entry,
        "dependency",
        queryset=DependencyCheckpoint.objects.none(),
        required=False,
        empty_label="None",
    )
    owner = PersonChoiceField(empty_label="Not named")
    belief = model_field(Entry, "belief", help_text="What was believed to be going on.")
    hypothesis = forms.ModelChoiceField(
        queryset=Hypothesis.objects.none(),
        required=False,
        label="Hypothesis tested",
        empty_label="None named",
    )
    why = model_field(Entry, "why", help_text="And not another one, or nothing.")
    measurement_incomplete = model_field(
        Entry,
        "measurement_incomplete",
        help_text="What follows from it stays provisional.",
    )

    def narrow(self, incident: Incident) -> None:
        super().narrow(incident)
        choices = self.fields
        for name in ("belief", "why"):  # an empty one is told apart by its placeholder
            choices[name].widget.attrs["placeholder"] = " "
        if self.initial.get("kind") == Entry.Kind.COMMS:
            choices["action_taken"].help_text = UPDATE_SAYS
        choices["lane"].queryset = live(Lane, incident)  # type: ignore[attr-defined]
        choices["dependency"].queryset = live(DependencyCheckpoint, incident)  # type: ignore[attr-defined]
        choices["hypothesis"].queryset = live(Hypothesis, incident)  # type: ignore[attr-defined]
        behind = live(Entry, incident)
        if self.row is not None:
            behind = behind.exclude(pk=self.row.pk)
        after = choices["after"]
        assert isinstance(after, EntryChoiceField)
        after.zone = incident.clock_zone
        after.queryset = behind.order_by("occurred_at", "number")
        for name in ("occurred_at", "occurred_until"):
            old = self.fields[name]
            self.fields[name] = WhenField(
                incident,
                label=old.label,
                initial=old.initial,
                **({"help_text": old.help_text} if name == "occurred_until" else {}),
            )
        if self.row is None:
            self.fields["milestone"] = forms.ChoiceField(
                choices=[("", "None"), *Milestone.Kind.choices],
                required=False,
                help_text="The required moment that this entry is.",
            )
        else:
            del self.fields["evidence"]  # linked and withdrawn one by one, with reason
        self.order_fields(self.field_order)

    def values_of(self, row: Any) -> dict[str, Any]:
        return {**super().values_of(row), **_day_shown(row)}

    def shown_of(self, past: Any) -> dict[str, Any]:
        return {**super().shown_of(past), **_day_shown(past)}

    @property
    def groups(self) -> dict[str, Any]:
        """What the template shows: fields for every kind, those of a decision, and
        those that are seldom asked, with whether something stands in these."""
        fields = [*self.visible_fields()]
        seldom = [field for field in fields if field.name in self.LESS_OFTEN]
        return {
            "common": [
                field
                for field in fields
                if field.name not in {*self.DECIDES, *self.LESS_OFTEN}
            ],
            "decides": [field for field in fields if field.name in self.DECIDES],
            "seldom": seldom,
            "seldom_open": any(field.errors or field.value() for field in seldom),
        }

    def clean_precision(self) -> str:
        return str(self.cleaned_data.get("precision") or Entry.Precision.MINUTE)

    def clean(self) -> dict[str, Any]:
        """An edit that leaves 'stands behind' alone does not send it."""
        data = dict(super().clean() or self.cleaned_data)
        if self.row is not None and data.get("after") is None:
            data.pop("after", None)
        return data


class GapForm(CaseForm):
    """No record exists from one time to another, and why."""

    occurred_at = WhenField(label="From")
    occurred_until = WhenField(label="To")
    reason = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Why no record exists. It stands in the record and is shown to "
        "whoever approves it.",
    )

    def narrow(self, incident: Incident) -> None:
        for name in ("occurred_at", "occurred_until"):
            self.fields[name] = WhenField(incident, label=self.fields[name].label)


class LinkForm(CaseForm):
    """Artifacts that a claim rests on."""

    evidence = RowsField(
        queryset=Evidence.objects.none(),
        help_text="Original records first; several can be chosen.",
    )
    note = forms.CharField(
        required=False, max_length=200, help_text="What it shows, if that is not clear."
    )

    def narrow(self, incident: Incident) -> None:
        super().narrow(incident)
        field = self.fields["evidence"]
        assert isinstance(field, RowsField)
        field.queryset = live_evidence(incident)


class StanceForm(LinkForm):
    """Artifacts for or against a hypothesis."""

    stance = model_field(HypothesisEvidence, "stance")


class MilestoneForm(CaseForm):
    """Which entry carries which required moment."""

    kind = model_field(Milestone, "kind")
    entry = EntryChoiceField(
        help_text="Not there yet? Add the entry first and choose the milestone on it.",
    )
    is_marked = model_field(
        Milestone,
        "is_marked",
        help_text="Only if a kind occurs more than once and not the first one counts.",
    )

    def narrow(self, incident: Incident) -> None:
        field = self.fields["entry"]
        assert isinstance(field, EntryChoiceField)
        field.zone = incident.clock_zone
        field.queryset = (
            live(Entry, incident)
            .exclude(kind=Entry.Kind.NO_RECORD)
            .order_by("occurred_at", "number")
        )


class NotApplicableForm(CaseForm):
    """A required moment that does not apply here, and why."""

    kind = model_field(Milestone, "kind")
    reason = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))


class HypothesisForm(CaseForm):
    """A belief about the cause, in one sentence that can be wrong."""

    statement = model_field(
        Hypothesis,
        "statement",
        help_text="A sentence that evidence can support or contradict.",
    )


class SettleForm(CaseForm):
    """What decided a hypothesis, with the evidence on either side."""

    state = model_field(Hypothesis, "state")
    what_decided = model_field(Hypothesis, "what_decided")
    evidence_for = RowsField(
        queryset=Evidence.objects.none(),
        required=False,
        label="Evidence that supports it",
    )
    evidence_against = RowsField(
        queryset=Evidence.objects.none(),
        required=False,
        label="Evidence that contradicts it",
    )

    def narrow(self, incident: Incident) -> None:
        for name in ("evidence_for", "evidence_against"):
            field = self.fields[name]
            assert isinstance(field, RowsField)
            field.queryset = live_evidence(incident)

    def values_of(self, row: Any) -> dict[str, Any]:
        links = list(row.evidence_links.filter(retracted_at=None))
        stance = HypothesisEvidence.Stance
        return {
            "state": row.state,
            "what_decided": row.what_decided,
            "evidence_for": [x.evidence_id for x in links if x.stance == stance.FOR],
            "evidence_against": [
                x.evidence_id for x in links if x.stance == stance.AGAINST
            ],
        }


class CheckpointForm(EvidenceMixin):
    """One external interface: first signal, before or after our changes, state."""

    kind = model_field(DependencyCheckpoint, "kind")
    name = model_field(DependencyCheckpoint, "name")
    lane = forms.ModelChoiceField(
        queryset=Lane.objects.none(), required=False, empty_label="No lane"
    )
    first_signal_at = ClockField(label="First signal")
    order = model_field(DependencyCheckpoint, "order")
    state = model_field(DependencyCheckpoint, "state")
    stabilized_at = ClockField(label="Stabilized")
    verified = model_field(DependencyCheckpoint, "verified")

    def narrow(self, incident: Incident) -> None:
        super().narrow(incident)
        self.fields["lane"].queryset = live(Lane, incident)  # type: ignore[attr-defined]
        for name in ("first_signal_at", "stabilized_at"):
            label = self.fields[name].label
            self.fields[name] = MomentField(incident, label=label)
        kind = self.row.kind if self.row else self.initial.get("kind")
        if kind in DependencyCheckpoint.Kind.values:
            asked = DependencyCheckpoint(kind=kind)
            self.fields["verified"].help_text = asked.question
            self.fields["evidence"].help_text = f"Link {asked.records}."


class ProofForm(CaseForm):
    """What would prove a provisional claim: missing check, owner, deadline."""

    question = forms.CharField(max_length=300, help_text="What is not known.")
    missing_check = forms.CharField(
        required=False,
        max_length=300,
        help_text="The artifact or check that would settle it.",
    )
    owner = PersonChoiceField()
    due_at = forms.CharField(label="Deadline", required=False)

    def narrow(self, incident: Incident) -> None:
        self.fields["due_at"] = ClockField(incident, label="Deadline")

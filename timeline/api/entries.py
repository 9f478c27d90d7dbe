"""API of timeline entries and stated gaps."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.base import (
    ClaimFilters,
    ClaimOut,
    EditIn,
    EvidenceListField,
    MomentField,
    PersonField,
    ReasonIn,
    RefField,
    RowViewSet,
)
from incidents.models import Evidence, Lane
from postmortem.lib.drf import AnyOfField, FlagField, WordsField
from timeline import services
from timeline.api.fields import WhenField
from timeline.forms import QUICK_KINDS
from timeline.models import DependencyCheckpoint, Entry, Hypothesis, Milestone


class EntryOut(ClaimOut):
    kind = serializers.CharField(read_only=True)
    occurred_at = MomentField(read_only=True)
    occurred_until = MomentField(read_only=True)
    precision = serializers.CharField(read_only=True)
    at_text = serializers.CharField(read_only=True)
    position = serializers.IntegerField(read_only=True, allow_null=True)
    owner = PersonField(read_only=True)
    observed_signal = serializers.CharField(read_only=True)
    action_taken = serializers.CharField(read_only=True)
    lane = RefField(Lane, read_only=True)
    belief = serializers.CharField(read_only=True)
    hypothesis = RefField(Hypothesis, read_only=True)
    why = serializers.CharField(read_only=True)
    dependency = RefField(DependencyCheckpoint, read_only=True)
    measurement_incomplete = serializers.BooleanField(read_only=True)
    milestones = serializers.SerializerMethodField()

    def get_milestones(self, row: Entry) -> list[str]:
        return [x.kind for x in row.milestones.all() if x.retracted_at is None]


class _EntryFields(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=QUICK_KINDS)
    observed_signal = serializers.CharField(required=False, allow_blank=True)
    action_taken = serializers.CharField(required=False, allow_blank=True)
    occurred_at = WhenField(required=False, allow_null=True)
    occurred_until = WhenField(required=False, allow_null=True)
    precision = serializers.ChoiceField(choices=Entry.Precision.choices, required=False)
    at_text = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="The words of the source, when the time is not known.",
    )
    after = RefField(
        Entry,
        required=False,
        allow_null=True,
        help_text="The entry behind which an undated one stands.",
    )
    owner = PersonField(required=False, allow_null=True)
    lane = RefField(Lane, required=False, allow_null=True)
    belief = serializers.CharField(required=False, allow_blank=True)
    hypothesis = RefField(Hypothesis, required=False, allow_null=True)
    why = serializers.CharField(required=False, allow_blank=True)
    dependency = RefField(
        DependencyCheckpoint,
        required=False,
        allow_null=True,
        help_text="The external interface that showed it or was acted on.",
    )
    measurement_incomplete = FlagField(required=False)


class EntryIn(_EntryFields):
    evidence = EvidenceListField()
    milestone = serializers.ChoiceField(
        choices=Milestone.Kind.choices, required=False, allow_blank=True
    )


class EntryEditIn(EditIn, _EntryFields):
    pass


class StatedGapIn(serializers.Serializer[Any]):
    occurred_at = MomentField()
    occurred_until = MomentField()
    reason = serializers.CharField(allow_blank=True)


class LinkIn(serializers.Serializer[Any]):
    evidence = EvidenceListField(required=True, allow_empty=False)
    note = serializers.CharField(required=False, allow_blank=True, max_length=200)


class UnlinkIn(ReasonIn):
    evidence = RefField(Evidence)


class EntryFilters(ClaimFilters):
    kind = AnyOfField(Entry.Kind.choices)
    lane = RefField(Lane, required=False)
    milestone = AnyOfField(Milestone.Kind.choices)
    q = WordsField(help_text="Words of signal, action, belief and reason.")
    lookups = {
        "kind": "kind__in",
        "lane": "lane",
        "from": "occurred_at__gte",
        "to": "occurred_at__lte",
    }
    search_in = ("observed_signal", "action_taken", "belief", "why")

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python."""
        times = {
            "from": MomentField(required=False, help_text="Occurred then or later."),
            "to": MomentField(required=False, help_text="Occurred then or earlier."),
        }
        return {**super().get_fields(), **times}

    def narrow_milestone(self, rows: QuerySet[Any], kinds: list[str]) -> QuerySet[Any]:
        carried = Milestone.objects.filter(kind__in=kinds, retracted_at=None)
        return rows.filter(pk__in=carried.values("entry"))


class EntryViewSet(RowViewSet):
    permission_map = {
        "list": "incident.view",
        "retrieve": "incident.view",
        "add": "timeline.add",
        "edit": "timeline.edit",
        "state_gap": "timeline.add",
        "link": "timeline.edit",
        "unlink": "timeline.edit",
        "retract": "timeline.edit",
    }
    noun = "entry"
    serializer_class = EntryOut
    queryset = Entry.objects.none()

    @extend_schema(parameters=[EntryFilters], responses={200: EntryOut(many=True)})
    def list(self, request: Request, key: str) -> Response:
        """Entries, newest number first, retracted ones included. Timeline order is
        occurred_at, position, number; an undated one stands behind its position."""
        rows = Entry.objects.filter(incident=self.incident)
        return self.pages(
            rows.select_related(
                "owner",
                "lane",
                "hypothesis",
                "dependency",
                "known_unknown",
                "recorded_by",
            ).prefetch_related("evidence_links__evidence", "milestones"),
            EntryOut,
            EntryFilters,
        )

    @extend_schema(request=EntryIn, responses={201: EntryOut})
    def add(self, request: Request, key: str) -> Response:
        """Record one moment; provisional until an original record is linked."""
        row = services.add_entry(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(EntryIn)
        )
        return self.answer(EntryOut, row, status=201)

    @extend_schema(request=EntryEditIn, responses={200: EntryOut})
    def edit(self, request: Request, key: str, number: int) -> Response:
        """Change an entry; what it said before stays as a version."""
        self.row(Entry, number)
        row = services.edit_entry(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse_edit(EntryEditIn),
        )
        return self.answer(EntryOut, row)

    @extend_schema(request=StatedGapIn, responses={201: EntryOut})
    def state_gap(self, request: Request, key: str) -> Response:
        """State that no record exists from one time to another, and why."""
        row = services.state_gap(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(StatedGapIn)
        )
        return self.answer(EntryOut, row, status=201)

    @extend_schema(request=LinkIn, responses={200: EntryOut})
    def link(self, request: Request, key: str, number: int) -> Response:
        """Say that an entry rests on these artifacts."""
        self.row(Entry, number)
        row = services.link_entry_evidence(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(LinkIn),
        )
        return self.answer(EntryOut, row)

    @extend_schema(request=UnlinkIn, responses={200: EntryOut})
    def unlink(self, request: Request, key: str, number: int) -> Response:
        """Withdraw a link with a reason; the artifact itself stays."""
        self.row(Entry, number)
        row = services.unlink_entry_evidence(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(UnlinkIn),
        )
        return self.answer(EntryOut, row)

    @extend_schema(request=ReasonIn, responses={200: EntryOut})
    def retract(self, request: Request, key: str, number: int) -> Response:
        """Withdraw an entry, and with it the milestones that it carries."""
        self.row(Entry, number)
        row = services.retract_entry(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(ReasonIn),
        )
        return self.answer(EntryOut, row)

"""API of milestones, and of what is computed from them: durations and gaps."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.base import (
    CaseViewSet,
    MomentField,
    ReasonIn,
    RefField,
    RowFilters,
    RowOut,
    RowViewSet,
)
from incidents.models import Lane
from postmortem.lib.drf import FlagField
from timeline import selectors, services
from timeline.models import Entry, Milestone


class MilestoneOut(RowOut):
    kind = serializers.CharField(read_only=True)
    entry = RefField(Entry, read_only=True)
    not_applicable = serializers.BooleanField(read_only=True)
    reason = serializers.CharField(read_only=True)
    is_marked = serializers.BooleanField(read_only=True)


class MilestoneIn(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=Milestone.Kind.choices)
    entry = RefField(Entry)
    is_marked = FlagField(required=False)


class NotApplicableIn(ReasonIn):
    kind = serializers.ChoiceField(choices=Milestone.Kind.choices)


class MilestoneViewSet(RowViewSet):
    permission_map = {
        "list": "incident.view",
        "retrieve": "incident.view",
        "add": "timeline.edit",
        "not_applicable": "timeline.edit",
        "retract": "timeline.edit",
    }
    noun = "milestone"
    serializer_class = MilestoneOut
    queryset = Milestone.objects.none()

    @extend_schema(parameters=[RowFilters], responses={200: MilestoneOut(many=True)})
    def list(self, request: Request, key: str) -> Response:
        """Milestones, retracted ones included."""
        rows = Milestone.objects.filter(incident=self.incident)
        return self.pages(
            rows.select_related("entry", "recorded_by"), MilestoneOut, RowFilters
        )

    @extend_schema(request=MilestoneIn, responses={201: MilestoneOut})
    def add(self, request: Request, key: str) -> Response:
        """Say that an entry carries a milestone."""
        row = services.add_milestone(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(MilestoneIn)
        )
        return self.answer(MilestoneOut, row, status=201)

    @extend_schema(request=NotApplicableIn, responses={201: MilestoneOut})
    def not_applicable(self, request: Request, key: str) -> Response:
        """State that a required milestone does not apply, and why."""
        row = services.mark_not_applicable(
            incident_id=self.incident.pk,
            actor=self.actor,
            **self.parse(NotApplicableIn),
        )
        return self.answer(MilestoneOut, row, status=201)

    @extend_schema(request=ReasonIn, responses={200: MilestoneOut})
    def retract(self, request: Request, key: str, number: int) -> Response:
        """Withdraw a milestone; the entry that carried it stays."""
        self.row(Milestone, number)
        row = services.retract_milestone(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(ReasonIn),
        )
        return self.answer(MilestoneOut, row)


class DurationOut(serializers.Serializer[Any]):
    """A duration with its definition. Seconds are null unless it is recorded."""

    key = serializers.CharField(read_only=True)
    label = serializers.SerializerMethodField()  # type: ignore[assignment]
    definition = serializers.CharField(read_only=True)
    is_headline = serializers.BooleanField(read_only=True)
    state = serializers.ChoiceField(
        choices=["recorded", "pending", "not_applicable", "invalid"], read_only=True
    )
    start = MomentField(read_only=True)
    end = MomentField(read_only=True)
    seconds = serializers.SerializerMethodField()
    longest_seconds = serializers.SerializerMethodField()
    is_range = serializers.BooleanField(read_only=True)
    is_provisional = serializers.BooleanField(read_only=True)
    audience = serializers.ChoiceField(
        choices=["", "customers", "ledger"],
        read_only=True,
        help_text="Whose recovery it measures, if it measures one.",
    )
    lane = RefField(
        Lane, read_only=True, help_text="The one lane it is about; null for all."
    )
    text = serializers.CharField(read_only=True)
    why = serializers.CharField(
        read_only=True, help_text="Why it has no length, when it has none."
    )

    def get_label(self, row: selectors.Duration) -> str:
        return row.label

    def get_seconds(self, row: selectors.Duration) -> int | None:
        return int(row.delta.total_seconds()) if row.delta is not None else None

    def get_longest_seconds(self, row: selectors.Duration) -> int | None:
        return int(row.longest.total_seconds()) if row.longest is not None else None


class GapOut(serializers.Serializer[Any]):
    """A stretch with no evidence, longer than the threshold of the severity."""

    start = MomentField(read_only=True)
    end = MomentField(read_only=True)
    seconds = serializers.SerializerMethodField()
    text = serializers.SerializerMethodField()

    def get_seconds(self, row: selectors.Gap) -> int:
        return int(row.length.total_seconds())

    def get_text(self, row: selectors.Gap) -> str:
        return row.words(self.context["incident"].clock_zone)


class AnalysisViewSet(CaseViewSet):
    permission_map = {"durations": "incident.view", "gaps": "incident.view"}
    pagination_class = None
    serializer_class = DurationOut
    queryset = Milestone.objects.none()

    @extend_schema(responses={200: DurationOut(many=True)})
    def durations(self, request: Request, key: str) -> Response:
        """Headline durations from first impact, then the steps, then the recovery of
        customers and of the ledger lane by lane. Never a false zero."""
        marks = selectors.milestones(self.incident)
        rows = selectors.durations_of(self.incident, marks)
        for recovery in selectors.lane_recoveries(
            self.incident, marks, selectors.lanes(self.incident)
        ):
            rows += recovery.both
        return Response(DurationOut(rows, many=True).data)

    @extend_schema(responses={200: GapOut(many=True)})
    def gaps(self, request: Request, key: str) -> Response:
        """Open gaps between first impact and stabilized, earliest first."""
        rows = selectors.case_gaps(self.incident)
        context = self.get_serializer_context()
        return Response(GapOut(rows, many=True, context=context).data)

"""API of the dependency checkpoints."""

from __future__ import annotations

from typing import Any

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
    ReasonIn,
    RefField,
    RowViewSet,
)
from incidents.models import Lane
from timeline import services
from timeline.models import DependencyCheckpoint


class CheckpointOut(ClaimOut):
    kind = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    lane = RefField(Lane, read_only=True)
    question = serializers.CharField(read_only=True)
    first_signal_at = MomentField(read_only=True)
    order = serializers.CharField(read_only=True)
    state = serializers.CharField(read_only=True)
    stabilized_at = MomentField(read_only=True)
    verified = serializers.CharField(read_only=True)


class CheckpointIn(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=DependencyCheckpoint.Kind.choices)
    name = serializers.CharField(max_length=120)
    lane = RefField(Lane, required=False, allow_null=True)
    first_signal_at = MomentField(required=False, allow_null=True)
    order = serializers.ChoiceField(
        choices=DependencyCheckpoint.Order.choices, required=False
    )
    state = serializers.ChoiceField(
        choices=DependencyCheckpoint.State.choices, required=False
    )
    stabilized_at = MomentField(required=False, allow_null=True)
    verified = serializers.CharField(required=False, allow_blank=True)
    evidence = EvidenceListField()


class CheckpointEditIn(EditIn, CheckpointIn):
    pass


class CheckpointViewSet(RowViewSet):
    permission_map = {
        "list": "incident.view",
        "retrieve": "incident.view",
        "add": "timeline.add",
        "edit": "timeline.edit",
        "retract": "timeline.edit",
    }
    noun = "checkpoint"
    serializer_class = CheckpointOut
    queryset = DependencyCheckpoint.objects.none()

    @extend_schema(parameters=[ClaimFilters], responses={200: CheckpointOut(many=True)})
    def list(self, request: Request, key: str) -> Response:
        """Dependency checkpoints, retracted ones included."""
        rows = DependencyCheckpoint.objects.filter(incident=self.incident)
        return self.pages(
            rows.select_related(
                "lane", "known_unknown", "recorded_by"
            ).prefetch_related("evidence_links__evidence"),
            CheckpointOut,
            ClaimFilters,
        )

    @extend_schema(request=CheckpointIn, responses={201: CheckpointOut})
    def add(self, request: Request, key: str) -> Response:
        """Note an external interface that a flow touched."""
        row = services.add_checkpoint(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(CheckpointIn)
        )
        return self.answer(CheckpointOut, row, status=201)

    @extend_schema(request=CheckpointEditIn, responses={200: CheckpointOut})
    def edit(self, request: Request, key: str, number: int) -> Response:
        """Update a checkpoint; `evidence`, if sent, is all that it rests on."""
        self.row(DependencyCheckpoint, number)
        row = services.edit_checkpoint(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse_edit(CheckpointEditIn),
        )
        return self.answer(CheckpointOut, row)

    @extend_schema(request=ReasonIn, responses={200: CheckpointOut})
    def retract(self, request: Request, key: str, number: int) -> Response:
        """Withdraw a checkpoint that was noted by mistake."""
        self.row(DependencyCheckpoint, number)
        row = services.retract_checkpoint(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(ReasonIn),
        )
        return self.answer(CheckpointOut, row)

"""API of duties and lanes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.base import (
    EditIn,
    MomentField,
    PersonField,
    RowFilters,
    RowOut,
    RowViewSet,
)
from incidents.models import Lane, Participation
from incidents.services import lanes, people


class ParticipationOut(RowOut):
    user = PersonField(read_only=True)
    duty = serializers.CharField(read_only=True)
    is_backup = serializers.BooleanField(read_only=True)
    since = MomentField(read_only=True)
    until = MomentField(read_only=True)


class DutyIn(serializers.Serializer[Any]):
    user = PersonField()
    duty = serializers.ChoiceField(choices=Participation.Duty.choices)
    is_backup = serializers.BooleanField(required=False)
    since = MomentField(required=False, allow_null=True)


class HandOverIn(serializers.Serializer[Any]):
    to = PersonField()
    at = MomentField(required=False, allow_null=True)
    reason = serializers.CharField(required=False, allow_blank=True)


class EndDutyIn(serializers.Serializer[Any]):
    until = MomentField(required=False, allow_null=True)


class ParticipationViewSet(RowViewSet):
    permission_map = {
        "list": "incident.view",
        "retrieve": "incident.view",
        "add": "incident.people",
        "hand_over": "incident.people",
        "end": "incident.people",
    }
    noun = "participation"
    serializer_class = ParticipationOut
    queryset = Participation.objects.none()

    @extend_schema(
        parameters=[RowFilters], responses={200: ParticipationOut(many=True)}
    )
    def list(self, request: Request, key: str) -> Response:
        """Every duty that was held, present and past."""
        rows = Participation.objects.filter(incident=self.incident)
        return self.pages(
            rows.select_related("user", "recorded_by"), ParticipationOut, RowFilters
        )

    @extend_schema(request=DutyIn, responses={201: ParticipationOut})
    def add(self, request: Request, key: str) -> Response:
        """Give a person a duty."""
        row = people.set_duty(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(DutyIn)
        )
        return self.answer(ParticipationOut, row, status=201)

    @extend_schema(request=HandOverIn, responses={200: ParticipationOut})
    def hand_over(self, request: Request, key: str) -> Response:
        """Hand over command; the time is logged."""
        row = people.hand_over_command(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(HandOverIn)
        )
        return self.answer(ParticipationOut, row)

    @extend_schema(request=EndDutyIn, responses={200: ParticipationOut})
    def end(self, request: Request, key: str, number: int) -> Response:
        """End a duty."""
        self.row(Participation, number)
        row = people.end_duty(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(EndDutyIn),
        )
        return self.answer(ParticipationOut, row)


class LaneOut(RowOut):
    slug = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    family = serializers.CharField(read_only=True)
    is_core_flow = serializers.BooleanField(read_only=True)
    status = serializers.CharField(read_only=True)
    owner = PersonField(read_only=True)


class LaneIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=80)
    family = serializers.ChoiceField(choices=Lane.Family.choices, required=False)
    is_core_flow = serializers.BooleanField(required=False)
    status = serializers.ChoiceField(choices=Lane.Status.choices, required=False)
    owner = PersonField(required=False, allow_null=True)


class LaneEditIn(EditIn, LaneIn):
    pass


class LaneViewSet(RowViewSet):
    permission_map = {
        "list": "incident.view",
        "retrieve": "incident.view",
        "add": "incident.edit",
        "edit": "incident.edit",
    }
    noun = "lane"
    serializer_class = LaneOut
    queryset = Lane.objects.none()

    @extend_schema(parameters=[RowFilters], responses={200: LaneOut(many=True)})
    def list(self, request: Request, key: str) -> Response:
        """The payment flows of the incident, each with its own status."""
        rows = Lane.objects.filter(incident=self.incident)
        return self.pages(
            rows.select_related("owner", "recorded_by"), LaneOut, RowFilters
        )

    @extend_schema(request=LaneIn, responses={201: LaneOut})
    def add(self, request: Request, key: str) -> Response:
        """Add a flow: a known slug brings its family, any other name goes too."""
        row = lanes.add_lane(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(LaneIn)
        )
        return self.answer(LaneOut, row, status=201)

    @extend_schema(request=LaneEditIn, responses={200: LaneOut})
    def edit(self, request: Request, key: str, number: int) -> Response:
        """Change a flow or its status."""
        self.row(Lane, number)
        row = lanes.edit_lane(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse_edit(LaneEditIn),
        )
        return self.answer(LaneOut, row)

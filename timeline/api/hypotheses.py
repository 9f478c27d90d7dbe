"""API of the hypotheses ledger."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.base import (
    EditIn,
    EvidenceListField,
    RowFilters,
    RowOut,
    RowViewSet,
)
from timeline import services
from timeline.models import Hypothesis, HypothesisEvidence

Stance = HypothesisEvidence.Stance


class HypothesisOut(RowOut):
    statement = serializers.CharField(read_only=True)
    state = serializers.CharField(read_only=True)
    what_decided = serializers.CharField(read_only=True)
    evidence_for = serializers.SerializerMethodField()
    evidence_against = serializers.SerializerMethodField()

    def get_evidence_for(self, row: Hypothesis) -> list[str]:
        return _refs(row, Stance.FOR)

    def get_evidence_against(self, row: Hypothesis) -> list[str]:
        return _refs(row, Stance.AGAINST)


def _refs(row: Hypothesis, stance: str) -> list[str]:
    return [
        link.evidence.ref
        for link in row.evidence_links.all()
        if link.retracted_at is None and link.stance == stance
    ]


class HypothesisIn(serializers.Serializer[Any]):
    statement = serializers.CharField()
    evidence_for = EvidenceListField()
    evidence_against = EvidenceListField()


class HypothesisEditIn(EditIn):
    statement = serializers.CharField()


class SettleIn(EditIn):
    state = serializers.ChoiceField(choices=Hypothesis.State.choices)
    what_decided = serializers.CharField(allow_blank=True)
    evidence_for = EvidenceListField()
    evidence_against = EvidenceListField()


class StanceIn(serializers.Serializer[Any]):
    evidence = EvidenceListField(required=True, allow_empty=False)
    stance = serializers.ChoiceField(choices=Stance.choices)
    note = serializers.CharField(required=False, allow_blank=True, max_length=200)


class HypothesisViewSet(RowViewSet):
    permission_map = {
        "list": "incident.view",
        "retrieve": "incident.view",
        "add": "timeline.add",
        "edit": "timeline.edit",
        "settle": "timeline.edit",
        "link": "timeline.edit",
    }
    noun = "hypothesis"
    serializer_class = HypothesisOut
    queryset = Hypothesis.objects.none()

    @extend_schema(parameters=[RowFilters], responses={200: HypothesisOut(many=True)})
    def list(self, request: Request, key: str) -> Response:
        """Hypotheses, abandoned ones included."""
        rows = Hypothesis.objects.filter(incident=self.incident)
        return self.pages(
            rows.select_related("recorded_by").prefetch_related(
                "evidence_links__evidence"
            ),
            HypothesisOut,
            RowFilters,
        )

    @extend_schema(request=HypothesisIn, responses={201: HypothesisOut})
    def add(self, request: Request, key: str) -> Response:
        """State a hypothesis before it is tested."""
        row = services.add_hypothesis(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(HypothesisIn)
        )
        return self.answer(HypothesisOut, row, status=201)

    @extend_schema(request=HypothesisEditIn, responses={200: HypothesisOut})
    def edit(self, request: Request, key: str, number: int) -> Response:
        """Word a hypothesis better."""
        self.row(Hypothesis, number)
        row = services.edit_hypothesis(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse_edit(HypothesisEditIn),
        )
        return self.answer(HypothesisOut, row)

    @extend_schema(request=SettleIn, responses={200: HypothesisOut})
    def settle(self, request: Request, key: str, number: int) -> Response:
        """Supported or abandoned, and what decided it."""
        self.row(Hypothesis, number)
        row = services.settle_hypothesis(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(SettleIn),
        )
        return self.answer(HypothesisOut, row)

    @extend_schema(request=StanceIn, responses={200: HypothesisOut})
    def link(self, request: Request, key: str, number: int) -> Response:
        """Link artifacts that support or contradict it."""
        self.row(Hypothesis, number)
        row = services.link_hypothesis_evidence(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(StanceIn),
        )
        return self.answer(HypothesisOut, row)

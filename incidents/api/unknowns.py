"""API of known unknowns."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.base import (
    EditIn,
    EvidenceListField,
    MomentField,
    PersonField,
    ReasonIn,
    RowFilters,
    RowOut,
    RowViewSet,
)
from incidents.models import KnownUnknown
from incidents.services import unknowns
from postmortem.lib.drf import AnyOfField, WordsField


class UnknownOut(RowOut):
    question = serializers.CharField(read_only=True)
    why_it_matters = serializers.CharField(read_only=True)
    missing_check = serializers.CharField(read_only=True)
    owner = PersonField(read_only=True)
    due_at = MomentField(read_only=True)
    state = serializers.CharField(read_only=True)
    resolution = serializers.CharField(read_only=True)
    resolved_at = MomentField(read_only=True)
    resolved_by = PersonField(read_only=True)
    evidence = serializers.SerializerMethodField()

    def get_evidence(self, row: Any) -> list[str]:
        links = row.evidence_links.all()
        return [link.evidence.ref for link in links if link.retracted_at is None]


class UnknownIn(serializers.Serializer[Any]):
    question = serializers.CharField(max_length=300)
    why_it_matters = serializers.CharField(required=False, allow_blank=True)
    missing_check = serializers.CharField(required=False, allow_blank=True)
    owner = PersonField(required=False, allow_null=True)
    due_at = MomentField(required=False, allow_null=True)
    evidence = EvidenceListField()


class UnknownEditIn(EditIn, UnknownIn):
    pass


class ResolveIn(EditIn):
    resolution = serializers.CharField()
    evidence = EvidenceListField()


class UnknownReasonIn(EditIn, ReasonIn):
    pass


class UnknownFilters(RowFilters):
    state = AnyOfField(KnownUnknown.State.choices)
    owner = PersonField(required=False)
    q = WordsField(help_text="Words of the question.")
    lookups = {"state": "state__in", "owner": "owner"}
    search_in = ("question",)


class UnknownViewSet(RowViewSet):
    permission_map = {
        "list": "incident.view",
        "retrieve": "incident.view",
        "add": "unknown.edit",
        "edit": "unknown.edit",
        "resolve": "unknown.edit",
        "accept": "finding.accept",
        "reopen": "unknown.edit",
    }
    noun = "unknown"
    serializer_class = UnknownOut
    queryset = KnownUnknown.objects.none()

    @extend_schema(parameters=[UnknownFilters], responses={200: UnknownOut(many=True)})
    def list(self, request: Request, key: str) -> Response:
        """What is not known, settled ones included."""
        rows = KnownUnknown.objects.filter(incident=self.incident)
        return self.pages(
            rows.select_related("owner", "resolved_by", "recorded_by").prefetch_related(
                "evidence_links__evidence"
            ),
            UnknownOut,
            UnknownFilters,
        )

    @extend_schema(request=UnknownIn, responses={201: UnknownOut})
    def add(self, request: Request, key: str) -> Response:
        """State what is not known, who settles it, until when."""
        row = unknowns.add_unknown(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(UnknownIn)
        )
        return self.answer(UnknownOut, row, status=201)

    @extend_schema(request=UnknownEditIn, responses={200: UnknownOut})
    def edit(self, request: Request, key: str, number: int) -> Response:
        """Reword a known unknown, or change its owner or deadline."""
        self.row(KnownUnknown, number)
        row = unknowns.edit_unknown(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse_edit(UnknownEditIn),
        )
        return self.answer(UnknownOut, row)

    @extend_schema(request=ResolveIn, responses={200: UnknownOut})
    def resolve(self, request: Request, key: str, number: int) -> Response:
        """Say what was found out, and by which artifact."""
        self.row(KnownUnknown, number)
        row = unknowns.resolve_unknown(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(ResolveIn),
        )
        return self.answer(UnknownOut, row)

    @extend_schema(request=UnknownReasonIn, responses={200: UnknownOut})
    def accept(self, request: Request, key: str, number: int) -> Response:
        """Accept it as residual risk."""
        self.row(KnownUnknown, number)
        row = unknowns.accept_unknown(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(UnknownReasonIn),
        )
        return self.answer(UnknownOut, row)

    @extend_schema(request=UnknownReasonIn, responses={200: UnknownOut})
    def reopen(self, request: Request, key: str, number: int) -> Response:
        """Open it again: the answer did not hold."""
        self.row(KnownUnknown, number)
        row = unknowns.reopen_unknown(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(UnknownReasonIn),
        )
        return self.answer(UnknownOut, row)

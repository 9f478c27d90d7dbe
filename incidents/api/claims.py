"""API of scope, impact and figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
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
from incidents.models import (
    CaseRecord,
    Evidence,
    ImpactFigure,
    ImpactStatement,
    KnownUnknown,
    Lane,
    ScopeStatement,
)
from incidents.services import claims
from incidents.services.core import retract_record
from postmortem.lib.fields import AMOUNT, read_amount

LINKED = ("evidence_links__evidence",)


class _ClaimIn(serializers.Serializer[Any]):
    evidence = EvidenceListField()
    known_unknown = RefField(KnownUnknown, required=False, allow_null=True)


# --- scope --------------------------------------------------------------------------


class ScopeOut(ClaimOut):
    audience = serializers.CharField(read_only=True)
    consequence = serializers.CharField(read_only=True)
    who = serializers.CharField(read_only=True)
    continuity_risk = serializers.CharField(read_only=True)
    technical_context = serializers.CharField(read_only=True)
    communication = serializers.CharField(read_only=True)
    lane = RefField(Lane, read_only=True)
    state = serializers.CharField(read_only=True)
    closed_at = MomentField(read_only=True)
    closing_evidence = RefField(Evidence, read_only=True)


class ScopeIn(_ClaimIn):
    audience = serializers.ChoiceField(choices=ScopeStatement.Audience.choices)
    consequence = serializers.CharField()
    who = serializers.CharField(required=False, allow_blank=True)
    continuity_risk = serializers.CharField(required=False, allow_blank=True)
    technical_context = serializers.CharField(required=False, allow_blank=True)
    communication = serializers.CharField(required=False, allow_blank=True)
    lane = RefField(Lane, required=False, allow_null=True)


class ScopeEditIn(EditIn, ScopeIn):
    pass


class CloseScopeIn(EditIn):
    closing_evidence = RefField(Evidence)
    closed_at = MomentField(required=False, allow_null=True)


class ReopenScopeIn(EditIn, ReasonIn):
    pass


class ScopeViewSet(RowViewSet):
    permission_map = {
        "list": "incident.view",
        "retrieve": "incident.view",
        "add": "scope.edit",
        "edit": "scope.edit",
        "close": "scope.edit",
        "reopen": "scope.edit",
        "retract": "scope.edit",
    }
    noun = "scope"
    serializer_class = ScopeOut
    queryset = ScopeStatement.objects.none()

    @extend_schema(parameters=[ClaimFilters], responses={200: ScopeOut(many=True)})
    def list(self, request: Request, key: str) -> Response:
        """Scope statements, retracted ones included."""
        rows = ScopeStatement.objects.filter(incident=self.incident)
        return self.pages(
            rows.select_related(
                "lane", "closing_evidence", "known_unknown", "recorded_by"
            ).prefetch_related(*LINKED),
            ScopeOut,
            ClaimFilters,
        )

    @extend_schema(request=ScopeIn, responses={201: ScopeOut})
    def add(self, request: Request, key: str) -> Response:
        """State what users experienced, or what internal processing did."""
        row = claims.add_scope(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(ScopeIn)
        )
        return self.answer(ScopeOut, row, status=201)

    @extend_schema(request=ScopeEditIn, responses={200: ScopeOut})
    def edit(self, request: Request, key: str, number: int) -> Response:
        """Reword a scope statement."""
        self.row(ScopeStatement, number)
        row = claims.edit_scope(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse_edit(ScopeEditIn),
        )
        return self.answer(ScopeOut, row)

    @extend_schema(request=CloseScopeIn, responses={200: ScopeOut})
    def close(self, request: Request, key: str, number: int) -> Response:
        """Close a scope line by the signal that shows its end."""
        self.row(ScopeStatement, number)
        row = claims.close_scope(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(CloseScopeIn),
        )
        return self.answer(ScopeOut, row)

    @extend_schema(request=ReopenScopeIn, responses={200: ScopeOut})
    def reopen(self, request: Request, key: str, number: int) -> Response:
        """Open a scope line again; a given all-clear is withdrawn."""
        self.row(ScopeStatement, number)
        row = claims.reopen_scope(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(ReopenScopeIn),
        )
        return self.answer(ScopeOut, row)

    @extend_schema(request=ReasonIn, responses={200: ScopeOut})
    def retract(self, request: Request, key: str, number: int) -> Response:
        """Withdraw a scope statement with a reason; it stays in the record."""
        return _retract(self, ScopeStatement, number, ScopeOut)


# --- impact -------------------------------------------------------------------------


class ImpactOut(ClaimOut):
    kind = serializers.CharField(read_only=True)
    statement = serializers.CharField(read_only=True)
    no_material_change = serializers.BooleanField(read_only=True)
    downstream_work = serializers.CharField(read_only=True)


class ImpactIn(_ClaimIn):
    kind = serializers.ChoiceField(choices=ImpactStatement.Kind.choices)
    statement = serializers.CharField(required=False, allow_blank=True)
    no_material_change = serializers.BooleanField(required=False)
    downstream_work = serializers.CharField(required=False, allow_blank=True)


class ImpactEditIn(EditIn, ImpactIn):
    pass


class ImpactViewSet(RowViewSet):
    permission_map = {
        "list": "incident.view",
        "retrieve": "incident.view",
        "add": "scope.edit",
        "edit": "scope.edit",
        "retract": "scope.edit",
    }
    noun = "impact"
    serializer_class = ImpactOut
    queryset = ImpactStatement.objects.none()

    @extend_schema(parameters=[ClaimFilters], responses={200: ImpactOut(many=True)})
    def list(self, request: Request, key: str) -> Response:
        """Customer, operational and business impact."""
        rows = ImpactStatement.objects.filter(incident=self.incident)
        return self.pages(
            rows.select_related("known_unknown", "recorded_by").prefetch_related(
                *LINKED
            ),
            ImpactOut,
            ClaimFilters,
        )

    @extend_schema(request=ImpactIn, responses={201: ImpactOut})
    def add(self, request: Request, key: str) -> Response:
        """State an impact, or that no material change was found."""
        row = claims.add_impact(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(ImpactIn)
        )
        return self.answer(ImpactOut, row, status=201)

    @extend_schema(request=ImpactEditIn, responses={200: ImpactOut})
    def edit(self, request: Request, key: str, number: int) -> Response:
        """Reword an impact statement."""
        self.row(ImpactStatement, number)
        row = claims.edit_impact(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse_edit(ImpactEditIn),
        )
        return self.answer(ImpactOut, row)

    @extend_schema(request=ReasonIn, responses={200: ImpactOut})
    def retract(self, request: Request, key: str, number: int) -> Response:
        """Withdraw an impact statement with a reason."""
        return _retract(self, ImpactStatement, number, ImpactOut)


@extend_schema_field({"type": "string", "pattern": AMOUNT})
class AmountField(serializers.Field[Decimal, str, str, Any]):
    """An amount of money as text: a JSON number would be a float."""

    default_error_messages = {"text": 'Write the amount as text: "412860.20".'}

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, str):
            self.fail("text")
        return read_amount(data)

    def to_representation(self, value: Decimal) -> str:
        return f"{value:.4f}"


class FigureOut(ClaimOut):
    impact = RefField(ImpactStatement, read_only=True)
    measure = serializers.CharField(read_only=True)
    label = serializers.CharField(read_only=True)  # type: ignore[assignment]
    count = serializers.IntegerField(read_only=True, allow_null=True)
    amount = AmountField(read_only=True, allow_null=True)
    currency = serializers.CharField(read_only=True)
    basis = serializers.CharField(read_only=True)
    method = serializers.CharField(read_only=True)


class FigureIn(_ClaimIn):
    impact = RefField(ImpactStatement)
    measure = serializers.ChoiceField(choices=ImpactFigure.Measure.choices)
    label = serializers.CharField(max_length=160)  # type: ignore[assignment]
    count = serializers.IntegerField(required=False, allow_null=True)
    amount = AmountField(
        required=False,
        allow_null=True,
        help_text="Such as 412860.20, with at most the digits of its currency.",
    )
    currency = serializers.CharField(required=False, allow_blank=True)
    basis = serializers.ChoiceField(choices=ImpactFigure.Basis.choices, required=False)
    method = serializers.CharField(required=False, allow_blank=True)


class FigureEditIn(EditIn, FigureIn):
    pass


class FigureViewSet(RowViewSet):
    permission_map = {
        "list": "incident.view",
        "retrieve": "incident.view",
        "add": "scope.edit",
        "edit": "scope.edit",
        "retract": "scope.edit",
    }
    noun = "figure"
    serializer_class = FigureOut
    queryset = ImpactFigure.objects.none()

    @extend_schema(parameters=[ClaimFilters], responses={200: FigureOut(many=True)})
    def list(self, request: Request, key: str) -> Response:
        """Counts and amounts of the impact."""
        rows = ImpactFigure.objects.filter(incident=self.incident)
        return self.pages(
            rows.select_related(
                "impact", "known_unknown", "recorded_by"
            ).prefetch_related(*LINKED),
            FigureOut,
            ClaimFilters,
        )

    @extend_schema(request=FigureIn, responses={201: FigureOut})
    def add(self, request: Request, key: str) -> Response:
        """Add a count, or an amount with its currency."""
        row = claims.add_figure(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(FigureIn)
        )
        return self.answer(FigureOut, row, status=201)

    @extend_schema(request=FigureEditIn, responses={200: FigureOut})
    def edit(self, request: Request, key: str, number: int) -> Response:
        """Correct a figure; the old value stays in its history."""
        self.row(ImpactFigure, number)
        row = claims.edit_figure(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse_edit(FigureEditIn),
        )
        return self.answer(FigureOut, row)

    @extend_schema(request=ReasonIn, responses={200: FigureOut})
    def retract(self, request: Request, key: str, number: int) -> Response:
        """Withdraw a figure with a reason."""
        return _retract(self, ImpactFigure, number, FigureOut)


def _retract(
    view: RowViewSet,
    model: type[CaseRecord],
    number: int,
    out: type[serializers.Serializer[Any]],
) -> Response:
    view.row(model, number)
    row = retract_record(
        incident_id=view.incident.pk,
        actor=view.actor,
        model=model,
        number=number,
        permission="scope.edit",
        **view.parse(ReasonIn),
    )
    return view.answer(out, row)

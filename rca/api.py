"""API of the analysis: method, causes, failure modes."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents.api.base import (
    CaseViewSet,
    ClaimFilters,
    ClaimOut,
    EditIn,
    EvidenceListField,
    MomentField,
    PersonField,
    ReasonIn,
    RefListField,
    RowOut,
    RowViewSet,
)
from incidents.services.core import hold_incident
from postmortem.lib.drf import AnyOfField, WordsField
from rca import selectors, services
from rca.models import Analysis, Cause, CauseEntry, FailureMode
from timeline.models import Entry


def _text(**kwargs: Any) -> serializers.CharField:
    return serializers.CharField(required=False, allow_blank=True, **kwargs)


# --- the method -----------------------------------------------------------------------


class AnalysisOut(RowOut):
    method = serializers.CharField(read_only=True)
    why_it_fits = serializers.CharField(read_only=True)


class AnalysisIn(EditIn):
    method = serializers.ChoiceField(choices=Analysis.Method.choices)
    why_it_fits = serializers.CharField(allow_blank=True)


class AnalysisViewSet(CaseViewSet):
    """The approach of the analysis. One per incident."""

    permission_map = {"retrieve": "incident.view", "set": "rca.edit"}
    serializer_class = AnalysisOut
    queryset = Analysis.objects.none()

    def honors_if_match(self) -> bool:
        return True

    def matched_row(self) -> Analysis | None:
        hold_incident(self.incident.pk)
        return selectors.analysis(self.incident)

    @extend_schema(responses={200: AnalysisOut})
    def retrieve(self, request: Request, key: str) -> Response:
        """The chosen method; 404 while nobody chose one."""
        row = selectors.analysis(self.incident)
        if row is None:
            raise Http404
        return self.answer(AnalysisOut, row)

    @extend_schema(request=AnalysisIn, responses={200: AnalysisOut})
    def set(self, request: Request, key: str) -> Response:
        """Choose the method, or change it, and say why it fits."""
        row = services.set_analysis(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(AnalysisIn)
        )
        return self.answer(AnalysisOut, row)


# --- causes ---------------------------------------------------------------------------


class CauseOut(ClaimOut):
    label = serializers.CharField(read_only=True)  # type: ignore[assignment]
    statement = serializers.CharField(read_only=True)
    role = serializers.CharField(read_only=True)
    state = serializers.CharField(read_only=True)
    ruled_out_reason = serializers.CharField(read_only=True)
    evidence_shows = serializers.CharField(read_only=True)
    condition = serializers.CharField(read_only=True)
    beyond = serializers.CharField(read_only=True)
    risk_change = serializers.CharField(read_only=True)
    no_action_reason = serializers.CharField(read_only=True)
    leads_to = serializers.SerializerMethodField()
    entries = serializers.SerializerMethodField()

    def get_leads_to(self, row: Cause) -> list[str]:
        live = [path for path in row.paths_out.all() if path.retracted_at is None]
        return [path.leads_to.ref for path in live if not path.leads_to.is_retracted]

    def get_entries(self, row: Cause) -> list[str]:
        joined: dict[int, list[str]] = self.context["joined_entries"]()
        return joined.get(row.pk, [])


class CauseIn(serializers.Serializer[Any]):
    label = serializers.ChoiceField(choices=Cause.Label.choices)  # type: ignore[assignment]
    statement = serializers.CharField()
    role = _text(help_text="Its role in the impact path.")
    evidence_shows = _text()
    condition = _text()
    beyond = _text()
    risk_change = _text()
    no_action_reason = _text()
    evidence = EvidenceListField()
    leads_to = RefListField(Cause)
    entries = RefListField(Entry)


class CauseEditIn(EditIn, CauseIn):
    pass


class ConfirmIn(EditIn):
    resolution = _text(help_text="What the missing check showed.")


class ProvisionalIn(EditIn):
    missing_check = _text(max_length=300)
    owner = PersonField(required=False, allow_null=True, default=None)
    due_at = MomentField(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {"missing_check": "", **attrs}


class RuleOutIn(EditIn, ReasonIn):
    evidence = EvidenceListField()


class CauseFilters(ClaimFilters):
    label = AnyOfField(Cause.Label.choices)  # type: ignore[assignment]
    state = AnyOfField(Cause.State.choices)
    q = WordsField(help_text="Words of the statement.")
    lookups = {"label": "label__in", "state": "state__in"}
    search_in = ("statement",)


class CauseViewSet(RowViewSet):
    """Causes by their role in the impact path."""

    permission_map = {
        "list": "incident.view",
        "retrieve": "incident.view",
        "add": "rca.edit",
        "edit": "rca.edit",
        "confirm": "rca.edit",
        "provisional": "rca.edit",
        "rule_out": "rca.edit",
        "retract": "rca.edit",
    }
    noun = "cause"
    serializer_class = CauseOut
    queryset = Cause.objects.none()

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "joined_entries": self._joined()}

    def _joined(self) -> Callable[[], dict[int, list[str]]]:
        """Refs of the entries of every cause, read once and only if somebody asks."""

        @cache
        def read() -> dict[int, list[str]]:
            found: dict[int, list[str]] = {}
            rows = CauseEntry.objects.filter(
                incident=self.incident, retracted_at=None, entry__retracted_at=None
            )
            for row in rows.select_related("entry").order_by("entry__number"):
                found.setdefault(row.cause_id, []).append(row.entry.ref)
            return found

        return read

    @extend_schema(parameters=[CauseFilters], responses={200: CauseOut(many=True)})
    def list(self, request: Request, key: str) -> Response:
        """Causes, ruled-out and withdrawn ones included."""
        rows = Cause.objects.filter(incident=self.incident)
        return self.pages(
            rows.select_related("known_unknown", "recorded_by").prefetch_related(
                "evidence_links__evidence", "paths_out__leads_to"
            ),
            CauseOut,
            CauseFilters,
        )

    @extend_schema(request=CauseIn, responses={201: CauseOut})
    def add(self, request: Request, key: str) -> Response:
        """State a candidate cause; it stays provisional until it is confirmed."""
        row = services.add_cause(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(CauseIn)
        )
        return self.answer(CauseOut, row, status=201)

    @extend_schema(request=CauseEditIn, responses={200: CauseOut})
    def edit(self, request: Request, key: str, number: int) -> Response:
        """Wording, label, evidence, arrows (`leads_to`) and entries."""
        self.row(Cause, number)
        row = services.edit_cause(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse_edit(CauseEditIn),
        )
        return self.answer(CauseOut, row)

    @extend_schema(request=ConfirmIn, responses={200: CauseOut})
    def confirm(self, request: Request, key: str, number: int) -> Response:
        """Confirm it by its role and an original record that can be opened."""
        self.row(Cause, number)
        row = services.confirm_cause(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(ConfirmIn),
        )
        return self.answer(CauseOut, row)

    @extend_schema(request=ProvisionalIn, responses={200: CauseOut})
    def provisional(self, request: Request, key: str, number: int) -> Response:
        """Name the missing check, its owner and deadline."""
        self.row(Cause, number)
        row = services.mark_provisional(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(ProvisionalIn),
        )
        return self.answer(CauseOut, row)

    @extend_schema(request=RuleOutIn, responses={200: CauseOut})
    def rule_out(self, request: Request, key: str, number: int) -> Response:
        """Rule a candidate out; it stays on record."""
        self.row(Cause, number)
        row = services.rule_out_cause(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(RuleOutIn),
        )
        return self.answer(CauseOut, row)

    @extend_schema(request=ReasonIn, responses={200: CauseOut})
    def retract(self, request: Request, key: str, number: int) -> Response:
        """Withdraw a cause written by mistake; it stays in the record."""
        self.row(Cause, number)
        row = services.retract_cause(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(ReasonIn),
        )
        return self.answer(CauseOut, row)


# --- failure modes --------------------------------------------------------------------


class FailureModeOut(ClaimOut):
    mode = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    standing = serializers.CharField(read_only=True)
    customer_symptom = serializers.CharField(read_only=True)
    financial_impact = serializers.CharField(read_only=True)
    detection_signal = serializers.CharField(read_only=True)
    recovery_action = serializers.CharField(read_only=True)
    control_to_validate = serializers.CharField(read_only=True)
    control_validated = serializers.BooleanField(read_only=True)
    missing_columns = serializers.ListField(
        child=serializers.CharField(),
        read_only=True,
        help_text="Without these the row is descriptive, not preventative.",
    )


class FailureModeIn(serializers.Serializer[Any]):
    mode = serializers.ChoiceField(choices=FailureMode.Mode.choices)
    name = serializers.CharField(max_length=200)
    standing = serializers.ChoiceField(
        choices=FailureMode.Standing.choices, required=False
    )
    customer_symptom = _text()
    financial_impact = _text()
    detection_signal = _text()
    recovery_action = _text()
    control_to_validate = _text()
    control_validated = serializers.BooleanField(required=False)
    evidence = EvidenceListField()
    missing_check = _text(
        max_length=300, help_text="With owner and due_at: what would settle it."
    )
    owner = PersonField(required=False, allow_null=True)
    due_at = MomentField(required=False, allow_null=True)


class FailureModeEditIn(EditIn, FailureModeIn):
    pass


class FailureModeViewSet(RowViewSet):
    """Rows of the failure-mode table."""

    permission_map = {
        "list": "incident.view",
        "retrieve": "incident.view",
        "add": "rca.edit",
        "edit": "rca.edit",
        "provisional": "rca.edit",
        "retract": "rca.edit",
    }
    noun = "failure-mode"
    serializer_class = FailureModeOut
    queryset = FailureMode.objects.none()

    @extend_schema(
        parameters=[ClaimFilters], responses={200: FailureModeOut(many=True)}
    )
    def list(self, request: Request, key: str) -> Response:
        """Failure modes, ruled-out and withdrawn ones included."""
        rows = FailureMode.objects.filter(incident=self.incident)
        return self.pages(
            rows.select_related("known_unknown", "recorded_by").prefetch_related(
                "evidence_links__evidence"
            ),
            FailureModeOut,
            ClaimFilters,
        )

    @extend_schema(request=FailureModeIn, responses={201: FailureModeOut})
    def add(self, request: Request, key: str) -> Response:
        """Add a row."""
        row = services.add_failure_mode(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(FailureModeIn)
        )
        return self.answer(FailureModeOut, row, status=201)

    @extend_schema(request=FailureModeEditIn, responses={200: FailureModeOut})
    def edit(self, request: Request, key: str, number: int) -> Response:
        """Change a row."""
        self.row(FailureMode, number)
        row = services.edit_failure_mode(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse_edit(FailureModeEditIn),
        )
        return self.answer(FailureModeOut, row)

    @extend_schema(request=ProvisionalIn, responses={200: FailureModeOut})
    def provisional(self, request: Request, key: str, number: int) -> Response:
        """Name the check that would settle it, its owner and deadline."""
        self.row(FailureMode, number)
        row = services.mark_failure_mode_provisional(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(ProvisionalIn),
        )
        return self.answer(FailureModeOut, row)

    @extend_schema(request=ReasonIn, responses={200: FailureModeOut})
    def retract(self, request: Request, key: str, number: int) -> Response:
        """Withdraw a row written by mistake; it stays in the record."""
        self.row(FailureMode, number)
        row = services.retract_failure_mode(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(ReasonIn),
        )
        return self.answer(FailureModeOut, row)

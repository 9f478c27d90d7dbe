"""API of closure tests and their runs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from actions.models import ActionItem, ClosureTest, TestRun
from actions.services import tests as services
from incidents.api.base import (
    ClaimFilters,
    ClaimOut,
    EditIn,
    EvidenceListField,
    MomentField,
    PersonField,
    ReasonIn,
    RefField,
    RowFilters,
    RowOut,
    RowViewSet,
)

RUN_LINKS = "evidence_links__evidence"


class ClosureTestOut(RowOut):
    action = RefField(ActionItem, read_only=True)
    procedure = serializers.CharField(read_only=True)
    pass_condition = serializers.CharField(read_only=True)
    environment = serializers.CharField(read_only=True)
    due_at = MomentField(read_only=True)
    runs = serializers.SerializerMethodField()
    accepted_run = serializers.SerializerMethodField()

    def get_runs(self, row: ClosureTest) -> list[str]:
        return [run.ref for run in row.live_runs]

    def get_accepted_run(self, row: ClosureTest) -> str | None:
        run = row.accepted_run
        return run.ref if run else None


class ClosureTestEditIn(EditIn):
    procedure = serializers.CharField()
    pass_condition = serializers.CharField(required=False, allow_blank=True)
    environment = serializers.CharField(required=False, allow_blank=True)
    due_at = MomentField(required=False, allow_null=True)


class ClosureTestIn(serializers.Serializer[Any]):
    action = RefField(ActionItem)
    procedure = serializers.CharField()
    pass_condition = serializers.CharField(required=False, allow_blank=True)
    environment = serializers.CharField(required=False, allow_blank=True)
    due_at = MomentField(required=False, allow_null=True)


class ClosureTestViewSet(RowViewSet):
    permission_map = {
        "list": "incident.view",
        "retrieve": "incident.view",
        "add": "action.edit",
        "edit": "action.edit",
        "retract": "action.edit",
    }
    noun = "closure-test"
    serializer_class = ClosureTestOut
    queryset = ClosureTest.objects.none()

    @extend_schema(parameters=[RowFilters], responses={200: ClosureTestOut(many=True)})
    def list(self, request: Request, key: str) -> Response:
        """Closure tests, withdrawn ones included."""
        rows = ClosureTest.objects.filter(incident=self.incident)
        return self.pages(
            rows.select_related("action", "recorded_by").prefetch_related(
                f"runs__{RUN_LINKS}"
            ),
            ClosureTestOut,
            RowFilters,
        )

    @extend_schema(request=ClosureTestIn, responses={201: ClosureTestOut})
    def add(self, request: Request, key: str) -> Response:
        """Say how it will be proven that an action works."""
        row = services.add_closure_test(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(ClosureTestIn)
        )
        return self.answer(ClosureTestOut, row, status=201)

    @extend_schema(request=ClosureTestEditIn, responses={200: ClosureTestOut})
    def edit(self, request: Request, key: str, number: int) -> Response:
        """Change a closure test."""
        self.row(ClosureTest, number)
        row = services.edit_closure_test(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse_edit(ClosureTestEditIn),
        )
        return self.answer(ClosureTestOut, row)

    @extend_schema(request=ReasonIn, responses={200: ClosureTestOut})
    def retract(self, request: Request, key: str, number: int) -> Response:
        """Withdraw a closure test with a reason."""
        self.row(ClosureTest, number)
        row = services.retract_closure_test(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(ReasonIn),
        )
        return self.answer(ClosureTestOut, row)


class TestRunOut(ClaimOut):
    __test__ = False

    closure_test = RefField(ClosureTest, read_only=True)
    ran_at = MomentField(read_only=True)
    environment = serializers.CharField(read_only=True)
    outcome = serializers.CharField(read_only=True)
    tester = PersonField(read_only=True)
    notes = serializers.CharField(read_only=True)
    sandbox_limit = serializers.CharField(read_only=True)
    is_accepted = serializers.BooleanField(
        read_only=True, help_text="Passed, with an original artifact of the run."
    )


class TestRunIn(serializers.Serializer[Any]):
    __test__ = False

    closure_test = RefField(ClosureTest)
    ran_at = MomentField()
    environment = serializers.CharField()
    outcome = serializers.ChoiceField(choices=TestRun.Outcome.choices)
    tester = PersonField(required=False, allow_null=True)
    notes = serializers.CharField(required=False, allow_blank=True)
    sandbox_limit = serializers.CharField(required=False, allow_blank=True)
    evidence = EvidenceListField()


class AttachRunIn(serializers.Serializer[Any]):
    evidence = EvidenceListField(required=True)


class TestRunViewSet(RowViewSet):
    __test__ = False

    permission_map = {
        "list": "incident.view",
        "retrieve": "incident.view",
        "add": "action.run",
        "attach": "action.run",
        "retract": "action.edit",
    }
    noun = "test-run"
    serializer_class = TestRunOut
    queryset = TestRun.objects.none()

    @extend_schema(parameters=[ClaimFilters], responses={200: TestRunOut(many=True)})
    def list(self, request: Request, key: str) -> Response:
        """Test runs, withdrawn ones included."""
        rows = TestRun.objects.filter(incident=self.incident)
        return self.pages(
            rows.select_related(
                "closure_test", "tester", "recorded_by", "known_unknown"
            ).prefetch_related(RUN_LINKS),
            TestRunOut,
            ClaimFilters,
        )

    @extend_schema(request=TestRunIn, responses={201: TestRunOut})
    def add(self, request: Request, key: str) -> Response:
        """Record a run with refs of its artifacts; upload those as evidence first."""
        row = services.record_run(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(TestRunIn)
        )
        return self.answer(TestRunOut, row, status=201)

    @extend_schema(request=AttachRunIn, responses={200: TestRunOut})
    def attach(self, request: Request, key: str, number: int) -> Response:
        """Attach artifacts to a run that was recorded without them."""
        self.row(TestRun, number)
        row = services.attach_artifact(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(AttachRunIn),
        )
        return self.answer(TestRunOut, row)

    @extend_schema(request=ReasonIn, responses={200: TestRunOut})
    def retract(self, request: Request, key: str, number: int) -> Response:
        """Withdraw a run with a reason."""
        self.row(TestRun, number)
        row = services.retract_run(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(ReasonIn),
        )
        return self.answer(TestRunOut, row)

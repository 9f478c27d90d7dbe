"""API of action items and their approvals."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from actions import selectors
from actions.models import ActionApproval, ActionItem
from actions.services import approvals, items
from incidents.api.base import (
    CaseViewSet,
    EditIn,
    MomentField,
    PersonField,
    ReasonIn,
    RefListField,
    RowFilters,
    RowOut,
)
from postmortem.lib.drf import AnyOfField, FlagField, WordsField
from rca.models import Cause, FailureMode


class ApprovalOut(serializers.Serializer[Any]):
    """One person's word on an action."""

    purpose = serializers.CharField(read_only=True)
    seat = serializers.CharField(read_only=True)
    decision = serializers.CharField(read_only=True)
    approver = PersonField(read_only=True)
    approved_digest = serializers.CharField(read_only=True)
    comment = serializers.CharField(read_only=True)
    at = MomentField(read_only=True)


class ApprovalStateOut(serializers.Serializer[Any]):
    """Where the approval stands for the facts as they are now."""

    purpose = serializers.CharField(read_only=True)
    state = serializers.CharField(
        read_only=True, help_text="approved, waiting, stale or changes_requested."
    )
    digest = serializers.CharField(
        read_only=True, help_text="Send it with an approval: it is what you read."
    )


class ActionOut(RowOut):
    title = serializers.CharField(read_only=True)
    details = serializers.CharField(read_only=True)
    kind = serializers.CharField(read_only=True)
    timing = serializers.CharField(read_only=True)
    priority = serializers.CharField(read_only=True)
    area = serializers.CharField(read_only=True)
    state = serializers.CharField(read_only=True)
    owner = PersonField(read_only=True)
    due_at = MomentField(read_only=True)
    risk_removed = serializers.CharField(read_only=True)
    risk_remaining = serializers.CharField(read_only=True)
    trade_off = serializers.CharField(read_only=True)
    rollback_path = serializers.CharField(read_only=True)
    proof_location = serializers.CharField(read_only=True)
    tracker_url = serializers.CharField(read_only=True)
    completed_at = MomentField(read_only=True)
    completed_by = PersonField(read_only=True)
    cancelled_reason = serializers.CharField(read_only=True)
    is_proven = serializers.BooleanField(
        read_only=True, help_text="Every closure test has an accepted run."
    )
    causes = serializers.SerializerMethodField()
    failure_modes = serializers.SerializerMethodField()
    closure_tests = serializers.SerializerMethodField()
    approval = serializers.SerializerMethodField()
    approvals = serializers.SerializerMethodField()

    def get_causes(self, row: ActionItem) -> list[str]:
        return [cause.ref for cause in row.live_causes]

    def get_failure_modes(self, row: ActionItem) -> list[str]:
        return [mode.ref for mode in row.live_failure_modes]

    def get_closure_tests(self, row: ActionItem) -> list[str]:
        return [test.ref for test in row.live_tests]

    @extend_schema_field(ApprovalStateOut)
    def get_approval(self, row: ActionItem) -> Any:
        return ApprovalStateOut(selectors.approval_state(row)).data

    @extend_schema_field(ApprovalOut(many=True))
    def get_approvals(self, row: ActionItem) -> Any:
        return ApprovalOut(row.approvals.all(), many=True).data


class ActionIn(serializers.Serializer[Any]):
    title = serializers.CharField()
    kind = serializers.ChoiceField(choices=ActionItem.Kind.choices)
    timing = serializers.ChoiceField(choices=ActionItem.Timing.choices, required=False)
    details = serializers.CharField(required=False, allow_blank=True)
    priority = serializers.ChoiceField(
        choices=ActionItem.Priority.choices, required=False, allow_blank=True
    )
    area = serializers.ChoiceField(choices=ActionItem.Area.choices, required=False)
    owner = PersonField(required=False, allow_null=True)
    due_at = MomentField(required=False, allow_null=True)
    risk_removed = serializers.CharField(required=False, allow_blank=True)
    risk_remaining = serializers.CharField(required=False, allow_blank=True)
    trade_off = serializers.CharField(required=False, allow_blank=True)
    rollback_path = serializers.CharField(required=False, allow_blank=True)
    proof_location = serializers.CharField(required=False, allow_blank=True)
    tracker_url = serializers.CharField(required=False, allow_blank=True)
    causes = RefListField(Cause)
    failure_modes = RefListField(FailureMode)


class ActionEditIn(EditIn, ActionIn):
    pass


class CompleteIn(EditIn):
    risk_removed = serializers.CharField(required=False, allow_blank=True)
    risk_remaining = serializers.CharField(required=False, allow_blank=True)


class CancelIn(EditIn, ReasonIn):
    pass


class DeferIn(serializers.Serializer[Any]):
    comment = serializers.CharField(required=False, allow_blank=True)
    digest = serializers.CharField(
        required=False, help_text="The digest that was read; a stale one gives 409."
    )


class ApproveIn(DeferIn):
    seat = serializers.ChoiceField(choices=ActionApproval.Seat.choices, required=False)


class ChangesIn(serializers.Serializer[Any]):
    comment = serializers.CharField(help_text="What has to change.")
    digest = serializers.CharField(required=False)


class ActionFilters(RowFilters):
    state = AnyOfField(ActionItem.State.choices)
    owner = PersonField(required=False)
    overdue = FlagField(required=False, help_text="Draft or open, and past its date.")
    mandatory = FlagField(
        required=False, help_text="Mandatory before closing, or scheduled."
    )
    q = WordsField(help_text="Words of title and details.")
    lookups = {"state": "state__in", "owner": "owner"}
    search_in = ("title", "details")

    def narrow_overdue(self, rows: QuerySet[Any], wanted: bool) -> QuerySet[Any]:
        late = Q(
            state__in=ActionItem.PENDING,
            due_at__lt=timezone.now(),
            retracted_at=None,
        )
        found = ActionItem.objects.filter(late)
        return rows.filter(pk__in=found) if wanted else rows.exclude(pk__in=found)

    def narrow_mandatory(self, rows: QuerySet[Any], wanted: bool) -> QuerySet[Any]:
        timing = ActionItem.Timing
        return rows.filter(timing=timing.MANDATORY if wanted else timing.SCHEDULED)


class ActionViewSet(CaseViewSet):
    permission_map = {
        "list": "incident.view",
        "retrieve": "incident.view",
        "add": "action.edit",
        "edit": "action.edit",
        "open": "action.edit",
        "complete": "action.complete",
        "cancel": "action.edit",
        "retract": "action.edit",
        "approve": "action.approve",
        "defer": "action.approve",
        "request_changes": "action.approve",
    }
    noun = "action"
    serializer_class = ActionOut
    queryset = ActionItem.objects.none()

    def _answer(self, number: int, status: int = 200) -> Response:
        row = selectors.get_action(self.incident, number)
        return self.answer(ActionOut, row, status=status)

    @extend_schema(parameters=[ActionFilters], responses={200: ActionOut(many=True)})
    def list(self, request: Request, key: str) -> Response:
        """Actions, withdrawn ones included."""
        rows = ActionItem.objects.filter(incident=self.incident)
        return self.pages(selectors.with_everything(rows), ActionOut, ActionFilters)

    @extend_schema(responses={200: ActionOut})
    def retrieve(self, request: Request, key: str, number: int) -> Response:
        """One action with its approvals."""
        self.row(ActionItem, number)
        return self._answer(number)

    @extend_schema(request=ActionIn, responses={201: ActionOut})
    def add(self, request: Request, key: str) -> Response:
        """Draft an action."""
        row = items.add_action(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(ActionIn)
        )
        return self._answer(row.number, status=201)

    @extend_schema(request=ActionEditIn, responses={200: ActionOut})
    def edit(self, request: Request, key: str, number: int) -> Response:
        """Change an action; fields that are not sent stay. Its approvals lapse."""
        self.row(ActionItem, number)
        items.edit_action(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse_edit(ActionEditIn),
        )
        return self._answer(number)

    @extend_schema(request=EditIn, responses={200: ActionOut})
    def open(self, request: Request, key: str, number: int) -> Response:
        """Take a draft out of draft: it has an owner, a date and a closure test."""
        self.row(ActionItem, number)
        items.open_action(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(EditIn),
        )
        return self._answer(number)

    @extend_schema(request=CompleteIn, responses={200: ActionOut})
    def complete(self, request: Request, key: str, number: int) -> Response:
        """Complete an action on accepted runs, with both risks in writing."""
        self.row(ActionItem, number)
        items.complete_action(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(CompleteIn),
        )
        return self._answer(number)

    @extend_schema(request=CancelIn, responses={200: ActionOut})
    def cancel(self, request: Request, key: str, number: int) -> Response:
        """Give an action up, with the reason."""
        self.row(ActionItem, number)
        items.cancel_action(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(CancelIn),
        )
        return self._answer(number)

    @extend_schema(request=ReasonIn, responses={200: ActionOut})
    def retract(self, request: Request, key: str, number: int) -> Response:
        """Withdraw an action that should not have been written."""
        self.row(ActionItem, number)
        items.retract_action(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(ReasonIn),
        )
        return self._answer(number)

    @extend_schema(request=ApproveIn, responses={200: ActionOut})
    def approve(self, request: Request, key: str, number: int) -> Response:
        """Approve a completion. Not by its owner, author or tester."""
        self.row(ActionItem, number)
        approvals.approve_action(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(ApproveIn),
        )
        return self._answer(number)

    @extend_schema(request=DeferIn, responses={200: ActionOut})
    def defer(self, request: Request, key: str, number: int) -> Response:
        """Agree that a scheduled action is done after closing."""
        self.row(ActionItem, number)
        approvals.approve_deferral(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(DeferIn),
        )
        return self._answer(number)

    @extend_schema(request=ChangesIn, responses={200: ActionOut})
    def request_changes(self, request: Request, key: str, number: int) -> Response:
        """Send an action back with what has to change."""
        self.row(ActionItem, number)
        approvals.request_changes(
            incident_id=self.incident.pk,
            actor=self.actor,
            number=number,
            **self.parse(ChangesIn),
        )
        return self._answer(number)

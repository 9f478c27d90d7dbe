"""API of findings, waivers and the activity."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from incidents import selectors
from incidents.api.base import (
    CaseViewSet,
    MomentField,
    PersonField,
    ReasonIn,
    RowFilters,
    RowOut,
    RowViewSet,
)
from incidents.models import ActivityEntry, Waiver
from incidents.services import waivers
from incidents.services.core import retract_record
from postmortem.lib.drf import AnyOfField, Filters
from postmortem.lib.findings import REGISTRY, Finding, Level


class FindingOut(serializers.Serializer[Any]):
    id = serializers.CharField(read_only=True)
    level = serializers.CharField(read_only=True)
    message = serializers.CharField(read_only=True)
    hint = serializers.CharField(read_only=True)
    subject = serializers.CharField(source="subject_ref", read_only=True)
    url = serializers.CharField(read_only=True)
    fix_label = serializers.CharField(read_only=True)
    key = serializers.CharField(read_only=True)
    row = serializers.CharField(read_only=True, allow_null=True)
    gates = serializers.ListField(child=serializers.CharField(), read_only=True)
    waivable = serializers.BooleanField(read_only=True)
    accepted_by = serializers.CharField(read_only=True)
    is_blocking = serializers.BooleanField(read_only=True)


class FindingsOut(serializers.Serializer[Any]):
    blocking = serializers.IntegerField(read_only=True)
    advisory = serializers.IntegerField(read_only=True)
    computed_at = MomentField(
        read_only=True, help_text="When the checks ran; null before their first run."
    )
    is_current = serializers.BooleanField(
        read_only=True, help_text="False while changes after that run are being judged."
    )
    findings = FindingOut(many=True, read_only=True)


class FindingFilters(Filters):
    level = AnyOfField([(level.value, level.name) for level in Level])
    tab = serializers.CharField(
        required=False, max_length=40, help_text="The page it belongs to: Timeline."
    )

    def validate_tab(self, tab: str) -> str:
        known = sorted({check.tab for check in REGISTRY.values()})
        if tab not in known:
            raise serializers.ValidationError(
                f"“{tab}” is none of: {', '.join(known)}.", code="unknown"
            )
        return tab

    def picks(self, finding: Finding) -> bool:
        wanted = self.validated_data
        return finding.level in wanted.get("level", Level) and (
            "tab" not in wanted or REGISTRY[finding.id].tab == wanted["tab"]
        )


class FindingViewSet(CaseViewSet):
    permission_map = {"retrieve": "incident.view"}
    serializer_class = FindingsOut

    @extend_schema(
        operation_id="findings_list",
        parameters=[FindingFilters],
        responses={200: FindingsOut},
    )
    def retrieve(self, request: Request, key: str) -> Response:
        """What the checks found last, worst first; the counts are of what is listed.
        The checks run after every change, not in this request."""
        picks = self.narrowed(FindingFilters).picks
        stored = selectors.stored_findings(self.incident)
        found = [item for item in stored.findings if picks(item)]
        blocking = sum(item.is_blocking for item in found)
        return self.answer(
            FindingsOut,
            {
                "blocking": blocking,
                "advisory": sum(item.is_open for item in found) - blocking,
                "computed_at": stored.computed_at,
                "is_current": stored.is_current,
                "findings": found,
            },
        )


class WaiverOut(RowOut):
    check_id = serializers.CharField(read_only=True)
    subject = serializers.CharField(source="subject_ref", read_only=True)
    finding_key = serializers.CharField(read_only=True)
    finding_message = serializers.CharField(read_only=True)
    level = serializers.CharField(read_only=True)
    reason = serializers.CharField(read_only=True)
    expires_at = MomentField(read_only=True)
    owner = PersonField(read_only=True)
    seconded_by = PersonField(read_only=True)
    seconded_at = MomentField(read_only=True)
    needs_second = serializers.BooleanField(read_only=True)


class WaiverIn(ReasonIn):
    check_id = serializers.CharField(max_length=6)
    finding_key = serializers.CharField(max_length=64)
    expires_at = MomentField(required=False, allow_null=True)
    owner = PersonField(required=False, allow_null=True)


class WaiverViewSet(RowViewSet):
    permission_map = {
        "list": "incident.view",
        "retrieve": "incident.view",
        "accept": "finding.accept",
        "second": "finding.accept",
        "retract": "finding.accept",
    }
    noun = "waiver"
    serializer_class = WaiverOut
    queryset = Waiver.objects.none()

    @extend_schema(parameters=[RowFilters], responses={200: WaiverOut(many=True)})
    def list(self, request: Request, key: str) -> Response:
        """Findings that were accepted, with reasons."""
        rows = Waiver.objects.filter(incident=self.incident)
        return self.pages(
            rows.select_related("owner", "seconded_by", "recorded_by"),
            WaiverOut,
            RowFilters,
        )

    @extend_schema(request=WaiverIn, responses={201: WaiverOut})
    def accept(self, request: Request, key: str) -> Response:
        """Accept a finding with a reason; an ERROR waits for a second person."""
        row = waivers.accept_finding(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(WaiverIn)
        )
        return self.answer(WaiverOut, row, status=201)

    @extend_schema(request=None, responses={200: WaiverOut})
    def second(self, request: Request, key: str, number: int) -> Response:
        """Be the second person of a waiver."""
        self.row(Waiver, number)
        row = waivers.second_waiver(
            incident_id=self.incident.pk, actor=self.actor, number=number
        )
        return self.answer(WaiverOut, row)

    @extend_schema(request=ReasonIn, responses={200: WaiverOut})
    def retract(self, request: Request, key: str, number: int) -> Response:
        """Withdraw a waiver; the finding is open again."""
        self.row(Waiver, number)
        row = retract_record(
            incident_id=self.incident.pk,
            actor=self.actor,
            model=Waiver,
            number=number,
            permission="finding.accept",
            **self.parse(ReasonIn),
        )
        return self.answer(WaiverOut, row)


class ActivityOut(serializers.Serializer[Any]):
    sequence = serializers.IntegerField(read_only=True)
    at = MomentField(read_only=True)
    actor = serializers.CharField(source="actor_label", read_only=True)
    verb = serializers.CharField(read_only=True)
    subject = serializers.CharField(source="subject_ref", read_only=True)
    sentence = serializers.CharField(read_only=True)
    reason = serializers.CharField(read_only=True)
    hash = serializers.CharField(read_only=True)
    previous_hash = serializers.CharField(read_only=True)


class ActivityViewSet(CaseViewSet):
    permission_map = {"list": "incident.view"}
    serializer_class = ActivityOut
    queryset = ActivityEntry.objects.none()

    @extend_schema(responses={200: ActivityOut(many=True)})
    def list(self, request: Request, key: str) -> Response:
        """Who did what and why, latest first."""
        return self.pages(selectors.activity_list(self.incident), ActivityOut)

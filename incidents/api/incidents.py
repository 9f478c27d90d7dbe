"""API of incidents: list, declaration, head of the case file, transitions."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import User
from incidents import selectors
from incidents.api.base import (
    CaseViewSet,
    EditIn,
    MomentField,
    PersonField,
    ReasonIn,
)
from incidents.models import IN_COMMAND, Incident, Participation, Severity
from incidents.services import lifecycle
from incidents.services.core import hold_incident
from postmortem.lib.drf import AnyOfField, Filters, FlagField, WordsField


class IncidentOut(serializers.Serializer[Any]):
    key = serializers.CharField(read_only=True)
    uuid = serializers.UUIDField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    title = serializers.CharField(read_only=True)
    summary = serializers.CharField(read_only=True)
    severity = serializers.CharField(read_only=True)
    kind = serializers.CharField(read_only=True)
    status = serializers.CharField(read_only=True)
    is_drill = serializers.BooleanField(read_only=True)
    is_restricted = serializers.BooleanField(read_only=True)
    clock_zone = serializers.CharField(read_only=True)
    declared_at = MomentField(read_only=True)
    declared_by = PersonField(read_only=True)
    stabilized_at = MomentField(read_only=True)
    all_clear_at = MomentField(read_only=True)
    in_review_at = MomentField(read_only=True)
    closed_at = MomentField(read_only=True)
    cancelled_at = MomentField(read_only=True)
    source_ref = serializers.CharField(read_only=True)
    blocking = serializers.SerializerMethodField()
    advisory = serializers.SerializerMethodField()
    next_step = serializers.SerializerMethodField()

    def get_blocking(self, row: Incident) -> int | None:
        snapshot = getattr(row, "snapshot", None)
        return snapshot.blocking if snapshot else None

    def get_advisory(self, row: Incident) -> int | None:
        snapshot = getattr(row, "snapshot", None)
        return snapshot.advisory if snapshot else None

    def get_next_step(self, row: Incident) -> str:
        snapshot = getattr(row, "snapshot", None)
        return snapshot.next_step if snapshot else ""


class IncidentDetailOut(IncidentOut):
    content_hash = serializers.SerializerMethodField()

    def get_content_hash(self, row: Incident) -> str:
        return selectors.content_hash(row)


class DeclareIn(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=160)
    severity = serializers.ChoiceField(choices=Severity.choices)
    lanes = serializers.ListField(
        child=serializers.CharField(max_length=80),
        max_length=50,
        required=False,
        help_text="Slugs such as checkout or payouts, or any name of a flow.",
    )
    clock_zone = serializers.CharField(required=False)
    commander = PersonField(required=False, allow_null=True)
    scribe = PersonField(required=False, allow_null=True)
    kind = serializers.ChoiceField(choices=Incident.Kind.choices, required=False)
    summary = serializers.CharField(required=False, allow_blank=True)
    is_drill = serializers.BooleanField(required=False)
    is_restricted = serializers.BooleanField(required=False)
    declared_at = MomentField(required=False, allow_null=True)


class IncidentIn(EditIn):
    title = serializers.CharField(max_length=160)
    summary = serializers.CharField(allow_blank=True)
    kind = serializers.ChoiceField(choices=Incident.Kind.choices)
    is_drill = serializers.BooleanField()
    is_restricted = serializers.BooleanField()
    restrict_anyway = serializers.BooleanField(
        required=False,
        help_text="Restrict it also from people whom its rows name.",
    )


class SeverityIn(EditIn, ReasonIn):
    severity = serializers.ChoiceField(choices=Severity.choices)


class ClockZoneIn(EditIn):
    clock_zone = serializers.CharField()
    reason = serializers.CharField(required=False, allow_blank=True)


class IncidentFilters(Filters):
    status = AnyOfField(Incident.Status.choices)
    severity = AnyOfField(Severity.choices)
    kind = AnyOfField(Incident.Kind.choices)
    lane = serializers.CharField(
        required=False, allow_blank=True, max_length=80, help_text="Slug of a lane."
    )
    commander = PersonField(required=False)
    declared_after = MomentField(required=False)
    declared_before = MomentField(required=False)
    blocking = FlagField(required=False, help_text="Whether findings block closing.")
    q = WordsField(help_text="A key such as INC-2041, or words of title and summary.")
    lookups = {
        "status": "status__in",
        "severity": "severity__in",
        "kind": "kind__in",
        "declared_after": "declared_at__gte",
        "declared_before": "declared_at__lte",
    }

    def narrow_q(self, rows: QuerySet[Any], words: str) -> QuerySet[Any]:
        """Done by the search that the pages have too."""
        return rows

    def narrow_commander(self, rows: QuerySet[Any], person: User) -> QuerySet[Any]:
        held = Participation.objects.filter(IN_COMMAND, user=person)
        return rows.filter(pk__in=held.values("incident"))

    def narrow_blocking(self, rows: QuerySet[Any], wanted: bool) -> QuerySet[Any]:
        if wanted:
            return rows.filter(snapshot__blocking__gt=0)
        return rows.filter(snapshot__blocking=0)


class IncidentViewSet(CaseViewSet):
    permission_map = {
        "list": "incident.view",
        "declare": "incident.declare",
        "retrieve": "incident.view",
        "edit": "incident.edit",
        "severity": "incident.edit",
        "clock": "incident.clock",
        "stabilize": "incident.stabilize",
        "relapse": "incident.relapse",
        "all_clear": "incident.all_clear",
        "cancel": "incident.cancel",
    }
    serializer_class = IncidentOut
    queryset = Incident.objects.none()

    def answer(self, serializer: Any, row: Any, *, status: int = 200) -> Response:
        page = super().answer(serializer, row, status=status)
        if status == 201:
            page["Location"] = reverse("api:incident-detail", args=[row.key])
        return page

    def honors_if_match(self) -> bool:
        return self.action not in {"list", "declare"}

    def matched_row(self) -> Incident:
        return hold_incident(self.incident.pk)

    @extend_schema(
        operation_id="incidents_list",
        parameters=[IncidentFilters],
        responses={200: IncidentOut(many=True)},
    )
    def list(self, request: Request) -> Response:
        """Incidents that you may see, newest first."""
        wanted = self.narrowed(IncidentFilters).validated_data
        found = selectors.search(
            self.actor, lane=wanted.get("lane", ""), q=wanted.get("q", "")
        )
        rows = found.select_related("snapshot", "declared_by")
        return self.pages(
            rows.defer("snapshot__findings"), IncidentOut, IncidentFilters
        )

    @extend_schema(request=DeclareIn, responses={201: IncidentOut})
    def declare(self, request: Request) -> Response:
        """Open an incident: presumed real until evidence says otherwise."""
        incident = lifecycle.declare_incident(actor=self.actor, **self.parse(DeclareIn))
        return self.answer(IncidentOut, incident, status=201)

    @extend_schema(responses={200: IncidentDetailOut})
    def retrieve(self, request: Request, key: str) -> Response:
        """The head of one case file, with its content hash."""
        return self.answer(IncidentDetailOut, self.incident)

    @extend_schema(request=IncidentIn, responses={200: IncidentOut})
    def edit(self, request: Request, key: str) -> Response:
        """Change title, summary, kind or flags. Severity and status have verbs."""
        incident = lifecycle.edit_incident(
            incident_id=self.incident.pk,
            actor=self.actor,
            **self.parse_edit(IncidentIn),
        )
        return self.answer(IncidentOut, incident)

    @extend_schema(request=SeverityIn, responses={200: IncidentOut})
    def severity(self, request: Request, key: str) -> Response:
        """Change the severity, with the reason that is logged."""
        incident = lifecycle.change_severity(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(SeverityIn)
        )
        return self.answer(IncidentOut, incident)

    @extend_schema(request=ClockZoneIn, responses={200: IncidentOut})
    def clock(self, request: Request, key: str) -> Response:
        """Change the zone of the incident clock, until stabilized."""
        incident = lifecycle.change_clock_zone(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(ClockZoneIn)
        )
        return self.answer(IncidentOut, incident)

    @extend_schema(request=None, responses={200: IncidentOut})
    def stabilize(self, request: Request, key: str) -> Response:
        """Declare it stabilized; 409 lists the findings that hold it back."""
        incident = lifecycle.stabilize_incident(
            incident_id=self.incident.pk, actor=self.actor
        )
        return self.answer(IncidentOut, incident)

    @extend_schema(request=ReasonIn, responses={200: IncidentOut})
    def relapse(self, request: Request, key: str) -> Response:
        """Return a stabilized incident to active."""
        incident = lifecycle.relapse_incident(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(ReasonIn)
        )
        return self.answer(IncidentOut, incident)

    @extend_schema(request=None, responses={200: IncidentOut})
    def all_clear(self, request: Request, key: str) -> Response:
        """Give the all-clear; 409 lists the findings that hold it back."""
        incident = lifecycle.give_all_clear(
            incident_id=self.incident.pk, actor=self.actor
        )
        return self.answer(IncidentOut, incident)

    @extend_schema(request=ReasonIn, responses={200: IncidentOut})
    def cancel(self, request: Request, key: str) -> Response:
        """Cancel a false alarm or a duplicate."""
        incident = lifecycle.cancel_incident(
            incident_id=self.incident.pk, actor=self.actor, **self.parse(ReasonIn)
        )
        return self.answer(IncidentOut, incident)

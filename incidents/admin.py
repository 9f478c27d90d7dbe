"""Inspection only: the record is written by services, never here."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.shortcuts import redirect

from accounts.admin import InspectionAdmin
from accounts.decorators import declare
from incidents.models import (
    ActivityEntry,
    CaseRecord,
    Evidence,
    FindingSnapshot,
    ImpactFigure,
    ImpactStatement,
    Incident,
    KnownUnknown,
    Lane,
    Notification,
    Participation,
    PolicyChange,
    RestrictedRead,
    ScopeStatement,
    SeverityPolicy,
    Waiver,
)


class ReadOnlyAdmin(InspectionAdmin):
    """Shows rows of incidents that the user may see; adds, changes, deletes nothing."""

    incident_path = "incident"

    def get_queryset(self, request) -> QuerySet:
        visible = Incident.objects.visible_to(request.user)
        rows = super().get_queryset(request)
        if self.model is Incident:
            return rows.filter(pk__in=visible.values("pk"))
        return rows.filter(**{f"{self.incident_path}__in": visible.values("pk")})

    def history_view(self, request, object_id, extra_context=None):
        """The history is the one of the product, not the empty log of this site."""
        row = self.get_object(request, unquote(object_id))
        if isinstance(row, Incident):
            return redirect("incidents:row_history", row.key, "case")
        if isinstance(row, CaseRecord):
            return redirect("incidents:row_history", row.incident.key, row.ref)
        return super().history_view(request, object_id, extra_context)

    declare(history_view, "admin")  # this site guards it, as it does its own views


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    list_display = ("key", "title", "severity", "status", "is_drill", "declared_at")
    list_filter = ("status", "severity", "is_drill", "is_restricted")
    search_fields = ("title", "=number")


class CaseRecordAdmin(ReadOnlyAdmin):
    list_display = ("full_ref", "__str__", "recorded_at", "retracted_at")
    list_select_related = ("incident",)
    search_fields = ("=incident__number",)


admin.site.register(
    [
        Lane,
        Participation,
        ScopeStatement,
        ImpactStatement,
        ImpactFigure,
        Evidence,
        KnownUnknown,
        Waiver,
    ],
    CaseRecordAdmin,
)


@admin.register(ActivityEntry)
class ActivityAdmin(ReadOnlyAdmin):
    list_display = ("incident", "sequence", "at", "actor_label", "sentence")
    list_select_related = ("incident",)
    search_fields = ("=incident__number", "verb")


@admin.register(FindingSnapshot)
class SnapshotAdmin(ReadOnlyAdmin):
    list_display = ("incident", "blocking", "advisory", "computed_at")
    list_select_related = ("incident",)


@admin.register(RestrictedRead)
class RestrictedReadAdmin(ReadOnlyAdmin):
    list_display = ("at", "incident", "reader", "place")
    list_select_related = ("incident", "reader")
    search_fields = ("=incident__number", "reader__email")


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "kind", "recipient", "state", "attempts", "sent_at")
    list_filter = ("state", "kind")
    list_select_related = ("recipient",)

    def get_queryset(self, request) -> QuerySet:
        visible = Incident.objects.visible_to(request.user).values("pk")
        rows = admin.ModelAdmin.get_queryset(self, request)
        return rows.filter(incident=None) | rows.filter(incident__in=visible)


@admin.register(SeverityPolicy)
class SeverityPolicyAdmin(InspectionAdmin):
    """They are changed on the page of thresholds, which keeps the reason."""

    list_display = ("severity", "gap_minutes", "cadence_minutes", "sustain_minutes")


@admin.register(PolicyChange)
class PolicyChangeAdmin(InspectionAdmin):
    list_display = ("at", "by_label", "sentence", "reason")

"""Inspection only: the review is written by services, never here."""

from __future__ import annotations

from django.contrib import admin

from incidents.admin import CaseRecordAdmin, InspectionAdmin, ReadOnlyAdmin
from review.models import (
    ClosureApproval,
    ClosurePolicy,
    Participant,
    ReportBuild,
    Review,
    Seal,
)

admin.site.register([Review, Participant], CaseRecordAdmin)


@admin.register(ClosureApproval)
class ClosureApprovalAdmin(ReadOnlyAdmin):
    list_display = ("incident", "approver", "seat", "decision", "at", "lapsed_at")
    list_select_related = ("incident", "approver")
    list_filter = ("decision", "seat")


@admin.register(Seal)
class SealAdmin(ReadOnlyAdmin):
    list_display = ("incident", "sequence", "sealed_at", "sealed_by", "content_hash")
    list_select_related = ("incident", "sealed_by")
    exclude = ("record",)


@admin.register(ReportBuild)
class ReportBuildAdmin(ReadOnlyAdmin):
    list_display = ("incident", "state", "is_draft", "attempts", "built_at", "sha256")
    list_select_related = ("incident",)
    list_filter = ("state", "is_draft")


@admin.register(ClosurePolicy)
class ClosurePolicyAdmin(InspectionAdmin):
    list_display = ("severity", "approvals", "managers", "engineering_and_finance")

"""Addresses of the pages."""

from collections.abc import Callable

from django.http import HttpResponseBase
from django.urls import URLPattern, path

from incidents.views import (
    activity,
    claims,
    evidence,
    filters,
    findings,
    incident,
    incident_list,
    lifecycle,
    notifications,
    people,
    policies,
    work,
)

app_name = "incidents"


def case(route: str, view: Callable[..., HttpResponseBase]) -> URLPattern:
    """A page inside an incident; its name is the name of the view."""
    return path(f"incidents/<str:key>/{route}", view, name=view.__name__)


urlpatterns = [
    path("", work.work_list, name="work_list"),
    path("search/", incident_list.search, name="search"),
    path("notices/", notifications.notification_list, name="notification_list"),
    path("notices/read/", notifications.notification_read, name="notification_read"),
    path(
        "notices/<int:pk>/", notifications.notification_open, name="notification_open"
    ),
    path("policies/", policies.policy_list, name="policy_list"),
    path("policies/<slug:severity>/edit/", policies.policy_edit, name="policy_edit"),
    path("incidents/", incident_list.incident_list, name="incident_list"),
    path("incidents/export.csv", incident_list.incident_export, name="incident_export"),
    path("incidents/filters/add/", filters.filter_add, name="filter_add"),
    path("incidents/filters/<int:pk>/edit/", filters.filter_edit, name="filter_edit"),
    path(
        "incidents/filters/<int:pk>/delete/",
        filters.filter_delete,
        name="filter_delete",
    ),
    path("incidents/declare/", lifecycle.incident_declare, name="incident_declare"),
    case("", incident.incident_detail),
    case("edit/", lifecycle.incident_edit),
    case("severity/", lifecycle.severity_edit),
    case("clock/", lifecycle.clock_edit),
    case("stabilize/", lifecycle.incident_stabilize),
    case("relapse/", lifecycle.incident_relapse),
    case("all-clear/", lifecycle.incident_all_clear),
    case("cancel/", lifecycle.incident_cancel),
    case("people/", people.people_list),
    case("people/add/", people.duty_add),
    case("people/hand-over/", people.command_handover),
    case("people/<int:number>/end/", people.duty_end),
    case("lanes/add/", people.lane_add),
    case("lanes/<int:number>/edit/", people.lane_edit),
    case("scope/add/", claims.scope_add),
    case("scope/<int:number>/edit/", claims.scope_edit),
    case("scope/<int:number>/close/", claims.scope_close),
    case("scope/<int:number>/reopen/", claims.scope_reopen),
    case("scope/<int:number>/withdraw/", claims.scope_retract),
    case("impact/add/", claims.impact_add),
    case("impact/<int:number>/edit/", claims.impact_edit),
    case("impact/<int:number>/withdraw/", claims.impact_retract),
    case("figures/add/", claims.figure_add),
    case("figures/<int:number>/edit/", claims.figure_edit),
    case("figures/<int:number>/withdraw/", claims.figure_retract),
    case("unknowns/add/", claims.unknown_add),
    case("unknowns/<int:number>/edit/", claims.unknown_edit),
    case("unknowns/<int:number>/resolve/", claims.unknown_resolve),
    case("unknowns/<int:number>/accept/", claims.unknown_accept),
    case("unknowns/<int:number>/reopen/", claims.unknown_reopen),
    case("evidence/", evidence.evidence_list),
    case("evidence/add/", evidence.evidence_add),
    case("evidence/<int:number>/", evidence.evidence_detail),
    case("evidence/<int:number>/download/", evidence.evidence_download),
    case("evidence/<int:number>/preview/", evidence.evidence_preview),
    case("evidence/<int:number>/edit/", evidence.evidence_edit),
    case("evidence/<int:number>/attach/", evidence.evidence_attach),
    case("evidence/<int:number>/supersede/", evidence.evidence_supersede),
    case("evidence/<int:number>/pair/", evidence.evidence_pair),
    case("evidence/<int:number>/withdraw/", evidence.evidence_retract),
    case("evidence/<int:number>/redact/", evidence.evidence_redact),
    case("evidence/<int:number>/redact/confirm/", evidence.evidence_redact_confirm),
    case("evidence/<int:number>/redact/drop/", evidence.evidence_redact_drop),
    case("findings/", findings.finding_list),
    case("findings/status/", findings.finding_status),
    case("findings/accept/", findings.finding_accept),
    case("findings/<int:number>/confirm/", findings.waiver_second),
    case("findings/<int:number>/withdraw/", findings.waiver_retract),
    case("activity/", activity.activity_list),
    case("activity/verify/", activity.activity_verify),
    case("activity/<int:sequence>/", activity.activity_detail),
    case("history/<str:ref>/", activity.row_history),
]

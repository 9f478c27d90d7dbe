"""Addresses of the pages."""

from django.urls import path

from incidents.views import activity, evidence, incident, work

app_name = "incidents"

urlpatterns = [
    path("", work.work_list, name="work_list"),
    path("search/", incident.incident_list, name="search"),
    path("incidents/", incident.incident_list, name="incident_list"),
    path("incidents/<str:key>/", incident.incident_detail, name="incident_detail"),
    path("incidents/<str:key>/evidence/", evidence.evidence_list, name="evidence_list"),
    path("incidents/<str:key>/activity/", activity.activity_list, name="activity_list"),
]

"""Addresses of the account pages."""

from django.urls import path

from accounts import views

app_name = "accounts"

urlpatterns = [
    path("", views.account_detail, name="account_detail"),
    path("preferences/", views.preferences_edit, name="preferences_edit"),
    path("tokens/add/", views.token_add, name="token_add"),
    path("people/", views.person_list, name="person_list"),
    path("people/add/", views.person_add, name="person_add"),
    path("people/<int:person_id>/edit/", views.person_edit, name="person_edit"),
    path("people/<int:person_id>/join/", views.person_join, name="person_join"),
    path("people/<int:person_id>/part/", views.person_part, name="person_part"),
    path("people/changes/", views.access_list, name="access_list"),
    path("teams/add/", views.team_add, name="team_add"),
    path("teams/<int:team_id>/edit/", views.team_edit, name="team_edit"),
    path("sessions/end/", views.sessions_end, name="sessions_end"),
    path("tokens/<int:token_id>/revoke/", views.token_revoke, name="token_revoke"),
]

"""Addresses of the account pages."""

from django.urls import path

from accounts import views

app_name = "accounts"

urlpatterns = [
    path("", views.account_detail, name="account_detail"),
    path("preferences/", views.preferences_edit, name="preferences_edit"),
    path("tokens/add/", views.token_add, name="token_add"),
    path("tokens/<int:token_id>/revoke/", views.token_revoke, name="token_revoke"),
]

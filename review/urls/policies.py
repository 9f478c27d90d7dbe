"""Addresses of who approves closing."""

from django.urls import path

from review.views import policies

urlpatterns = [
    path("", policies.policy_list, name="policy_list"),
    path("<slug:severity>/edit/", policies.policy_edit, name="policy_edit"),
]

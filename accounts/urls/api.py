"""Addresses of one's own API tokens."""

from typing import Any

from django.urls import path

from accounts.api.tokens import TokenViewSet

OWN: dict[str, Any] = {"get": "list", "post": "add"}
REVOKE: dict[str, Any] = {"post": "revoke"}

urlpatterns = [
    path("tokens/", TokenViewSet.as_view(OWN), name="token-list"),
    path(
        "tokens/<int:token_id>/revoke/",
        TokenViewSet.as_view(REVOKE),
        name="token-revoke",
    ),
]

"""Addresses of one's own API tokens, and of who is behind an account."""

from typing import Any

from django.urls import path

from accounts.api.people import PersonLinkViewSet
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
    path(
        "people/links/",
        PersonLinkViewSet.as_view({"get": "list"}),
        name="person-link-list",
    ),
    path(
        "people/join/",
        PersonLinkViewSet.as_view({"post": "join"}),
        name="person-join",
    ),
    path(
        "people/part/",
        PersonLinkViewSet.as_view({"post": "part"}),
        name="person-part",
    ),
]

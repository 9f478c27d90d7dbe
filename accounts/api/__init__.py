"""Authentication of the API: a session, or a token that is stored hashed."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from accounts.models import ApiToken, User


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser's session, CSRF included; a 401 rather than a 403 when absent."""

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer pm_…`; scopes are checked by the permission class."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        parts = authentication.get_authorization_header(request).split()
        if not parts or parts[0].lower() != b"bearer":
            return None
        if len(parts) != 2:
            raise exceptions.AuthenticationFailed(
                "Write: Authorization: Bearer <token>."
            )
        token = (
            ApiToken.objects.select_related("user")
            .filter(token_hash=ApiToken.hash_of(parts[1].decode(errors="replace")))
            .first()
        )
        if token is None or not token.is_valid():
            raise exceptions.AuthenticationFailed(
                "This token is unknown, expired or revoked."
            )
        now = timezone.now()
        if not token.last_used_at or now - token.last_used_at > timedelta(minutes=5):
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'

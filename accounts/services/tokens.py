"""Tokens of the API."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts.models import ApiToken, User


def create_api_token(
    *,
    actor: User,
    name: str,
    scopes: list[str],
    kind: str = ApiToken.Kind.PERSONAL,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """A new token of `actor`, with the secret that is shown once and never stored.

    A service token with the scope 'approve' is refused: approvals need a person.
    """
    unknown = set(scopes) - set(ApiToken.Scope.values)
    if unknown or not scopes:
        raise ValidationError({"scopes": "Choose among read, write and approve."})
    if kind == ApiToken.Kind.SERVICE and ApiToken.Scope.APPROVE in scopes:
        raise ValidationError(
            {"scopes": "A service token cannot approve: that takes a person."}
        )
    secret = ApiToken.new_secret()
    token = ApiToken(
        user=actor,
        name=name,
        kind=kind,
        scopes=sorted(scopes),
        expires_at=expires_at,
        prefix=secret[:8],
        token_hash=ApiToken.hash_of(secret),
    )
    token.full_clean()
    token.save()
    return token, secret


def revoke_api_token(*, actor: User, token_id: int) -> ApiToken:
    """Make a token of `actor` useless from now on."""
    token = ApiToken.objects.get(pk=token_id, user=actor)
    token.revoked_at = token.revoked_at or timezone.now()
    token.save(update_fields=["revoked_at"])
    return token

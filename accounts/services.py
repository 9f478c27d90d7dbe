"""Write verbs of people and access."""

from __future__ import annotations

from datetime import datetime

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import ApiToken, User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by an administrator: nobody signs up by themselves."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


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


def stand_in(handle: str, *, name: str = "", title: str = "") -> User:
    """The user of a handle; an inactive one is made if nobody has it (decision 5)."""
    user, _ = User.objects.get_or_create(
        handle=handle,
        defaults={
            "name": (name or handle.split("@")[0])[:120],
            "title": title,
            "is_active": False,
            "password": "!",
        },
    )
    return user


def change_preferences(*, actor: User, time_zone: str, notify_by_email: bool) -> User:
    """What a person sets for themselves; name, title and roles come from elsewhere."""
    actor.time_zone = time_zone
    actor.notify_by_email = notify_by_email
    actor.clean_fields(exclude=["password", "email"])
    actor.save(update_fields=["time_zone", "notify_by_email"])
    return actor

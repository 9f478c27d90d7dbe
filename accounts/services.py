"""Write verbs of people and access."""

from __future__ import annotations

import hashlib
import re
import uuid
from datetime import datetime, timedelta
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import ApiToken, IdempotentRequest, PersonLink, Role, User
from postmortem.lib.errors import DomainError, SeparationOfDuties


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


@transaction.atomic
def join_person(*, actor: User, account: User, to: User, reason: str) -> PersonLink:
    """Say that `account` and `to` belong to one human, so that separation of duties
    sees both as one (R-AP-02). Accounts that `account` was joined with come along."""
    account, to, reason = _person_pair(actor, account, to, reason)
    if account.is_same_person(to):
        raise ValidationError(
            {"to": f"{account.label} and {to.label} are known as one person already."}
        )
    before, links = account.person_id, []
    for each in User.objects.filter(person_id=before).order_by("pk"):
        User.objects.filter(pk=each.pk).update(person_id=to.person_id)
        links.append(
            _link(PersonLink.Verb.JOIN, actor, each, to, before, to.person_id, reason)
        )
    return next(link for link in links if link.account_id == account.pk)


@transaction.atomic
def part_person(*, actor: User, account: User, reason: str) -> PersonLink:
    """Say that `account` is another human's after all. Nobody parts accounts of their
    own: that would let them approve their own work."""
    other = account.other_accounts.first()
    if other is None:
        raise ValidationError(
            {"account": f"{account.label} is joined with no other account."}
        )
    account, other, reason = _person_pair(actor, account, other, reason)
    if actor.is_same_person(account):
        raise SeparationOfDuties(
            "These are accounts of your own. Another administrator has to part them."
        )
    before, after = account.person_id, uuid.uuid4()
    User.objects.filter(pk=account.pk).update(person_id=after)
    return _link(PersonLink.Verb.PART, actor, account, other, before, after, reason)


def _person_pair(
    actor: User, account: User, other: User, reason: str
) -> tuple[User, User, str]:
    """Both accounts as they stand now, locked, and the reason."""
    if Role.ADMIN not in actor.roles or not actor.is_active:
        raise PermissionDenied("Only an administrator says who is behind an account.")
    if not reason.strip():
        raise ValidationError(
            {"reason": ValidationError("Say how you know.", code="required")}
        )
    locked = {
        user.pk: user
        for user in User.objects.select_for_update()
        .filter(pk__in=[account.pk, other.pk])
        .order_by("pk")
    }
    return locked[account.pk], locked[other.pk], reason


def _link(
    verb: str,
    actor: User,
    account: User,
    other: User,
    before: uuid.UUID,
    after: uuid.UUID,
    reason: str,
) -> PersonLink:
    link = PersonLink(
        verb=verb,
        account=account,
        other=other,
        before=before,
        after=after,
        reason=reason,
        by=actor,
    )
    link.full_clean()
    link.save()
    return link


def change_preferences(*, actor: User, time_zone: str, notify_by_email: bool) -> User:
    """What a person sets for themselves; name, title and roles come from elsewhere."""
    actor.time_zone = time_zone
    actor.notify_by_email = notify_by_email
    actor.clean_fields(exclude=["password", "email"])
    actor.save(update_fields=["time_zone", "notify_by_email"])
    return actor


# --- requests that are done once ------------------------------------------------------

# How long the answer to an Idempotency-Key is kept.
KEPT_FOR = timedelta(hours=24)
_KEY = re.compile(r"[!-~]{1,128}")


class BadKey(DomainError):
    """An Idempotency-Key of a form that is not taken."""

    status = 400
    code = "idempotency_key_invalid"


class KeyReused(DomainError):
    """The key of an earlier, different request."""

    status = 422
    code = "idempotency_key_reused"


class StillAtWork(DomainError):
    """The same key is being worked on by another process."""

    code = "idempotency_in_progress"
    retry_after = 2


def claim_request(*, actor: User, key: str, digest: str) -> IdempotentRequest | None:
    """The answer that this request got before; None: nobody did it yet, and nobody
    else can until the caller's transaction ends.

    On PostgreSQL a lock of the transaction says who is at work; whoever comes second is
    told to wait (StillAtWork). SQLite has one writer: the second waits until the first
    has committed, and reads its answer. Either way the lock ends with the transaction,
    also when the process is killed, so that no key is ever stuck.
    """
    if not _KEY.fullmatch(key):
        raise BadKey(
            "An Idempotency-Key has 1 to 128 visible ASCII characters, such as a UUID."
        )
    if connection.vendor == "postgresql":
        name = hashlib.sha256(f"{actor.pk} {key}".encode()).digest()
        number = int.from_bytes(name[:8], "big", signed=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
            if not cursor.fetchone()[0]:
                raise StillAtWork(
                    "The same request is being worked on. Send it again in a moment."
                )
    rows = IdempotentRequest.objects.filter(user=actor, key=key)
    rows.filter(created_at__lt=timezone.now() - KEPT_FOR).delete()
    before = rows.first()
    if before is not None and before.digest != digest:
        raise KeyReused(
            "This Idempotency-Key belongs to another request that you sent in the last "
            "24 hours. Make a new key for each request."
        )
    return before


def keep_answer(
    *,
    actor: User,
    key: str,
    digest: str,
    status: int,
    body: str,
    headers: dict[str, Any],
) -> IdempotentRequest:
    """Keep what a claimed request was answered, in the transaction of its effect."""
    return IdempotentRequest.objects.create(
        user=actor, key=key, digest=digest, status=status, body=body, headers=headers
    )


def forget_answers() -> int:
    """Remove the answers whose day is over; returns how many."""
    old = IdempotentRequest.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)
    return old.delete()[0]

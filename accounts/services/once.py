"""Requests that are done once, whatever is sent again."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.models import IdempotentRequest, User
from postmortem.lib import sensitive
from postmortem.lib.errors import DomainError

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
    if not _KEY.fullmatch(key) or sensitive.find(key):  # it is kept for a day
        raise BadKey(
            "An Idempotency-Key has 1 to 128 visible ASCII characters, such as a UUID; "
            "a card number or a secret is none."
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
    """Keep what a claimed request was answered, in the transaction of its effect. A
    refusal may repeat what was sent: card numbers and secrets are kept masked."""
    return IdempotentRequest.objects.create(
        user=actor,
        key=key,
        digest=digest,
        status=status,
        body=sensitive.mask(body) if status >= 400 else body,
        headers=headers,
    )


def forget_answers() -> int:
    """Remove the answers whose day is over; returns how many."""
    old = IdempotentRequest.objects.filter(created_at__lt=timezone.now() - KEPT_FOR)
    return old.delete()[0]

"""Write verbs of people and access."""

from __future__ import annotations

import hashlib
import logging
import re
import uuid
from datetime import datetime, timedelta
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import (
    AccessChange,
    ApiToken,
    IdempotentRequest,
    PersonLink,
    Role,
    Team,
    User,
)
from postmortem.lib import sensitive
from postmortem.lib.errors import DomainError, SeparationOfDuties, field_error

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by an administrator: nobody signs up by themselves."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def send_mail(self, template_prefix: str, email: str, context: Any) -> None:
        """A mail that does not get away is told in the log. Its sender gets the same
        page as ever: else the page would tell whose addresses are known here."""
        try:
            super().send_mail(template_prefix, email, context)
        except (SMTPException, OSError):
            logger.exception("the mail %s was not sent", template_prefix)


class SignInBackend(AuthenticationBackend):  # type: ignore[misc]
    """Sign-in by email. The person of a session comes with their roles in one query:
    every page asks for both."""

    def get_user(self, user_id: int) -> User | None:
        person = User.objects.filter(pk=user_id).order_by()
        rows = list(person.annotate(group=F("groups__name")))
        if not rows or not self.user_can_authenticate(rows[0]):
            return None
        rows[0].roles = rows[0].roles_in(row.group for row in rows if row.group)
        return rows[0]


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
    held = _lock_accounts(actor)
    reason = _require_reason(reason, "Say how you know.")
    account, to = held[account.pk], held[to.pk]
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
    held = _lock_accounts(actor)
    reason = _require_reason(reason, "Say how you know.")
    account = held[account.pk]
    other = account.other_accounts.first()
    if other is None:
        raise ValidationError(
            {"account": f"{account.label} is joined with no other account."}
        )
    if actor.is_same_person(account):
        raise SeparationOfDuties(
            "These are accounts of your own. Another administrator has to part them."
        )
    before, after = account.person_id, uuid.uuid4()
    User.objects.filter(pk=account.pk).update(person_id=after)
    return _link(PersonLink.Verb.PART, actor, account, other, before, after, reason)


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


def end_other_sessions(*, actor: User, keep: str) -> int:
    """Sign `actor` out of every session but the one with the key `keep`."""
    ended = 0
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.session_key != keep and session.get_decoded().get(
            "_auth_user_id"
        ) == str(actor.pk):
            session.delete()
            ended += 1
    return ended


# --- people and teams -----------------------------------------------------------------


@transaction.atomic
def add_person(
    *,
    actor: User,
    email: str,
    name: str,
    title: str = "",
    roles: list[str],
    reason: str,
) -> User:
    """A new account. It has no password: the person chooses one by the link that
    'Forgot your password?' sends to the address."""
    _lock_accounts(actor)
    reason = _require_reason(reason, "Say who asked for this account.")
    if User.objects.filter(email__iexact=email.strip()).exists():
        raise ValidationError(
            {"email": "There is an account with this address already."}
        )
    user = User.objects.create_user(email.strip(), None, name=name, title=title)
    user.groups.set(_groups(roles))
    given = _role_words(set(roles))
    _record_change(
        actor, f"added {user.name} ({user.email}) as {given}", reason, person=user
    )
    return user


@transaction.atomic
def change_person(
    *,
    actor: User,
    account: User,
    name: str,
    title: str,
    roles: list[str],
    is_active: bool,
    reason: str,
) -> User:
    """Name, title, roles, and whether the account may be used at all.

    Nobody takes the administrator's role from themselves or switches themselves off, so
    that one administrator always stays. Handle and past deeds keep their name; tokens
    of an account that is switched off are revoked.
    """
    held = _lock_accounts(actor)
    reason = _require_reason(reason, "Say why this changes.")
    user = held[account.pk]
    before = set(user.groups.values_list("name", flat=True)) & set(Role.values)
    after = set(roles)
    loses = (Role.ADMIN in before - after) or not is_active
    if loses and user.pk == actor.pk:
        raise ValidationError(
            "You cannot take your own access away. Another administrator has to."
        )
    words = []
    for label, old, new in (
        ("the name", user.name, name.strip()),
        ("the role title", user.title, title.strip()),
    ):
        if old != new:
            words.append(f"changed {label} from {old or 'none'} to {new or 'none'}")
    if after - before:
        words.append(f"gave {_role_words(after - before)}")
    if before - after:
        words.append(f"took {_role_words(before - after)}")
    if user.is_active != is_active:
        words.append("switched the account on" if is_active else "switched it off")
    if not words:
        return user
    label = user.label
    user.name, user.title, user.is_active = name.strip(), title.strip(), is_active
    user.full_clean(exclude=["password", "email"])
    user.save(update_fields=["name", "title", "is_active"])
    user.groups.set(
        [*_groups(roles), *user.groups.exclude(name__in=Role.values)], clear=False
    )
    if not is_active:
        now = timezone.now()
        user.api_tokens.filter(revoked_at=None).update(revoked_at=now)
    _record_change(actor, f"{', '.join(words)}: {label}", reason, person=user)
    return user


@transaction.atomic
def save_team(
    *,
    actor: User,
    team: Team | None,
    name: str,
    function: str,
    manager: User | None,
    members: list[User],
    reason: str,
) -> Team:
    """A team with its function, manager and members; `team` None makes a new one. The
    manager's approval counts as manager-level, and reminders escalate to them."""
    _lock_accounts(actor)
    reason = _require_reason(reason, "Say why this changes.")
    new = team is None
    team = Team.objects.get(pk=team.pk) if team else Team(slug=_free_slug(name))
    was = team.manager.label if team.manager else "nobody"
    before = set() if new else set(team.members.all())
    words = [] if new or team.name == name else [f"renamed {team.name} to {name}"]
    if not new and team.function != function:
        words.append(f"moved {name} to {Team.Function(function).label.lower()}")
    if team.manager != manager:
        chosen = manager.label if manager else "nobody"
        words.append(f"made {chosen} manager of {name}, was {was}")
    team.name, team.function, team.manager = name, function, manager
    team.full_clean()
    team.save()
    team.members.set(members)
    for verb, people in (
        ("added", set(members) - before),
        ("removed", before - set(members)),
    ):
        if people:
            names = ", ".join(sorted(person.label for person in people))
            words.append(f"{verb} {names} {'to' if verb == 'added' else 'from'} {name}")
    if new:
        words.insert(0, f"made the team {name}")
    if words:
        _record_change(actor, "; ".join(words), reason, team=team)
    return team


def _lock_accounts(actor: User) -> dict[int, User]:
    """Every account by its key, held until the transaction ends, once `actor` was asked
    for the administrator's role behind that lock: two who change people at once cannot
    take each other away, and neither decides on what the other has just changed."""
    accounts = User.objects.select_for_update(no_key=True).order_by("pk")
    held = {user.pk: user for user in accounts}
    now = held[actor.pk]
    if Role.ADMIN not in now.roles or not now.is_active:
        raise PermissionDenied("Only an administrator changes people and teams.")
    return held


def _require_reason(reason: str, words: str) -> str:
    if not reason.strip():
        raise field_error("reason", words, "required")
    return reason.strip()


def _groups(roles: list[str]) -> list[Group]:
    if set(roles) - set(Role.values):
        raise ValidationError({"roles": "Choose among the roles that there are."})
    return [Group.objects.get_or_create(name=name)[0] for name in sorted(set(roles))]


def _role_words(roles: set[str]) -> str:
    return ", ".join(Role(name).label.lower() for name in sorted(roles)) or "no role"


def _free_slug(name: str) -> str:
    base = slugify(name)[:40] or "team"
    slug, number = base, 2
    while Team.objects.filter(slug=slug).exists():
        slug, number = f"{base}-{number}", number + 1
    return slug


def _record_change(
    actor: User,
    sentence: str,
    reason: str,
    *,
    person: User | None = None,
    team: Team | None = None,
) -> None:
    change = AccessChange(
        by=actor,
        by_label=actor.label,
        person=person,
        team=team,
        sentence=sentence,
        reason=reason,
    )
    change.full_clean()
    change.save(force_insert=True)

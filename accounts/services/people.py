"""People and teams: who may do what, and which accounts belong to one human."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import AccessChange, PersonLink, Role, Team, User
from postmortem.lib.errors import SeparationOfDuties, StaleVersion, field_error
from postmortem.lib.fields import is_blank


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
    version: int | None = None,
) -> User:
    """Name, title, roles, and whether the account may be used at all.

    version: what `AccessChange.version_of` said when the account was read; StaleVersion
    if another administrator changed it since. None: nobody read one.

    Nobody takes the administrator's role from themselves or switches themselves off, so
    that one administrator always stays. Handle and past deeds keep their name; tokens
    of an account that is switched off are revoked.
    """
    held = _lock_accounts(actor)
    reason = _require_reason(reason, "Say why this changes.")
    user = held[account.pk]
    _refuse_stale(
        version,
        {"person": user},
        user.label,
        {
            "name": user.name,
            "title": user.title,
            "roles": sorted(user.roles),
            "is_active": user.is_active,
        },
    )
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
    version: int | None = None,
) -> Team:
    """A team with its function, manager and members; `team` None makes a new one. The
    manager's approval counts as manager-level, and reminders escalate to them.

    version: as of `change_person`.
    """
    _lock_accounts(actor)
    reason = _require_reason(reason, "Say why this changes.")
    new = team is None
    team = Team.objects.get(pk=team.pk) if team else Team(slug=_free_slug(name))
    was = team.manager.label if team.manager else "nobody"
    before = set() if new else set(team.members.all())
    _refuse_stale(
        version,
        {"team": team},
        team.name,
        {
            "name": team.name,
            "function": team.function,
            "manager": team.manager_id,
            "members": sorted(person.pk for person in before),
        },
    )
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


def _refuse_stale(
    version: int | None, subject: dict[str, Any], name: str, current: dict[str, Any]
) -> None:
    """Behind the lock: nobody gives back what another administrator took meanwhile."""
    if version is not None and version != AccessChange.version_of(**subject):
        raise StaleVersion(
            f"Another administrator changed {name} since you opened it. Nothing was "
            "overwritten: compare and save again.",
            current=current,
        )


def _require_reason(reason: str, words: str) -> str:
    if is_blank(reason):
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

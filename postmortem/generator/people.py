"""The people of a generated installation: nobody of them can sign in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from uuid import UUID, uuid5

from django.contrib.auth.models import Group
from django.db import models

from accounts.models import ApiToken, PersonLink, Role, Team, User
from postmortem.lib.bulk import load

NAMESPACE = UUID("8a3d1f6e-3f0e-5b8a-9d53-4a1b3c6e7f21")
FIRST = (
    *("Ada", "Bela", "Chidi", "Dora", "Emre", "Fatou", "Goran", "Hana", "Ivo", "Jana"),
    *("Kofi", "Lea", "Milan", "Noor", "Olu", "Pia", "Quim", "Rosa", "Sami", "Tala"),
)
LAST = ("Adeyemi", "Berg", "Costa", "Dahl", "Eklund", "Faro", "Grau", "Haddad", "Ito")
# function of the team, title of its members, their roles
FUNCTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("engineering", "Payments engineer", (Role.RESPONDER, Role.COMMANDER)),
    ("payments_ops", "Payments operations", (Role.RESPONDER, Role.COMMANDER)),
    ("finance", "Finance controller", (Role.RESPONDER, Role.FINANCE)),
    ("compliance", "Compliance officer", (Role.COMPLIANCE,)),
    ("product", "Product owner", (Role.REVIEWER,)),
    ("support", "Support lead", (Role.RESPONDER,)),
)
EACH = 20


@dataclass
class Staff:
    """People by the function of their team; the first of each is its manager."""

    of: dict[str, list[User]] = field(default_factory=dict)

    @property
    def everybody(self) -> list[User]:
        return [user for team in self.of.values() for user in team]

    @property
    def handles(self) -> dict[int, str]:
        return {user.pk: user.handle for user in self.everybody}

    def cast(self, rng: Random) -> Cast:
        """Who works on one incident: no manager of a team executes."""
        engineers = rng.sample(self.of["engineering"][1:], 5)
        return Cast(
            commander=engineers[0],
            scribe=engineers[1],
            engineers=engineers[2:],
            payops=rng.choice(self.of["payments_ops"][1:]),
            finance=rng.choice(self.of["finance"][1:]),
            compliance=rng.choice(self.of["compliance"][1:]),
            product=rng.choice(self.of["product"][1:]),
            support=rng.choice(self.of["support"][1:]),
            engineering_manager=self.of["engineering"][0],
            finance_manager=self.of["finance"][0],
        )


@dataclass(frozen=True)
class Cast:
    """The people of one incident."""

    commander: User
    scribe: User
    engineers: Sequence[User]
    payops: User
    finance: User
    compliance: User
    product: User
    support: User
    engineering_manager: User
    finance_manager: User

    @property
    def recorders(self) -> list[User]:
        return [self.scribe, *self.engineers, self.payops, self.finance, self.support]


def hire(*, seed: int, since: datetime, keys: Iterator[int]) -> Staff:
    """Store accounts, teams and tokens: accounts without a password and without mail,
    tokens that were revoked at once."""
    rng = Random(f"{seed}/people")
    staff = Staff()
    rows: dict[type[models.Model], list[models.Model]] = {
        User: [],
        User.groups.through: [],
        Team: [],
        Team.members.through: [],
        ApiToken: [],
        PersonLink: [],
    }
    groups = dict(Group.objects.values_list("name", "pk"))

    def put(row: models.Model) -> None:
        row.pk = next(keys)
        rows[type(row)].append(row)

    for function, title, roles in FUNCTIONS:
        team = Team(
            slug=f"generated-{seed}-{function.replace('_', '-')}",
            name=Team.Function(function).label,
            function=function,
        )
        for number in range(1, EACH + 1):
            handle = f"{function}-{number}.{seed}@generated.example"
            user = User(
                email=handle,
                handle=handle,
                password="!",  # no password opens it
                name=f"{rng.choice(FIRST)} {rng.choice(LAST)}",
                title=f"{title} {number}",
                person_id=uuid5(NAMESPACE, handle),
                notify_by_email=False,
                created_at=since,
            )
            put(user)
            staff.of.setdefault(function, []).append(user)
            held = {*roles, Role.REVIEWER} if number == 1 else set(roles)
            for role in sorted(held):
                put(User.groups.through(user_id=user.pk, group_id=groups[role]))
        team.manager = staff.of[function][0]
        put(team)
        for user in staff.of[function]:
            put(Team.members.through(team_id=team.pk, user_id=user.pk))
    for user in staff.everybody[::10]:
        secret = hashlib.sha256(f"{user.handle}".encode()).hexdigest()
        put(
            ApiToken(
                user=user,
                name="Monitoring",
                scopes=["read"],
                prefix="pm_generated",
                token_hash=ApiToken.hash_of(secret),
                created_at=since,
                revoked_at=since,
            )
        )
    # One human has two accounts, so that separation of duties has something to see.
    one, other = staff.of["support"][-2:]
    before, other.person_id = other.person_id, one.person_id
    put(
        PersonLink(
            verb=PersonLink.Verb.JOIN,
            account=other,
            other=one,
            before=before,
            after=one.person_id,
            reason="Two accounts of one person.",
            by=staff.of["compliance"][0],
            at=since,
        )
    )
    load(rows)
    return staff

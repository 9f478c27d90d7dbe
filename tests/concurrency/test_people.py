"""People and roles, changed by two administrators at once."""

from __future__ import annotations

from functools import partial

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.models import PersonLink, Role, User
from accounts.services import add_person, change_person, join_person
from tests.concurrency.test_close_race import at_once, real_server  # noqa: F401
from tests.conftest import person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


@pytest.fixture
def other(db: None) -> User:
    return person("other", "Ola Other", "Administrator", Role.ADMIN)


def again(*users: User) -> list[User]:
    return [User.objects.get(pk=user.pk) for user in users]


def without_role(actor: User, account: User) -> object:
    try:
        return change_person(
            actor=actor,
            account=account,
            name=account.name,
            title=account.title,
            roles=[],
            is_active=True,
            reason="Moved on.",
        )
    except PermissionDenied as error:
        return error


class TestTwoAdministrators:
    def test_cannot_take_each_other_away(self, administrator: User, other: User):
        for _ in range(5):
            results = at_once(
                partial(without_role, administrator, other),
                partial(without_role, other, administrator),
            )
            left = [u for u in again(administrator, other) if Role.ADMIN in u.roles]
            assert len(left) == 1, results
            assert sum(isinstance(item, PermissionDenied) for item in results) == 1
            for user in (administrator, other):  # both again, for the next round
                change_person(
                    actor=left[0],
                    account=user,
                    name=user.name,
                    title=user.title,
                    roles=[Role.ADMIN],
                    is_active=True,
                    reason="Back again.",
                )
            administrator, other = again(administrator, other)

    def test_leave_one_person_one_person(
        self, administrator: User, other: User, commander: User, responder: User
    ):
        """Each joins another account of the same human with somebody else."""
        first, second = (person(f"ida{n}", "Ida Clark", "Twin") for n in (1, 2))
        join_person(actor=administrator, account=second, to=first, reason="Same badge.")

        results = at_once(
            lambda: join_person(
                actor=administrator, account=first, to=commander, reason="One."
            ),
            lambda: join_person(
                actor=other, account=second, to=responder, reason="Two."
            ),
        )

        assert all(isinstance(item, PersonLink) for item in results), results
        people = again(first, second, commander, responder)
        assert len({user.person_id for user in people}) == 1

    def test_add_one_account_for_one_address(self, administrator: User, other: User):
        def add(actor: User) -> object:
            try:
                return add_person(
                    actor=actor,
                    email="new@pay.example",
                    name="Nea New",
                    roles=[Role.VIEWER],
                    reason="Starts today.",
                )
            except ValidationError as error:
                return error

        results = at_once(lambda: add(administrator), lambda: add(other))

        assert sorted(type(item).__name__ for item in results) == [
            "User",
            "ValidationError",
        ]

"""Who is behind an account."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.models import PersonLink, Role, User
from accounts.services import (
    add_person,
    change_person,
    join_person,
    part_person,
    save_team,
)
from incidents import activity
from incidents.models import Incident
from postmortem.lib.errors import SeparationOfDuties
from tests.conftest import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def second(commander: User) -> User:
    """The commander's other account."""
    return person("ida", "Ida Clark", "Engineering manager")


def again(user: User) -> User:
    return User.objects.get(pk=user.pk)


class TestJoinPerson:
    def test_makes_two_accounts_one_person_and_says_who_said_so(
        self, administrator: User, commander: User, second: User
    ):
        """R-AP-02"""
        before = second.person_id
        join_person(
            actor=administrator, account=second, to=commander, reason="Same badge."
        )
        assert again(second).is_same_person(again(commander))
        (link,) = PersonLink.objects.all()
        assert (link.verb, link.account, link.other) == ("join", second, commander)
        assert (link.before, link.after) == (before, commander.person_id)
        assert (link.by, link.reason) == (administrator, "Same badge.")

    def test_takes_along_the_accounts_joined_before(
        self, administrator: User, commander: User, second: User, viewer: User
    ):
        join_person(actor=administrator, account=viewer, to=second, reason="One.")
        join_person(
            actor=administrator, account=again(second), to=commander, reason="Two."
        )
        assert {again(u).person_id for u in (viewer, second)} == {commander.person_id}
        assert PersonLink.objects.count() == 3

    def test_is_an_administrators_word(self, commander: User, second: User):
        with pytest.raises(PermissionDenied):
            join_person(actor=commander, account=second, to=commander, reason="Mine.")
        assert not PersonLink.objects.exists()

    @pytest.mark.parametrize("reason", ["", "  "])
    def test_needs_a_reason(
        self, administrator: User, commander: User, second: User, reason: str
    ):
        with pytest.raises(ValidationError) as caught:
            join_person(
                actor=administrator, account=second, to=commander, reason=reason
            )
        assert set(caught.value.message_dict) == {"reason"}

    def test_refuses_what_is_known(self, administrator: User, commander: User):
        with pytest.raises(ValidationError, match="known as one person"):
            join_person(
                actor=administrator, account=commander, to=commander, reason="Same."
            )

    def test_leaves_the_chain_of_activity_whole(
        self,
        administrator: User,
        commander: User,
        second: User,
        incident: Incident,
    ):
        """Deeds keep the pseudonymous id under which they were done."""
        join_person(actor=administrator, account=commander, to=second, reason="Same.")
        assert activity.verify(incident) == []
        part_person(actor=administrator, account=again(commander), reason="Not so.")
        assert activity.verify(incident) == []


class TestPartPerson:
    def test_makes_them_two_again(
        self, administrator: User, commander: User, second: User
    ):
        join_person(actor=administrator, account=second, to=commander, reason="Same.")
        part_person(actor=administrator, account=again(second), reason="Namesakes.")
        assert not again(second).is_same_person(again(commander))
        assert [link.verb for link in PersonLink.objects.all()] == ["join", "part"]

    def test_is_not_done_to_oneself(
        self, administrator: User, commander: User, second: User
    ):
        join_person(
            actor=administrator, account=second, to=administrator, reason="Same."
        )
        with pytest.raises(SeparationOfDuties, match="your own"):
            part_person(actor=administrator, account=again(second), reason="Namesakes.")

    def test_needs_a_joined_account(self, administrator: User, commander: User):
        with pytest.raises(ValidationError, match="no other account"):
            part_person(actor=administrator, account=commander, reason="Why not.")


class TestApi:
    def test_joins_and_parts_and_tells(
        self, administrator: User, commander: User, second: User, client
    ):
        client.force_login(administrator)
        asked = {"account": second.email, "to": commander.email, "reason": "One badge."}
        answer = client.post(
            "/api/v1/people/join/", asked, content_type="application/json"
        )
        assert (answer.status_code, answer.json()["verb"]) == (201, "join")
        assert again(second).is_same_person(commander)
        answer = client.post(
            "/api/v1/people/part/",
            {"account": second.email, "reason": "Two badges."},
            content_type="application/json",
        )
        assert answer.status_code == 201
        told = client.get("/api/v1/people/links/").json()["results"]
        assert [row["verb"] for row in told] == ["part", "join"]

    def test_is_closed_to_others(self, commander: User, second: User, client):
        client.force_login(commander)
        asked = {"account": second.email, "to": commander.email, "reason": "One badge."}
        answer = client.post(
            "/api/v1/people/join/", asked, content_type="application/json"
        )
        assert answer.status_code == 403
        assert client.get("/api/v1/people/links/").status_code == 403

    def test_names_an_account_that_nobody_has(self, administrator: User, client):
        client.force_login(administrator)
        answer = client.post(
            "/api/v1/people/part/",
            {"account": "nobody@pay.example", "reason": "So."},
            content_type="application/json",
        )
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "account"


class TestWhoeverLostTheRoleMeanwhile:
    """The role is asked for behind the lock, not of what the request knew."""

    @pytest.fixture
    def former(self, administrator: User) -> User:
        """Was an administrator when the request came in."""
        user = person("former", "Fay Former", "Administrator", Role.ADMIN)
        assert Role.ADMIN in user.roles  # known from here on
        change_person(
            actor=administrator,
            account=user,
            name=user.name,
            title=user.title,
            roles=[],
            is_active=True,
            reason="Moved on.",
        )
        return user

    def test_adds_nobody(self, former: User):
        with pytest.raises(PermissionDenied):
            add_person(
                actor=former,
                email="friend@pay.example",
                name="A Friend",
                roles=[Role.ADMIN],
                reason="A favor.",
            )
        assert not User.objects.filter(email="friend@pay.example").exists()

    def test_joins_nobody(self, former: User, commander: User, second: User):
        with pytest.raises(PermissionDenied):
            join_person(actor=former, account=second, to=commander, reason="Same.")

    def test_parts_nobody(
        self, former: User, administrator: User, commander: User, second: User
    ):
        join_person(actor=administrator, account=second, to=commander, reason="Same.")
        with pytest.raises(PermissionDenied):
            part_person(actor=former, account=second, reason="Not so.")

    def test_makes_no_team(self, former: User):
        with pytest.raises(PermissionDenied):
            save_team(
                actor=former,
                team=None,
                name="Friends",
                function="finance",
                manager=former,
                members=[],
                reason="A favor.",
            )

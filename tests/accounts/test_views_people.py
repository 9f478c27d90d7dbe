"""People and teams: everybody reads, an administrator changes, every change is told."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import AccessChange, PersonLink, Role, Team, User
from accounts.services import create_api_token
from tests.conftest import person


@pytest.fixture
def page(client: Client, administrator: User) -> Client:
    client.force_login(administrator)
    return client


def edit(user: User, rest: str = "edit") -> str:
    return f"/account/people/{user.pk}/{rest}/"


def sent(user: User, **changes: object) -> dict[str, object]:
    return {
        "name": user.name,
        "title": user.title,
        "roles": sorted(user.roles),
        "is_active": "on",
        "reason": "Asked for by their manager.",
        "version": AccessChange.version_of(person=user),
        **changes,
    }


class TestPersonList:
    def test_is_read_by_everybody_and_changed_by_few(
        self, client: Client, viewer: User, reviewer: User
    ):
        client.force_login(viewer)

        page = client.get("/account/people/").content.decode()

        assert "Eva Moreau" in page
        assert "manages Engineering" in page
        assert "Edit" not in page
        assert client.get(edit(reviewer)).status_code == 403
        assert client.post(edit(reviewer), sent(reviewer)).status_code == 403
        assert client.get("/account/people/changes/").status_code == 403

    def test_finds_by_words_and_role(
        self, page: Client, viewer: User, reviewer: User, finance: User
    ):
        def found(**filters: str) -> list[str]:
            rows = page.get("/account/people/", filters).context["people"]
            return [row["person"].name for row in rows]

        assert found(q="eva") == ["Eva Moreau"]
        assert found(role="finance") == ["Femi Dada"]
        assert found(role="finance", q="eva") == []

    def test_costs_the_same_for_many_people(self, page: Client, finance: User):
        page.get("/account/people/")
        with CaptureQueriesContext(connection) as few:
            page.get("/account/people/")
        for number in range(30):
            user = person(f"p{number}", f"Person {number}", "", Role.RESPONDER)
            team = Team.objects.create(
                slug=f"t{number}", name=f"Team {number}", function="product"
            )
            team.members.add(user)
        with CaptureQueriesContext(connection) as many:
            page.get("/account/people/")

        assert len(many) == len(few) <= 12


class TestPersonAdd:
    def test_makes_an_account_without_a_password(
        self, page: Client, administrator: User
    ):
        answer = page.post(
            "/account/people/add/",
            {
                "email": "New@pay.example",
                "name": "Nia Ward",
                "roles": ["responder"],
                "reason": "Joins the on-call rotation.",
            },
        )

        user = User.objects.get(name="Nia Ward")
        assert answer.status_code == 302
        assert user.roles == {Role.RESPONDER}
        assert not user.has_usable_password()
        assert AccessChange.objects.get().sentence == (
            "added Nia Ward (new@pay.example) as responder"
        )

    def test_refuses_an_address_that_is_taken(self, page: Client, viewer: User):
        answer = page.post(
            "/account/people/add/",
            {"email": "VIEWER@pay.example", "name": "Vera", "reason": "Twice."},
        )

        assert answer.status_code == 422
        assert "There is an account with this address already." in (
            answer.content.decode()
        )


class TestPersonEdit:
    def test_gives_and_takes_roles_and_tells_who_did(
        self, page: Client, viewer: User, administrator: User
    ):
        page.post(edit(viewer), sent(viewer, roles=["reviewer"]))

        assert User.objects.get(pk=viewer.pk).roles == {Role.REVIEWER}
        log = page.get("/account/people/changes/").content.decode()
        assert "gave reviewer, took viewer: Auditor" in log
        assert "Asked for by their manager." in log
        assert "Administrator" in log

    def test_switches_an_account_off_with_its_tokens(self, page: Client, viewer: User):
        token, _ = create_api_token(actor=viewer, name="CI", scopes=["read"])
        other = Client()
        other.force_login(viewer)

        page.post(edit(viewer), sent(viewer, is_active=""))

        token.refresh_from_db()
        assert token.revoked_at
        assert other.get("/account/").status_code == 302

    def test_gives_nothing_back_that_somebody_else_took_meanwhile(
        self, page: Client, commander: User
    ):
        """Two administrators with the same page open."""
        first = sent(commander, roles=[])
        second = sent(commander, title="Lead of the desk")
        page.post(edit(commander), first)

        late = page.post(edit(commander), second)

        words = late.content.decode()
        now = User.objects.get(pk=commander.pk)
        assert late.status_code == 409
        assert (now.roles, now.title) == (frozenset(), commander.title)
        assert "Another administrator changed" in words
        assert "Lead of the desk" in words
        for field in ("title", "roles"):
            assert f'data-conflict="{field}"' in words
        settled = {**second, "roles": [], "version": AccessChange.objects.get().pk}
        assert page.post(edit(commander), settled).status_code == 302
        assert User.objects.get(pk=commander.pk).title == "Lead of the desk"

    def test_needs_a_reason(self, page: Client, viewer: User):
        answer = page.post(edit(viewer), sent(viewer, roles=["admin"], reason=" "))

        assert answer.status_code == 422
        assert User.objects.get(pk=viewer.pk).roles == {Role.VIEWER}

    @pytest.mark.parametrize("changes", [{"roles": ["viewer"]}, {"is_active": ""}])
    def test_never_takes_away_ones_own_access(
        self, page: Client, administrator: User, changes: dict[str, object]
    ):
        answer = page.post(edit(administrator), sent(administrator, **changes))

        fresh = User.objects.get(pk=administrator.pk)
        assert answer.status_code == 422
        assert fresh.is_active
        assert fresh.roles == {Role.ADMIN}
        assert not AccessChange.objects.exists()

    def test_knows_no_other_person(self, page: Client):
        assert page.get("/account/people/999999/edit/").status_code == 404


class TestPersonJoin:
    def test_joins_two_accounts_of_one_human(
        self, page: Client, viewer: User, reviewer: User
    ):
        """R-AP-02"""
        page.post(
            edit(viewer, "join"), {"to": reviewer.pk, "reason": "The same employee."}
        )

        viewer.refresh_from_db()
        assert viewer.is_same_person(User.objects.get(pk=reviewer.pk))
        assert PersonLink.objects.get().account == viewer
        log = page.get("/account/people/changes/").content.decode()
        assert "joined Vera Lund with Eva Moreau" in log

        page.post(edit(viewer, "part"), {"reason": "It was a namesake."})

        viewer.refresh_from_db()
        assert not viewer.is_same_person(User.objects.get(pk=reviewer.pk))


class TestTeamEdit:
    def test_sets_manager_and_members_and_tells_it(
        self, page: Client, viewer: User, reviewer: User
    ):
        team = Team.objects.get(slug="engineering")

        page.post(
            f"/account/teams/{team.pk}/edit/",
            {
                "name": "Engineering",
                "function": "engineering",
                "manager": viewer.pk,
                "members": [reviewer.pk],
                "reason": "New lead.",
                "version": 0,
            },
        )

        team.refresh_from_db()
        assert team.manager == viewer
        assert list(team.members.all()) == [reviewer]
        assert AccessChange.objects.get().sentence == (
            "made Auditor manager of Engineering, was Engineering manager; "
            "added Engineering manager to Engineering"
        )

    def test_says_both_when_somebody_else_saved_meanwhile(
        self, page: Client, viewer: User, reviewer: User
    ):
        team = Team.objects.get(slug="engineering")
        form = {"function": "engineering", "reason": "Named anew.", "version": 0}
        address = f"/account/teams/{team.pk}/edit/"
        page.post(address, {**form, "name": "Platform", "members": [viewer.pk]})

        late = page.post(address, {**form, "name": "Payments"})

        team.refresh_from_db()
        words = late.content.decode()
        assert (late.status_code, team.name) == (409, "Platform")
        assert list(team.members.all()) == [viewer]
        for field in ("name", "members"):
            assert f'data-conflict="{field}"' in words

    def test_adds_a_team(self, page: Client):
        page.post(
            "/account/teams/add/",
            {"name": "Legal & risk", "function": "legal", "reason": "New team."},
        )

        assert Team.objects.get().slug == "legal-risk"


class TestSessionsEnd:
    def test_signs_out_everywhere_else(self, client: Client, viewer: User, finance):
        other, stranger = Client(), Client()
        client.force_login(viewer)
        other.force_login(viewer)
        stranger.force_login(finance)

        client.post("/account/sessions/end/")

        assert client.get("/account/").status_code == 200
        assert other.get("/account/").status_code == 302
        assert stranger.get("/account/").status_code == 200


class TestPart:
    def test_is_offered_only_where_two_accounts_are_joined(
        self, page: Client, viewer: User, finance: User
    ) -> None:
        """R-AP-02"""
        part = f"/account/people/{viewer.pk}/part/"
        assert part not in page.get("/account/people/").content.decode()
        User.objects.filter(pk=viewer.pk).update(person_id=finance.person_id)
        assert part in page.get("/account/people/").content.decode()

"""The account page: details, preferences, API tokens."""

from __future__ import annotations

import datetime as dt

from django.test import Client

from accounts.models import ApiToken, User
from accounts.services import create_api_token


class TestAccountDetail:
    def test_asks_a_visitor_to_sign_in(self, client: Client, db):
        assert client.get("/account/").status_code == 302

    def test_shows_my_details_and_only_my_tokens(
        self, client: Client, reviewer: User, viewer: User
    ):
        create_api_token(actor=reviewer, name="My laptop", scopes=["read"])
        create_api_token(actor=viewer, name="Somebody's", scopes=["read"])
        client.force_login(reviewer)

        page = client.get("/account/").content.decode()

        assert "Eva Moreau" in page
        assert "My laptop" in page
        assert "Somebody's" not in page
        assert "your approval counts as manager-level" in page


class TestPreferencesEdit:
    def test_saves_zone_and_email(self, client: Client, viewer: User):
        client.force_login(viewer)

        page = client.post("/account/preferences/", {"time_zone": "Europe/Berlin"})

        viewer.refresh_from_db()
        assert page.url == "/account/"
        assert (viewer.time_zone, viewer.notify_by_email) == ("Europe/Berlin", False)

    def test_refuses_a_zone_that_does_not_exist(self, client: Client, viewer: User):
        client.force_login(viewer)

        page = client.post("/account/preferences/", {"time_zone": "Mars/Olympus"})

        assert page.status_code == 422


class TestTokenAdd:
    def test_shows_the_secret_once(self, client: Client, viewer: User):
        client.force_login(viewer)

        page = client.post(
            "/account/tokens/add/",
            {"name": "CI", "kind": "personal", "scopes": ["read", "write"]},
        )

        token = ApiToken.objects.get()
        secret = page.context["secret"]
        assert page.status_code == 201
        assert "no-store" in page["Cache-Control"]
        assert ApiToken.hash_of(secret) == token.token_hash
        assert secret in page.content.decode()
        assert secret not in client.get("/account/").content.decode()

    def test_refuses_a_service_token_that_approves(self, client: Client, viewer: User):
        client.force_login(viewer)

        page = client.post(
            "/account/tokens/add/",
            {"name": "CI", "kind": "service", "scopes": ["approve"]},
        )

        assert page.status_code == 422
        assert "that takes a person" in page.content.decode()
        assert not ApiToken.objects.exists()

    def test_ends_with_the_day_on_my_own_clock(self, client: Client, viewer: User):
        viewer.time_zone = "Europe/Berlin"
        viewer.save()
        client.force_login(viewer)
        sent = {"name": "CI", "kind": "personal", "scopes": ["read"]}

        past = client.post("/account/tokens/add/", {**sent, "expires_on": "2026-03-16"})
        client.post("/account/tokens/add/", {**sent, "expires_on": "2026-03-17"})

        assert past.status_code == 422
        assert ApiToken.objects.get().expires_at == dt.datetime(
            2026, 3, 17, 23, tzinfo=dt.UTC
        )


class TestTokenRevoke:
    def test_ends_my_token_by_post_only(self, client: Client, viewer: User):
        token, _ = create_api_token(actor=viewer, name="CI", scopes=["read"])
        client.force_login(viewer)
        url = f"/account/tokens/{token.pk}/revoke/"

        assert client.get(url).status_code == 405
        assert client.post(url).url == "/account/"

        token.refresh_from_db()
        assert token.revoked_at

    def test_does_not_know_the_tokens_of_others(
        self, client: Client, viewer: User, reviewer: User
    ):
        token, _ = create_api_token(actor=reviewer, name="CI", scopes=["read"])
        client.force_login(viewer)

        assert client.post(f"/account/tokens/{token.pk}/revoke/").status_code == 404

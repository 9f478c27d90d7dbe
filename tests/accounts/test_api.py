"""API tokens of one's own, and how they sign in."""

import datetime as dt

import pytest
from rest_framework.test import APIClient

from accounts.models import ApiToken
from accounts.services import create_api_token, revoke_api_token
from tests.conftest import NOW

TOKENS = "/api/v1/tokens/"
LIST = "/api/v1/incidents/"


def bearer(secret):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return client


@pytest.fixture
def browser(responder):
    client = APIClient()
    client.force_authenticate(responder)
    return client


class TestTokens:
    def test_shows_the_secret_once_and_stores_its_hash(self, browser):
        made = browser.post(TOKENS, {"name": "export", "scopes": ["read"]})
        secret = made.json()["secret"]

        assert made.status_code == 201
        assert ApiToken.objects.get().token_hash == ApiToken.hash_of(secret)
        (row,) = browser.get(TOKENS).json()["results"]
        assert "secret" not in row
        assert secret not in str(row)
        assert bearer(secret).get(LIST).status_code == 200

    def test_shows_only_ones_own(self, browser, commander):
        create_api_token(actor=commander, name="other", scopes=["read"])
        assert browser.get(TOKENS).json()["results"] == []

    def test_revoked_opens_nothing_any_more(self, browser, responder):
        token, secret = create_api_token(actor=responder, name="x", scopes=["read"])
        assert browser.post(f"{TOKENS}{token.pk}/revoke/").status_code == 200
        assert browser.post(f"{TOKENS}{token.pk}/revoke/").status_code == 200
        assert bearer(secret).get(LIST).status_code == 401

    def test_of_somebody_else_is_not_found(self, browser, commander):
        token, _ = create_api_token(actor=commander, name="x", scopes=["read"])
        assert browser.post(f"{TOKENS}{token.pk}/revoke/").status_code == 404

    def test_a_token_makes_no_tokens(self, responder):
        _, secret = create_api_token(
            actor=responder, name="x", scopes=["read", "write"]
        )
        client = bearer(secret)
        made = client.post(TOKENS, {"name": "y", "scopes": ["approve"]})
        assert made.status_code == 403
        assert client.get(TOKENS).status_code == 200

    @pytest.mark.parametrize(
        "body",
        [
            {"name": "x", "scopes": []},
            {"name": "x", "scopes": ["everything"]},
            {"name": "", "scopes": ["read"]},
            {"name": "x", "scopes": ["approve"], "kind": "service"},
        ],
    )
    def test_refuses_bad_input(self, browser, body):
        """Decision 9: a service token never approves."""
        assert browser.post(TOKENS, body).status_code == 422
        assert not ApiToken.objects.exists()

    def test_asks_for_sign_in(self, db):
        assert APIClient().get(TOKENS).status_code == 401


class TestSignIn:
    @pytest.fixture
    def made(self, responder):
        return create_api_token(
            actor=responder,
            name="x",
            scopes=["read"],
            expires_at=NOW + dt.timedelta(hours=1),
        )

    def test_an_expired_token_is_401(self, made, clock):
        assert bearer(made[1]).get(LIST).status_code == 200
        clock.shift(dt.timedelta(hours=2))
        assert bearer(made[1]).get(LIST).status_code == 401

    def test_a_token_of_an_inactive_person_is_401(self, made, responder):
        responder.is_active = False
        responder.save()
        assert bearer(made[1]).get(LIST).status_code == 401

    @pytest.mark.parametrize("secret", ["", "pm_nonsense", "a b", "\x00"])
    def test_nonsense_is_401(self, db, secret):
        assert bearer(secret).get(LIST).status_code == 401

    def test_a_read_token_does_not_write(self, made, incident):
        answer = bearer(made[1]).patch("/api/v1/incidents/INC-1/", {"title": "x"})
        assert answer.status_code == 403
        assert "write" in answer.json()["title"]

    def test_notes_its_last_use(self, made):
        bearer(made[1]).get(LIST)
        made[0].refresh_from_db()
        assert made[0].last_used_at == NOW

    def test_revoking_twice_keeps_the_first_time(self, made, responder, clock):
        first = revoke_api_token(actor=responder, token_id=made[0].pk).revoked_at
        clock.shift(dt.timedelta(hours=1))
        again = revoke_api_token(actor=responder, token_id=made[0].pk)
        assert again.revoked_at == first

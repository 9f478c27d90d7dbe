"""A second factor from end to end: set up, asked for at sign-in, saved by a recovery
code, switched off; and what signing out leaves behind."""

from __future__ import annotations

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.core.cache import cache
from django.test import Client

from accounts.models import User

pytestmark = pytest.mark.django_db
SIGN_IN = {"login": "ic@pay.example", "password": "correct horse"}


@pytest.fixture(autouse=True)
def clock() -> None:
    """The real clock: codes and recent sign-ins are counted by it."""


@pytest.fixture(autouse=True)
def _no_attempts_before() -> None:
    cache.clear()


def code_of(secret: str) -> str:
    """What an authenticator app shows now."""
    counter = next(iter(yield_hotp_counters_from_time()))
    return format_hotp_value(hotp_value(secret, counter))


@pytest.fixture
def browser(client: Client, commander: User) -> Client:
    """Signed in, and asked for the password once more before anything of it changes."""
    assert client.post("/accounts/login/", SIGN_IN).status_code == 302
    asked = client.get("/accounts/2fa/totp/activate/")
    assert asked.url.startswith("/accounts/reauthenticate/")
    known = client.post(asked.url, {"password": SIGN_IN["password"]})
    assert known.url == "/accounts/2fa/totp/activate/"
    return client


def secret_on(page: str) -> str:
    found = re.search(r'id="authenticator_secret" value="([A-Z2-7]+)"', page)
    assert found, page
    return found.group(1)


def activate(browser: Client) -> str:
    page = browser.get("/accounts/2fa/totp/activate/")
    assert page.status_code == 200, page.headers
    secret = secret_on(page.content.decode())
    answer = browser.post("/accounts/2fa/totp/activate/", {"code": code_of(secret)})
    assert answer.status_code == 302, answer.content.decode()
    return secret


def recovery_codes(user: User) -> list[str]:
    row = Authenticator.objects.get(user=user, type="recovery_codes")
    return list(row.wrap().get_unused_codes())


def signed_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


class TestTotp:
    def test_is_asked_for_after_the_password(self, browser: Client, commander: User):
        secret = activate(browser)
        other = Client()
        answer = other.post("/accounts/login/", SIGN_IN)
        assert (answer.status_code, answer.url) == (302, "/accounts/2fa/authenticate/")
        assert not signed_in(other)
        wrong = other.post("/accounts/2fa/authenticate/", {"code": "000000"})
        assert wrong.status_code == 200
        assert not signed_in(other)
        cache.clear()  # a code counts once in its half minute
        answer = other.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
        assert answer.status_code == 302
        assert signed_in(other)

    def test_is_not_set_up_by_a_wrong_code(self, browser: Client, commander: User):
        browser.get("/accounts/2fa/totp/activate/")
        answer = browser.post("/accounts/2fa/totp/activate/", {"code": "000000"})
        assert answer.status_code == 200
        assert not Authenticator.objects.exists()

    def test_is_replaced_once_by_each_recovery_code(
        self, browser: Client, commander: User
    ):
        activate(browser)
        code, *others = recovery_codes(commander)
        for is_first in (True, False):
            other = Client()
            other.post("/accounts/login/", SIGN_IN)
            other.post("/accounts/2fa/authenticate/", {"code": code})
            assert signed_in(other) is is_first
        assert recovery_codes(commander) == others

    def test_is_switched_off_by_its_owner(self, browser: Client, commander: User):
        activate(browser)
        assert browser.post("/accounts/2fa/totp/deactivate/").status_code == 302
        other = Client()
        other.post("/accounts/login/", SIGN_IN)
        assert signed_in(other)


class TestPages:
    @pytest.mark.parametrize(
        "path",
        [
            "2fa/",
            "2fa/totp/activate/",
            "2fa/totp/deactivate/",
            "2fa/recovery-codes/",
            "2fa/recovery-codes/generate/",
            "reauthenticate/",
            "password/change/",
            "logout/",
        ],
    )
    def test_are_made_of_our_elements(self, browser: Client, path: str):
        if "deactivate" in path or "recovery" in path:
            activate(browser)
        page = browser.get(f"/accounts/{path}").content.decode()
        assert 'class="pm-auth"' in page
        assert ('href="/account/"' in page) is (path != "reauthenticate/")
        # The package's own markup: bare buttons, paragraphs around fields.
        assert not re.search(r"<button(?![^>]*class=)", page)
        assert "<p><label" not in page.replace("\n", "")
        assert "style=" not in page


class TestSignOut:
    def test_clears_what_was_typed_in_this_browser(self, browser: Client):
        answer = browser.post("/accounts/logout/")
        assert answer.status_code == 302
        assert answer.headers["Clear-Site-Data"] == '"storage"'
        assert not signed_in(browser)

    def test_clears_nothing_before_it_is_sure(self, browser: Client):
        assert "Clear-Site-Data" not in browser.get("/accounts/logout/").headers

"""The pages of the sign-in library speak as ours do."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from postmortem.lib.compare import sentence_case

pytestmark = pytest.mark.django_db


class TestSentenceCase:
    @pytest.mark.parametrize(
        ("title", "sentence"),
        [
            ("Two-Factor Authentication", "Two-factor authentication"),
            ("New Password (again)", "New password (again)"),
            ("\n  Change Password\n", "Change password"),
            ("Scan the QR Code", "Scan the QR code"),
            ("Sign in", "Sign in"),
        ],
    )
    def test_lowers_words_and_leaves_abbreviations(
        self, title: str, sentence: str
    ) -> None:
        assert sentence_case(title) == sentence


class TestPages:
    def test_sign_in_says_what_the_box_does(self, client: Client) -> None:
        page = client.get("/accounts/login/").content.decode()
        assert "Keep me signed in on this device" in page
        assert "Remember Me" not in page
        assert "placeholder" not in page.split("</form>")[0].split("<form")[1]

    @pytest.mark.parametrize(
        ("path", "said", "unsaid"),
        [
            ("password/change/", "New password (again)", "Change Password"),
            ("2fa/", "Two-factor authentication", "Two-Factor"),
        ],
    )
    def test_others_are_in_sentence_case(
        self, client: Client, viewer: User, path: str, said: str, unsaid: str
    ) -> None:
        client.force_login(viewer)
        page = client.get(f"/accounts/{path}", follow=True).content.decode()
        assert said in page
        assert unsaid not in page

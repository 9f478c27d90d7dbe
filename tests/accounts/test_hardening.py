"""What strangers and shared browsers get."""

from smtplib import SMTPServerDisconnected

import pytest
from allauth.account.models import EmailAddress
from django.core import mail


class TestAdminLogin:
    def test_goes_through_the_one_sign_in(self, client, administrator):
        """The limits and the second factor of that page hold for the admin too."""
        page = client.post(
            "/admin/login/?next=/admin/",
            {"username": "admin@pay.example", "password": "correct horse"},
        )
        assert page.status_code == 302
        assert page.url.startswith("/accounts/login/?next=")
        assert "_auth_user_id" not in client.session

    def test_lets_a_signed_in_administrator_in(self, client, administrator):
        administrator.is_staff = administrator.is_superuser = True
        administrator.save()
        client.force_login(administrator)
        assert client.get("/admin/").status_code == 200


class TestPages:
    @pytest.mark.parametrize("url", ["/", "/api/v1/incidents/", "/incidents/INC-1/"])
    def test_are_kept_by_no_cache(self, client, viewer, url):
        client.force_login(viewer)
        assert "no-store" in client.get(url).headers["Cache-Control"]

    def test_of_the_api_document_answer_odd_methods(self, client, viewer):
        client.force_login(viewer)
        assert client.options("/api/v1/docs/").status_code == 405


class TestAddress:
    @pytest.mark.parametrize("deed", ["add", "primary", "remove"])
    def test_is_not_changed_by_its_owner(self, client, viewer, deed):
        """Only an administrator does, with a reason that is kept."""
        client.force_login(viewer)
        sent = {"email": "other@pay.example", f"action_{deed}": ""}
        page = client.post("/accounts/email/", sent)

        assert (page.status_code, page.url) == (302, "/account/")
        assert not EmailAddress.objects.filter(email="other@pay.example").exists()


class TestPasswordReset:
    def test_sends_nothing_to_a_stranger_and_says_the_same(self, client, viewer):
        known = client.post("/accounts/password/reset/", {"email": viewer.email})
        unknown = client.post(
            "/accounts/password/reset/", {"email": "no@where.example"}
        )
        assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
        assert [message.to for message in mail.outbox] == [[viewer.email]]

    @pytest.mark.parametrize(
        "error", [ConnectionRefusedError(111, "refused"), SMTPServerDisconnected()]
    )
    def test_says_the_same_when_the_mail_server_is_away(
        self, client, viewer, monkeypatch, caplog, error
    ):
        def away(self, messages):
            raise error

        monkeypatch.setattr(
            "django.core.mail.backends.locmem.EmailBackend.send_messages", away
        )
        known = client.post("/accounts/password/reset/", {"email": viewer.email})
        unknown = client.post(
            "/accounts/password/reset/", {"email": "no@where.example"}
        )
        assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
        assert "password_reset_key was not sent" in caplog.text

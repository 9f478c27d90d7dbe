"""What a request may carry: refused by its stated length and encoding, before it is
read."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.test import Client

from accounts.middleware import FORM_BYTES
from accounts.models import User
from accounts.services import create_api_token
from incidents.models import Incident

pytestmark = pytest.mark.django_db
MB = 1024 * 1024


class Unread(io.BytesIO):
    """A body that says when somebody reads it."""

    was_read = False

    def read(self, *args: Any) -> bytes:
        self.was_read = True
        return super().read(*args)


def send(client: Client, path: str, size: int, kind: str, **headers: Any) -> Any:
    body = Unread(b"x" * 100)
    answer = client.generic(
        "POST",
        path,
        b"",
        **{
            "wsgi.input": body,
            "CONTENT_LENGTH": str(size),
            "CONTENT_TYPE": kind,
            **headers,
        },
    )
    answer.was_read = body.was_read
    return answer


MULTIPART = "multipart/form-data; boundary=x"


class TestLength:
    def test_of_a_file_above_the_limit_is_refused_unread(
        self, client: Client, commander: User, incident: Incident, settings
    ):
        settings.EVIDENCE_MAX_BYTES = 5 * MB
        client.force_login(commander)
        path = f"/incidents/{incident.key}/evidence/add/"
        answer = send(client, path, 6 * MB + 1, MULTIPART)
        assert (answer.status_code, answer.was_read) == (413, False)
        assert b"6 MB in all" in answer.content
        assert answer.headers["Connection"] == "close"

    def test_of_the_api_is_told_as_a_problem(
        self, client: Client, commander: User, incident: Incident, settings
    ):
        settings.EVIDENCE_MAX_BYTES = 5 * MB
        _, secret = create_api_token(actor=commander, name="CI", scopes=["write"])
        answer = send(
            Client(),
            f"/api/v1/incidents/{incident.key}/evidence/",
            6 * MB + 1,
            MULTIPART,
            HTTP_AUTHORIZATION=f"Bearer {secret}",
        )
        assert (answer.status_code, answer.was_read) == (413, False)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "too_large"

    def test_of_a_stranger_is_a_form_and_no_file(self, client: Client, db: None):
        answer = send(client, "/accounts/login/", FORM_BYTES + 1, MULTIPART)
        assert (answer.status_code, answer.was_read) == (413, False)

    def test_below_the_limit_is_read(
        self, client: Client, commander: User, incident: Incident
    ):
        client.force_login(commander)
        answer = client.post(
            f"/incidents/{incident.key}/evidence/add/",
            {"upload": io.BytesIO(b"x" * (2 * MB))},
        )
        assert answer.status_code != 413

    def test_of_json_is_bounded_too(self, client: Client, commander: User):
        client.force_login(commander)
        answer = send(client, "/api/v1/incidents/", 51 * MB, "application/json")
        assert (answer.status_code, answer.was_read) == (413, False)


class TestEncoding:
    """Other encodings are read by nobody: some of them crash what reads them."""

    @pytest.mark.parametrize("kind", [MULTIPART, "application/x-www-form-urlencoded"])
    @pytest.mark.parametrize("charset", ["utf-7", "idna", "rot13", "UTF-16"])
    def test_of_another_kind_is_refused_unread(
        self, client: Client, db: None, kind: str, charset: str
    ):
        answer = send(client, "/accounts/login/", 100, f"{kind}; charset={charset}")
        assert (answer.status_code, answer.was_read) == (415, False)
        assert "in UTF-8" in answer.content.decode()

    def test_of_the_api_is_told_as_a_problem(self, client: Client, commander: User):
        client.force_login(commander)
        kind = "application/json; charset=utf-7"
        answer = send(client, "/api/v1/incidents/", 100, kind)
        assert (answer.status_code, answer.was_read) == (415, False)
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "unsupported_media_type"

    @pytest.mark.parametrize("charset", ["utf-8", "UTF-8"])
    def test_of_this_kind_is_read(self, client: Client, db: None, charset: str):
        answer = client.post(
            "/accounts/login/",
            "login=a%40pay.example&password=x",
            content_type=f"application/x-www-form-urlencoded; charset={charset}",
        )
        assert answer.status_code == 200
        assert "login" in answer.context["form"].data

"""How much a request may carry: refused by its stated length, before it is read."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.test import Client

from accounts.decorators import FORM_BYTES
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


class TestBoundedBody:
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

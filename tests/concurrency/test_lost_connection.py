"""A database connection that ends in the middle of a request, on PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import close_old_connections, connection
from django.test import Client

from accounts.models import User
from incidents.models import Incident
from incidents.services import lifecycle
from tests.concurrency.test_close_race import real_server  # noqa: F401

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


def end_of_connection(**fields: Any) -> None:
    """What a restart of the server does to a request at work."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


class TestLostConnection:
    def test_says_to_wait_and_the_same_request_then_passes(
        self, commander: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)
        connection.close()  # the next one is opened under this age
        client = Client(raise_request_exception=False)
        client.force_login(commander)

        def declare() -> Any:
            close_old_connections()  # as the server does around each request
            return client.post(
                "/api/v1/incidents/",
                {"title": "Gateway down", "severity": "SEV1"},
                content_type="application/json",
                headers={"Idempotency-Key": "a-key-of-this-request"},
            )

        with monkeypatch.context() as broken:
            broken.setattr(lifecycle, "declare_incident", end_of_connection)
            lost = declare()
        again = declare()

        assert (lost.status_code, lost["Retry-After"]) == (503, "5")
        assert lost.json()["code"] == "database_away"
        assert again.status_code == 201
        assert Incident.objects.count() == 1

    def test_of_a_page_says_to_wait_and_the_next_one_opens(
        self, commander: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)
        connection.close()
        client = Client(raise_request_exception=False)
        client.force_login(commander)

        with monkeypatch.context() as broken:
            broken.setattr(
                "accounts.views.render_page", lambda *_, **__: end_of_connection()
            )
            lost = client.get("/account/")
        close_old_connections()

        assert (lost.status_code, lost["Retry-After"]) == (503, "5")
        assert client.get("/account/").status_code == 200

"""Pages of refusals: what happened, whom to ask, one thing to do."""

from __future__ import annotations

import errno
import logging
import re
import sqlite3
from typing import Any

import psycopg
import pytest
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)
from django.test import Client

from accounts.models import User
from incidents.models import Incident
from tests.factories import make_scope


def sqlite_error(name: str) -> sqlite3.OperationalError:
    """As the driver raises it, with its code."""
    error = sqlite3.OperationalError(name)
    error.sqlite_errorcode = getattr(sqlite3, name)
    error.sqlite_errorname = name
    return error


class TestForbidden:
    def test_names_the_role_and_leads_to_who_has_it(
        self, client: Client, viewer: User, incident: Incident
    ):
        client.force_login(viewer)

        page = client.get("/incidents/INC-1/scope/add/")

        text = page.content.decode()
        assert page.status_code == 403
        assert "It takes one of:" in text
        assert "/account/people/" in text


class TestNotFound:
    def test_tells_nothing_of_what_there_is(self, client: Client, viewer: User):
        client.force_login(viewer)

        page = client.get("/incidents/INC-99/")

        assert page.status_code == 404
        assert "There is nothing at this address" in page.content.decode()


class TestServerError:
    def test_has_a_number_that_stands_in_the_log(
        self,
        viewer: User,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
    ):
        client = Client(raise_request_exception=False)
        client.force_login(viewer)

        def broken(*args: object, **kwargs: object) -> None:
            raise RuntimeError("the disk is full")

        monkeypatch.setattr("accounts.views.render_page", broken)
        with caplog.at_level(logging.ERROR):
            page = client.get("/account/")

        text = page.content.decode()
        number = re.search(r"error <code class=\"pm-code\">(\w{12})</code>", text)
        assert page.status_code == 500
        assert number is not None
        assert f"error {number[1]}: GET /account/" in caplog.text
        assert "RuntimeError: the disk is full" in caplog.text
        assert "the disk is full" not in text

    @pytest.mark.parametrize("error", [OperationalError, InterfaceError])
    def test_of_a_database_that_is_away_says_to_wait(
        self,
        viewer: User,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
        error: type[Exception],
    ):
        client = Client(raise_request_exception=False)
        client.force_login(viewer)

        def away(*args: object, **kwargs: object) -> None:
            raise error("server closed the connection")

        monkeypatch.setattr("accounts.views.render_page", away)
        with caplog.at_level(logging.ERROR):
            page = client.get("/account/")

        text = page.content.decode()
        assert page.status_code == 503
        assert page["Retry-After"] == "5"
        assert "The database does not answer. Wait a few seconds" in text
        assert "server closed the connection" in caplog.text
        assert "server closed the connection" not in text

    @pytest.mark.parametrize(
        ("error", "cause", "status"),
        [
            (OSError(errno.ENOSPC, "no space left on device"), None, 507),
            (OperationalError(), psycopg.errors.DiskFull(), 507),
            (OperationalError(), sqlite_error("SQLITE_FULL"), 507),
            (OperationalError(), sqlite_error("SQLITE_BUSY"), 503),
            (OperationalError(), sqlite_error("SQLITE_ERROR"), 500),
            (OSError(errno.EACCES, "permission denied"), None, 500),
        ],
    )
    def test_tells_a_full_disk_from_what_is_away_and_from_what_is_wrong(
        self,
        viewer: User,
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
        cause: Exception | None,
        status: int,
    ):
        client = Client(raise_request_exception=False)
        client.force_login(viewer)

        def broken(*args: object, **kwargs: object) -> None:
            raise error from cause

        monkeypatch.setattr("accounts.views.render_page", broken)
        page = client.get("/account/")

        wait = {507: "60", 503: "5"}.get(status)
        assert (page.status_code, page.get("Retry-After")) == (status, wait)
        is_full = "The disk of the server is full" in page.content.decode()
        assert is_full == (status == 507)

    @pytest.mark.parametrize("error", [IntegrityError, DataError, ProgrammingError])
    def test_of_a_statement_that_is_wrong_stays_a_crash(
        self, viewer: User, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
    ):
        client = Client(raise_request_exception=False)
        client.force_login(viewer)

        def wrong(*args: object, **kwargs: object) -> None:
            raise error("no such column")

        monkeypatch.setattr("accounts.views.render_page", wrong)
        page = client.get("/account/")

        assert page.status_code == 500
        assert "Retry-After" not in page


TYPED = {
    "csrfmiddlewaretoken": "a-token",
    "client_key": "key-9f",
    "audience": "internal",
    "consequence": "Captures <wait>\nsince noon",
    "password": "hunter2",
    "api_token": "pm_secret",
}


class TestWhatWasTyped:
    """Without scripts nothing else keeps it: it stands on the page that refuses it."""

    def sees_it(self, page: Any, status: int) -> None:
        text = page.content.decode()
        assert page.status_code == status
        assert re.findall(r"<dt>(.*?)</dt><dd dir=\"auto\">(.*?)</dd>", text, re.S) == [
            ("Audience", "internal"),
            ("Consequence", "Captures &lt;wait&gt;\nsince noon"),
        ]
        for secret in ("hunter2", "pm_secret", "key-9f"):
            assert secret not in text

    def test_is_repeated_to_whom_the_role_forbids(
        self, client: Client, viewer: User, incident: Incident
    ):
        client.force_login(viewer)
        self.sees_it(client.post("/incidents/INC-1/scope/add/", TYPED), 403)

    def test_is_repeated_when_the_record_moved_on(
        self, client: Client, commander: User, incident: Incident
    ):
        make_scope(incident, actor=commander)
        client.force_login(commander)
        client.post("/incidents/INC-1/scope/1/withdraw/", {"reason": "Said twice."})
        self.sees_it(client.post("/incidents/INC-1/scope/1/edit/", TYPED), 409)

    def test_is_repeated_where_there_is_no_such_incident(
        self, client: Client, commander: User
    ):
        client.force_login(commander)
        self.sees_it(client.post("/incidents/INC-9/scope/add/", TYPED), 404)

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (RuntimeError(), 500),
            (OperationalError(), 503),
            (OSError(errno.ENOSPC, "no space left on device"), 507),
        ],
    )
    def test_is_repeated_when_the_server_fails(
        self,
        commander: User,
        incident: Incident,
        monkeypatch: pytest.MonkeyPatch,
        error: Exception,
        status: int,
    ):
        client = Client(raise_request_exception=False)
        client.force_login(commander)

        def broken(*args: object, **kwargs: object) -> None:
            raise error

        monkeypatch.setattr("incidents.views.form_page", broken)
        page = client.post("/incidents/INC-1/scope/add/", TYPED)
        self.sees_it(page, status)
        assert "kept on this device" not in page.content.decode()

    def test_is_repeated_to_whom_is_signed_out(
        self, client: Client, incident: Incident
    ):
        page = client.post("/incidents/INC-1/scope/add/", TYPED)
        self.sees_it(page, 403)
        assert 'href="/incidents/INC-1/scope/add/"' in page.content.decode()

    def test_is_repeated_when_somebody_signed_in_again_meanwhile(
        self, commander: User, incident: Incident
    ):
        client = Client(enforce_csrf_checks=True)
        client.force_login(commander)
        page = client.post("/incidents/INC-1/scope/add/", TYPED)
        self.sees_it(page, 403)
        assert "Your session ended while this page was open" in page.content.decode()

    def test_is_not_what_another_site_sent(self, commander: User, incident: Incident):
        client = Client(enforce_csrf_checks=True)
        client.force_login(commander)
        page = client.post(
            "/incidents/INC-1/scope/add/",
            TYPED,
            headers={"origin": "https://evil.test"},
        )
        assert page.status_code == 403
        assert "Captures" not in page.content.decode()

    def test_is_left_out_where_nothing_was(
        self, client: Client, viewer: User, incident: Incident
    ):
        client.force_login(viewer)
        page = client.post("/incidents/INC-1/scope/add/", {"client_key": "key-9f"})
        assert "What you typed" not in page.content.decode()
        client.logout()
        page = client.post("/incidents/INC-1/scope/add/", {"client_key": "key-9f"})
        assert page.status_code == 302

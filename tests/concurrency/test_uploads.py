"""On SQLite one transaction writes at a time: a file that is long to receive and look
through keeps nobody from writing, by whichever door it comes."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import change_preferences
from incidents.models import Evidence, Incident
from postmortem.lib import sensitive
from tests.factories import make_evidence

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

API = "/api/v1/incidents/INC-1/evidence/"
PAGES = "/incidents/INC-1/evidence/"
LONG = b"a log that is long to look through\n"


@pytest.fixture(autouse=True)
def on_disk(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The database in a file, as `manage.py up` has it: each thread with its own
    connection, and little patience."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL has no lock of the whole database")
    connection.ensure_connection()
    memory = connection.connection
    with sqlite3.connect(tmp_path / "db.sqlite3") as file:
        memory.backup(file)
    file.close()
    settings = connection.settings_dict
    monkeypatch.setitem(settings, "NAME", str(tmp_path / "db.sqlite3"))
    monkeypatch.setitem(settings["OPTIONS"], "timeout", 0.5)
    connection.connection = None
    yield
    connection.close()
    connection.connection = memory


def upload() -> SimpleUploadedFile:
    return SimpleUploadedFile("app.log", LONG)


def by_key(user: User) -> Any:
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(user)
    return client.post(
        API,
        {"kind": "log_query", "title": "Log", "upload": upload()},
        format="multipart",
        headers={"Idempotency-Key": "k-1"},
    )


def by_the_api_without_a_key(user: User) -> Any:
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(user)
    body = {"kind": "log_query", "title": "Log", "upload": upload()}
    return client.post(API, body, format="multipart")


def by_form(user: User) -> Any:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client.post(
        f"{PAGES}add/",
        {
            "kind": "log_query",
            "title": "Log",
            "side": "operational",
            "upload": upload(),
            "client_key": "k-1",
        },
    )


def by_attaching(user: User) -> Any:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    sent = {"upload": upload(), "client_key": "k-1"}
    return client.post(f"{PAGES}1/attach/", sent)


def by_attaching_to_what_was_read(user: User) -> Any:
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(user)
    return client.post(
        f"{API}1/attach/",
        {"upload": upload()},
        format="multipart",
        headers={"If-Match": '"1"'},
    )


def by_quick_add(user: User) -> Any:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client.post(
        "/incidents/INC-1/timeline/quick/",
        {"at": "10:05", "text": "Payouts stopped", "upload": upload()},
        headers={"Idempotency-Key": "k-1"},
    )


class TestALongFile:
    @pytest.mark.parametrize(
        "door",
        [
            by_key,
            by_the_api_without_a_key,
            by_form,
            by_attaching,
            by_attaching_to_what_was_read,
            by_quick_add,
        ],
    )
    def test_keeps_no_other_from_writing(
        self,
        door: Callable[[User], Any],
        commander: User,
        responder: User,
        incident: Incident,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        make_evidence(incident, actor=commander, url="", description="In the wiki")
        begun, go_on = threading.Event(), threading.Event()
        find = sensitive.find

        def slowly(text: str) -> list[sensitive.Hit]:
            if text.encode() == LONG:
                begun.set()
                assert go_on.wait(30)
            return find(text)

        monkeypatch.setattr(sensitive, "find", slowly)
        answers: list[Any] = []

        def send() -> None:
            try:
                answers.append(door(commander))
            finally:
                connection.close()

        thread = threading.Thread(target=send)
        thread.start()
        try:
            assert begun.wait(30)
            change_preferences(
                actor=responder, time_zone="Asia/Tokyo", notify_by_email=False
            )
        finally:
            go_on.set()
            thread.join(30)

        assert answers[0].status_code in {200, 201, 302}, answers[0].content
        assert Evidence.objects.filter(filename="app.log").count() == 1

    def test_of_whoever_may_not_add_it_is_not_looked_through(
        self,
        outsider: User,
        viewer: User,
        incident: Incident,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        seen: list[object] = []
        monkeypatch.setattr(sensitive, "find_in", seen.append)

        for user in (outsider, viewer):
            for door in (by_key, by_form, by_attaching, by_quick_add):
                assert door(user).status_code in {403, 404}

        assert seen == []

"""One request under one Idempotency-Key, sent by several at once: done once."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import IdempotentRequest, User
from incidents import activity
from incidents.models import Incident
from incidents.services import lifecycle
from tests.concurrency.test_close_race import at_once, real_server  # noqa: F401

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]

BODY = {"title": "Payouts late", "severity": "SEV2"}


def declare(user: User, key: str = "k-1", body: dict[str, Any] = BODY) -> Any:
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(user)
    return client.post("/api/v1/incidents/", body, headers={"Idempotency-Key": key})


class TestTheSameRequestAtOnce:
    def test_is_done_once(self, commander: User) -> None:
        answers = at_once(*[lambda: declare(commander)] * 8)

        statuses = [answer.status_code for answer in answers]
        assert set(statuses) <= {201, 409}, statuses
        done = [answer for answer in answers if answer.status_code == 201]
        assert len({answer.content for answer in done}) == 1
        assert sum("Idempotency-Replayed" not in answer for answer in done) == 1
        for answer in answers:
            if answer.status_code == 409:
                assert answer.json()["code"] == "idempotency_in_progress"
                assert answer["Retry-After"] == "2"
        assert activity.verify(Incident.objects.get()) == []
        assert IdempotentRequest.objects.count() == 1

    def test_is_told_to_wait_while_the_first_is_at_work(
        self, commander: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, go_on = threading.Event(), threading.Event()
        act = lifecycle.declare_incident

        def slowly(**fields: Any) -> Incident:
            begun.set()
            assert go_on.wait(30)
            return act(**fields)

        monkeypatch.setattr(lifecycle, "declare_incident", slowly)
        first: list[Any] = []

        def run() -> None:
            first.append(declare(commander))
            connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        assert begun.wait(30)

        meanwhile = declare(commander)
        other = declare(commander, body={**BODY, "title": "Another"})
        go_on.set()
        thread.join(30)
        afterwards = declare(commander)

        assert meanwhile.status_code == 409
        assert meanwhile.json()["code"] == "idempotency_in_progress"
        assert int(meanwhile["Retry-After"]) > 0
        assert other.status_code == 409
        assert first[0].status_code == 201
        assert afterwards.content == first[0].content
        assert afterwards["Idempotency-Replayed"] == "true"
        assert Incident.objects.count() == 1

    def test_passes_to_the_next_when_the_first_is_killed(
        self, commander: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The server ends the first one's connection in the middle: its effect, its
        lock and its key are gone with it."""
        act = lifecycle.declare_incident

        def cut(**fields: Any) -> Incident:
            made = act(**fields)
            connection.connection.close()
            return made

        monkeypatch.setattr(lifecycle, "declare_incident", cut)
        killed: list[Any] = []

        def run() -> None:
            try:
                killed.append(declare(commander).status_code)
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(30)
        monkeypatch.undo()

        assert killed == [503]
        assert not Incident.objects.exists()
        assert not IdempotentRequest.objects.exists()
        assert declare(commander).status_code == 201

    def test_with_different_keys_is_done_for_each(self, commander: User) -> None:
        answers = at_once(
            *[lambda key=f"k-{n}": declare(commander, key) for n in range(4)]
        )
        assert [answer.status_code for answer in answers] == [201] * 4
        assert Incident.objects.count() == 4

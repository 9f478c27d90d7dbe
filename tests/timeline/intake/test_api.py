"""API of imported logs: asked for, looked at, decided, the same codes as the pages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from incidents.models import Evidence
from incidents.services import redaction
from tests.timeline.conftest import Tape, set_status
from tests.timeline.intake.logs import (
    BAD_AS_IT_IS_READ,
    BAD_AT_ONCE,
    CARD,
    CHAT,
    EXPORT,
    chat,
    file,
    nothing_is_stored,
    waiting,
)
from tests.timeline.test_api import Api, faults
from timeline.models import Candidate, Entry, LogReading
from timeline.services.intake import worker


@pytest.fixture
def api(client: Client, tape: Tape) -> Api:
    client.force_login(tape.actor)
    return Api(client, tape)


def send(api: Api, path: str, **form: Any) -> Any:
    return api.client.post(api.base + path, form)


def outcome(api: Api, asked: Any) -> dict[str, Any]:
    """What the address of an import tells once the worker was there."""
    assert asked.status_code == 202, asked.content
    worker.read_long(asked.json()["id"])
    found = api.client.get(asked["Location"])
    assert found.status_code == 200
    return dict(found.json())


class TestImports:
    def test_are_asked_for_and_looked_at_where_they_stand(self, api: Api) -> None:
        asked = send(api, "imports/", upload=file("ops.zip", EXPORT), day="2026-03-10")

        assert asked.status_code == 202
        waits = asked.json()
        assert waits == api.client.get(asked["Location"]).json()
        assert (waits["state"], waits["size"], waits["found"]) == (
            "waiting",
            len(EXPORT),
            None,
        )
        assert not Evidence.objects.exists()
        done = outcome(api, asked)
        rows = done["found"].pop("rows")
        assert done == {
            "id": waits["id"],
            "state": "done",
            "filename": "ops.zip",
            "size": len(EXPORT),
            "lines_read": 4,
            "bytes_read": len(EXPORT),
            "error": "",
            "evidence": "EV-1",
            "reader": "slack",
            "day": "2026-03-10",
            "added": 2,
            "found": {
                "clock_zone": "UTC",
                "lines": 2,
                "known": 0,
                "skipped": 2,
                "untimed": 0,
                "before_incident": 2,
                "after_incident": 0,
                "first_at": "2026-03-10T14:05:00Z",
                "last_at": "2026-03-10T14:06:00Z",
                "left_out": [
                    {
                        "place": "ops/2026-03-10.json, message 3",
                        "reason": "not a message but a notice of the channel",
                    },
                    {
                        "place": "ops/2026-03-10.json, message 4",
                        "reason": "without text",
                    },
                ],
            },
        }
        assert rows[1] == {
            "place": "ops/2026-03-10.json, message 1",
            "occurred_at": "2026-03-10T14:06:00Z",
            "occurred_until": None,
            "precision": "second",
            "at_text": "",
            "author": "Bob",
            "text": "second",
        }

    def test_add_nothing_the_second_time(self, api: Api) -> None:
        first, again = (
            outcome(api, send(api, "imports/", upload=file("ops.zip", EXPORT)))
            for _ in range(2)
        )

        assert (first["evidence"], first["added"]) == ("EV-1", 2)
        assert (again["evidence"], again["added"]) == ("EV-1", 0)

    def test_make_no_candidates_before_they_are_asked_for(self, api: Api) -> None:
        shown = outcome(
            api, api.post("imports/", text=CHAT, day="2026-03-10", preview=True)
        )
        assert (shown["state"], shown["added"], shown["found"]["lines"]) == (
            "ready",
            None,
            3,
        )
        assert not Candidate.objects.exists()

        made = outcome(api, api.post("imports/", evidence="EV-1", day="2026-03-10"))

        assert (made["state"], made["added"]) == ("done", 3)

    @pytest.mark.parametrize(
        ("name", "content", "code", "words"), BAD_AT_ONCE.values(), ids=BAD_AT_ONCE
    )
    def test_refuse_at_once_what_can_be_told_at_once(
        self, api: Api, name: str, content: bytes, code: str, words: str
    ) -> None:
        answer = send(api, "imports/", upload=file(name, content))

        assert answer.status_code == 422
        assert faults(answer) == {"upload": code}
        assert words in answer.json()["errors"][0]["message"]
        assert CARD not in answer.content.decode()
        assert nothing_is_stored()

    @pytest.mark.parametrize(
        ("name", "content", "code", "words"),
        BAD_AS_IT_IS_READ.values(),
        ids=BAD_AS_IT_IS_READ,
    )
    def test_tell_why_they_were_refused_as_they_were_read(
        self, api: Api, name: str, content: bytes, code: str, words: str
    ) -> None:
        found = outcome(api, send(api, "imports/", upload=file(name, content)))

        assert (found["state"], found["evidence"], found["added"]) == (
            "failed",
            None,
            None,
        )
        assert words in found["error"]
        assert nothing_is_stored()

    def test_refuse_an_artifact_together_with_a_file_or_text(
        self, api: Api, tape: Tape
    ) -> None:
        chat(tape)
        before = LogReading.objects.count()
        other = file("ops.txt", "14:30 Zoe: other\n")

        for answer in (
            send(api, "imports/", evidence="EV-1", upload=other),
            api.post("imports/", evidence="EV-1", text="14:30 a: x"),
        ):
            assert answer.status_code == 422
            assert faults(answer) == {"evidence": "invalid"}
        assert LogReading.objects.count() == before

    @pytest.mark.parametrize("is_original", [True, False])
    def test_refuse_to_say_what_an_artifact_is_that_says_so_itself(
        self, api: Api, tape: Tape, is_original: bool
    ) -> None:
        chat(tape)
        before = LogReading.objects.count()

        answer = api.post("imports/", evidence="EV-1", is_original=is_original)

        assert answer.status_code == 422
        assert faults(answer) == {"is_original": "invalid"}
        assert LogReading.objects.count() == before

    def test_are_done_once_under_a_key(self, api: Api) -> None:
        headers = {"Idempotency-Key": "import-1"}
        body = json.dumps({"text": CHAT, "day": "2026-03-10"})
        first, again = (
            api.client.post(
                f"{api.base}imports/", body, "application/json", headers=headers
            )
            for _ in range(2)
        )

        assert first.json() == again.json()
        assert first["Location"] == again["Location"]
        assert again["Idempotency-Replayed"] == "true"
        assert LogReading.objects.count() == 1

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({}, {"upload": "required"}),
            ({"text": "no time"}, {"upload": "unreadable"}),
            ({"text": f"14:05 Bob: {CARD}"}, {"upload": "card_number"}),
            ({"text": CHAT, "reader": "psychic"}, {"reader": "invalid_choice"}),
            ({"text": CHAT, "day": "10.3."}, {"day": "invalid"}),
            ({"text": CHAT, "dry_run": True}, {"dry_run": "unknown_field"}),
            ({"evidence": "EV-9"}, {"evidence": "unknown"}),
        ],
    )
    def test_are_refused_with_the_same_codes(
        self, api: Api, body: dict[str, Any], expected: dict[str, str]
    ) -> None:
        answer = api.post("imports/", **body)

        assert answer.status_code == 422
        assert answer["Content-Type"] == "application/problem+json"
        assert faults(answer) == expected
        assert CARD not in answer.content.decode()
        assert nothing_is_stored()

    def test_are_refused_on_a_frozen_incident(self, api: Api, tape: Tape) -> None:
        set_status(incident_id=tape.incident.pk, actor=tape.actor, status="closed")

        assert api.post("imports/", text=CHAT).status_code == 409
        assert nothing_is_stored()

    def test_are_shown_to_who_may_record_unless_they_are_to_be_redacted(
        self, api: Api, tape: Tape, viewer: User, administrator: User
    ) -> None:
        asked = api.post("imports/", text=CHAT)
        outcome(api, asked)
        redaction.ask_redaction(
            incident_id=tape.incident.pk, actor=administrator, number=1, reason="Names"
        )

        assert api.client.get(asked["Location"]).status_code == 404
        api.client.force_login(viewer)
        assert api.client.get(asked["Location"]).status_code == 403
        assert api.client.get(f"{api.base}imports/999/").status_code == 403


class TestCandidates:
    def test_lists_and_narrows(self, api: Api, tape: Tape) -> None:
        chat(tape)

        rows = api.get("candidates/").json()["results"]
        assert [row["author"] for row in rows] == ["Anna Smith", "Bob", "Anna Smith"]
        assert rows[-1] == {
            "id": rows[-1]["id"],
            "evidence": "EV-1",
            "place": "line 1",
            "occurred_at": "2026-03-10T14:05:00Z",
            "occurred_until": None,
            "precision": "minute",
            "at_text": "",
            "author": "Anna Smith",
            "text": "auth rate down",
            "raw": "[14:05] Anna Smith: auth rate down",
            "state": "waiting",
            "entry": None,
            "decided_by": None,
            "decided_at": None,
            "reason": "",
        }
        for query, count in (
            ("q=anna+rolled", 1),
            ("state=accepted,dismissed", 0),
            ("evidence=EV-1&from=2026-03-10T14:06:00Z", 2),
            ("to=2026-03-10T14:06:00Z", 2),
        ):
            assert len(api.get(f"candidates/?{query}").json()["results"]) == count
        assert api.get("candidates/?sate=waiting").status_code == 422

    def test_asks_no_more_for_more(self, api: Api, tape: Tape) -> None:
        def cost(count: int) -> int:
            Candidate.objects.all().delete()
            chat(tape, "".join(f"14:{n:02} a: {n}\n" for n in range(count)))
            with CaptureQueriesContext(connection) as queries:
                api.get("candidates/")
            return len(queries)

        assert cost(2) == cost(20)

    def test_accepts_and_answers_with_the_entries(self, api: Api, tape: Tape) -> None:
        chat(tape)
        ids = [row.pk for row in waiting(tape)]

        answer = api.post("candidates/accept/", ids=ids, kind="signal")

        assert answer.status_code == 200
        assert [(row["id"], row["state"], row["entry"]) for row in answer.json()] == [
            (pk, "accepted", f"TL-{number}") for number, pk in enumerate(ids, 1)
        ]

    def test_names_the_places_of_what_it_refuses(self, api: Api, tape: Tape) -> None:
        chat(tape, "2027-03-10 14:05 a: x\n2026-03-10 14:05 a: y\n")

        answer = api.post("candidates/accept/", ids=[row.pk for row in waiting(tape)])

        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert (error["field"], error["code"]) == ("ids", "row")
        assert error["message"].startswith("line 1: ")
        assert not Entry.objects.exists()

    def test_dismisses_and_takes_back(self, api: Api, tape: Tape) -> None:
        chat(tape)
        ids = [waiting(tape)[0].pk]

        (gone,) = api.post("candidates/dismiss/", ids=ids, reason="Lunch").json()
        (back,) = api.post("candidates/restore/", ids=ids).json()

        assert (gone["state"], gone["reason"], gone["decided_by"]) == (
            "dismissed",
            "Lunch",
            tape.actor.handle,
        )
        assert (back["state"], back["reason"], back["decided_by"]) == (
            "waiting",
            "",
            None,
        )

    @pytest.mark.parametrize("ids", [[], ["x"], list(range(1, 202)), [0], None])
    @pytest.mark.parametrize("verb", ["accept", "dismiss", "restore"])
    def test_refuses_odd_ids(self, api: Api, verb: str, ids: Any) -> None:
        answer = api.post(f"candidates/{verb}/", ids=ids)

        assert answer.status_code == 422
        assert all(name.startswith("ids") for name in faults(answer))


def test_the_export_of_a_case_holds_no_candidates(api: Api, tape: Tape) -> None:
    chat(tape)

    body = json.dumps(api.get("case/").json())

    assert "chat_message" in body
    assert "auth rate down" not in body

"""API of imported logs: preview, import, candidates, the same codes as the pages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.models import Evidence, StoredFile
from tests.timeline.conftest import Tape
from tests.timeline.test_api import Api, faults
from tests.timeline.test_intake_readers import BAD_INPUT, MESSAGES, archive
from tests.timeline.test_intake_services import CARD, CHAT, chat, waiting
from tests.timeline.test_services import set_status
from timeline.models import Candidate, Entry, Import


@pytest.fixture
def api(client: Client, tape: Tape) -> Api:
    client.force_login(tape.actor)
    return Api(client, tape)


def send(api: Api, path: str, **form: Any) -> Any:
    return api.client.post(api.base + path, form)


class TestImports:
    def test_tells_what_it_would_read_and_stores_nothing(self, api: Api) -> None:
        answer = api.post("imports/", text=CHAT, day="2026-03-10", dry_run=True)

        body = answer.json()
        assert answer.status_code == 200
        assert (body["evidence"], body["reader"], body["read"], body["added"]) == (
            None,
            "chat",
            3,
            3,
        )
        assert body["rows"][0] == {
            "place": "line 1",
            "occurred_at": "2026-03-10T14:05:00Z",
            "occurred_until": None,
            "precision": "minute",
            "at_text": "",
            "author": "Anna Smith",
            "text": "auth rate down",
        }
        assert not Evidence.objects.exists()
        assert not Candidate.objects.exists()

    def test_reads_an_upload_once(self, api: Api) -> None:
        def upload() -> SimpleUploadedFile:
            return SimpleUploadedFile(
                "ops.zip", archive({"ops/2026-03-10.json": MESSAGES})
            )

        first = send(api, "imports/", upload=upload())
        again = send(api, "imports/", upload=upload())

        assert first.status_code == again.status_code == 201
        assert [
            (body["evidence"], body["added"], body["known"], body["skipped"])
            for body in (first.json(), again.json())
        ] == [("EV-1", 2, 0, 2), ("EV-1", 0, 2, 2)]
        assert first.json()["left_out"][0]["reason"].startswith("not a message")

    def test_reads_an_artifact_that_is_there(self, api: Api, tape: Tape) -> None:
        chat(tape)
        Candidate.objects.all().delete()

        answer = api.post("imports/", evidence="EV-1", day="2026-03-10")

        assert (answer.status_code, answer.json()["added"]) == (201, 3)

    @pytest.mark.parametrize("dry_run", [True, False])
    @pytest.mark.parametrize(
        ("name", "content", "code", "words"), BAD_INPUT.values(), ids=BAD_INPUT
    )
    def test_refuses_bad_input_in_a_sentence_and_stores_nothing(
        self, api: Api, name: str, content: bytes, code: str, words: str, dry_run: bool
    ) -> None:
        upload = SimpleUploadedFile(name, content)
        answer = send(api, "imports/", upload=upload, dry_run=dry_run)

        assert answer.status_code == 422
        assert faults(answer) == {"upload": code}
        assert words in answer.json()["errors"][0]["message"]
        stored = (Evidence, StoredFile, Candidate, Import)
        assert not any(model.objects.exists() for model in stored)

    @pytest.mark.parametrize("dry_run", [True, False])
    def test_refuses_an_artifact_together_with_a_file_or_text(
        self, api: Api, tape: Tape, dry_run: bool
    ) -> None:
        chat(tape)
        before = Candidate.objects.count()
        other = SimpleUploadedFile("ops.txt", b"14:30 Zoe: other\n")

        for answer in (
            send(api, "imports/", evidence="EV-1", upload=other, dry_run=dry_run),
            api.post("imports/", evidence="EV-1", text="14:30 a: x", dry_run=dry_run),
        ):
            assert answer.status_code == 422
            assert faults(answer) == {"evidence": "invalid"}
        assert Evidence.objects.count() == 1
        assert Candidate.objects.count() == before

    def test_does_it_once_under_a_key(self, api: Api) -> None:
        headers = {"Idempotency-Key": "import-1"}
        body = json.dumps({"text": CHAT, "day": "2026-03-10"})
        first, again = (
            api.client.post(
                f"{api.base}imports/", body, "application/json", headers=headers
            )
            for _ in range(2)
        )

        assert first.json() == again.json()
        assert again["Idempotency-Replayed"] == "true"
        assert first.json()["added"] == 3

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({}, {"upload": "required"}),
            ({"text": "no time"}, {"upload": "unreadable"}),
            ({"text": f"14:05 Bob: {CARD}"}, {"upload": "card_number"}),
            ({"text": CHAT, "reader": "psychic"}, {"reader": "invalid_choice"}),
            ({"text": CHAT, "day": "10.3."}, {"day": "invalid"}),
            ({"evidence": "EV-9"}, {"evidence": "unknown"}),
        ],
    )
    @pytest.mark.parametrize("dry_run", [True, False])
    def test_refuses_with_the_same_codes(
        self, api: Api, body: dict[str, str], expected: dict[str, str], dry_run: bool
    ) -> None:
        answer = api.post("imports/", **body, dry_run=dry_run)

        assert answer.status_code == 422
        assert answer["Content-Type"] == "application/problem+json"
        assert faults(answer) == expected
        assert CARD not in answer.content.decode()
        assert not Evidence.objects.exists()

    def test_is_refused_on_a_frozen_incident(self, api: Api, tape: Tape) -> None:
        set_status(incident_id=tape.incident.pk, actor=tape.actor, status="closed")

        assert api.post("imports/", text=CHAT).status_code == 409
        assert not Evidence.objects.exists()


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

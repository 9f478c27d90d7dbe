"""`POST /api/v1/cases/` and the export of one case."""

from __future__ import annotations

import json

import pytest
from rest_framework.test import APIClient

from accounts.models import User
from incidents.models import Incident
from incidents.services.cases import read_case
from tests.incidents.test_cases import case


def signed_in(user: User) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client


class TestImport:
    def test_lands_in_review_and_says_where(self, commander: User) -> None:
        answer = signed_in(commander).post("/api/v1/cases/", case())
        assert answer.status_code == 201
        assert answer.json() == {
            "key": "INC-1",
            "source_ref": "",
            "status": "in_review",
            "url": "/incidents/INC-1/",
        }

    def test_tells_the_path_and_reason_of_each_fault_at_once(
        self, commander: User
    ) -> None:
        broken = case(
            lanes=[{"name": 5, "slug": "x"}], entries=[{"kind": "gossip"}, {}]
        )
        answer = signed_in(commander).post("/api/v1/cases/", broken)

        assert answer.status_code == 422
        assert [row["field"] for row in answer.json()["errors"]] == [
            "$.record.entries[0].kind",
            "$.record.entries[1]",
            "$.record.lanes[0].name",
        ]
        assert all(row["message"] for row in answer.json()["errors"])
        assert not Incident.objects.exists()

    def test_is_refused_to_a_responder(self, responder: User) -> None:
        assert signed_in(responder).post("/api/v1/cases/", case()).status_code == 403

    @pytest.mark.parametrize("body", ["[]", '"case"', "null", '{"a": 1.5}', "{"])
    def test_answers_no_case_with_a_sentence(self, commander: User, body: str) -> None:
        answer = signed_in(commander).post(
            "/api/v1/cases/", body, content_type="application/json"
        )
        assert answer.status_code in {400, 422}
        assert answer.json()["title"]


class TestExport:
    def test_gives_the_file_that_imports_again(
        self, incident: Incident, viewer: User
    ) -> None:
        answer = signed_in(viewer).get(f"/api/v1/incidents/{incident.key}/case/")
        assert answer.status_code == 200
        assert json.loads(answer.content) == read_case(answer.content)
        assert answer["Content-Disposition"] == 'attachment; filename="INC-1.json"'

"""`POST /api/v1/cases/` and the export of one case."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from rest_framework.test import APIClient

from accounts import services
from accounts.models import User
from incidents.activity import verify
from incidents.api import cases
from incidents.models import Incident
from incidents.selectors import custody
from incidents.services.cases import read_case
from tests.conftest import NOW
from tests.factories import make_evidence, make_incident
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

    def test_is_proven_before_the_transaction_of_its_key_opens(
        self, commander: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        deeds: list[str] = []

        def told(real: Callable[..., Any], *args: Any, **how: Any) -> Any:
            deeds.append(real.__name__)
            return real(*args, **how)

        for module, name in ((cases, "check_case"), (services, "claim_request")):
            monkeypatch.setattr(module, name, partial(told, getattr(module, name)))
        key = {"Idempotency-Key": "case-1"}

        answers = [
            signed_in(commander).post("/api/v1/cases/", case(), headers=key)
            for _ in range(2)
        ]

        assert deeds == ["check_case", "claim_request"] * 2
        assert answers[1]["Idempotency-Replayed"] == "true"
        assert answers[0].json() == answers[1].json()

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

    def test_stands_in_the_custody_of_what_was_in_it(
        self, incident: Incident, responder: User, viewer: User
    ) -> None:
        """R-EV-09: who took the case along had its artifacts in hand."""
        before = make_evidence(incident, actor=responder)
        with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
            signed_in(viewer).get(f"/api/v1/incidents/{incident.key}/case/")
        with time_machine.travel(NOW + timedelta(minutes=2), tick=False):
            after = make_evidence(incident, actor=responder)
        told = [(row.actor, row.sentence) for row in custody(incident, before)]
        assert told[0] == (viewer, "exported the case")
        assert [row.sentence for row in custody(incident, after)] == [
            f"added {after.ref} {after.title}"
        ]
        assert verify(Incident.objects.get(pk=incident.pk)) == []

    def test_of_another_case_tells_nothing(
        self, incident: Incident, responder: User, commander: User
    ) -> None:
        other = make_incident(actor=commander, is_restricted=True)
        row = make_evidence(incident, actor=responder)
        there = f"/api/v1/incidents/{other.key}/case/"
        assert signed_in(responder).get(there).status_code == 404
        assert signed_in(commander).get(there).status_code == 200
        assert len(custody(incident, row)) == 1

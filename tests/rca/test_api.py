"""API of the root cause analysis."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from incidents.models import Incident
from rca.models import Cause, CausePath, FailureMode
from tests.rca.conftest import make_evidence


class Api:
    """Requests on one incident as one person."""

    def __init__(self, user, incident: Incident) -> None:
        self.client = APIClient()
        self.client.force_authenticate(user)
        self.base = f"/api/v1/incidents/{incident.key}/"

    def get(self, path: str, **query: Any):
        return self.client.get(self.base + path, query)

    def post(self, path: str, body: Any = None, **headers: str):
        return self.client.post(
            self.base + path, body or {}, format="json", headers=headers
        )

    def patch(self, path: str, body: Any, **headers: str):
        return self.client.patch(self.base + path, body, format="json", headers=headers)


@pytest.fixture
def api(commander, incident) -> Api:
    return Api(commander, incident)


def faults(answer) -> list[tuple[str, str]]:
    return [(item["field"], item["code"]) for item in answer.json()["errors"]]


CAUSE = {"label": "primary", "statement": "The consumer rejects unknown fields"}
MODE = {"mode": "deployment", "name": "Stricter consumer"}


class TestAnalysis:
    def test_is_set_read_and_changed(self, api):
        """R-DOC-14"""
        assert api.get("analysis/").status_code == 404

        body = {"method": "fault_tree", "why_it_fits": "Several conditions met"}
        first = api.post("analysis/", body)
        again = api.post("analysis/", {**body, "method": "other", "version": 1})

        assert first.status_code == again.status_code == 200
        assert api.get("analysis/").json()["method"] == "other"

    def test_gives_the_codes_of_the_page(self, api):
        answer = api.post("analysis/", {"method": "other", "why_it_fits": ""})

        assert answer.status_code == 422
        assert faults(answer) == [("why_it_fits", "required")]


class TestCauses:
    def test_takes_a_cause_through_its_verbs(self, api, original, responder):
        """R-RC-07, R-RC-08"""
        added = api.post("causes/", {**CAUSE, "role": "Produced it"})
        assert added.status_code == 201
        assert added.json()["ref"] == "CA-1"
        assert added.json()["is_provisional"]

        refused = api.post("causes/1/confirm/")
        assert refused.status_code == 422
        assert faults(refused) == [("evidence", "evidence_missing")]

        provisional = api.post(
            "causes/1/provisional/",
            {
                "missing_check": "Delivery log",
                "owner": responder.handle,
                "due_at": "2026-03-19T10:20:00Z",
            },
        )
        assert provisional.json()["known_unknown"] == "KU-1"

        edited = api.patch("causes/1/", {"evidence": ["EV-1"]})
        assert edited.json()["evidence"] == ["EV-1"]

        confirmed = api.post("causes/1/confirm/", {"resolution": "It shows 412 errors"})
        assert confirmed.status_code == 200
        assert confirmed.json()["state"] == "confirmed"

        ruled_out = api.post("causes/1/rule-out/", {"reason": "Replay disproves it"})
        assert ruled_out.json()["state"] == "ruled_out"

        retracted = api.post("causes/1/retract/", {"reason": "Entered twice"})
        assert retracted.status_code == 200
        assert retracted.json()["retraction_reason"] == "Entered twice"
        assert api.get("causes/1/").json()["retracted_at"]

    def test_lists_arrows_and_withdrawn_rows(self, api, commander, incident):
        api.post("causes/", CAUSE)
        api.post("causes/", {**CAUSE, "label": "trigger", "leads_to": ["CA-1"]})
        api.post("causes/1/retract/", {"reason": "Twice"})

        rows = api.get("causes/").json()["results"]

        assert [(row["ref"], row["leads_to"]) for row in rows] == [
            ("CA-2", []),
            ("CA-1", []),
        ]

    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            ({}, [("label", "required"), ("statement", "required")]),
            ({**CAUSE, "label": "root"}, [("label", "invalid_choice")]),
            ({**CAUSE, "statement": ""}, [("statement", "blank")]),
            ({**CAUSE, "evidence": ["EV-99"]}, [("evidence.0", "unknown")]),
            ({**CAUSE, "evidence": ["TL-1"]}, [("evidence.0", "shape")]),
            ({**CAUSE, "evidence": "EV-1"}, [("evidence", "not_a_list")]),
            ({**CAUSE, "leads_to": ["CA-9"]}, [("leads_to.0", "unknown")]),
            ({**CAUSE, "entries": [None]}, [("entries.0", "null")]),
        ],
    )
    def test_refuses_bad_input_with_every_fault(self, api, body, expected):
        answer = api.post("causes/", body)

        assert answer.status_code == 422
        assert faults(answer) == expected
        assert not Cause.objects.exists()

    def test_refuses_evidence_of_another_incident(self, api, elsewhere, commander):
        make_evidence(elsewhere, commander, "Foreign")

        answer = api.post("causes/", {**CAUSE, "evidence": ["EV-1"]})

        assert answer.status_code == 422

    def test_refuses_a_circle(self, api):
        api.post("causes/", CAUSE)
        api.post("causes/", {**CAUSE, "leads_to": ["CA-1"]})

        answer = api.patch("causes/1/", {"leads_to": ["CA-2"]})

        assert answer.status_code == 422
        assert faults(answer) == [("leads_to", "circle")]
        assert CausePath.objects.filter(retracted_at=None).count() == 1

    def test_refuses_a_stale_version_with_what_is_stored(self, api):
        api.post("causes/", CAUSE)
        api.patch("causes/1/", {"statement": "Theirs", "version": 1})

        answer = api.patch("causes/1/", {"statement": "Mine", "version": 1})

        assert answer.status_code == 409
        assert answer.json()["code"] == "stale_version"
        assert answer.json()["current"] == {"statement": "Theirs"}

    def test_refuses_a_deadline_without_offset(self, api, responder):
        api.post("causes/", CAUSE)

        answer = api.post(
            "causes/1/provisional/",
            {
                "missing_check": "Log",
                "owner": responder.handle,
                "due_at": "2026-03-19T10:20:00",
            },
        )

        assert faults(answer) == [("due_at", "offset")]

    def test_names_every_part_that_a_provisional_cause_lacks(self, api):
        """R-RC-08"""
        api.post("causes/", CAUSE)

        answer = api.post("causes/1/provisional/")

        assert answer.status_code == 422
        assert sorted(faults(answer)) == [
            ("due_at", "required"),
            ("missing_check", "required"),
            ("owner", "required"),
        ]

    def test_lists_many_with_the_same_queries(self, api, original):
        def read() -> int:
            with CaptureQueriesContext(connection) as queries:
                assert api.get("causes/", page_size=100).status_code == 200
            return len(queries)

        api.post("causes/", CAUSE)
        api.post("causes/", {**CAUSE, "evidence": ["EV-1"], "leads_to": ["CA-1"]})
        few = read()
        for _ in range(8):
            api.post("causes/", {**CAUSE, "evidence": ["EV-1"], "leads_to": ["CA-1"]})

        assert read() == few


class TestFailureModes:
    def test_takes_a_row_through_its_verbs(self, api, original, responder):
        """R-FM-01, R-FM-02"""
        added = api.post("failure-modes/", {**MODE, "evidence": ["EV-1"]})
        assert added.status_code == 201
        assert added.json()["missing_columns"] == [
            "customer symptom",
            "measured impact",
            "detection signal",
            "recovery action",
        ]

        edited = api.patch(
            "failure-modes/1/", {"customer_symptom": "Order in processing"}
        )
        assert len(edited.json()["missing_columns"]) == 3

        provisional = api.post(
            "failure-modes/1/provisional/",
            {
                "missing_check": "Log",
                "owner": responder.handle,
                "due_at": "2026-03-19T10:20:00Z",
            },
        )
        assert provisional.json()["known_unknown"] == "KU-1"

        retracted = api.post("failure-modes/1/retract/", {"reason": "Twice"})
        assert retracted.status_code == 200
        assert api.get("failure-modes/").json()["results"][0]["retracted_at"]

    def test_refuses_a_settled_known_unknown(self, api):
        answer = api.post(
            "failure-modes/",
            {"mode": "known_unknown", "name": "Mixed", "standing": "supported"},
        )

        assert answer.status_code == 422
        assert faults(answer) == [("standing", "known_unknown_settled")]
        assert not FailureMode.objects.exists()


WRITES = [
    ("post", "analysis/", {"method": "other", "why_it_fits": "x"}),
    ("post", "causes/", CAUSE),
    ("patch", "causes/1/", {"statement": "x"}),
    ("post", "causes/1/confirm/", {}),
    ("post", "causes/1/provisional/", {}),
    ("post", "causes/1/rule-out/", {"reason": "x"}),
    ("post", "causes/1/retract/", {"reason": "x"}),
    ("post", "failure-modes/", MODE),
    ("patch", "failure-modes/1/", {"name": "x"}),
    ("post", "failure-modes/1/provisional/", {}),
    ("post", "failure-modes/1/retract/", {"reason": "x"}),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
class TestAccess:
    @pytest.fixture(autouse=True)
    def rows(self, state_cause, state_mode):
        state_cause()
        state_mode()

    def test_refuses_the_wrong_role(self, viewer, incident, method, path, body):
        answer = getattr(Api(viewer, incident), method)(path, body)

        assert answer.status_code == 403

    def test_refuses_a_closed_record(self, api, incident, method, path, body):
        Incident.objects.filter(pk=incident.pk).update(status="closed")

        answer = getattr(api, method)(path, body)

        assert answer.status_code == 409
        assert answer.json()["code"] == "frozen"

    def test_hides_a_restricted_incident(self, responder, incident, method, path, body):
        Incident.objects.filter(pk=incident.pk).update(is_restricted=True)

        assert getattr(Api(responder, incident), method)(path, body).status_code == 404

    def test_knows_no_other_row(self, api, method, path, body):
        if "/1/" not in path:
            return
        answer = getattr(api, method)(path.replace("/1/", "/77/"), body)

        assert answer.status_code == 404

    def test_leaves_a_withdrawn_row_as_it_is(
        self, api, commander, incident, method, path, body
    ):
        if "/1/" not in path:
            return
        for noun in ("causes", "failure-modes"):
            api.post(f"{noun}/1/retract/", {"reason": "Twice"})

        answer = getattr(api, method)(path, body)

        assert answer.status_code == 409
        assert answer.json()["code"] == "retracted"

"""The API of the case file: incidents, every verb, findings, people, its document."""

import datetime as dt

import pytest
from rest_framework.test import APIClient

from accounts.services import create_api_token
from incidents.models import Incident
from incidents.services import lifecycle
from incidents.services.findings import refresh_findings
from tests.factories import make_incident
from tests.incidents.conftest import refusals

ROOT = "/api/v1/incidents/"
CASE = f"{ROOT}INC-1/"


class TestIncidents:
    def test_declares_one(self, api, commander):
        answer = api(commander).post(
            ROOT,
            {
                "title": "Payouts late",
                "severity": "SEV2",
                "lanes": ["payouts"],
                "clock_zone": "Europe/Berlin",
                "declared_at": "2026-03-17T10:00:00+01:00",
            },
        )

        assert answer.status_code == 201
        body = answer.json()
        assert (body["key"], body["status"]) == ("INC-1", "active")
        assert body["declared_at"] == "2026-03-17T09:00:00Z"
        assert answer["ETag"].startswith('"1-')

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"severity": "SEV9"}, {"severity": "invalid_choice"}),
            ({"clock_zone": "Mars"}, {"clock_zone": "unknown_zone"}),
            ({"declared_at": "2026-03-18T10:00:00Z"}, {"declared_at": "future_time"}),
            ({"declared_at": "2026-03-17T10:00:00"}, {"declared_at": "offset"}),
            ({"commander": "nobody@x"}, {"commander": "unknown"}),
            ({"title": ""}, {"title": "blank"}),
        ],
    )
    def test_refuses_with_422_and_a_code(self, api, commander, change, expected):
        body = {"title": "Late", "severity": "SEV2", **change}
        answer = api(commander).post(ROOT, body)
        assert answer.status_code == 422
        assert answer["Content-Type"] == "application/problem+json"
        assert refusals(answer) == expected

    def test_lists_only_what_one_may_see(self, api, commander, viewer):
        make_incident(actor=commander)
        make_incident(actor=commander, is_restricted=True)

        rows = api(viewer).get(ROOT).json()["results"]

        assert [row["key"] for row in rows] == ["INC-1"]

    def test_filters_by_query(self, api, commander):
        make_incident(actor=commander)
        make_incident(actor=commander, title="Refunds late", severity="SEV4")
        rows = api(commander).get(ROOT, {"severity": "SEV4", "q": "refunds"}).json()
        assert [row["key"] for row in rows["results"]] == ["INC-2"]

    def test_tells_the_content_hash(self, api, incident, viewer):
        answer = api(viewer).get(CASE)
        assert answer.status_code == 200
        assert len(answer.json()["content_hash"]) == 64

    def test_a_stale_edit_is_409_with_what_is_stored(self, api, incident, responder):
        client = api(responder)
        assert client.patch(CASE, {"title": "A", "version": 1}).status_code == 200

        answer = client.patch(CASE, {"title": "B", "version": 1})

        assert answer.status_code == 409
        assert answer.json()["code"] == "stale_version"
        assert answer.json()["current"] == {"title": "A"}

    def test_status_is_no_field(self, api, incident, commander):
        answer = api(commander).patch(CASE, {"status": "closed"})
        assert answer.status_code == 422
        incident.refresh_from_db()
        assert incident.status == "active"

    def test_a_field_that_is_not_taken_is_a_fault_among_the_others(
        self, api, incident, commander
    ):
        """Nobody believes that a misspelt or read-only field was changed."""
        sent = {"clock_zone": "Mars/Olympus", "titel": "A", "title": "", "summary": "B"}
        answer = api(commander).patch(CASE, sent)
        assert answer.status_code == 422
        told = {fault["field"]: fault["code"] for fault in answer.json()["errors"]}
        assert told == {
            "clock_zone": "unknown_field",
            "titel": "unknown_field",
            "title": "blank",
        }
        incident.refresh_from_db()
        assert incident.summary == ""

    def test_the_name_of_such_a_field_is_masked(self, api, incident, commander):
        answer = api(commander).patch(CASE, {"4539578763621486": "x"})
        assert answer.status_code == 422
        assert "4539578763621486" not in answer.content.decode()

    def test_stabilizing_lists_what_blocks(self, api, incident, commander):
        """R-RV-02"""
        answer = api(commander).post(f"{CASE}stabilize/")
        assert answer.status_code == 409
        assert answer.json()["code"] == "blocked_by_findings"
        assert answer.json()["findings"][0]["message"]

    def test_walks_severity_clock_and_cancel(self, api, incident, commander):
        """R-SC-07"""
        client = api(commander)
        changed = client.post(
            f"{CASE}severity/", {"severity": "SEV1", "reason": "payouts stopped"}
        )
        zone = client.post(f"{CASE}clock/", {"clock_zone": "Europe/Berlin"})
        gone = client.post(f"{CASE}cancel/", {"reason": "false alarm"})
        assert (changed.json()["severity"], zone.json()["clock_zone"]) == (
            "SEV1",
            "Europe/Berlin",
        )
        assert gone.json()["status"] == "cancelled"


VERBS = [
    ("patch", "", {"title": "x"}),
    ("post", "severity/", {"severity": "SEV1", "reason": "x"}),
    ("post", "clock/", {"clock_zone": "UTC"}),
    ("post", "stabilize/", {}),
    ("post", "relapse/", {"reason": "x"}),
    ("post", "all-clear/", {}),
    ("post", "cancel/", {"reason": "x"}),
    ("post", "participations/", {"user": "ic@pay.example", "duty": "scribe"}),
    ("post", "participations/hand-over/", {"to": "ic@pay.example"}),
    ("post", "participations/1/end/", {}),
    ("post", "lanes/", {"name": "webhooks"}),
    ("patch", "lanes/1/", {"status": "down"}),
    ("post", "scope/", {"audience": "internal", "consequence": "x"}),
    ("patch", "scope/1/", {"who": "x"}),
    ("post", "scope/1/close/", {"closing_evidence": "EV-1"}),
    ("post", "scope/1/reopen/", {"reason": "x"}),
    ("post", "scope/1/retract/", {"reason": "x"}),
    ("post", "impact/", {"kind": "business", "statement": "x"}),
    ("patch", "impact/1/", {"statement": "x"}),
    ("post", "impact/1/retract/", {"reason": "x"}),
    (
        "post",
        "figures/",
        {"impact": "IM-1", "measure": "clients", "label": "x", "count": 1},
    ),
    ("post", "evidence/", {"kind": "metric", "title": "x", "url": "https://a.example"}),
    ("patch", "evidence/1/", {"title": "x"}),
    ("post", "evidence/1/supersede/", {"replacement": "EV-2", "reason": "x"}),
    ("post", "evidence/1/pair/", {"paired_with": "EV-2"}),
    ("post", "evidence/1/retract/", {"reason": "x"}),
    ("post", "unknowns/", {"question": "x"}),
    ("patch", "unknowns/1/", {"question": "x"}),
    ("post", "unknowns/1/resolve/", {"resolution": "x"}),
    ("post", "unknowns/1/accept/", {"reason": "x"}),
    ("post", "unknowns/1/reopen/", {"reason": "x"}),
    (
        "post",
        "waivers/",
        {"check_id": "SC002", "finding_key": "f" * 64, "reason": "x"},
    ),
]


@pytest.mark.parametrize(("method", "path", "body"), VERBS)
class TestEveryVerb:
    """Frozen is 409, the wrong role 403, invisible 404, signed out 401."""

    def send(self, client, method, path, body):
        return getattr(client, method)(CASE + path, body)

    def test_refuses_a_frozen_incident(
        self, api, rows, incident, administrator, method, path, body
    ):
        lifecycle.cancel_incident(
            incident_id=incident.pk, actor=administrator, reason="false alarm"
        )
        answer = self.send(api(administrator), method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (409, "frozen")

    def test_refuses_the_wrong_role(self, api, rows, viewer, method, path, body):
        answer = self.send(api(viewer), method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (
            403,
            "permission_denied",
        )

    def test_does_not_know_an_invisible_incident(
        self, api, rows, incident, responder, method, path, body
    ):
        Incident.objects.filter(pk=incident.pk).update(is_restricted=True)
        answer = self.send(api(responder), method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    def test_asks_for_sign_in(self, api, rows, method, path, body):
        answer = self.send(api(), method, path, body)
        assert answer.status_code == 401


class TestFindingsAndWaivers:
    def test_a_finding_is_accepted_by_its_key(self, api, rows, incident, commander):
        client = api(commander)
        refresh_findings(incident.pk)
        body = client.get(f"{CASE}findings/").json()
        row = next(f for f in body["findings"] if f["id"] == "SC002")

        made = client.post(
            f"{CASE}waivers/",
            {"check_id": "SC002", "finding_key": row["key"], "reason": "gone"},
        )

        refresh_findings(incident.pk)
        after = client.get(f"{CASE}findings/").json()
        assert made.status_code == 201
        assert after["advisory"] == body["advisory"] - 1
        assert after["blocking"] == body["blocking"]

    def test_a_token_needs_the_scope_approve(self, api, rows, commander):
        """Decision 9"""
        _, secret = create_api_token(
            actor=commander, name="bot", scopes=["read", "write"]
        )
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        answer = client.post(
            f"{CASE}waivers/",
            {"check_id": "SC002", "finding_key": "f" * 64, "reason": "x"},
        )
        assert answer.status_code == 403
        assert "approve" in answer.json()["title"]
        assert client.get(f"{CASE}findings/").status_code == 200

    def test_activity_tells_who_did_what(self, api, incident, viewer):
        (row,) = api(viewer).get(f"{CASE}activity/").json()["results"]
        assert row["sentence"] == "declared INC-1, SEV2: Webhook ingestion stalled"
        assert row["actor"] == "IC on call"


class TestPeople:
    def test_hands_over_command(self, api, incident, administrator, commander):
        """R-RO-01"""
        answer = api(commander).post(
            f"{CASE}participations/hand-over/",
            {"to": administrator.handle, "reason": "end of shift"},
        )
        assert answer.status_code == 200
        rows = api(commander).get(f"{CASE}participations/").json()["results"]
        assert [(r["user"], r["until"] is None) for r in rows] == [
            ("admin@pay.example", True),
            ("ic@pay.example", False),
        ]

    def test_refuses_the_future(self, api, incident, administrator, commander):
        at = (dt.datetime(2026, 3, 17, 12, tzinfo=dt.UTC)).isoformat()
        answer = api(commander).post(
            f"{CASE}participations/hand-over/", {"to": administrator.handle, "at": at}
        )
        assert answer.status_code == 422


class TestSchema:
    def test_is_for_everybody_signed_in(self, api, viewer):
        for path in ("/api/v1/schema/", "/api/v1/docs/"):
            assert api().get(path).status_code == 401
            assert api(viewer).get(path).status_code == 200

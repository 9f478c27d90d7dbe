"""API of the actions."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import ApiToken, User
from accounts.services import create_api_token
from actions.models import ActionApproval, ActionItem, TestRun
from incidents.models import Incident
from tests.actions.conftest import Desk

BASE = "/api/v1/incidents/INC-1"


@pytest.fixture
def api(desk: Desk) -> APIClient:
    found = APIClient()
    found.force_authenticate(desk.owner)
    return found


def signed_in(user: User) -> APIClient:
    found = APIClient()
    found.force_authenticate(user)
    return found


def errors(answer: Any) -> set[tuple[str, str]]:
    return {(row["field"], row["code"]) for row in answer.json()["errors"]}


class TestActions:
    def test_the_way_from_draft_to_approved(
        self, api: APIClient, desk: Desk, reviewer: User
    ) -> None:
        """R-AI-03, R-AP-01"""
        made = api.post(
            f"{BASE}/actions/",
            {
                "title": "Reject a stale schema",
                "kind": "reduce_recurrence",
                "timing": "mandatory_now",
                "owner": "resp@pay.example",
                "due_at": "2026-03-27T16:00:00Z",
                "proof_location": "runner archive",
            },
        )
        assert (made.status_code, made.json()["ref"]) == (201, "ACT-1")
        assert made.json()["state"] == "draft"

        blocked = api.post(f"{BASE}/actions/1/open/", {})
        assert blocked.status_code == 422
        assert errors(blocked) == {("closure_tests", "required")}

        test = api.post(
            f"{BASE}/closure-tests/",
            {"action": "ACT-1", "procedure": "Replay", "pass_condition": "Blocked"},
        )
        assert (test.status_code, test.json()["ref"]) == (201, "CT-1")
        assert api.post(f"{BASE}/actions/1/open/", {}).json()["state"] == "open"

        evidence = desk.artifact()
        run = api.post(
            f"{BASE}/test-runs/",
            {
                "closure_test": "CT-1",
                "ran_at": "2026-03-16T15:40:00Z",
                "environment": "staging",
                "outcome": "passed",
                "evidence": [evidence.ref],
            },
        )
        assert run.status_code == 201
        assert (run.json()["is_accepted"], run.json()["evidence"]) == (True, ["EV-1"])

        done = api.post(
            f"{BASE}/actions/1/complete/",
            {"risk_removed": "Gone", "risk_remaining": "None known"},
        )
        assert done.json()["state"] == "completed"
        digest = done.json()["approval"]["digest"]

        answer = signed_in(reviewer).post(
            f"{BASE}/actions/1/approve/", {"digest": digest}
        )
        assert answer.status_code == 200
        assert answer.json()["approval"]["state"] == "approved"
        assert answer.json()["approvals"][0]["approver"] == "em@pay.example"

    def test_bad_input_gives_the_codes_of_the_pages(self, api: APIClient) -> None:
        refused = api.post(
            f"{BASE}/actions/",
            {"title": "x" * 201, "kind": "restore", "tracker_url": "ftp:/x"},
        )
        assert refused.status_code == 422
        assert errors(refused) == {
            ("title", "max_length"),
            ("tracker_url", "invalid"),
        }
        unknown = api.post(
            f"{BASE}/actions/",
            {
                "title": "x",
                "kind": "y",
                "owner": "nobody@x",
                "due_at": "2026-03-27",
                "causes": ["CA-9", "EV-1"],
            },
        )
        assert {field for field, _ in errors(unknown)} == {
            "kind",
            "owner",
            "due_at",
            "causes.0",
            "causes.1",
        }
        assert not ActionItem.objects.exists()

    def test_a_stale_edit_gives_409_with_what_is_stored(
        self, api: APIClient, desk: Desk
    ) -> None:
        desk.add()
        first = api.patch(f"{BASE}/actions/1/", {"title": "A"}, HTTP_IF_MATCH='"1"')
        assert (first.status_code, first.json()["version"]) == (200, 2)

        stale = api.patch(f"{BASE}/actions/1/", {"title": "B", "version": 1})

        assert (stale.status_code, stale.json()["code"]) == (409, "stale_version")
        assert stale.json()["current"] == {"title": "A"}

    def test_the_owner_cannot_approve(self, desk: Desk, reviewer: User) -> None:
        """R-AP-02"""
        desk.completed(owner=reviewer)

        refused = signed_in(reviewer).post(f"{BASE}/actions/1/approve/", {})

        assert refused.status_code == 403
        assert refused.json()["code"] == "separation_of_duties"
        assert not ActionApproval.objects.exists()

    def test_an_approval_of_other_facts_gives_409(
        self, desk: Desk, reviewer: User
    ) -> None:
        desk.completed()
        refused = signed_in(reviewer).post(
            f"{BASE}/actions/1/approve/", {"digest": "0" * 64}
        )
        assert (refused.status_code, refused.json()["code"]) == (409, "stale_version")

    def test_deferral_changes_and_cancelling(
        self, api: APIClient, desk: Desk, reviewer: User
    ) -> None:
        desk.opened(timing=ActionItem.Timing.SCHEDULED)
        boss = signed_in(reviewer)

        deferred = boss.post(f"{BASE}/actions/1/defer/", {"comment": "Fine"})
        assert deferred.json()["approval"]["state"] == "approved"
        asked = boss.post(
            f"{BASE}/actions/1/request-changes/", {"comment": "Earlier, please"}
        )
        assert asked.json()["approval"]["state"] == "changes_requested"
        assert api.post(f"{BASE}/actions/1/cancel/", {}).status_code == 422
        gone = api.post(f"{BASE}/actions/1/cancel/", {"reason": "Route is gone"})
        assert gone.json()["state"] == "cancelled"

    def test_a_service_token_never_approves(self, desk: Desk, reviewer: User) -> None:
        """Decision 9"""
        desk.completed()
        for kind, scopes, status in (
            (ApiToken.Kind.SERVICE, ["write"], 403),
            (ApiToken.Kind.PERSONAL, ["write"], 403),
            (ApiToken.Kind.PERSONAL, ["approve"], 200),
        ):
            _, secret = create_api_token(
                actor=reviewer, name="t", scopes=scopes, kind=kind
            )
            robot = APIClient()
            robot.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
            answer = robot.post(f"{BASE}/actions/1/approve/", {})
            assert answer.status_code == status

    def test_follow_up_after_closing(self, api: APIClient, desk: Desk) -> None:
        """Decision 2"""
        desk.proven(timing=ActionItem.Timing.SCHEDULED)
        desk.status(Incident.Status.CLOSED)

        frozen = api.patch(f"{BASE}/actions/1/", {"title": "Other"})
        assert (frozen.status_code, frozen.json()["code"]) == (409, "frozen")
        assert api.post(f"{BASE}/actions/1/complete/", {}).status_code == 200

    def test_is_closed_to_the_signed_out_the_wrong_role_and_the_blind(
        self, desk: Desk, viewer: User
    ) -> None:
        desk.add()
        assert APIClient().get(f"{BASE}/actions/").status_code == 401
        reader = signed_in(viewer)
        assert reader.get(f"{BASE}/actions/").status_code == 200
        assert reader.post(f"{BASE}/actions/", {}).status_code == 403
        Incident.objects.update(is_restricted=True)
        assert reader.get(f"{BASE}/actions/1/").status_code == 404

    def test_a_withdrawn_row_is_listed_but_not_changed(
        self, api: APIClient, desk: Desk
    ) -> None:
        desk.add()
        gone = api.post(f"{BASE}/actions/1/retract/", {"reason": "Written twice"})
        assert gone.json()["retraction_reason"] == "Written twice"

        assert len(api.get(f"{BASE}/actions/").json()["results"]) == 1
        refused = api.patch(f"{BASE}/actions/1/", {"title": "x"})
        assert (refused.status_code, refused.json()["code"]) == (409, "retracted")
        assert api.post(f"{BASE}/actions/7/open/", {}).status_code == 404


class TestClosureTestsAndRuns:
    def test_edit_retract_and_list(self, api: APIClient, desk: Desk) -> None:
        action = desk.opened()
        desk.test(action)

        edited = api.patch(f"{BASE}/closure-tests/2/", {"environment": "production"})
        assert edited.json()["environment"] == "production"
        assert (
            api.post(
                f"{BASE}/closure-tests/2/retract/", {"reason": "Twice"}
            ).status_code
            == 200
        )
        listed = api.get(f"{BASE}/closure-tests/").json()["results"]
        assert {row["ref"]: bool(row["retracted_at"]) for row in listed} == {
            "CT-1": False,
            "CT-2": True,
        }

    def test_a_run_without_artifact_takes_it_later(
        self, api: APIClient, desk: Desk
    ) -> None:
        """R-CT-08"""
        run = desk.run(desk.opened())
        listed = api.get(f"{BASE}/test-runs/").json()["results"]
        assert [row["is_accepted"] for row in listed] == [False]
        assert api.post(f"{BASE}/test-runs/1/attach/", {}).status_code == 422

        ref = desk.artifact().ref
        answer = api.post(f"{BASE}/test-runs/1/attach/", {"evidence": [ref]})

        assert answer.json()["is_accepted"] is True
        withdrawn = api.post(f"{BASE}/test-runs/1/retract/", {"reason": "Wrong build"})
        assert withdrawn.status_code == 200
        run.refresh_from_db()
        assert run.is_retracted

    def test_a_future_run_is_refused(self, api: APIClient, desk: Desk) -> None:
        """R-CT-05"""
        desk.opened()
        refused = api.post(
            f"{BASE}/test-runs/",
            {
                "closure_test": "CT-1",
                "ran_at": "2026-03-18T00:00:00Z",
                "environment": "staging",
                "outcome": "passed",
            },
        )
        assert errors(refused) == {("ran_at", "future_time")}
        assert not TestRun.objects.exists()

"""The review in the API: the same services, the same codes."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client

from accounts.models import ApiToken, User
from accounts.services import create_api_token
from incidents.services.lifecycle import edit_incident
from review import tasks
from review.models import ClosureApproval, ReportBuild
from review.services import reviews
from tests.review.conftest import Case


class Api:
    """Requests of one person, by token."""

    def __init__(self, case: Case, user: User, **token: Any) -> None:
        token.setdefault("scopes", ["read", "write", "approve"])
        _, secret = create_api_token(actor=user, name="test", **token)
        self.base = f"/api/v1/incidents/{case.incident.key}/"
        self.client = Client(headers={"Authorization": f"Bearer {secret}"})

    def get(self, path: str) -> Any:
        return self.client.get(self.base + path)

    def post(self, path: str, body: Any = None) -> Any:
        return self.client.post(
            self.base + path, body or {}, content_type="application/json"
        )

    def patch(self, path: str, body: Any) -> Any:
        return self.client.patch(
            self.base + path, body, content_type="application/json"
        )


class TestReview:
    def test_is_started_and_edited(self, bare: Case) -> None:
        api = Api(bare, bare.cast["commander"])
        assert api.get("review/").status_code == 404

        started = api.post("review/", {"owner": "resp@pay.example"})
        edited = api.patch(
            "review/",
            {
                "version": started.json()["version"],
                "meeting_at": "2026-03-18T14:00:00Z",
                "learning": "Conditions.",
            },
        )

        assert started.status_code == 201
        assert started.json()["owner"] == "resp@pay.example"
        assert edited.json()["learning"] == "Conditions."
        assert edited.json()["version"] == 2
        assert api.get("review/").json() == edited.json()

    def test_answers_a_stale_version_with_what_is_stored(self, case: Case) -> None:
        api = Api(case, case.cast["commander"])
        answer = api.patch("review/", {"version": 1, "learning": "Late."})

        assert (answer.status_code, answer.json()["code"]) == (409, "stale_version")
        assert answer.json()["current"]["learning"] == case.review.learning

    def test_gives_the_codes_of_the_page(self, case: Case) -> None:
        api = Api(case, case.cast["commander"])
        answer = api.patch("review/", {"is_ready": True, "readiness_reason": ""})

        assert answer.status_code == 422
        assert answer.json()["errors"][0] | {"message": ""} == {
            "field": "readiness_reason",
            "code": "required",
            "message": "",
        }

    def test_has_participants(self, case: Case) -> None:
        """R-DOC-08"""
        api = Api(case, case.cast["commander"])
        added = api.post(
            "review/participants/", {"user": "fd@pay.example", "capacity": "finance"}
        )
        api.post("review/participants/1/remove/", {"reason": "On leave"})

        assert added.status_code == 201
        assert [
            p["ref"] for p in api.get("review/participants/").json()["results"]
        ] == ["RP-2"]
        assert api.post("review/participants/9/remove/").status_code == 404

    def test_states_the_blameless_rule(self, bare: Case) -> None:
        """R-BL-01"""
        reviews.open_review(**bare.ids)
        answer = Api(bare, bare.cast["commander"]).post("review/acknowledge/")

        assert answer.json()["blameless_by"] == "ic@pay.example"


class TestChecklist:
    def test_gives_six_rows(self, case: Case) -> None:
        """R-CK-01"""
        answer = Api(case, case.cast["finance"], scopes=["read"]).get("checklist/")

        assert answer.json()["confirmed"] == 6
        assert [row["row"] for row in answer.json()["rows"]] == [
            "timeline",
            "rca",
            "impact",
            "actions",
            "controls",
            "blameless",
        ]
        assert answer.json()["rows"][1]["proof"][0].startswith("EV-")


class TestApprovals:
    def test_name_the_version_that_was_read(self, case: Case) -> None:
        """R-AP-02"""
        api = Api(case, case.cast["reviewer"])
        read = api.get("approvals/").json()["content_hash"]

        answer = api.post("review/approve/", {"content_hash": read})

        assert answer.status_code == 200
        assert [seat["state"] for seat in answer.json()["seats"]] == [
            "approved",
            "pending",
        ]

    def test_are_refused_when_the_record_moved_on(self, case: Case) -> None:
        api = Api(case, case.cast["reviewer"])
        read = api.get("approvals/").json()["content_hash"]
        edit_incident(**case.ids, summary="Told anew.")

        answer = api.post("review/approve/", {"content_hash": read})

        assert answer.status_code == 409
        assert answer.json()["code"] == "stale_version"
        assert answer.json()["current"] == {"content_hash": case.hash}

    def test_are_refused_to_who_ran_the_incident(self, case: Case) -> None:
        """R-AP-02"""
        from tests.review.test_services_approvals import give

        give(case.cast["commander"], "reviewer", "engineering")
        answer = Api(case, case.cast["commander"]).post(
            "review/approve/", {"content_hash": case.hash}
        )

        assert (answer.status_code, answer.json()["code"]) == (
            403,
            "separation_of_duties",
        )

    @pytest.mark.parametrize(
        "verb", ["review/approve/", "review/request-changes/", "review/withdraw/"]
    )
    def test_are_never_given_by_a_service_token(self, case: Case, verb: str) -> None:
        """Decision 9, R-AP-02"""
        api = Api(
            case,
            case.cast["reviewer"],
            kind=ApiToken.Kind.SERVICE,
            scopes=["read", "write"],
        )
        answer = api.post(
            verb, {"content_hash": case.hash, "comment": "x", "reason": "x"}
        )

        assert answer.status_code == 403
        assert not ClosureApproval.objects.exists()

    def test_ask_for_changes_and_are_withdrawn(self, case: Case) -> None:
        api = Api(case, case.cast["finance"])
        asked = api.post(
            "review/request-changes/",
            {"content_hash": case.hash, "comment": "Count the refunds."},
        )
        withdrawn = api.post("review/withdraw/", {"reason": "Counted"})

        assert asked.json()["seats"][1]["state"] == "changes"
        assert withdrawn.json()["seats"][1]["state"] == "pending"


class TestOutcome:
    def test_lists_what_blocks_closing(self, case: Case) -> None:
        answer = Api(case, case.cast["finance"]).post("review/close/")

        assert (answer.status_code, answer.json()["code"]) == (
            409,
            "blocked_by_findings",
        )
        assert [f["id"] for f in answer.json()["findings"]] == ["AP101"]

    def test_closes_reopens_and_verifies(self, case: Case) -> None:
        case.approve("reviewer")
        case.approve("finance")
        api = Api(case, case.cast["finance"])
        assert api.get("review/seal/").status_code == 404

        closed = api.post("review/close/")
        seal = api.get("review/seal/").json()
        reopened = api.post("review/reopen/", {"reason": "A refund was missed"})

        assert closed.status_code == 200
        assert seal["is_ok"] is True
        assert seal["content_hash"] == closed.json()["content_hash"]
        assert reopened.json() == {"key": case.incident.key, "status": "in_review"}

    def test_keeps_as_stabilized(self, case: Case) -> None:
        """R-AP-03"""
        answer = Api(case, case.cast["finance"]).post(
            "review/keep-stabilized/",
            {"reason": "Second region", "open_risk": "Recurrence in region two"},
        )

        assert answer.json()["status"] == "stabilized"

    def test_freezes_the_api_too(self, case: Case) -> None:
        case.closed()
        answer = Api(case, case.cast["commander"]).patch(
            "review/", {"learning": "After the fact."}
        )

        assert (answer.status_code, answer.json()["code"]) == (409, "frozen")


class TestReport:
    def test_is_asked_for_and_fetched(self, bare: Case) -> None:
        api = Api(bare, bare.cast["finance"])
        assert api.get("report/").status_code == 404

        asked = api.post("report/")
        assert (asked.status_code, asked.json()["state"]) == (202, "queued")
        assert asked.headers["Location"].endswith("/report/")
        assert api.get("report/file/").status_code == 404

        tasks.build_report(build_id=ReportBuild.objects.get().pk)
        assert api.get("report/").json()["state"] == "ready"
        page = api.get("report/file/")
        assert page.headers["Content-Type"] == "application/pdf"
        assert b"".join(page.streaming_content).startswith(b"%PDF")

    def test_says_that_the_file_is_gone_and_makes_it_again(self, bare: Case) -> None:
        api = Api(bare, bare.cast["finance"])
        api.post("report/")
        build = ReportBuild.objects.get()
        tasks.build_report(build_id=build.pk)
        build.refresh_from_db()
        default_storage.delete(build.path)

        gone = api.get("report/file/")
        assert (gone.status_code, gone.json()["code"]) == (409, "file_missing")
        assert "Ask for the one-pager again" in gone.json()["title"]

        assert api.post("report/").json()["state"] == "queued"
        tasks.build_report(build_id=build.pk)
        page = api.get("report/file/")
        assert b"".join(page.streaming_content).startswith(b"%PDF")

    def test_is_hidden_with_the_incident(self, bare: Case) -> None:
        edit_incident(**bare.ids, is_restricted=True)
        api = Api(bare, bare.cast["finance"])

        for path in ("report/", "report/file/", "review/", "approvals/", "checklist/"):
            assert api.get(path).status_code == 404

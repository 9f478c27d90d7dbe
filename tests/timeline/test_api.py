"""API of the timeline: verbs, parsing, statuses, the same codes as the pages."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from incidents.models import Lane
from tests import factories
from tests.timeline.conftest import Tape, at, set_status
from timeline import services
from timeline.models import DependencyCheckpoint, Entry, Hypothesis, Milestone


class Api:
    """JSON in and out, on the timeline of one incident."""

    def __init__(self, client: Client, tape: Tape) -> None:
        self.client = client
        self.base = f"/api/v1/incidents/{tape.incident.key}/"

    def get(self, path: str) -> Any:
        return self.client.get(self.base + path)

    def post(self, path: str, **body: Any) -> Any:
        return self.client.post(self.base + path, body, "application/json")

    def patch(
        self, path: str, headers: dict[str, str] | None = None, **body: Any
    ) -> Any:
        return self.client.patch(
            self.base + path, body, "application/json", headers=headers
        )


@pytest.fixture
def api(client: Client, tape: Tape) -> Api:
    client.force_login(tape.actor)
    return Api(client, tape)


def faults(answer: Any) -> dict[str, str]:
    return {row["field"]: row["code"] for row in answer.json()["errors"]}


class TestEntries:
    def test_adds_one_with_everything(self, api: Api, tape: Tape) -> None:
        """R-TL-04, R-TL-07"""
        row = tape.hypothesis()
        answer = api.post(
            "entries/",
            kind="decision",
            occurred_at="2026-03-10T15:22:00+01:00",
            action_taken="Hold releases",
            belief="Events are rejected",
            hypothesis=row.ref,
            why="Holding costs hours",
            lane="LN-1",
            owner=tape.actor.handle,
            evidence=[tape.original.ref],
            milestone="first_mitigation",
        )
        assert answer.status_code == 201
        body = answer.json()
        assert (body["ref"], body["occurred_at"]) == ("TL-1", "2026-03-10T14:22:00Z")
        assert (body["is_provisional"], body["evidence"]) == (False, ["EV-1"])
        assert body["milestones"] == ["first_mitigation"]
        assert answer["ETag"].startswith('"1-')

    def test_takes_a_bare_day_for_the_precision_day_only(self, api: Api) -> None:
        """R-TL-02"""
        body = {"kind": "signal", "observed_signal": "x", "occurred_at": "2026-03-10"}
        assert faults(api.post("entries/", **body)) == {"occurred_at": "bare_day"}
        answer = api.post("entries/", **body, precision="day")
        assert answer.json()["occurred_at"] == "2026-03-10T00:00:00Z"
        assert answer.json()["occurred_until"] == "2026-03-11T00:00:00Z"

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"occurred_at": "2026-03-10T14:05:00"}, {"occurred_at": "offset"}),
            ({"occurred_at": "2026-13-45"}, {"occurred_at": "invalid"}),
            ({"occurred_at": "2026-03-18T09:00:00Z"}, {"occurred_at": "future_time"}),
            ({"precision": "unknown"}, {"at_text": "required"}),
            ({}, {"occurred_at": "required"}),
            ({"kind": "no_record"}, {"kind": "invalid_choice"}),
            ({"lane": "LN-99"}, {"lane": "unknown"}),
            ({"owner": "nobody@pay.example"}, {"owner": "unknown"}),
            ({"evidence": ["EV-9"]}, {"evidence.0": "unknown"}),
        ],
    )
    def test_refuses_with_the_field_and_the_code(
        self, api: Api, body: dict[str, Any], code: dict[str, str]
    ) -> None:
        full = {"kind": "signal", "observed_signal": "x", **body}
        if {"lane", "owner", "evidence", "kind"} & set(body):
            full.setdefault("occurred_at", "2026-03-10T14:05:00Z")
        answer = api.post("entries/", **full)
        assert answer.status_code == 422
        assert answer["Content-Type"] == "application/problem+json"
        assert faults(answer) == code
        assert not Entry.objects.exists()

    def test_edits_only_what_was_sent_under_if_match(
        self, api: Api, tape: Tape
    ) -> None:
        """R-TL-11"""
        tape.add("14:05", "One", at_text="about two")
        answer = api.patch("entries/1/", {"If-Match": '"1"'}, observed_signal="Two")
        assert answer.status_code == 200
        row = Entry.objects.get()
        assert (row.observed_signal, row.at_text, row.version) == (
            "Two",
            "about two",
            2,
        )

        stale = api.patch("entries/1/", {"If-Match": '"1"'}, observed_signal="Three")
        assert stale.status_code == 409
        assert stale.json()["code"] == "stale_version"
        assert stale.json()["current"]["observed_signal"] == "Two"

    def test_lists_retracted_ones_too_page_by_page(self, api: Api, tape: Tape) -> None:
        for minute in range(3):
            tape.add(f"14:0{minute}")
        services.retract_entry(
            incident_id=tape.incident.pk, actor=tape.actor, number=2, reason="x"
        )
        first = api.get("entries/?page_size=2").json()
        assert [row["ref"] for row in first["results"]] == ["TL-3", "TL-2"]
        assert first["results"][1]["retraction_reason"] == "x"
        rest = api.client.get(first["next"]).json()
        assert [row["ref"] for row in rest["results"]] == ["TL-1"]
        assert api.get("entries/1/").json()["ref"] == "TL-1"

    def test_links_unlinks_and_retracts(self, api: Api, tape: Tape) -> None:
        tape.add("14:05")
        ref = tape.original.ref
        assert api.post("entries/1/link/", evidence=[ref]).json()["evidence"] == [ref]
        answer = api.post("entries/1/unlink/", evidence=ref, reason="Another day")
        assert answer.json()["evidence"] == []
        assert api.post("entries/1/link/", evidence=[]).status_code == 422
        answer = api.post("entries/1/retract/", reason="Typed twice")
        assert answer.json()["retracted_at"] is not None

    def test_states_a_gap(self, api: Api) -> None:
        """R-EV-10"""
        body = {
            "occurred_at": "2026-03-10T14:33:00Z",
            "occurred_until": "2026-03-10T15:20:00Z",
        }
        answer = api.post("entries/state-gap/", **body, reason="Logs had rotated")
        assert (answer.status_code, answer.json()["kind"]) == (201, "no_record")
        assert faults(api.post("entries/state-gap/", **body, reason="")) == {
            "reason": "required"
        }


class TestMilestones:
    def test_adds_excludes_and_retracts(self, api: Api, tape: Tape) -> None:
        """R-TL-06"""
        tape.add("13:52")
        answer = api.post("milestones/", kind="first_alert", entry="TL-1")
        assert (answer.status_code, answer.json()["entry"]) == (201, "TL-1")
        answer = api.post(
            "milestones/not-applicable/", kind="rollback_or_failover", reason="None"
        )
        assert answer.json()["not_applicable"] is True
        assert api.post("milestones/1/retract/", reason="Wrong").status_code == 200
        assert len(api.get("milestones/").json()["results"]) == 2
        assert Milestone.objects.get(number=1).is_retracted


class TestHypotheses:
    def test_adds_edits_links_and_settles(self, api: Api, tape: Tape) -> None:
        """R-HY-01, R-HY-02"""
        ref = tape.original.ref
        assert api.post("hypotheses/", statement="Gateway down").status_code == 201
        api.patch("hypotheses/1/", statement="The gateway is down", version=1)
        api.post("hypotheses/1/link/", evidence=[ref], stance="against")
        answer = api.post(
            "hypotheses/1/settle/", state="abandoned", what_decided="Baseline"
        )
        assert answer.json()["state"] == "abandoned"
        row = api.get("hypotheses/").json()["results"][0]
        assert (row["evidence_for"], row["evidence_against"]) == ([], [ref])
        assert Hypothesis.objects.get().statement == "The gateway is down"

    def test_cannot_be_deleted(self, api: Api, tape: Tape) -> None:
        """R-HY-02"""
        tape.hypothesis()
        assert api.client.delete(f"{api.base}hypotheses/1/").status_code in {403, 405}
        assert Hypothesis.objects.count() == 1


class TestCheckpoints:
    def test_adds_edits_and_retracts(self, api: Api, tape: Tape) -> None:
        """R-DP-06"""
        answer = api.post(
            "checkpoints/",
            kind="external_gateway",
            name="Provider A",
            first_signal_at="2026-03-10T13:41:00Z",
            order="before",
            state="degraded",
            lane="LN-1",
        )
        assert answer.status_code == 201
        assert answer.json()["question"].startswith("Did failures appear before")
        answer = api.patch(
            "checkpoints/1/",
            state="stabilized",
            stabilized_at="2026-03-10T17:50:00Z",
            evidence=[tape.original.ref],
        )
        assert answer.json()["evidence"] == ["EV-1"]
        assert DependencyCheckpoint.objects.get().order == "before"
        assert api.post("checkpoints/1/retract/", reason="Twice").status_code == 200
        assert len(api.get("checkpoints/").json()["results"]) == 1


class TestAnalysis:
    def test_gives_durations_with_their_definition(self, api: Api, tape: Tape) -> None:
        """R-MT-01"""
        tape.proven("13:43", milestone="first_impact")
        tape.add("13:52", milestone="first_alert")
        rows = {row["key"]: row for row in api.get("durations/").json()}
        assert rows["detect"] == {
            "key": "detect",
            "label": "To detect",
            "definition": "first impact to first alert",
            "is_headline": True,
            "state": "recorded",
            "start": "2026-03-10T13:43:00Z",
            "end": "2026-03-10T13:52:00Z",
            "seconds": 540,
            "longest_seconds": 540,
            "is_range": False,
            "is_provisional": True,
            "audience": "",
            "lane": None,
            "text": "9 min",
            "why": "",
        }
        assert (rows["mitigate"]["state"], rows["mitigate"]["seconds"]) == (
            "pending",
            None,
        )

    def test_gives_the_recovery_of_each_lane_by_audience(
        self, api: Api, tape: Tape
    ) -> None:
        """R-MT-01"""
        checkout, payouts = Lane.objects.filter(incident=tape.incident)[:2]
        tape.proven("13:43", milestone="first_impact")
        tape.proven("14:43", milestone="customer_recovered", lane=checkout)
        tape.skip("ledger_recovered", "No booking was touched")
        found = {
            (row["lane"], row["audience"]): (row["state"], row["seconds"])
            for row in api.get("durations/").json()
            if row["lane"]
        }
        assert found == {
            (checkout.ref, "customers"): ("recorded", 3600),
            (checkout.ref, "ledger"): ("not_applicable", None),
            (payouts.ref, "customers"): ("pending", None),
            (payouts.ref, "ledger"): ("not_applicable", None),
        }

    def test_gives_gaps(self, api: Api, tape: Tape) -> None:
        """R-TL-08"""
        tape.proven("14:33", milestone="first_impact")
        tape.proven("15:20", milestone="stabilized")
        assert api.get("gaps/").json() == [
            {
                "start": "2026-03-10T14:33:00Z",
                "end": "2026-03-10T15:20:00Z",
                "seconds": 2820,
                "text": "47 minutes with no evidence, 14:33 to 15:20",
            }
        ]


class TestAccess:
    def test_asks_for_the_role(self, api: Api, tape: Tape, viewer: User) -> None:
        api.client.force_login(viewer)
        answer = api.post(
            "entries/",
            kind="signal",
            observed_signal="x",
            occurred_at="2026-03-10T14:05:00Z",
        )
        assert answer.status_code == 403
        assert api.get("entries/").status_code == 200

    def test_is_401_for_nobody_and_404_for_the_invisible(
        self, api: Api, commander: User, reviewer: User
    ) -> None:
        hidden = factories.make_incident(actor=commander, is_restricted=True)
        api.client.logout()
        assert api.get("entries/").status_code == 401
        api.client.force_login(reviewer)
        path = f"/api/v1/incidents/{hidden.key}/entries/"
        assert api.client.get(path).status_code == 404

    def test_is_frozen_once_closed(self, api: Api, tape: Tape, commander: User) -> None:
        tape.add("14:05")
        set_status(incident_id=tape.incident.pk, actor=commander, status="closed")
        answer = api.patch("entries/1/", observed_signal="Later")
        assert (answer.status_code, answer.json()["code"]) == (409, "frozen")
        assert Entry.objects.get().occurred_at == at("14:05")

    def test_costs_the_same_whatever_the_length(self, api: Api, tape: Tape) -> None:
        for minute in range(2):
            tape.proven(f"14:0{minute}", owner=tape.actor)
        with_two = self.cost(api)
        for minute in range(20):
            tape.proven(f"15:{minute:02}", owner=tape.actor, milestone="first_alert")
        assert self.cost(api) == with_two

    @staticmethod
    def cost(api: Api) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert api.get("entries/").status_code == 200
        return len(queries)

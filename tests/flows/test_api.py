"""The whole job through the API alone: declare, record, evidence, causes, actions, a
closing that is refused with its findings, repair, two approvals by two people, close,
PDF; then the closed record is tried on every path and refuses."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import pikepdf
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import get_resolver
from rest_framework.test import APIClient

from accounts.models import User
from accounts.services import create_api_token
from incidents import activity
from incidents.models import Incident
from incidents.permissions import SINCE_CLOSING, TABLE
from review.models import ReportBuild
from review.tasks import build_report
from tests.permissions.test_matrix import fill, walk

DAY = "2026-03-17T"


class Person:
    """Somebody with a personal token. Sends insist on the status."""

    def __init__(self, user: User) -> None:
        _, secret = create_api_token(
            actor=user, name="flow", scopes=["read", "write", "approve"]
        )
        self.user = user
        self.client = APIClient()
        self.client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")

    def send(self, method: str, path: str, data: Any, expect: int | None) -> Any:
        answer = getattr(self.client, method)(f"/api/v1/{path}", data)
        body = answer.json() if "json" in answer.get("Content-Type", "") else None
        wanted = {expect} if expect else {200, 201, 202}
        assert answer.status_code in wanted, json.dumps(
            [path, answer.status_code, body]
        )
        return body

    def post(self, path: str, data: Any = None, expect: int | None = None) -> Any:
        return self.send("post", path, data or {}, expect)

    def patch(self, path: str, data: Any, expect: int | None = None) -> Any:
        return self.send("patch", path, data, expect)

    def get(self, path: str, expect: int | None = None) -> Any:
        return self.send("get", path, None, expect)


@pytest.fixture
def ic(commander: User) -> Person:
    return Person(commander)


@pytest.fixture
def engineer(responder: User) -> Person:
    return Person(responder)


@pytest.fixture
def manager(reviewer: User) -> Person:
    return Person(reviewer)


@pytest.fixture
def controller(finance: User) -> Person:
    return Person(finance)


def record_incident(ic: Person, engineer: Person) -> str:
    """From declaration to the all-clear; returns the base path of the incident."""
    made = ic.post(
        "incidents/",
        {
            "title": "Gateway refuses card connections",
            "severity": "SEV2",
            "kind": "gateway",
            "lanes": ["checkout"],
            "clock_zone": "UTC",
            "scribe": engineer.user.handle,
            "declared_at": f"{DAY}06:20:00Z",
        },
    )
    base = f"incidents/{made['key']}/"
    for title, kind, at in (
        ("Alert: connect errors", "alert", "06:10"),
        ("Authorization rate by route", "metric", "08:30"),
        ("Change record: route to backup", "config_change", "06:35"),
    ):
        engineer.post(
            base + "evidence/",
            {
                "kind": kind,
                "title": title,
                "captured_at": f"{DAY}{at}:00Z",
                "url": f"https://records.pay.example/{kind}",
            },
        )
    uploaded = engineer.client.post(
        f"/api/v1/{base}evidence/",
        {
            "kind": "reconciliation",
            "title": "Ledger extract",
            "side": "finance",
            "upload": SimpleUploadedFile("ledger.csv", b"account,amount\n2140,0.00\n"),
        },
        format="multipart",
    )
    assert uploaded.status_code == 201, uploaded.json()
    assert (
        uploaded.json()["sha256"]
        == hashlib.sha256(b"account,amount\n2140,0.00\n").hexdigest()
    )
    engineer.post(base + "evidence/2/pair/", {"paired_with": "EV-4"})
    entries = [
        ("06:05", "signal", "Card connections refused", "first_impact", ["EV-2"]),
        ("06:10", "signal", "Alert fires on connect errors", "first_alert", ["EV-1"]),
        ("06:20", "decision", "Incident declared", "declared", ["EV-1"]),
        ("06:32", "decision", "Cards to the backup", "first_mitigation", ["EV-3"]),
        ("06:35", "action", "Route change done", "rollback_or_failover", ["EV-3"]),
        ("06:48", "signal", "Rate normal again", "customer_recovered", ["EV-2"]),
        ("07:00", "signal", "Ledger agrees", "ledger_recovered", ["EV-4"]),
        ("07:10", "signal", "Sustained", "stabilized", []),
    ]
    for at, kind, text, milestone, evidence in entries:
        engineer.post(
            base + "entries/",
            {
                "kind": kind,
                "occurred_at": f"{DAY}{at}:00Z",
                "owner": engineer.user.handle,
                "lane": "LN-1",
                "observed_signal": text,
                "action_taken": text if kind != "signal" else "",
                "belief": "The primary edge refuses us" if kind == "decision" else "",
                "why": "Two signals agree" if kind == "decision" else "",
                "evidence": evidence,
                "milestone": milestone,
            },
        )
    engineer.post(
        base + "checkpoints/",
        {
            "kind": "external_gateway",
            "name": "Gateway edge",
            "lane": "LN-1",
            "first_signal_at": f"{DAY}06:05:00Z",
            "order": "no_change",
            "state": "stabilized",
            "stabilized_at": f"{DAY}06:48:00Z",
            "verified": "Failures began at the edge; both recovered together.",
            "evidence": ["EV-2", "EV-4"],
        },
    )
    for audience, text in (
        ("experienced", "Card payers could not pay"),
        ("internal", "Captures waited for events"),
    ):
        engineer.post(
            base + "scope/",
            {
                "audience": audience,
                "consequence": text,
                "who": "Card payers",
                "continuity_risk": "Orders abandoned",
                "technical_context": "Handshakes refused",
                "lane": "LN-1",
                "evidence": ["EV-2"],
            },
        )
    ic.post(base + "all-clear/", expect=409)  # both scope lines are open
    ic.post(base + "stabilize/")
    for number in (1, 2):
        engineer.post(base + f"scope/{number}/close/", {"closing_evidence": "EV-2"})
    for kind in ("customer", "operational", "business"):
        engineer.post(
            base + "impact/",
            {
                "kind": kind,
                "statement": f"The {kind} impact is stated and proven.",
                "downstream_work": "Nine refunds by hand, all confirmed.",
                "evidence": ["EV-2", "EV-4"],
            },
        )
    engineer.post(
        base + "figures/",
        {
            "impact": "IM-3",
            "measure": "revenue",
            "label": "Orders waiting at peak",
            "amount": "4120.50",
            "currency": "EUR",
            "evidence": ["EV-4"],
        },
    )
    # The sustain window runs from the declaration, until a record proves the moment.
    refused = ic.post(base + "all-clear/", expect=409)
    assert [row["id"] for row in refused["findings"]] == ["SC013"]
    engineer.post(base + "entries/8/link/", {"evidence": ["EV-2", "EV-4"]})
    ic.post(base + "all-clear/")
    return base


def analyse(engineer: Person, base: str) -> None:
    engineer.post(
        base + "analysis/",
        {"method": "dependency_trace", "why_it_fits": "First signal at an interface."},
    )
    for number, (label, text) in enumerate(
        (
            ("trigger", "The gateway rotated its certificate."),
            ("primary", "The proxy accepts one pinned certificate."),
            ("contributing", "Rotation notices reach a retired mailbox."),
        ),
        1,
    ):
        engineer.post(
            base + "causes/",
            {
                "label": label,
                "statement": text,
                "role": "Led to refused card payments.",
                "evidence_shows": "Handshake log",
                "condition": "One pin only",
                "beyond": "Yes: notices had no owner.",
                "risk_change": "Two pins",
                "evidence": ["EV-1"],
            },
        )
        engineer.post(base + f"causes/{number}/confirm/")
    engineer.post(
        base + "failure-modes/",
        {
            "mode": "misconfiguration",
            "name": "Single pin",
            "standing": "supported",
            "customer_symptom": "Card payment fails",
            "financial_impact": "4,120.50 EUR waiting",
            "detection_signal": "Handshakes refused",
            "recovery_action": "Route to the backup",
            "control_to_validate": "Rotation rehearsal",
            "evidence": ["EV-1"],
        },
    )


def remedy(engineer: Person, base: str) -> None:
    """One mandatory action, with test and accepted run, completed."""
    engineer.post(
        base + "actions/",
        {
            "title": "Ship the proxy with two pins and rehearse a rotation",
            "kind": "reduce_recurrence",
            "timing": "mandatory_now",
            "area": "continuity",
            "owner": engineer.user.handle,
            "due_at": f"{DAY}18:00:00Z",
            "risk_removed": "A rotation refuses nobody.",
            "risk_remaining": "A root change needs a release.",
            "trade_off": "Manual renewal each quarter.",
            "rollback_path": "Deploy the previous image.",
            "proof_location": "Test runner",
            "causes": ["CA-1", "CA-2", "CA-3"],
            "failure_modes": ["FM-1"],
        },
    )
    engineer.post(base + "actions/1/open/", expect=422)  # no closure test yet
    engineer.post(
        base + "closure-tests/",
        {
            "action": "ACT-1",
            "procedure": "Rotate the certificate at the boundary; read the webhooks",
            "pass_condition": "No refused handshake, webhooks delivered",
            "environment": "Staging",
            "due_at": f"{DAY}18:00:00Z",
        },
    )
    engineer.post(base + "actions/1/open/")
    run = {
        "closure_test": "CT-1",
        "ran_at": f"{DAY}09:30:00Z",
        "environment": "Staging",
        "outcome": "passed",
    }
    engineer.post(base + "test-runs/", run)
    engineer.post(base + "actions/1/complete/", expect=422)  # no artifact
    engineer.post(
        base + "evidence/",
        {
            "kind": "test_output",
            "title": "Rotation rehearsal",
            "url": "https://records.pay.example/rehearsal",
        },
    )
    engineer.post(base + "test-runs/1/attach/", {"evidence": ["EV-5"]})
    engineer.post(base + "actions/1/complete/")


def hold_review(manager: Person, ic: Person, engineer: Person, base: str) -> None:
    owner = engineer.user.handle
    engineer.post(base + "review/", {"owner": owner})
    engineer.post(base + "review/acknowledge/")
    engineer.patch(
        base + "review/",
        {
            "meeting_owner": owner,
            "documentation_owner": owner,
            "follow_up_owner": owner,
            "is_ready": True,
            "readiness_reason": "Impact and decisions are on record.",
            "meeting_at": f"{DAY}10:40:00Z",
            "how_we_responded": "Command in 15 minutes, one proven route change.",
            "learning": "One pin turns a routine rotation into an outage.",
        },
    )
    for person, capacity in ((ic, "responder"), (engineer, "service_owner")):
        engineer.post(
            base + "review/participants/",
            {"user": person.user.handle, "capacity": capacity},
        )
    engineer.post(
        base + "review/participants/",
        {"user": manager.user.handle, "capacity": "product_owner"},
    )
    engineer.patch(
        base.rstrip("/") + "/",
        {"summary": "A rotation met a single pin; two pins now."},
    )


def blocking(person: Person, base: str) -> list[tuple[str, str]]:
    rows = person.get(base + "findings/")
    rows = rows["results"] if isinstance(rows, dict) and "results" in rows else rows
    rows = rows["findings"] if isinstance(rows, dict) else rows
    return [
        (row["id"], row["message"])
        for row in rows
        if row["level"] == "error" and not row.get("accepted_by")
    ]


class TestFromDeclarationToClosure:
    def test_the_main_job(
        self,
        ic: Person,
        engineer: Person,
        manager: Person,
        controller: Person,
    ) -> None:
        """R-DOC-01, R-DOC-06, R-DOC-07, R-AP-01, R-AP-02, R-CK-07, R-RV-08"""
        base = record_incident(ic, engineer)
        analyse(engineer, base)
        hold_review(manager, ic, engineer, base)

        # Closing is refused, and says what is missing.
        refused = ic.post(base + "review/close/", expect=409)
        assert refused["code"] == "blocked_by_findings"
        assert refused["findings"]
        assert any("action" in row["message"].lower() for row in refused["findings"])

        remedy(engineer, base)
        engineer.post(base + "actions/1/approve/", expect=403)  # owner and tester
        manager.post(base + "actions/1/approve/")

        # Approvals are bound to what was read, and lapse when the record moves.
        left = {check for check, _ in blocking(engineer, base)}
        assert {check for check in left if not check.startswith("AP")} == set(), (
            blocking(engineer, base)
        )
        seen = manager.get(base + "approvals/")["content_hash"]
        manager.post(base + "review/approve/", {"content_hash": "0" * 64}, expect=409)
        manager.post(base + "review/approve/", {"content_hash": seen})
        ic.post(base + "review/approve/", {"content_hash": seen}, expect=403)
        engineer.post(
            base + "evidence/",
            {
                "kind": "provider_notice",
                "title": "Late notice",
                "url": "https://records.pay.example/notice",
            },
        )
        controller.post(base + "review/approve/", {"content_hash": seen}, expect=409)
        fresh = controller.get(base + "approvals/")["content_hash"]
        assert fresh != seen
        controller.post(base + "review/approve/", {"content_hash": fresh})
        ic.post(base + "review/close/", expect=409)  # the first approval is stale
        manager.post(base + "review/approve/", {"content_hash": fresh})

        ic.post(base + "review/close/")
        incident = Incident.objects.get()
        assert incident.status == "closed"
        assert activity.verify(incident) == []
        assert ic.get(base + "review/seal/")["content_hash"] == fresh

        self.one_pager(ic, base)
        self.frozen(incident, [ic, engineer, manager, controller])
        assert activity.verify(Incident.objects.get()) == []

    def one_pager(self, ic: Person, base: str) -> None:
        """R-OP-01: one page, stored with its hash, offered for download."""
        ic.post(base + "report/")
        for build in ReportBuild.objects.filter(state="queued"):
            build_report(build_id=build.pk)
        state = ic.get(base + "report/")
        answer = ic.client.get(f"/api/v1/{base}report/file/")
        pdf = b"".join(answer.streaming_content) if answer.streaming else answer.content
        assert hashlib.sha256(pdf).hexdigest() == state["sha256"]
        with pikepdf.open(io.BytesIO(pdf)) as document:
            assert len(document.pages) == 1

    def frozen(self, incident: Incident, people: list[Person]) -> None:
        """Every write of the API on the closed case is refused (R-EV-09, R-TL-11)."""
        before = incident.activity_head
        let_through = []
        for route, view, parameters in walk(get_resolver().url_patterns):
            actions = getattr(view, "actions", None)
            if not actions or "key" not in parameters:
                continue
            for method, action in list(actions.items()):
                needed = view.cls.permission_map[action]
                if method in {"get", "head"} or "closed" in TABLE[needed].statuses:
                    continue
                path = fill(route, parameters, incident)
                for person in people:
                    status = person.client.generic(
                        method.upper(), path, "{}", content_type="application/json"
                    ).status_code
                    if status == 404 and "number" in parameters:
                        # Nothing to refuse: the job made no row of this kind.
                        row = path[: path.index("/1/") + 3]
                        status = 409 if person.client.get(row).status_code == 404 else 0
                    if status not in {403, 409}:
                        let_through.append(f"{method} {path}: {status}")
        assert let_through == []
        incident.refresh_from_db()
        assert incident.activity_head == before
        assert (
            SINCE_CLOSING
        )  # what stays possible: follow-up of actions, reading, reopening

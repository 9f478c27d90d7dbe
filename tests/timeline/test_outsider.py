"""Whoever was not there reads the same story: from artifacts alone, with what was
believed and dropped still in it."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from incidents.models import Evidence
from tests import factories
from tests.timeline.checks.conftest import found
from tests.timeline.conftest import Tape, text, url
from timeline import services
from timeline.models import Hypothesis

STORY = (
    ("13:43", "first_impact", "signal", "Order completion falls"),
    ("13:52", "first_alert", "signal", "Alert fires"),
    ("14:00", "declared", "decision", "Declared SEV2"),
    ("14:10", "first_mitigation", "action", "Captures held"),
    ("14:20", "rollback_or_failover", "action", "Rollback to 4.17"),
    ("14:30", "customer_recovered", "signal", "Orders complete again"),
    ("14:40", "ledger_recovered", "signal", "Ledger is at parity"),
    ("14:50", "stabilized", "signal", "Backlog is empty"),
)


@pytest.fixture
def outsider(client: Client, viewer: User) -> Client:
    """Somebody who may read and had no part in it."""
    client.force_login(viewer)
    return client


def told(tape: Tape) -> dict[str, Evidence]:
    """The story, each moment with a stored file of its own."""
    artifacts = {}
    for when, kind, entry_kind, words in STORY:
        artifacts[kind] = factories.make_evidence(
            tape.incident,
            actor=tape.actor,
            kind="log_query",
            title=f"Record of {kind}",
            url="",
            upload=SimpleUploadedFile(f"{kind}.txt", f"{when} {words}\n".encode()),
        )
        fields = {"belief": "x", "why": "y"} if entry_kind == "decision" else {}
        tape.add(
            when,
            words,
            kind=entry_kind,
            milestone=kind,
            evidence=[artifacts[kind]],
            **fields,
        )
    return artifacts


class TestStory:
    def test_is_followed_from_alert_to_restoration_by_its_artifacts(
        self, outsider: Client, tape: Tape
    ) -> None:
        """R-TL-10, R-TL-02: every moment in order, each with a record that opens."""
        artifacts = told(tape)
        body = outsider.get(url(tape, "print/")).content.decode()
        rows = re.findall(
            r'<li class="pm-entry[^"]*" id="TL-\d+".*?</li>', body, re.DOTALL
        )
        assert len(rows) == len(STORY)
        for row, (when, kind, _, words) in zip(rows, STORY, strict=True):
            assert words in row
            assert f">{when}</time>" in row
            assert "Provisional" not in row
            artifact = artifacts[kind]
            links = re.findall(r'href="([^"]*/evidence/[^"]*)"', row)
            assert links
            shown = outsider.get(links[0].replace("&amp;", "&"), follow=True)
            assert shown.status_code == 200
            assert f"Record of {kind}" in shown.content.decode()
            there = f"/incidents/{tape.incident.key}/evidence/{artifact.number}/"
            file = outsider.get(f"{there}download/")
            assert file.status_code == 200
            assert b"".join(file.streaming_content) == f"{when} {words}\n".encode()
        assert found(tape.incident, "TL001") == []
        assert found(tape.incident, "TL004") == []
        assert found(tape.incident, "TL006") == []

    @pytest.mark.parametrize("missing", range(len(STORY)))
    def test_breaks_where_one_artifact_is_missing_and_says_so(
        self, outsider: Client, tape: Tape, missing: int
    ) -> None:
        """R-TL-10"""
        artifacts = told(tape)
        _, kind, _, words = STORY[missing]
        services.unlink_entry_evidence(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            number=missing + 1,
            evidence=artifacts[kind],
            reason="It shows another day",
        )
        faults = [
            fault
            for check_id in ("TL003", "RV001", "RV002")
            for fault in found(tape.incident, check_id)
        ]
        assert [item.subject_ref for item in faults] == [f"TL-{missing + 1}"]
        body = outsider.get(url(tape, "print/")).content.decode()
        [row] = [
            row
            for row in re.findall(
                r'<li class="pm-entry[^"]*" id="TL-\d+".*?</li>', body, re.DOTALL
            )
            if "Provisional" in row
        ]
        assert words in row

    def test_needs_a_record_that_opens_for_what_is_no_milestone_too(
        self, outsider: Client, tape: Tape
    ) -> None:
        """R-TL-10"""
        told(tape)
        tape.add("14:15", "Somebody remembers a restart", evidence=[tape.later])
        [fault] = found(tape.incident, "TL001")
        assert fault.subject_ref == "TL-9"
        assert "Somebody remembers" in fault.message
        body = text(outsider.get(url(tape, "print/")))
        assert "Only a later summary supports this" in body


class TestAbandonedBelief:
    def drop(self, tape: Tape) -> Hypothesis:
        row = tape.hypothesis("The gateway is down")
        tape.add("14:05", "Prepare failover", kind="decision", hypothesis=row)
        return tape.settle(
            row,
            "abandoned",
            evidence_for=[tape.later],
            evidence_against=[tape.original],
        )

    @pytest.mark.parametrize("there", ["", "print/"])
    def test_stays_struck_through_with_what_changed_direction(
        self, outsider: Client, tape: Tape, there: str
    ) -> None:
        """R-HY-01, R-HY-02"""
        self.drop(tape)
        body = outsider.get(url(tape, there)).content.decode()
        assert "<s>The gateway is down</s>" in body
        ledger = text_of(body[body.index("<s>The gateway is down</s>") :])
        assert "bandoned" in ledger
        assert "Auth rate was at baseline on every route" in ledger
        assert re.search(rf"(against|contradicts it:) {tape.original.ref}\b", ledger)
        assert re.search(rf"(for|supports it:) {tape.later.ref}\b", ledger)

    def test_is_named_at_the_decision_that_rested_on_it(
        self, outsider: Client, tape: Tape
    ) -> None:
        """R-HY-02, R-TL-07"""
        self.drop(tape)
        for there in ("", "print/"):
            body = outsider.get(url(tape, there)).content.decode()
            row = body[body.index('id="TL-1"') :]
            row = text_of(row[: row.index("</li>")])
            assert "Abandoned HY-1 The gateway is down" in row
            assert "Auth rate was at baseline on every route" in row

    def test_cannot_be_withdrawn_or_deleted(self, tape: Tape, page: Client) -> None:
        """R-HY-02"""
        row = self.drop(tape)
        for verb in ("withdraw", "delete", "retract"):
            there = url(tape, f"hypotheses/{row.number}/{verb}/")
            assert page.post(there, {"reason": "Tidy up"}).status_code == 404
        row.refresh_from_db()
        assert (row.state, row.is_retracted) == ("abandoned", False)


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())

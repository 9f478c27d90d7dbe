"""Each task run twice changes nothing more; deadlines; the findings command."""

import dataclasses
import datetime as dt
import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from incidents import selectors, tasks
from incidents.deadlines import unknowns_due, waivers_running_out
from incidents.models import FindingSnapshot, Incident
from incidents.services import findings, lifecycle, unknowns, waivers
from postmortem.lib import jobs
from postmortem.lib.deadlines import all_deadlines
from postmortem.lib.findings import Case, Level, run_checks
from tests.conftest import NOW
from tests.factories import make_incident, make_scope, make_unknown


class TestRefreshFindings:
    def test_run_twice_stores_the_same(self, incident, clock):
        tasks.refresh_findings(incident_id=incident.pk)
        first = FindingSnapshot.objects.get()
        clock.shift(dt.timedelta(minutes=1))
        tasks.refresh_findings(incident_id=incident.pk)

        second = FindingSnapshot.objects.get()
        assert (first.blocking, first.findings, first.content_hash) == (
            second.blocking,
            second.findings,
            second.content_hash,
        )
        assert second.computed_at == NOW
        assert second.activity_head == Incident.objects.get().activity_head

    def test_runs_again_when_its_day_is_over(self, incident, clock):
        tasks.refresh_findings(incident_id=incident.pk)
        clock.shift(dt.timedelta(days=1, minutes=1))
        tasks.refresh_findings(incident_id=incident.pk)
        assert FindingSnapshot.objects.get().computed_at == NOW + dt.timedelta(
            days=1, minutes=1
        )

    def test_counts_what_blocks_and_what_advises(self, incident):
        tasks.refresh_findings(incident_id=incident.pk)
        row = FindingSnapshot.objects.get()
        levels = [item["level"] for item in row.findings]
        assert row.blocking == levels.count("error")
        assert row.advisory == len(levels) - row.blocking
        assert row.next_step

    def test_of_a_missing_incident_does_nothing(self, db):
        tasks.refresh_findings(incident_id=999)
        assert not FindingSnapshot.objects.exists()

    def test_is_started_by_every_activity(
        self, incident, responder, monkeypatch, django_capture_on_commit_callbacks
    ):
        started = []
        monkeypatch.setattr(
            jobs.current_app,
            "send_task",
            lambda name, kwargs: started.append((name, kwargs)),
        )
        with django_capture_on_commit_callbacks(execute=True):
            make_scope(incident, actor=responder)
        assert started == [
            ("incidents.tasks.refresh_findings", {"incident_id": incident.pk})
        ]


class TestSweepFindings:
    def test_run_twice_leaves_one_row_for_each_open_incident(self, commander):
        make_incident(actor=commander)
        gone = make_incident(actor=commander)
        lifecycle.cancel_incident(
            incident_id=gone.pk, actor=commander, reason="false alarm"
        )

        tasks.sweep_findings()
        tasks.sweep_findings()

        assert [s.incident.key for s in FindingSnapshot.objects.all()] == ["INC-1"]

    def test_leaves_out_what_cannot_have_changed(self, incident, commander, clock):
        due = timezone.now() + dt.timedelta(hours=2)
        make_unknown(incident, actor=commander, due_at=due)
        assert findings.sweep_findings() == 1
        assert findings.sweep_findings() == 0

        clock.shift(dt.timedelta(hours=2))
        assert findings.sweep_findings() == 1
        stored = FindingSnapshot.objects.get()
        assert "KU002" in {item["id"] for item in stored.findings}
        assert stored.next_due == timezone.now() + dt.timedelta(hours=1)

    def test_takes_a_refresh_that_was_lost(self, incident, commander):
        assert findings.sweep_findings() == 1
        make_scope(incident, actor=commander)
        assert findings.sweep_findings() == 1
        assert findings.sweep_findings() == 0

    def test_takes_a_slice_the_longest_due_first(self, commander, clock, monkeypatch):
        monkeypatch.setattr(findings, "SWEEP_SLICE", 2)
        for _ in range(3):
            make_incident(actor=commander)
        assert [findings.sweep_findings() for _ in range(3)] == [2, 1, 0]


class TestUnknownsDue:
    def test_are_due_to_their_owner_and_escalate_to_the_commander(
        self, incident, commander, responder
    ):
        """R-KU-01"""
        make_unknown(incident, actor=responder)

        (item,) = unknowns_due(responder)

        assert (item.kind, item.ref, item.due_at) == (
            "known_unknown",
            "KU-1",
            NOW + dt.timedelta(days=2),
        )
        assert (item.owner, item.detail) == (responder, "delivery log export")
        assert list(unknowns_due(commander)) == []
        # Reminders are sent from the list of everybody, which knows whom a late one
        # reaches.
        (told,) = [row for row in all_deadlines() if row.key == item.key]
        assert (told.owner, told.escalate_to) == (responder, commander)

    def test_end_when_settled_and_with_the_incident(
        self, incident, commander, responder
    ):
        make_unknown(incident, actor=responder)
        make_unknown(incident, actor=responder)
        unknowns.resolve_unknown(
            incident_id=incident.pk, actor=responder, number=1, resolution="No"
        )
        assert [x.ref for x in unknowns_due(None)] == ["KU-2"]

        lifecycle.cancel_incident(
            incident_id=incident.pk, actor=commander, reason="duplicate"
        )
        assert list(unknowns_due(None)) == []

    def test_of_a_restricted_incident_reach_only_who_may_see_it(
        self, incident, commander, responder
    ):
        make_unknown(incident, actor=responder)
        lifecycle.edit_incident(
            incident_id=incident.pk,
            actor=commander,
            is_restricted=True,
            restrict_anyway=True,
        )
        assert list(unknowns_due(responder)) == []


class TestWaiversRunningOut:
    def test_are_due_to_their_owner(self, incident, commander, reviewer):
        make_scope(incident, actor=commander)
        (finding,) = run_checks(Case(incident), only=lambda c: c.id == "SC002")
        waivers.accept_finding(
            incident_id=incident.pk,
            actor=commander,
            check_id="SC002",
            finding_key=finding.key,
            reason="dashboard is gone",
            expires_at=NOW + dt.timedelta(days=3),
            owner=reviewer,
        )

        (item,) = waivers_running_out(reviewer)

        assert (item.ref, item.due_at) == ("WV-1", NOW + dt.timedelta(days=3))
        assert list(waivers_running_out(commander)) == []


class TestFindingsCommand:
    def run(self, *args):
        out = StringIO()
        try:
            call_command("findings", *args, stdout=out)
        except SystemExit as stopped:
            return stopped.code, out.getvalue()
        return 0, out.getvalue()

    def test_prints_one_line_each(self, incident):
        code, text = self.run("INC-1")
        assert code == 0
        assert "ERROR   SC012: The all-clear is not given" in text
        assert text.splitlines()[-1].startswith("INC-1: ")

    def test_prints_json(self, incident):
        rows = json.loads(self.run("INC-1", "--format", "json")[1])
        (row,) = [row for row in rows if row["id"] == "SC012"]
        assert row["level"] == "error"
        assert row["waivable"] is False
        assert len(row["key"]) == 64

    @pytest.mark.parametrize("level", ["error", "warning", "info"])
    def test_fails_on_the_level_or_a_worse_one(self, incident, level):
        assert self.run("INC-1", "--fail-on", level)[0] == 1

    @pytest.mark.parametrize(
        ("level", "code"), [("error", 0), ("warning", 1), ("info", 1)]
    )
    def test_passes_when_nothing_reaches_the_level(
        self, incident, monkeypatch, level, code
    ):
        """A pipeline goes on over warnings, and over what two people accepted."""
        found = selectors.findings(incident)
        warning = next(item for item in found if item.level == Level.WARNING)
        error = next(item for item in found if item.level == Level.ERROR)
        accepted = dataclasses.replace(error, accepted_by="WV-1")
        monkeypatch.setattr(selectors, "findings", lambda incident: [warning, accepted])
        assert self.run("INC-1", "--fail-on", level)[0] == code

    def test_says_what_to_write(self, db):
        for key in ("INC-9", "2041x", "INC-" + "9" * 30):
            with pytest.raises(CommandError) as told:
                self.run(key)
            assert told.value.returncode == 2  # 1 is what --fail-on found

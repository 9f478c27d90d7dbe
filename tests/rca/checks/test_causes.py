"""Checks of causes and of how they were found."""

from __future__ import annotations

import datetime as dt

import pytest

from incidents.models import Evidence
from incidents.services import unknowns
from postmortem.lib.findings import Level
from rca.models import Cause, CauseEvidence
from tests.conftest import NOW
from tests.rca.checks.conftest import finding, findings
from tests.rca.conftest import DUE, make_evidence


class TestRC001TriggerAndPrimary:
    def test_names_what_is_not_stated(self, incident):
        """R-DOC-03, R-CK-02"""
        assert findings(incident, "RC001") == [
            finding(
                "RC001",
                Level.ERROR,
                "No trigger is stated",
                hint="The change or condition immediately before visible degradation. "
                "Mark it provisional while it is not proven.",
            ),
            finding(
                "RC001",
                Level.ERROR,
                "No primary cause is stated",
                hint="The technical condition that directly produced the failure. "
                "Mark it provisional while it is not proven.",
            ),
        ]
        assert [f.url for f in findings(incident, "RC001")] == [
            f"/incidents/{incident.key}/causes/add/?label=trigger",
            f"/incidents/{incident.key}/causes/add/?label=primary",
        ]

    def test_is_content_with_provisional_ones(self, incident, state_cause):
        """R-RC-09"""
        state_cause("trigger")
        state_cause("primary")

        assert findings(incident, "RC001") == []

    def test_does_not_count_ruled_out_or_withdrawn_ones(
        self, incident, do, state_cause
    ):
        do("rule_out_cause", state_cause("trigger"), reason="Not so")
        do("retract_cause", state_cause("primary"), reason="Twice")

        assert len(findings(incident, "RC001")) == 2


class TestRC002ProvisionalParts:
    def test_names_the_missing_parts(self, incident, state_cause):
        """R-RC-08"""
        state_cause()

        (found,) = findings(incident, "RC002")

        assert found == finding(
            "RC002",
            Level.ERROR,
            "CA-1 is provisional and names no missing check, owner or deadline",
            subject_ref="CA-1",
            hint="Name what would prove it, or confirm it by an original record.",
        )
        assert found.url == f"/incidents/{incident.key}/causes/1/provisional/"
        assert not found.waivable

    def test_passes_once_check_owner_and_deadline_are_named(
        self, incident, do, responder, state_cause
    ):
        do(
            "mark_provisional",
            state_cause(),
            missing_check="Log",
            owner=responder,
            due_at=DUE,
        )

        assert findings(incident, "RC002") == []

    def test_names_the_one_part_that_an_import_left_out(
        self, incident, do, commander, responder, state_cause
    ):
        cause = do(
            "mark_provisional",
            state_cause(),
            missing_check="Log",
            owner=responder,
            due_at=DUE,
        )
        unknowns.edit_unknown(
            incident_id=incident.pk,
            actor=commander,
            number=cause.known_unknown.number,
            due_at=None,
        )

        (found,) = findings(incident, "RC002")

        assert found.message == "CA-1 is provisional and names no deadline"
        assert found.owner_label == responder.label

    def test_accepts_residual_risk_but_not_a_resolved_unknown(
        self, incident, do, commander, responder, state_cause
    ):
        def provisional():
            row = state_cause()
            unknown = {"missing_check": "Log", "owner": responder, "due_at": DUE}
            return do("mark_provisional", row, **unknown).known_unknown

        call = {"incident_id": incident.pk, "actor": commander}
        unknowns.accept_unknown(number=provisional().number, reason="Small", **call)
        unknowns.resolve_unknown(number=provisional().number, resolution="Yes", **call)

        assert [f.subject_ref for f in findings(incident, "RC002")] == ["CA-2"]


class TestRC003CauseEvidence:
    def test_names_a_cause_that_rests_on_nothing(self, incident, state_cause):
        """R-RC-07"""
        state_cause()

        assert findings(incident, "RC003") == [
            finding(
                "RC003",
                Level.ERROR,
                "CA-1 rests on no evidence",
                subject_ref="CA-1",
                hint="Link the record that shows it, or rule it out.",
            )
        ]

    def test_is_a_warning_while_the_missing_check_is_named(
        self, incident, do, responder, state_cause
    ):
        """R-RC-08: stated uncertainty does not block by itself."""
        do(
            "mark_provisional",
            state_cause(),
            missing_check="Log",
            owner=responder,
            due_at=DUE,
        )

        assert [f.level for f in findings(incident, "RC003")] == [Level.WARNING]

    def test_passes_with_an_artifact(self, incident, confirmed):
        assert findings(incident, "RC003") == []

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"is_original": False}, "later summaries only (EV-1)"),
            ({"url": ""}, "records that nobody else can open (EV-1)"),
        ],
    )
    def test_names_a_confirmation_that_no_original_carries(
        self, incident, original, confirmed, change, words
    ):
        """R-EV-04: as an import may bring it."""
        Evidence.objects.filter(pk=original.pk).update(**change)

        found = findings(incident, "RC003")

        assert [f.message for f in found] == [
            f"CA-{number} is confirmed, but rests on {words}" for number in (1, 2, 3)
        ]
        assert {f.level for f in found} == {Level.ERROR}

    def test_does_not_count_a_withdrawn_link(self, incident, confirmed):
        CauseEvidence.objects.update(retracted_at=NOW)

        assert len(findings(incident, "RC003")) == 3

    def test_key_moves_with_the_evidence(self, incident, do, later, state_cause):
        cause = state_cause()
        Cause.objects.filter(pk=cause.pk).update(state="confirmed")
        (before,) = findings(incident, "RC003")
        do_key = before.key

        CauseEvidence(incident=incident, claim=cause, evidence=later).save()
        (after,) = findings(incident, "RC003")

        assert after.key != do_key


class TestRC004WrittenRole:
    def test_asks_for_the_role(self, incident, state_cause):
        """R-RC-05"""
        state_cause("trigger", role="")

        assert findings(incident, "RC004") == [
            finding(
                "RC004",
                Level.WARNING,
                "CA-1 is called trigger without its role in the impact path",
                subject_ref="CA-1",
                hint="Say how it preceded, produced, widened or delayed the impact.",
            )
        ]

    def test_passes_with_a_role(self, incident, state_cause):
        state_cause()

        assert findings(incident, "RC004") == []


class TestRC005OverdueValidation:
    @pytest.fixture(autouse=True)
    def provisional(self, do, responder, state_cause):
        do(
            "mark_provisional",
            state_cause(),
            missing_check="Provider log",
            owner=responder,
            due_at=DUE,
        )

    def test_names_the_check_that_is_late(self, incident, responder, clock):
        """R-RC-08"""
        clock.shift(dt.timedelta(days=2, minutes=1))

        assert findings(incident, "RC005") == [
            finding(
                "RC005",
                Level.WARNING,
                "CA-1 is still provisional: KU-1 is overdue",
                subject_ref="CA-1",
                hint="Missing check: Provider log. Make it, or give a new deadline.",
                owner_label=responder.label,
            )
        ]

    def test_passes_until_the_deadline(self, incident, clock):
        clock.shift(dt.timedelta(days=2) - dt.timedelta(seconds=1))

        assert findings(incident, "RC005") == []


class TestRC006SingleCause:
    def test_asks_whether_there_is_more(self, incident, state_cause):
        """R-RC-06"""
        state_cause()

        (found,) = findings(incident, "RC006")

        assert found == finding(
            "RC006",
            Level.WARNING,
            "CA-1 is the only cause and “is there more beyond this?” is open",
            subject_ref="CA-1",
            hint="Look for what widened the impact or slowed recovery, or say why "
            "there is nothing.",
        )
        assert found.url.endswith("/causes/1/edit/#id_beyond")

    def test_passes_once_answered(self, incident, do, state_cause):
        do("edit_cause", state_cause(), beyond="No: each step was replayed alone")

        assert findings(incident, "RC006") == []

    def test_passes_with_two_causes(self, incident, state_cause):
        state_cause()
        state_cause("contributing")

        assert findings(incident, "RC006") == []


class TestRC007SystemicCauses:
    def test_asks_for_the_condition_behind_the_failure(self, incident, state_cause):
        """R-RC-03, R-CK-02"""
        state_cause("trigger")
        state_cause("primary")

        assert findings(incident, "RC007") == [
            finding(
                "RC007",
                Level.ERROR,
                "No contributing cause is stated, and no cause says which condition "
                "allowed it",
                subject_ref="CA-2",
                hint="Add the process or control gap, or answer “what condition "
                "allowed it?”.",
            )
        ]

    def test_passes_with_a_contributing_cause(self, incident, state_cause):
        state_cause("primary")
        state_cause("contributing")

        assert findings(incident, "RC007") == []

    def test_passes_with_a_statement(self, incident, state_cause):
        state_cause(
            "primary", condition="None: the provider's change was not announced"
        )

        assert findings(incident, "RC007") == []

    def test_leaves_an_empty_analysis_to_the_check_of_its_labels(self, incident):
        assert findings(incident, "RC007") == []


class TestRC010StaleDocuments:
    def test_asks_for_the_version_in_force(self, incident, original, state_cause):
        """R-RC-10, R-RO-16"""
        state_cause(
            "contributing", "Runbook RB-12 named a retired host", evidence=[original]
        )

        assert findings(incident, "RC010") == [
            finding(
                "RC010",
                Level.INFO,
                "CA-1 speaks of an outdated document, but links no version",
                subject_ref="CA-1",
                hint="Attach the runbook version, step or configuration in force then.",
            )
        ]

    def test_passes_with_the_runbook_version(self, incident, commander, state_cause):
        version = make_evidence(
            incident, commander, "RB-12 v7", kind=Evidence.Kind.RUNBOOK
        )
        state_cause(
            "contributing", "Runbook RB-12 named a retired host", evidence=[version]
        )

        assert findings(incident, "RC010") == []

    def test_finds_what_only_the_timeline_tells(self, incident, commander):
        from timeline.services.entries import add_entry

        add_entry(
            incident_id=incident.pk,
            actor=commander,
            kind="note",
            occurred_at=NOW - dt.timedelta(hours=1),
            observed_signal="The runbook is outdated: wrong host",
        )

        assert [f.message for f in findings(incident, "RC010")] == [
            "TL-1 tells of an outdated document, but no cause does"
        ]


class TestRC011Method:
    def test_asks_for_the_method(self, incident):
        """R-DOC-14"""
        assert findings(incident, "RC011") == [
            finding("RC011", Level.WARNING, "No method is chosen for the analysis")
        ]

    def test_passes_with_method_and_reason(self, incident, do):
        do("set_analysis", method="change_analysis", why_it_fits="A deploy preceded it")

        assert findings(incident, "RC011") == []


class TestRC012RuledOut:
    def test_asks_for_what_ruled_it_out(self, incident, do, state_cause):
        """R-HY-02"""
        do("rule_out_cause", state_cause(), reason="Lock wait flat")

        assert findings(incident, "RC012") == [
            finding(
                "RC012",
                Level.WARNING,
                "CA-1 is ruled out with no evidence",
                subject_ref="CA-1",
                hint="Lock wait flat",
            )
        ]

    def test_passes_with_evidence(self, incident, do, original, state_cause):
        do(
            "rule_out_cause",
            state_cause(),
            reason="Lock wait flat",
            evidence=[original],
        )

        assert findings(incident, "RC012") == []


class TestRC013Prompts:
    def test_names_the_open_prompts_of_the_primary_cause(self, incident, state_cause):
        """R-BL-02"""
        state_cause("primary", condition="No test")
        state_cause("contributing")

        assert [f.message for f in findings(incident, "RC013")] == [
            "CA-1 leaves open: what evidence shows this; what change reduces repeat "
            "risk"
        ]

    def test_passes_when_all_are_answered(self, incident, confirmed):
        assert findings(incident, "RC013") == []


class TestRC014Joined:
    def test_names_causes_outside_the_path(self, incident, confirmed, state_cause):
        """R-DOC-06"""
        state_cause("contributing", "Manual retry tool")

        assert findings(incident, "RC014") == [
            finding(
                "RC014",
                Level.INFO,
                "CA-4 is joined to no other cause",
                subject_ref="CA-4",
                hint="Say which cause it leads to.",
            )
        ]

    def test_passes_when_all_are_joined(self, incident, confirmed):
        assert findings(incident, "RC014") == []

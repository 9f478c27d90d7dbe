"""Checks of the root cause analysis: one failing and one passing case each."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.models import Evidence, Incident
from incidents.services import unknowns
from postmortem.lib.findings import REGISTRY, Case, Finding, Level, run_checks
from rca import services
from rca.models import Cause, CauseEvidence
from tests.conftest import NOW
from tests.rca.conftest import DUE, make_evidence


def findings(incident: Incident, check_id: str) -> list[Finding]:
    case = Case(Incident.objects.get(pk=incident.pk))
    return run_checks(case, only=lambda check: check.id == check_id)


def finding(check_id: str, level: Level, message: str, **fields: str) -> Finding:
    ref = fields.get("subject_ref", "")
    fields.setdefault("subject_label", f"Root cause · {ref}" if ref else "Root cause")
    return Finding(id=check_id, level=level, message=message, **fields)  # type: ignore[arg-type]


@pytest.fixture
def do(incident, commander):
    """A service on this incident: `do("confirm_cause", cause)`."""

    def call(name: str, row=None, **fields):
        if row is not None:
            fields["number"] = row.number
        return getattr(services, name)(
            incident_id=incident.pk, actor=commander, **fields
        )

    return call


@pytest.fixture
def confirmed(do, original, state_cause):
    """The usual trigger, primary and contributing cause, all confirmed and joined."""
    primary = state_cause(
        evidence=[original],
        evidence_shows="412 decode errors a minute",
        condition="No test compares the shapes",
        beyond="Yes, the rollback was slow",
        risk_change="A gate in the deploy",
    )
    trigger = state_cause("trigger", "4.18.0 went live", leads_to=[primary])
    gap = state_cause("contributing", "No contract test", leads_to=[primary])
    for row in (trigger, gap):
        do("edit_cause", row, evidence=[original])
    for row in (primary, trigger, gap):
        do("confirm_cause", row)
    return primary, trigger, gap


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


class TestRC008Overclaim:
    def test_asks_for_proof_of_a_certainty(self, incident, state_cause):
        """R-RC-09"""
        state_cause("primary", "It was definitely the schema change")

        (found,) = findings(incident, "RC008")

        assert found == finding(
            "RC008",
            Level.WARNING,
            "CA-1 says “definitely” without proof in its statement",
            subject_ref="CA-1",
            hint="It states a certainty with no artifact beside it. Link the artifact "
            "that shows it, or say what is not proven yet and mark it provisional.",
        )
        assert found.url.endswith("/causes/1/edit/#id_statement")

    def test_passes_with_an_original_record(self, incident, original, state_cause):
        state_cause("primary", "It was definitely the schema", evidence=[original])

        assert findings(incident, "RC008") == []


class TestRC009Hedged:
    def test_asks_about_doubt_in_a_confirmed_cause(
        self, incident, do, original, state_cause
    ):
        """R-HY-03"""
        do(
            "confirm_cause",
            state_cause("primary", "Probably a lock", evidence=[original]),
        )

        assert [f.message for f in findings(incident, "RC009")] == [
            "CA-1 is confirmed, but says “Probably” in its statement"
        ]

    def test_passes_while_it_is_provisional(self, incident, state_cause):
        state_cause("primary", "Probably a lock")

        assert findings(incident, "RC009") == []


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


class TestFM001AnyMode:
    def test_asks_for_a_first_row(self, incident):
        assert findings(incident, "FM001") == [
            finding(
                "FM001",
                Level.WARNING,
                "No failure mode is described",
                hint="Start with what the causes point to; unknowns come last.",
            )
        ]

    def test_passes_with_a_row(self, incident, state_mode):
        state_mode()

        assert findings(incident, "FM001") == []


class TestFM002Preventative:
    @pytest.mark.parametrize(
        "mode",
        ["third_party", "database", "misconfiguration", "deployment", "blind_spot"],
    )
    def test_names_the_missing_columns(self, incident, state_mode, mode):
        """R-FM-02, for the rows of R-FM-03, R-FM-04, R-FM-05, R-FM-06"""
        state_mode(mode=mode, financial_impact="", recovery_action="")

        assert findings(incident, "FM002") == [
            finding(
                "FM002",
                Level.WARNING,
                "FM-1 is descriptive, not preventative: no measured impact or "
                "recovery action",
                subject_ref="FM-1",
                hint="Fill the columns, or move the row to the known unknowns.",
            )
        ]

    def test_passes_with_all_columns(self, incident, state_mode):
        state_mode()

        assert findings(incident, "FM002") == []

    def test_asks_nothing_of_known_unknowns_and_ruled_out_rows(
        self, incident, state_mode
    ):
        state_mode(mode="known_unknown", standing="provisional", customer_symptom="")
        state_mode(standing="ruled_out", customer_symptom="")

        assert findings(incident, "FM002") == []


class TestFM003Evidence:
    def test_names_a_row_without_evidence(self, incident, state_mode):
        """R-FM-09"""
        state_mode()

        assert [f.message for f in findings(incident, "FM003")] == [
            "FM-1 Deploy of a stricter consumer rests on no evidence"
        ]

    def test_passes_with_evidence(self, incident, original, state_mode):
        state_mode(evidence=[original])

        assert findings(incident, "FM003") == []


class TestFM004KnownUnknowns:
    def test_asks_for_check_owner_and_deadline(self, incident, state_mode):
        """R-FM-08"""
        state_mode(mode="known_unknown", standing="provisional")

        assert findings(incident, "FM004") == [
            finding(
                "FM004",
                Level.WARNING,
                "FM-1 is a known unknown and names no missing check, owner or deadline",
                subject_ref="FM-1",
                hint="Name the check that settles it, who makes it and until when.",
            )
        ]

    def test_passes_with_all_three(self, incident, responder, state_mode):
        state_mode(
            mode="known_unknown",
            standing="provisional",
            missing_check="Route-change log",
            owner=responder,
            due_at=DUE,
        )

        assert findings(incident, "FM004") == []

    def test_finds_an_imported_row_that_is_not_provisional(self, incident, state_mode):
        row = state_mode(mode="known_unknown", standing="provisional")
        type(row).objects.filter(pk=row.pk).update(standing="supported")

        assert [f.message for f in findings(incident, "FM004")] == [
            "FM-1 is a known unknown and not marked provisional"
        ]


class TestFM005Controls:
    def test_tells_that_a_control_is_still_a_hypothesis(self, incident, state_mode):
        """R-HY-04"""
        state_mode()

        assert findings(incident, "FM005") == [
            finding(
                "FM005",
                Level.INFO,
                "FM-1: the control is not validated yet",
                subject_ref="FM-1",
                hint="Contract test blocks ingest deploys",
            )
        ]

    def test_warns_when_no_control_is_named(self, incident, state_mode):
        state_mode(control_to_validate="")

        assert [(f.level, f.message) for f in findings(incident, "FM005")] == [
            (Level.WARNING, "FM-1 names no control to validate")
        ]

    def test_passes_once_validated(self, incident, state_mode):
        state_mode(control_validated=True)

        assert findings(incident, "FM005") == []


class TestBL002Blame:
    def test_gives_match_reason_and_hint(self, incident, state_cause):
        """R-BL-01, R-BL-03, R-BL-04"""
        state_cause("primary", "Human error in the console")

        (found,) = findings(incident, "BL002")

        assert found == finding(
            "BL002",
            Level.WARNING,
            "CA-1 says “Human error” in its statement",
            subject_ref="CA-1",
            hint="A label that ends the analysis where it ought to begin. Describe the "
            "step, what it looked like at the time and which guard was absent.",
        )
        assert found.url.endswith("/causes/1/edit/#id_statement")

    def test_knows_the_people_of_the_incident(self, incident, commander, state_cause):
        first = commander.name.split()[0]
        state_cause("primary", f"{first} deleted the topic")

        assert [f.message for f in findings(incident, "BL002")] == [
            f"CA-1 says “{first} deleted” in its statement"
        ]

    def test_reads_failure_modes_method_and_what_was_ruled_out(
        self, incident, do, state_cause, state_mode
    ):
        do("rule_out_cause", state_cause(), reason="It was a rookie mistake")
        do("set_analysis", method="other", why_it_fits="To find the culprit")
        state_mode(detection_signal="Clearly visible. The team ignored the alert.")

        assert [(f.subject_ref, f.message) for f in findings(incident, "BL002")] == [
            ("CA-1", "CA-1 says “rookie” in its reason for ruling it out"),
            ("FM-1", "FM-1 says “The team ignored” in its detection signal"),
            ("RCA-1", "RCA-1 says “culprit” in its reason"),
        ]

    def test_passes_when_conditions_are_told(self, incident, confirmed):
        """R-CK-06"""
        assert findings(incident, "BL002") == []


def is_ours(check) -> bool:
    """The apps above put their own checks on this tab, too."""
    return check.function.__module__.startswith("rca.")


class TestAllOfThem:
    def test_are_registered_with_reason_and_requirement(self):
        ours = [item for item in REGISTRY.values() if is_ours(item)]

        assert sorted(item.id for item in ours) == [
            "BL002",
            *(f"FM{number:03}" for number in range(1, 6)),
            *(f"RC{number:03}" for number in range(1, 15)),
        ]
        assert all(item.requirements and item.row for item in ours)

    def test_find_nothing_in_a_complete_analysis(
        self, incident, do, original, confirmed, state_mode
    ):
        """R-RC-04"""
        do("set_analysis", method="change_analysis", why_it_fits="A deploy preceded it")
        state_mode(evidence=[original], control_validated=True)

        case = Case(incident)

        assert run_checks(case, only=is_ours) == []

    def test_cost_the_same_queries_for_many_rows(
        self, incident, original, state_cause, state_mode
    ):
        def count() -> int:
            case = Case(Incident.objects.get(pk=incident.pk))
            with CaptureQueriesContext(connection) as queries:
                run_checks(case, only=is_ours)
            return len(queries)

        state_cause(evidence=[original])
        state_mode(evidence=[original])
        few = count()
        for _ in range(10):
            state_cause(evidence=[original])
            state_mode(evidence=[original])

        assert count() == few
        assert few <= 25

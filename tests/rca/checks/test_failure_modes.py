"""Checks of the failure-mode table."""

from __future__ import annotations

import pytest

from postmortem.lib.findings import Level
from tests.conftest import NOW
from tests.rca.checks.conftest import finding, findings
from tests.rca.conftest import DUE, make_evidence
from timeline import services as timeline


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

    def test_names_a_row_on_a_later_summary(
        self, incident, original, later, state_mode
    ):
        """R-EV-04"""
        state_mode(evidence=[later])
        state_mode(evidence=[later, original])

        assert [f.message for f in findings(incident, "FM003")] == [
            "FM-1 Deploy of a stricter consumer rests on a later summary only"
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


class TestFM006BlindSpot:
    @pytest.fixture
    def tell(self, incident, commander, original):
        """Users' reports at 10:05 and the first alert at the minute that is given."""

        def put(minute: int) -> None:
            reports = make_evidence(incident, commander, "Tickets", kind="complaints")
            for at, proof, milestone in (
                (5, reports, ""),
                (minute, original, "first_alert"),
            ):
                timeline.add_entry(
                    incident_id=incident.pk,
                    actor=commander,
                    kind="signal",
                    observed_signal=f"Orders fail at 10:{at:02}",
                    occurred_at=NOW.replace(hour=10, minute=at),
                    evidence=[proof],
                    milestone=milestone,
                )

        return put

    def test_asks_what_monitoring_did_not_see(self, incident, tell):
        """R-FM-07"""
        tell(17)
        (found,) = findings(incident, "FM006")
        assert found == finding(
            "FM006",
            Level.WARNING,
            "Users reported it 12 min before the first alert (TL-1, TL-2), and no row "
            "names what monitoring did not see",
            hint="Add a row “Monitoring blind spot”: the duration and impact it added, "
            "the gap in metrics, logs, events, traces or alerts, the alert to tune, "
            "the runbook step that verifies it. Ruled out is an answer too.",
        )
        assert found.url == "/incidents/INC-1/causes/modes/add/?mode=blind_spot"

    def test_passes_with_such_a_row(self, incident, tell, state_mode):
        """R-FM-07"""
        tell(17)
        state_mode(mode="blind_spot", standing="ruled_out")
        assert findings(incident, "FM006") == []

    def test_passes_when_the_alert_came_before_the_users(self, incident, tell):
        tell(2)
        assert findings(incident, "FM006") == []

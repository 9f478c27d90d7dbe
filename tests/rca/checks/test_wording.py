"""Checks of the words: certainty, doubt, blame."""

from __future__ import annotations

from postmortem.lib.findings import Level
from tests.rca.checks.conftest import finding, findings


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

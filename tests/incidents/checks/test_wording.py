"""Checks of the words: summary, blame, certainty."""

from incidents.services import lifecycle
from postmortem.lib.findings import Finding, Level
from tests.factories import make_impact, make_scope


class TestSC014:
    def test_asks_for_the_summary(self, run, incident):
        """R-CK-06, R-DOC-05"""
        assert run("SC014") == [
            Finding(
                "SC014",
                Level.ERROR,
                "The summary is not written",
                "Tell conditions, decisions and learning in a few plain sentences.",
                subject_label="Overview",
            )
        ]

    def test_passes_with_one(self, run, incident, responder):
        lifecycle.edit_incident(
            incident_id=incident.pk, actor=responder, summary="Events were rejected."
        )
        assert run("SC014") == []


class TestBL001:
    def test_quotes_the_words_that_judge(self, run, incident, responder):
        """R-BL-01, R-BL-03"""
        lifecycle.edit_incident(
            incident_id=incident.pk,
            actor=responder,
            summary="The engineer carelessly deployed the wrong version.",
        )
        found = run("BL001")
        assert found
        assert found[0].level is Level.WARNING
        assert "in the summary judges a person" in found[0].message
        assert found[0].hint
        assert found[0].url == "/incidents/INC-1/edit/"

    def test_looks_at_scope_and_impact_too(self, run, incident, responder):
        """R-BL-03"""
        words = "The operator carelessly ran the wrong script."
        make_scope(incident, actor=responder, technical_context=words)
        make_impact(incident, actor=responder, statement=words)
        assert {f.subject_ref for f in run("BL001")} == {"SC-1", "IM-1"}

    def test_passes_on_conditions(self, run, incident, responder):
        lifecycle.edit_incident(
            incident_id=incident.pk,
            actor=responder,
            summary="The deploy had no schema check, so the consumer rejected events.",
        )
        assert run("BL001") == []


class TestSC015:
    def test_asks_for_an_artifact_beside_certainty(self, run, incident, responder):
        """R-HY-03, R-RC-09"""
        lifecycle.edit_incident(
            incident_id=incident.pk,
            actor=responder,
            summary="The provider was obviously slow.",
        )
        found = run("SC015")
        assert found
        assert "claims more than is shown here" in found[0].message

    def test_passes_on_plain_words(self, run, incident, responder):
        lifecycle.edit_incident(
            incident_id=incident.pk, actor=responder, summary="Events were rejected."
        )
        assert run("SC015") == []

"""Checks of command and duties."""

from incidents.services import people
from incidents.services.core import retract_record
from postmortem.lib.findings import Finding, Level
from tests.factories import make_incident


class TestRO001:
    def test_finds_an_incident_without_command(self, run, incident, commander):
        """R-RO-01"""
        retract_record(
            incident_id=incident.pk,
            actor=commander,
            model=type(incident.participations.get()),
            number=1,
            reason="was never here",
            permission="incident.people",
        )
        assert run("RO001") == [
            Finding(
                "RO001",
                Level.WARNING,
                "Nobody is in command",
                "Name the commander, or hand over command.",
                subject_label="People",
            )
        ]

    def test_passes_with_one(self, run, incident):
        assert run("RO001") == []


class TestRO002:
    def test_asks_for_a_scribe(self, run, incident):
        """R-RO-05"""
        assert run("RO002") == [
            Finding(
                "RO002",
                Level.WARNING,
                "No scribe is named",
                "Name who writes the record while others act.",
                subject_label="People",
            )
        ]

    def test_passes_with_one(self, run, incident, commander, responder):
        people.set_duty(
            incident_id=incident.pk, actor=commander, user=responder, duty="scribe"
        )
        assert run("RO002") == []


class TestRO003:
    def test_lists_the_owners_that_are_missing(
        self, run, incident, commander, responder
    ):
        """R-RO-02"""
        for duty in ("engineering", "product"):
            people.set_duty(
                incident_id=incident.pk, actor=commander, user=responder, duty=duty
            )
        assert run("RO003") == [
            Finding(
                "RO003",
                Level.WARNING,
                "No owner for finance ops, compliance",
                "Name a person, or leave it with a reason.",
                subject_label="People",
            )
        ]

    def test_is_only_a_hint_for_a_small_incident(self, run, commander):
        small = make_incident(actor=commander, severity="SEV4")
        assert [f.level for f in run("RO003", small)] == [Level.INFO]

    def test_passes_with_all_four(self, run, incident, commander, responder):
        for duty in ("engineering", "product", "finance_ops", "compliance"):
            people.set_duty(
                incident_id=incident.pk, actor=commander, user=responder, duty=duty
            )
        assert run("RO003") == []


class TestRO004:
    def test_flags_a_commander_who_executes(self, run, incident, commander):
        """R-RO-06"""
        people.set_duty(
            incident_id=incident.pk,
            actor=commander,
            user=commander,
            duty="payments_ops",
        )
        assert run("RO004") == [
            Finding(
                "RO004",
                Level.WARNING,
                "IC on call commands and executes (payments ops)",
                "Give one of the two duties to somebody else.",
                subject_ref="PP-1",
                subject_label="People · PP-1",
            )
        ]

    def test_passes_when_they_are_two(self, run, incident, commander, responder):
        people.set_duty(
            incident_id=incident.pk,
            actor=commander,
            user=responder,
            duty="payments_ops",
        )
        assert run("RO004") == []

"""Checks of known unknowns."""

import datetime as dt

from incidents.services import unknowns
from postmortem.lib.findings import Finding, Level
from tests.factories import make_unknown


class TestKU001:
    def test_names_what_is_missing(self, run, incident, responder):
        """R-KU-01"""
        make_unknown(incident, actor=responder, owner=None, due_at=None)
        assert run("KU001") == [
            Finding(
                "KU001",
                Level.ERROR,
                "“Did Provider A shorten its retry schedule?” has no owner and no "
                "deadline",
                "Name who settles it, and until when.",
                subject_ref="KU-1",
                subject_label="Known unknowns · KU-1",
            )
        ]

    def test_passes_with_both(self, run, incident, responder):
        make_unknown(incident, actor=responder)
        assert run("KU001") == []


class TestKU002:
    def test_says_how_long_it_is_late(self, run, incident, responder, clock):
        """R-KU-01"""
        make_unknown(incident, actor=responder)
        clock.shift(dt.timedelta(days=3))
        assert run("KU002") == [
            Finding(
                "KU002",
                Level.WARNING,
                "“Did Provider A shorten its retry schedule?” was due 19 Mar 10:20, "
                "1 d ago",
                "Resolve it, accept it as residual risk, or set a new deadline.",
                subject_ref="KU-1",
                subject_label="Known unknowns · KU-1",
            )
        ]

    def test_passes_in_time(self, run, incident, responder):
        make_unknown(incident, actor=responder)
        assert run("KU002") == []


class TestKU003:
    def test_blocks_while_open(self, run, incident, responder):
        """R-KU-03"""
        make_unknown(incident, actor=responder)
        assert run("KU003") == [
            Finding(
                "KU003",
                Level.ERROR,
                "“Did Provider A shorten its retry schedule?” is open; waits for "
                "delivery log export",
                "Resolve it with evidence, or accept it as residual risk.",
                subject_ref="KU-1",
                subject_label="Known unknowns · KU-1",
            )
        ]

    def test_passes_when_accepted_as_residual_risk(self, run, incident, reviewer):
        make_unknown(incident, actor=reviewer)
        unknowns.accept_unknown(
            incident_id=incident.pk, actor=reviewer, number=1, reason="small"
        )
        assert run("KU003") == []

    def test_passes_when_resolved(self, run, incident, responder):
        make_unknown(incident, actor=responder)
        unknowns.resolve_unknown(
            incident_id=incident.pk, actor=responder, number=1, resolution="No"
        )
        assert run("KU003") == []


class TestKU004:
    def test_reminds_of_the_three_usual_ones(self, run, incident):
        """R-KU-02"""
        found = run("KU004")
        assert found == [
            Finding(
                "KU004",
                Level.INFO,
                "No known unknown is stated",
                "On day one three are usual: provider-chain detail, confirmation of "
                "the systemic cause, complete financial impact.",
                subject_label="Known unknowns",
            )
        ]

    def test_passes_with_one(self, run, incident, responder):
        make_unknown(incident, actor=responder)
        assert run("KU004") == []


class TestKU005:
    def resolve(self, incident, responder, **fields):
        row = make_unknown(incident, actor=responder)
        unknowns.resolve_unknown(
            incident_id=incident.pk,
            actor=responder,
            number=row.number,
            resolution="No.",
            **fields,
        )

    def test_wants_the_record_that_gives_the_answer(self, run, incident, responder):
        """R-KU-01"""
        self.resolve(incident, responder)
        assert run("KU005") == [
            Finding(
                "KU005",
                Level.WARNING,
                "“Did Provider A shorten its retry schedule?” is resolved without an "
                "original record",
                "Link the record that gives the answer, or reopen the question.",
                subject_ref="KU-1",
                subject_label="Known unknowns · KU-1",
            )
        ]

    def test_passes_with_it(self, run, incident, responder, signal):
        self.resolve(incident, responder, evidence=[signal])
        assert run("KU005") == []

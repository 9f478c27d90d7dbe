"""Checks of the scope, its signals and the all-clear."""

import pytest

from incidents.models import Evidence
from incidents.services import claims, people
from incidents.services.core import retract_record
from postmortem.lib.findings import Finding, Gate, Level
from tests.conftest import NOW
from tests.factories import make_evidence, make_impact, make_incident, make_scope
from tests.incidents.checks.conftest import put


class TestSC001:
    def test_names_the_line_that_is_missing(self, run, incident, responder):
        """R-SC-05"""
        make_scope(incident, actor=responder)
        found = run("SC001")
        assert found == [
            Finding(
                "SC001",
                Level.ERROR,
                "What happened in internal processing is not stated",
                "State it, even if the line is “nothing changed for them”.",
                subject_label="Scope",
            )
        ]
        assert found[0].url == "/incidents/INC-1/scope/add/?audience=internal"
        assert found[0].gates == (Gate.ALL_CLEAR,)

    def test_passes_with_both(self, run, incident, responder):
        make_scope(incident, actor=responder)
        make_scope(incident, actor=responder, audience="internal")
        assert run("SC001") == []


class TestSC002:
    def test_asks_for_a_signal(self, run, incident, responder):
        """R-SC-04"""
        make_scope(incident, actor=responder)
        assert run("SC002") == [
            Finding(
                "SC002",
                Level.WARNING,
                "“Card orders stayed without confirmation” links no signal",
                "Link the metric, log, event, trace or alert that shows it.",
                subject_ref="SC-1",
                subject_label="Scope · SC-1",
            )
        ]

    def test_passes_with_one(self, run, incident, responder, signal):
        make_scope(incident, actor=responder, evidence=[signal])
        assert run("SC002") == []


class TestSC003:
    def test_blocks_while_a_line_is_open(self, run, incident, responder):
        """R-SC-05, R-SC-08"""
        make_scope(incident, actor=responder)
        found = run("SC003")
        assert found == [
            Finding(
                "SC003",
                Level.ERROR,
                "“Card orders stayed without confirmation” is open with no closing "
                "signal",
                "Choose the original record that shows the effect has ended.",
                subject_ref="SC-1",
                subject_label="Scope · SC-1",
            )
        ]
        assert found[0].url == "/incidents/INC-1/scope/1/close/"
        assert not found[0].waivable

    def test_passes_when_closed(self, run, incident, responder, signal):
        make_scope(incident, actor=responder)
        claims.close_scope(
            incident_id=incident.pk,
            actor=responder,
            number=1,
            closing_evidence=signal,
        )
        assert run("SC003") == []


class TestSC004:
    @pytest.fixture
    def closed(self, incident, responder, signal):
        make_scope(incident, actor=responder)
        claims.close_scope(
            incident_id=incident.pk,
            actor=responder,
            number=1,
            closing_evidence=signal,
        )

    def test_finds_a_withdrawn_signal(self, run, incident, responder, closed):
        """R-SC-08"""
        retract_record(
            incident_id=incident.pk,
            actor=responder,
            model=Evidence,
            number=1,
            reason="wrong day",
            permission="evidence.add",
        )
        assert run("SC004") == [
            Finding(
                "SC004",
                Level.ERROR,
                "“Card orders stayed without confirmation” is closed by EV-1, which "
                "proves nothing now",
                "Reopen the line and close it by an original record.",
                subject_ref="SC-1",
                subject_label="Scope · SC-1",
            )
        ]

    def test_passes_while_it_holds(self, run, closed):
        assert run("SC004") == []


class TestSC005:
    @pytest.mark.parametrize(
        "text",
        ["The API was unavailable", "99.2 % uptime", "Latency rose, timeouts"],
    )
    def test_flags_a_scope_of_uptime_only(self, run, incident, responder, text):
        """R-SC-02"""
        make_scope(incident, actor=responder, consequence=text, who="")
        assert run("SC005") == [
            Finding(
                "SC005",
                Level.WARNING,
                f"“{text}” tells uptime, not what payments did",
                "Say which outcome failed or waited for the payer or the books.",
                subject_ref="SC-1",
                subject_label="Scope · SC-1",
            )
        ]

    @pytest.mark.parametrize(
        "text",
        [
            "The API was unavailable: card payments failed",
            "Payout batches waited for 5 hours",
            "Nobody could log in",
        ],
    )
    def test_passes_when_it_tells_the_outcome(self, run, incident, responder, text):
        make_scope(incident, actor=responder, consequence=text, who="")
        assert run("SC005") == []


class TestSC006:
    def test_names_the_question_left_out(self, run, incident, responder):
        """R-SC-03"""
        make_scope(incident, actor=responder, who="")
        assert run("SC006") == [
            Finding(
                "SC006",
                Level.WARNING,
                "“Card orders stayed without confirmation” does not say who was "
                "blocked or delayed",
                "“Nobody” and “nowhere” are answers too.",
                subject_ref="SC-1",
                subject_label="Scope · SC-1",
            )
        ]

    def test_passes_with_three_answers(self, run, incident, responder):
        make_scope(incident, actor=responder)
        assert run("SC006") == []


class TestSC012:
    def test_closing_needs_the_all_clear(self, run, incident):
        """R-RV-08"""
        assert run("SC012") == [
            Finding(
                "SC012",
                Level.ERROR,
                "The all-clear is not given",
                "Close both scope lines, wait out the sustain window, then give it.",
                subject_label="Overview",
            )
        ]

    def test_passes_when_given(self, run, incident, commander):
        put(incident_id=incident.pk, actor=commander, all_clear_at=NOW)
        assert run("SC012") == []


class TestSC016:
    def test_asks_what_customers_are_told(self, run, incident, responder):
        """R-SC-06"""
        make_scope(incident, actor=responder)
        make_scope(incident, actor=responder, audience="internal")
        assert run("SC016") == [
            Finding(
                "SC016",
                Level.WARNING,
                "“Card orders stayed without confirmation” does not say what customers "
                "are told",
                "Name the update, where it went and when the next one is due.",
                subject_ref="SC-1",
                subject_label="Scope · SC-1",
            )
        ]

    def test_passes_once_it_is_said_or_the_effect_is_over(
        self, run, incident, responder, signal
    ):
        make_scope(incident, actor=responder, communication="Status page, 14:20")
        over = make_scope(incident, actor=responder)
        claims.close_scope(
            incident_id=incident.pk,
            actor=responder,
            number=over.number,
            closing_evidence=signal,
        )
        assert run("SC016") == []


class TestSC017:
    GREEN = "Captures failed although availability stayed at 99.98 %"

    @pytest.fixture
    def small(self, commander):
        """A SEV4 that the dashboards did not show."""
        found = make_incident(actor=commander, severity="SEV4")
        make_impact(found, actor=commander)
        make_scope(found, actor=commander, consequence=self.GREEN)
        return found

    def test_forces_early_escalation(self, run, small):
        """R-SC-09"""
        found = run("SC017", small)
        assert found == [
            Finding(
                "SC017",
                Level.WARNING,
                "Payments were hurt while uptime stayed high (“availability stayed at "
                "99.98 %”): severity is SEV4; commander and a second role are not both "
                "named; no escalation runbook is linked",
                "Escalate early: severity, roles and procedure before the numbers turn "
                "red.",
                subject_label="Scope",
            )
        ]
        assert found[0].url.endswith("/severity/")

    @pytest.mark.parametrize(
        "words",
        [
            "99.99% uptime while captures failed",
            "All services stayed up; refunds were made twice",
            "Monitoring was green, payouts waited",
            "There was no downtime, yet orders got no confirmation",
            "Uptime was normal",
        ],
    )
    def test_reads_high_uptime_from_the_words(self, run, small, commander, words):
        claims.edit_scope(
            incident_id=small.pk, actor=commander, number=1, consequence=words
        )
        assert len(run("SC017", small)) == 1

    @pytest.mark.parametrize(
        "words",
        [
            "The API was down for an hour",
            "Availability fell to 61 %",
            "99 orders were available to merchants only later",
        ],
    )
    def test_passes_without_high_uptime(self, run, small, commander, words):
        claims.edit_scope(
            incident_id=small.pk, actor=commander, number=1, consequence=words
        )
        assert run("SC017", small) == []

    def test_passes_when_it_was_escalated(self, run, incident, commander, responder):
        """R-SC-09: severity, explicit roles and a procedure."""
        make_impact(incident, actor=commander)
        make_scope(incident, actor=commander, consequence=self.GREEN)
        people.set_duty(
            incident_id=incident.pk, actor=commander, user=responder, duty="scribe"
        )
        make_evidence(incident, actor=commander, kind="runbook_version")
        assert run("SC017") == []

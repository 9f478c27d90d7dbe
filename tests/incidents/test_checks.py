"""Each check of the case file: a case that fails it and one that passes."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile

from incidents import activity
from incidents.models import Evidence, Incident, LinkCheck, StoredFile
from incidents.services import (
    claims,
    evidence,
    integrity,
    lifecycle,
    people,
    redaction,
    unknowns,
)
from incidents.services.core import lock_incident, retract_record
from postmortem.lib import findings
from postmortem.lib.findings import Case, Finding, Gate, Level, run_checks
from postmortem.lib.persistence import save, service
from tests.conftest import NOW
from tests.factories import (
    make_evidence,
    make_figure,
    make_impact,
    make_incident,
    make_scope,
    make_unknown,
)


@pytest.fixture
def run(incident):
    """Findings of one check on the incident as it stands now."""

    def find(check_id, case=incident):
        fresh = Incident.objects.get(pk=case.pk)
        return run_checks(Case(fresh), only=lambda item: item.id == check_id)

    return find


@pytest.fixture
def signal(incident, responder):
    return make_evidence(incident, actor=responder)


@service
def put(*, incident_id, actor, **values):
    """Set fields of the incident as the review or the clock would."""
    incident = lock_incident(incident_id, actor=actor, permission="incident.view")
    for name, value in values.items():
        setattr(incident, name, value)
    save(incident, actor=actor)
    activity.record(incident, actor=actor, verb="test.put", sentence="put")


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


class TestSC007:
    def test_names_each_kind_not_stated(self, run, incident, responder):
        """R-SC-10, R-CK-03"""
        make_impact(incident, actor=responder)
        hint = "“No material change found” is an answer, with its evidence."
        assert run("SC007") == [
            Finding(
                "SC007",
                Level.ERROR,
                f"{kind} impact is not stated",
                hint,
                subject_label="Impact",
            )
            for kind in ("Operational", "Business")
        ]

    def test_passes_with_three(self, run, incident, responder):
        for kind in ("customer", "operational", "business"):
            make_impact(incident, actor=responder, kind=kind)
        assert run("SC007") == []


class TestSC008:
    def test_warns_about_a_statement_and_blocks_on_nothing_found(
        self, run, incident, responder
    ):
        """R-SC-10, R-SC-11, R-EV-05"""
        make_impact(incident, actor=responder)
        make_impact(
            incident,
            actor=responder,
            kind="business",
            statement="",
            no_material_change=True,
        )
        assert run("SC008") == [
            Finding(
                "SC008",
                Level.ERROR,
                "Business impact: “no material change found” has no evidence",
                "Link the record that was looked at.",
                subject_ref="IM-2",
                subject_label="Impact · IM-2",
            ),
            Finding(
                "SC008",
                Level.WARNING,
                "Customer impact has no evidence",
                "Link incident metrics, backlog counts, error samples or complaint "
                "volume.",
                subject_ref="IM-1",
                subject_label="Impact · IM-1",
            ),
        ]

    def test_passes_with_evidence(self, run, incident, responder, signal):
        make_impact(incident, actor=responder, evidence=[signal])
        assert run("SC008") == []


class TestSC009:
    def test_is_a_red_flag_when_manual_work_is_passed_over(
        self, run, incident, responder
    ):
        """R-SC-12, R-CK-03"""
        impact = make_impact(incident, actor=responder)
        make_figure(impact, actor=responder)
        assert run("SC009") == [
            Finding(
                "SC009",
                Level.ERROR,
                "Downstream effects and manual correction work are not addressed",
                "Say what was corrected by hand afterwards, or “none” with evidence.",
                subject_ref="IM-1",
                subject_label="Impact · IM-1",
            )
        ]

    def test_passes_when_it_is_told(self, run, incident, responder):
        make_impact(incident, actor=responder, downstream_work="41 manual retries")
        assert run("SC009") == []

    def test_only_warns_when_the_impact_tells_it(self, run, incident, responder):
        make_impact(
            incident,
            actor=responder,
            statement="41 payouts were re-issued from the second copy",
        )
        (only,) = run("SC009")
        assert (only.level, only.message) == (
            Level.WARNING,
            "Manual correction is told inside the impact, not as work of its own",
        )

    def test_passes_with_a_figure_of_it(self, run, incident, responder):
        impact = make_impact(incident, actor=responder)
        make_figure(impact, actor=responder, measure="manual_corrections")
        assert run("SC009") == []


class TestSC010:
    def test_asks_how_an_estimate_was_made(self, run, incident, responder):
        """R-MT-02"""
        impact = make_impact(incident, actor=responder)
        make_figure(impact, actor=responder, basis="estimate")
        assert run("SC010") == [
            Finding(
                "SC010",
                Level.WARNING,
                "Estimate “Orders without confirmation” has no method",
                "Say how the figure was worked out.",
                subject_ref="FG-1",
                subject_label="Impact · FG-1",
            )
        ]

    def test_asks_the_same_of_every_amount(self, run, incident, responder):
        """R-MT-02: an actual sum of money has a method too."""
        impact = make_impact(incident, actor=responder)
        make_figure(
            impact,
            actor=responder,
            measure="revenue",
            count=None,
            amount=Decimal("412860.20"),
            currency="EUR",
        )
        assert [f.message for f in run("SC010")] == [
            "Amount “Orders without confirmation” has no method"
        ]

    def test_passes_with_a_method(self, run, incident, responder):
        impact = make_impact(incident, actor=responder)
        make_figure(impact, actor=responder, basis="estimate", method="rate × time")
        assert run("SC010") == []


class TestSC011:
    def test_asks_where_it_was_counted(self, run, incident, responder):
        """R-MT-02, R-EV-05"""
        make_figure(make_impact(incident, actor=responder), actor=responder)
        assert run("SC011") == [
            Finding(
                "SC011",
                Level.WARNING,
                "Figure “Orders without confirmation” has no evidence",
                "Link the query, extract or report in which it stands.",
                subject_ref="FG-1",
                subject_label="Impact · FG-1",
            )
        ]

    def test_passes_with_evidence(self, run, incident, responder, signal):
        impact = make_impact(incident, actor=responder)
        make_figure(
            impact,
            actor=responder,
            count=None,
            amount=Decimal("1.50"),
            currency="EUR",
            evidence=[signal],
        )
        assert run("SC011") == []


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


class TestSC013:
    def test_waits_for_the_sustain_window_on_the_incident_clock(
        self, run, incident, commander
    ):
        """R-RV-07"""
        put(
            incident_id=incident.pk,
            actor=commander,
            stabilized_at=NOW - dt.timedelta(minutes=10),
            clock_zone="Europe/Berlin",
        )
        assert run("SC013") == [
            Finding(
                "SC013",
                Level.ERROR,
                "The sustain window of 30 min runs until 11:40",
                "Give the all-clear after it, if recovery holds.",
                subject_label="Overview",
            )
        ]

    def test_passes_after_it(self, run, incident, commander, clock):
        put(incident_id=incident.pk, actor=commander, stabilized_at=NOW)
        clock.shift(dt.timedelta(minutes=30))
        assert run("SC013") == []


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


class TestEV001:
    def test_names_what_nobody_can_open(self, run, incident, responder):
        """R-EV-07, R-EV-10"""
        make_evidence(incident, actor=responder, url="", description="Shift book")
        found = run("EV001")
        assert found == [
            Finding(
                "EV001",
                Level.WARNING,
                "“Order completion by minute” is only named; nobody can open it",
                "Attach the file or a durable link.",
                subject_ref="EV-1",
                subject_label="Evidence · EV-1",
            )
        ]
        assert found[0].url == "/incidents/INC-1/evidence/1/attach/"

    def test_passes_with_a_link(self, run, signal):
        assert run("EV001") == []


class TestEV002:
    def test_a_later_summary_never_stands_alone(self, run, incident, responder):
        """R-EV-04"""
        later = make_evidence(incident, actor=responder, is_original=False)
        make_impact(incident, actor=responder, evidence=[later])
        assert run("EV002") == [
            Finding(
                "EV002",
                Level.WARNING,
                "Customer impact rests on a later summary only (EV-1)",
                "Attach a record that was captured during the incident.",
                subject_ref="IM-1",
                subject_label="Evidence · IM-1",
            )
        ]

    def test_passes_beside_an_original(self, run, incident, responder, signal):
        later = make_evidence(incident, actor=responder, is_original=False)
        make_impact(incident, actor=responder, evidence=[later, signal])
        assert run("EV002") == []


class TestEV003:
    def test_asks_for_the_books_when_payouts_were_touched(self, run, incident):
        """R-EV-08"""
        assert run("EV003") == [
            Finding(
                "EV003",
                Level.WARNING,
                "Payout batches touched, but no operational record is paired with a "
                "finance record",
                "Pair, for example, the payout register with the bank's "
                "acknowledgement.",
                subject_label="Evidence",
            )
        ]

    def test_passes_with_a_pair(self, run, incident, responder, signal):
        books = make_evidence(incident, actor=responder, side="finance")
        evidence.pair_evidence(
            incident_id=incident.pk,
            actor=responder,
            number=signal.number,
            paired_with=books,
        )
        assert run("EV003") == []

    def test_names_each_record_without_the_other_side(
        self, run, incident, responder, signal
    ):
        """R-EV-08: once one pair is there, what is left is named one by one."""
        books = make_evidence(incident, actor=responder, side="finance")
        evidence.pair_evidence(
            incident_id=incident.pk,
            actor=responder,
            number=signal.number,
            paired_with=books,
        )
        make_evidence(incident, actor=responder, side="finance")
        register = make_evidence(incident, actor=responder)
        make_scope(
            incident,
            actor=responder,
            lane=incident.lanes.get(slug="payouts"),
            evidence=[register],
        )
        make_evidence(incident, actor=responder)

        assert [(f.subject_ref, f.message) for f in run("EV003")] == [
            (
                "EV-3",
                "EV-3 is a finance record without the operational record of the same "
                "matter",
            ),
            (
                "EV-4",
                "EV-4 is an operational record without the finance record of the same "
                "matter",
            ),
        ]

    def test_passes_when_no_money_moved(self, run, commander):
        other = make_incident(actor=commander, lanes=["checkout"])
        assert run("EV003", other) == []


class TestEV004:
    def test_names_the_claim_on_a_superseded_artifact(
        self, run, incident, responder, signal
    ):
        """R-EV-05"""
        make_scope(incident, actor=responder, evidence=[signal])
        better = make_evidence(incident, actor=responder)
        evidence.supersede_evidence(
            incident_id=incident.pk,
            actor=responder,
            number=signal.number,
            replacement=better,
            reason="whole day",
        )
        assert run("EV004") == [
            Finding(
                "EV004",
                Level.INFO,
                "Scope “Card orders stayed without confirmation” rests on EV-1, which "
                "was superseded",
                "Link the artifact that took its place.",
                subject_ref="SC-1",
                subject_label="Evidence · SC-1",
            )
        ]

    def test_passes_otherwise(self, run, incident, responder, signal):
        make_scope(incident, actor=responder, evidence=[signal])
        assert run("EV004") == []


class TestEV005:
    def test_lists_what_no_claim_cites(self, run, incident, responder, signal):
        """R-EV-05"""
        make_evidence(incident, actor=responder)
        assert run("EV005") == [
            Finding(
                "EV005",
                Level.INFO,
                "2 artifacts support no claim: EV-1, EV-2",
                "Link it to the entry, impact or cause that it shows.",
                subject_label="Evidence",
            )
        ]

    def test_passes_when_cited(self, run, incident, responder, signal):
        make_scope(incident, actor=responder, evidence=[signal])
        assert run("EV005") == []


class TestEV006:
    @pytest.fixture
    def row(self, incident, responder):
        return make_evidence(
            incident,
            actor=responder,
            upload=SimpleUploadedFile("ev6.csv", b"ev,6\n"),
        )

    def test_finds_a_file_that_the_store_has_lost(self, run, row):
        """R-EV-07"""
        default_storage.delete(StoredFile.objects.get(sha256=row.sha256).path)
        assert run("EV006") == [
            Finding(
                "EV006",
                Level.ERROR,
                "The file of EV-1 is not in the store",
                "Restore it from the backup; its SHA-256 tells which one it is.",
                subject_ref="EV-1",
                subject_label="Evidence · EV-1",
            )
        ]

    def test_names_an_altered_file_and_every_claim_that_cites_it(
        self, run, incident, responder, row
    ):
        """R-EV-09, R-EV-05"""
        make_scope(incident, actor=responder, evidence=[row])
        make_impact(incident, actor=responder)
        alter(row)

        integrity.check_file(row.sha256)

        assert [(f.subject_ref, f.message) for f in run("EV006")] == [
            ("EV-1", "The file of EV-1 was altered: its SHA-256 has changed"),
            (
                "SC-1",
                "SC-1 rests on EV-1, whose file was altered: its SHA-256 has changed",
            ),
        ]

    def test_passes_while_it_is_there(self, run, row):
        assert run("EV006") == []


def alter(row):
    """Other bytes of the same length under the same name."""
    path = Path(default_storage.path(StoredFile.objects.get(sha256=row.sha256).path))
    path.chmod(0o640)
    path.write_bytes(b"x" * row.size)


def cover(incident, **coverage):
    """What an imported public post-mortem says about its own sources."""
    Incident.objects.filter(pk=incident.pk).update(extra={"coverage": coverage})


class TestEV007:
    def test_names_what_was_left_out(self, run, incident):
        """R-EV-10"""
        cover(incident, basis="partial", not_encoded=["entries after 21:14"])
        assert run("EV007") == [
            Finding(
                "EV007",
                Level.INFO,
                "The source was read in part; left out: entries after 21:14",
                "Add what is missing, or keep in mind that a gap may lie in the "
                "reading.",
                subject_label="Evidence",
            )
        ]

    @pytest.mark.parametrize(
        "coverage", [{"basis": "full", "not_encoded": []}, {"not_encoded": "x"}, {}]
    )
    def test_passes_when_it_is_whole(self, run, incident, coverage):
        cover(incident, **coverage)
        assert run("EV007") == []


class TestEV008:
    def test_quotes_the_disagreement(self, run, incident):
        """R-EV-10, R-HY-03"""
        cover(
            incident,
            note="Read whole. the sources differ on the first window (24 or 27 "
            "minutes); left as they stand. Two faults are named.",
        )
        assert run("EV008") == [
            Finding(
                "EV008",
                Level.WARNING,
                "The sources differ on the first window (24 or 27 minutes)",
                "Link the original that settles it, or state it as a known unknown.",
                subject_label="Evidence",
            )
        ]

    @pytest.mark.parametrize("note", ["Read whole.", ["differ"], None])
    def test_passes_when_they_agree(self, run, incident, note):
        cover(incident, note=note)
        assert run("EV008") == []
        Incident.objects.filter(pk=incident.pk).update(extra={"coverage": "differ"})
        assert run("EV008") == []


class TestEV009:
    def test_names_a_broken_link(self, run, incident, signal):
        """R-EV-07"""
        LinkCheck.objects.create(
            evidence=signal,
            state="broken",
            http_status=404,
            words="Nothing is there any more (404).",
            checked_at=NOW,
        )
        assert run("EV009") == [
            Finding(
                "EV009",
                Level.WARNING,
                "The link of EV-1 is broken. Nothing is there any more (404).",
                "Attach the file itself, or supersede it by a link that answers.",
                subject_ref="EV-1",
                subject_label="Evidence · EV-1",
            )
        ]

    @pytest.mark.parametrize("state", ["ok", "unchecked"])
    def test_passes_while_it_answers_or_is_not_asked(self, run, signal, state):
        LinkCheck.objects.create(
            evidence=signal, state=state, words="…", checked_at=NOW
        )
        assert run("EV009") == []


class TestEV010:
    @pytest.mark.parametrize(
        ("kind", "words"),
        [
            ("timeline_notes", "Timeline notes"),
            ("log_query", "Logs"),
            ("metric", "Metrics snapshots"),
        ],
    )
    def test_asks_for_the_original_where_a_summary_stands_alone(
        self, run, incident, responder, kind, words
    ):
        """R-EV-01, R-EV-02, R-EV-03, R-EV-04"""
        Incident.objects.filter(pk=incident.pk).update(status="stabilized")
        make_evidence(incident, actor=responder, kind=kind, is_original=False)
        found = next(f for f in run("EV010") if f.level is Level.WARNING)
        assert found == Finding(
            "EV010",
            Level.WARNING,
            f"{words} are there only as later summary (EV-1)",
            "Add what was captured during the incident; keep the summary after it.",
            subject_label="Evidence",
        )

    def test_names_the_row_that_is_missing(self, run, incident, responder):
        """R-EV-02, R-EV-03"""
        Incident.objects.filter(pk=incident.pk).update(status="stabilized")
        make_evidence(incident, actor=responder, kind="metric")
        assert [(f.level, f.message) for f in run("EV010")] == [
            (Level.INFO, "No logs in the record to show what happened")
        ]

    def test_passes_with_originals_and_while_it_runs(self, run, incident, responder):
        """R-EV-01"""
        assert run("EV010") == []
        Incident.objects.filter(pk=incident.pk).update(status="stabilized")
        for kind in ("timeline_notes", "log_query", "metric"):
            make_evidence(incident, actor=responder, kind=kind)
        assert run("EV010") == []


class TestEV011:
    def test_waits_for_the_second_person(self, run, incident, responder, commander):
        """R-EV-09"""
        row = make_evidence(
            incident, actor=responder, upload=SimpleUploadedFile("e11.csv", b"e,11\n")
        )
        assert run("EV011") == []
        redaction.ask_redaction(
            incident_id=incident.pk,
            actor=commander,
            number=row.number,
            reason="Names of payers.",
        )
        assert run("EV011") == [
            Finding(
                "EV011",
                Level.WARNING,
                "The redaction of EV-1 waits for a second person",
                "Names of payers.",
                subject_ref="EV-1",
                subject_label="Evidence · EV-1",
            )
        ]


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


class TestSC018:
    def test_names_the_missing_parts(self, run, incident, responder, signal):
        """R-SC-11"""
        Incident.objects.filter(pk=incident.pk).update(status="stabilized")
        row = make_impact(incident, actor=responder, evidence=[signal])
        make_figure(row, actor=responder)
        assert run("SC018") == [
            Finding(
                "SC018",
                Level.INFO,
                "The impact evidence has no backlog counts, no customer error samples, "
                "no complaint volume",
                "Link what is available to the impact or its figures; accept this "
                "finding for what is not.",
                subject_label="Impact",
            )
        ]

    def test_passes_with_all_five(self, run, incident, responder, signal):
        """R-SC-11"""
        Incident.objects.filter(pk=incident.pk).update(status="stabilized")
        errors = make_evidence(incident, actor=responder, kind="sample")
        row = make_impact(incident, actor=responder, evidence=[signal, errors])
        for measure in ("backlog", "complaints", "failed_transactions"):
            make_figure(row, actor=responder, measure=measure)
        assert run("SC018") == []


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


def test_every_check_of_the_case_file_is_tested_here() -> None:
    mine = {
        item.id
        for item in findings.REGISTRY.values()
        if item.function.__module__.startswith("incidents.")
    }
    tested = {name.removeprefix("Test") for name in globals() if name[:4] == "Test"}
    assert mine == tested

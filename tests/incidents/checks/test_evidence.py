"""Checks of the artifacts."""

from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import DateTimeField, ForeignKey

from accounts.models import Role
from incidents import selectors
from incidents.models import Incident, LinkCheck, StoredFile
from incidents.services import evidence, integrity, redaction
from postmortem.lib.findings import Finding, Level
from tests.conftest import NOW, person
from tests.factories import make_evidence, make_impact, make_incident, make_scope


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

    def test_asks_for_a_masked_copy_of_what_was_redacted(
        self, run, incident, responder, commander
    ):
        """R-EV-09, R-EV-10"""
        upload = SimpleUploadedFile("payers.csv", b"payer,name\n")
        row = make_evidence(incident, actor=responder, url="", upload=upload)
        here = {"incident_id": incident.pk, "number": row.number}
        redaction.ask_redaction(**here, actor=commander, reason="Names of payers")
        second = person("dpo", "Dora Okoro", "Data protection", Role.COMPLIANCE)
        redaction.confirm_redaction(**here, actor=second)
        assert [(f.message, f.url) for f in run("EV001")] == [
            (
                "The content of “Order completion by minute” was redacted; nobody can "
                "open it",
                "/incidents/INC-1/evidence/add/",
            )
        ]

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
                "SC-1 rests on EV-1, which was superseded by EV-2",
                "Link the artifact that took its place.",
                subject_ref="SC-1",
                subject_label="Evidence · SC-1",
            )
        ]

    @pytest.mark.parametrize("model", selectors.link_models())
    def test_looks_at_every_kind_of_claim(self, run, incident, responder, model):
        """R-EV-05"""
        claim = bare(model._meta.get_field("claim").related_model, incident)
        old, better = (make_evidence(incident, actor=responder) for _ in range(2))
        link = {"incident": incident, "claim": claim}
        model.objects.create(evidence=old, **link)
        assert run("EV004") == []
        evidence.supersede_evidence(
            incident_id=incident.pk,
            actor=responder,
            number=old.number,
            replacement=better,
            reason="whole day",
        )
        assert [(f.subject_ref, f.url) for f in run("EV004")] == [
            (claim.ref, claim.get_absolute_url())
        ]
        model.objects.create(evidence=better, **link)
        assert run("EV004") == []

    def test_passes_otherwise(self, run, incident, responder, signal):
        make_scope(incident, actor=responder, evidence=[signal])
        assert run("EV004") == []


def bare(model, incident):
    """A row of any kind with nothing in it but what it cannot be without."""
    needs = {
        field.name: bare(field.related_model, incident)
        if isinstance(field, ForeignKey)
        else NOW
        for field in model._meta.concrete_fields
        if isinstance(field, ForeignKey | DateTimeField)
        and not (field.null or field.has_default() or field.name == "incident")
    }
    return model.objects.create(incident=incident, number=77, **needs)


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

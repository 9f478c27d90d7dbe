"""Redaction by two people, and the stored bytes that are hashed again."""

import io
from pathlib import Path

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command

from accounts.models import Role
from incidents import activity, selectors, tasks
from incidents.models import (
    ActivityEntry,
    Evidence,
    FindingSnapshot,
    Incident,
    StoredFile,
)
from incidents.services import custody, integrity, redaction
from incidents.services.verification import verify_incident
from postmortem.lib.errors import InvalidTransition
from postmortem.lib.record import build_record
from tests.conftest import NOW, person
from tests.factories import make_evidence, make_incident, make_scope

BYTES = b"payer,iban\nEva,DE89 3704\n"


def upload(name="payers.csv", content=BYTES):
    return SimpleUploadedFile(name, content)


@pytest.fixture
def compliance(db):
    return person("co", "Cora Op", "Compliance", Role.COMPLIANCE)


@pytest.fixture
def row(incident, responder):
    return make_evidence(incident, actor=responder, upload=upload())


@pytest.fixture
def ask(incident, commander, row):
    def run(**fields):
        return redaction.ask_redaction(
            incident_id=incident.pk,
            actor=fields.pop("actor", commander),
            number=row.number,
            reason=fields.pop("reason", "Bank details of a payer."),
        )

    return run


@pytest.fixture
def confirm(incident, compliance, row, django_capture_on_commit_callbacks):
    def run(actor=compliance):
        with django_capture_on_commit_callbacks(execute=True):
            return redaction.confirm_redaction(
                incident_id=incident.pk, actor=actor, number=row.number
            )

    return run


def stored_path(row):
    return Path(default_storage.path(StoredFile.objects.get(sha256=row.sha256).path))


@pytest.mark.parametrize(
    ("fields", "proves"),
    [
        ({}, True),
        ({"redacted_at": NOW, "url": ""}, False),
        ({"redacted_at": NOW, "url": "https://a.example/1"}, True),
        ({"sha256": "", "url": ""}, False),
        ({"is_original": False}, False),
        ({"retracted_at": NOW}, False),
    ],
)
def test_what_proves_is_the_same_in_sql(row, fields, proves):
    """R-EV-04"""
    Evidence.objects.filter(pk=row.pk).update(**fields)
    row.refresh_from_db()

    assert row.proves is proves
    assert Evidence.objects.filter(Evidence.proof()).exists() is proves


class TestAskRedaction:
    def test_locks_the_content_for_all_but_those_who_may_redact(
        self, ask, row, responder, compliance
    ):
        """R-EV-09"""
        asked = ask()
        with pytest.raises(PermissionDenied):
            custody.open_evidence_file(asked, actor=responder)
        custody.open_evidence_file(asked, actor=compliance).handle.close()
        assert stored_path(row).exists()

    @pytest.mark.parametrize("reason", ["", "  "])
    def test_needs_its_reason(self, ask, reason):
        with pytest.raises(ValidationError):
            ask(reason=reason)

    def test_is_refused_to_the_wrong_role(self, ask, responder):
        with pytest.raises(PermissionDenied):
            ask(actor=responder)

    def test_is_asked_once_and_only_of_stored_content(
        self, ask, incident, commander, responder
    ):
        ask()
        link = make_evidence(incident, actor=responder)
        with pytest.raises(InvalidTransition):
            ask()
        with pytest.raises(InvalidTransition):
            redaction.ask_redaction(
                incident_id=incident.pk,
                actor=commander,
                number=link.number,
                reason="x",
            )


class TestConfirmRedaction:
    def test_deletes_the_bytes_and_keeps_hash_claims_and_custody(
        self, ask, confirm, row, incident, responder, compliance
    ):
        """R-EV-09: content goes, everything that was said about it stays."""
        claim = make_scope(incident, actor=responder, evidence=[row])
        path = stored_path(row)
        ask()

        gone = confirm()

        assert not path.exists()
        assert (gone.sha256, gone.filename) == (row.sha256, "payers.csv")
        assert (gone.is_redacted, gone.redacted_by) == (True, compliance)
        told = [entry.sentence for entry in selectors.custody(incident, gone)]
        assert told[0] == "redacted EV-1; asked for by IC on call"
        assert [use.ref for use in selectors.evidence_use(incident)[row.pk]] == [
            claim.ref
        ]
        with pytest.raises(custody.FileMissing, match="was redacted"):
            custody.open_evidence_file(gone, actor=compliance)

    def test_passes_verification(self, ask, confirm, incident, commander):
        """R-EV-09: nothing was altered, and no file is missed."""
        ask()
        confirm()
        incident.refresh_from_db()
        seen = verify_incident(
            incident_id=incident.pk, actor=commander, with_files=True
        )
        assert seen.breaches == []
        assert activity.verify(incident) == []
        assert selectors.lost_files(incident) == []
        said = io.StringIO()
        call_command("verify", incident.key, stdout=said)
        assert "intact" in said.getvalue()
        assert "EV-1 redacted, its hash stays" in said.getvalue()

    def test_changes_nothing_of_the_record(self, ask, confirm, incident):
        """Approvals and seals that are bound to the record still hold."""
        before = build_record(incident)
        ask()
        confirm()
        assert build_record(Incident.objects.get(pk=incident.pk)) == before

    def test_takes_two_people(self, ask, confirm, commander, administrator):
        """R-EV-09: not the same person, not by a second account either."""
        ask()
        with pytest.raises(ValidationError) as caught:
            confirm(actor=commander)
        assert caught.value.code == "two_people"
        administrator.person_id = commander.person_id
        administrator.save()
        with pytest.raises(ValidationError):
            confirm(actor=administrator)

    def test_is_refused_before_it_was_asked_for_and_a_second_time(self, ask, confirm):
        with pytest.raises(InvalidTransition):
            confirm()
        ask()
        confirm()
        with pytest.raises(InvalidTransition):
            confirm()

    def test_takes_every_artifact_of_the_incident_that_holds_the_same_bytes(
        self, ask, confirm, incident, responder
    ):
        make_evidence(incident, actor=responder, upload=upload("again.csv"))
        ask()
        confirm()
        assert [e.is_redacted for e in Evidence.objects.filter(incident=incident)] == [
            True,
            True,
        ]

    def test_leaves_the_bytes_that_another_incident_keeps(
        self, ask, confirm, row, commander
    ):
        elsewhere = make_evidence(
            make_incident(actor=commander), actor=commander, upload=upload()
        )
        ask()
        confirm()
        assert stored_path(row).read_bytes() == BYTES
        custody.open_evidence_file(elsewhere, actor=commander).handle.close()
        entry = ActivityEntry.objects.get(verb="incidents.evidence_redacted")
        assert "another incident keeps the same bytes" in entry.sentence

    def test_works_on_a_closed_record(self, ask, confirm, incident):
        Incident.objects.filter(pk=incident.pk).update(status="closed")
        ask()
        assert confirm().is_redacted


class TestAfterRedaction:
    def test_the_same_bytes_do_not_come_back_to_the_incident(
        self, ask, confirm, incident, responder
    ):
        ask()
        confirm()
        with pytest.raises(ValidationError) as caught:
            make_evidence(incident, actor=responder, upload=upload("new.csv"))
        assert caught.value.error_dict["upload"][0].code == "redacted"

    def test_another_incident_may_store_them_anew(self, ask, confirm, commander):
        ask()
        confirm()
        other = make_evidence(
            make_incident(actor=commander), actor=commander, upload=upload()
        )
        tasks.sweep_files()
        opened = custody.open_evidence_file(other, actor=commander)
        with opened.handle as handle:
            assert handle.read() == BYTES

    def test_what_a_crash_left_is_deleted_by_the_sweep(self, incident, row):
        StoredFile.objects.filter(sha256=row.sha256).update(removed_at=row.recorded_at)
        Evidence.objects.filter(pk=row.pk).update(redacted_at=row.recorded_at)
        path = stored_path(row)
        tasks.sweep_files()
        tasks.sweep_files()
        assert not path.exists()

    def test_a_dropped_one_opens_again(self, ask, incident, commander, responder, row):
        ask()
        kept = redaction.drop_redaction(
            incident_id=incident.pk,
            actor=commander,
            number=row.number,
            reason="The account is a test account.",
        )
        custody.open_evidence_file(kept, actor=responder).handle.close()
        assert kept.redaction_asked_at is None


class TestCheckFile:
    def alter(self, row):
        path = stored_path(row)
        path.chmod(0o640)
        path.write_bytes(b"x" * row.size)

    def test_finds_other_bytes_of_the_same_length(self, incident, row):
        """R-EV-09"""
        self.alter(row)
        tasks.sweep_files()
        stored = StoredFile.objects.get(sha256=row.sha256)
        assert stored.problem == "was altered: its SHA-256 has changed"
        findings = FindingSnapshot.objects.get(incident=incident).findings
        assert [f["subject_ref"] for f in findings if f["id"] == "EV006"] == ["EV-1"]
        latest = ActivityEntry.objects.latest("sequence")
        assert latest.actor_label == "Postmortem"
        assert latest.sentence.startswith("found that the file of EV-1 was altered")

    def test_tells_it_once_and_again_when_it_is_whole(self, incident, row):
        self.alter(row)
        for _ in range(2):
            integrity.check_file(row.sha256)
        stored_path(row).write_bytes(BYTES)
        integrity.check_file(row.sha256)
        told = [e.sentence for e in selectors.custody(incident, row)]
        assert told[:2] == [
            "found the file of EV-1 whole again",
            "found that the file of EV-1 was altered: its SHA-256 has changed",
        ]
        assert len(told) == 3
        incident.refresh_from_db()
        assert activity.verify(incident) == []

    @pytest.mark.parametrize(
        ("harm", "words"),
        [
            (lambda path: path.unlink(), "is not in the store"),
            (
                lambda path: path.write_bytes(b"x"),
                f"has 1 bytes in the store, not {len(BYTES)}",
            ),
        ],
    )
    def test_names_what_is_wrong(self, row, harm, words):
        path = stored_path(row)
        path.chmod(0o640)
        harm(path)
        assert integrity.check_file(row.sha256) == words

    def test_hashes_a_file_once_a_day(self, row):
        assert integrity.sweep_files() == 1
        assert integrity.sweep_files() == 0

    def test_leaves_an_unknown_hash_alone(self, db):
        assert integrity.check_file("0" * 64) == ""

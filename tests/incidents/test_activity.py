"""`verify` finds what was altered past the services."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection

from incidents import activity
from incidents.models import ActivityEntry, Incident, StoredFile
from incidents.services import claims, lifecycle
from tests.factories import make_evidence, make_scope


@pytest.fixture
def case(incident, responder):
    """Four activities: declared, evidence, scope, edited."""
    signal = make_evidence(incident, actor=responder)
    make_scope(incident, actor=responder, evidence=[signal])
    lifecycle.edit_incident(
        incident_id=incident.pk, actor=responder, title="Webhooks stalled"
    )
    return Incident.objects.get(pk=incident.pk)


@pytest.fixture
def sql():
    """Raw SQL, as somebody with the database in hands; the trigger is dropped first."""
    if connection.vendor != "sqlite":
        pytest.skip("written for SQLite")

    def run(statement, *values):
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER IF EXISTS incidents_activity_no_change")
            cursor.execute(statement, values)

    return run


def places(incident):
    fresh = Incident.objects.get(pk=incident.pk)
    return [f"{b.place}: {b.message}" for b in activity.verify(fresh)]


class TestRecord:
    @pytest.mark.parametrize(
        ("reason", "code"),
        [
            ("4539 1488 0343 6467", "card_number"),
            ("sk_" + "live_" + "a" * 24, "secret"),
            ("a\x00b", "control_characters"),
            ("x" * 10_001, "max_length"),
        ],
    )
    def test_refuses_a_reason_that_may_not_be_kept(
        self, incident, commander, reason, code
    ):
        """Whatever verb it belongs to: the chain is never edited."""
        before = incident.activity_count
        with pytest.raises(ValidationError) as caught:
            lifecycle.change_severity(
                incident_id=incident.pk, actor=commander, severity="SEV1", reason=reason
            )
        [fault] = caught.value.error_dict["reason"]
        assert fault.code == code
        incident.refresh_from_db()
        assert (incident.severity, incident.activity_count) == ("SEV2", before)


class TestVerify:
    """Tamper-evident: an edit, a deletion, a reordering and a cut tail (R-EV-09)."""

    def test_of_an_untouched_case_finds_nothing(self, case):
        """R-EV-09"""
        assert case.activity_count == 4
        assert places(case) == []

    @pytest.mark.parametrize(
        ("column", "value"),
        [
            ("sentence", "declared something else"),
            ("reason", "added later"),
            ("verb", "x.y"),
            ("at", "2026-03-17 09:00:00"),
            ("actor_person", "0" * 32),
            ("data", json.dumps({"severity": "SEV5"})),
            ("subject_ref", "SC-9"),
        ],
    )
    def test_finds_an_edited_entry(self, case, sql, column, value):
        """R-EV-09"""
        sql(
            f"UPDATE incidents_activityentry SET {column} = %s WHERE sequence = 2",  # noqa: S608
            value,
        )
        assert places(case) == ["activity 2: was edited after it was written"]

    def test_leaves_the_label_free(self, case, sql):
        """Decision 8: a redacted label breaks nothing."""
        sql("UPDATE incidents_activityentry SET actor_label = 'redacted'")
        assert places(case) == []

    def test_finds_another_label(self, case, sql):
        sql("UPDATE incidents_activityentry SET actor_label = 'Somebody else'")
        assert places(case)[0] == "activity 1: names its person otherwise"

    def test_finds_a_deed_put_on_another_account(self, case, sql, viewer):
        """R-EV-09"""
        sql("UPDATE incidents_activityentry SET actor_id = %s", viewer.pk)
        assert places(case)[0] == "activity 1: names another person than wrote it"

    def test_finds_an_edit_with_a_recomputed_hash(self, case, sql):
        entry = ActivityEntry.objects.get(incident=case, sequence=2)
        entry.sentence = "declared something else"
        sql(
            "UPDATE incidents_activityentry SET sentence = %s, hash = %s "
            "WHERE sequence = 2",
            entry.sentence,
            activity.entry_hash(entry),
        )
        assert places(case) == ["activity 3: does not follow the entry before it"]

    def test_finds_a_deleted_entry(self, case, sql):
        """R-EV-09"""
        sql("DELETE FROM incidents_activityentry WHERE sequence = 2")
        found = places(case)
        assert "activity 3: entry 2 is missing or out of order" in found
        assert "activity 3: does not follow the entry before it" in found

    def test_finds_reordered_entries(self, case, sql):
        """R-EV-09"""
        for old, new in ((2, 99), (3, 2), (99, 3)):
            sql(
                "UPDATE incidents_activityentry SET sequence = %s WHERE sequence = %s",
                new,
                old,
            )
        found = places(case)
        assert "activity 2: does not follow the entry before it" in found
        assert "activity 2: was edited after it was written" in found

    def test_finds_a_cut_tail(self, case, sql):
        """R-EV-09"""
        sql("DELETE FROM incidents_activityentry WHERE sequence = 4")
        assert any("the tail was cut or rewritten" in line for line in places(case))

    def test_finds_a_row_edited_past_the_services(self, case, sql):
        """R-TL-11"""
        sql("UPDATE incidents_scopestatement SET who = 'nobody'")
        assert places(case) == [
            "incidents.ScopeStatement 1: who differs from its last history row"
        ]

    def test_finds_an_edited_history_row(self, case, sql):
        sql("UPDATE incidents_historicalscopestatement SET who = 'nobody'")
        found = places(case)
        assert any("history 1: was edited after it was written" in x for x in found)

    def test_finds_a_deleted_history_row(self, case, sql):
        sql("DELETE FROM incidents_historicalscopestatement")
        found = places(case)
        assert "incidents.ScopeStatement, history 1: was deleted" in found

    def test_finds_a_deleted_row(self, case, sql):
        sql("DELETE FROM incidents_scopeevidence")
        assert places(case) == ["incidents.ScopeEvidence 1: was deleted"]

    def test_finds_a_row_written_past_the_services(self, case):
        lane = case.lanes.first()
        lane.name = "Somewhere else"
        lane.save()
        assert any("was written past the services" in line for line in places(case))


class TestAppendOnly:
    def test_querysets_refuse_update_and_delete(self, case):
        with pytest.raises(RuntimeError):
            ActivityEntry.objects.update(sentence="x")
        with pytest.raises(RuntimeError):
            ActivityEntry.objects.all().delete()

    def test_a_history_row_without_an_activity_fails_the_write(
        self, incident, responder, monkeypatch
    ):
        monkeypatch.setattr(claims.activity, "record", lambda *a, **k: None)
        with pytest.raises(RuntimeError, match="without an activity entry"):
            make_scope(incident, actor=responder)


class TestVerifyCommand:
    def run(self, *args):
        out = StringIO()
        try:
            call_command("verify", *args, stdout=out)
        except SystemExit as stopped:
            return stopped.code, out.getvalue()
        return 0, out.getvalue()

    def test_of_an_intact_case_exits_0(self, case):
        assert self.run("INC-1") == (0, "INC-1: intact up to entry 4\n")
        assert self.run("--all")[0] == 0

    def test_lists_every_breach_and_exits_1(self, case, sql):
        """R-EV-09"""
        sql("UPDATE incidents_scopestatement SET who = 'nobody'")
        code, text = self.run("INC-1")
        assert code == 1
        assert "who differs from its last history row" in text

    def test_finds_an_altered_file(self, incident, responder):
        """R-EV-09"""
        row = make_evidence(
            incident, actor=responder, upload=SimpleUploadedFile("v.csv", b"v,1\n")
        )
        path = Path(
            default_storage.path(StoredFile.objects.get(sha256=row.sha256).path)
        )
        path.chmod(0o600)
        path.write_bytes(b"v,2\n")
        try:
            code, text = self.run("INC-1")
        finally:
            path.unlink()
        assert code == 1
        assert "EV-1: the file was altered: its SHA-256 has changed" in text

    def test_says_what_to_write(self, db):
        for args in (("INC-77",), ("nonsense",), ()):
            with pytest.raises(CommandError) as told:
                self.run(*args)
            assert told.value.returncode == 2  # 1 is a breach

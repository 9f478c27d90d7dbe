"""The case format: out, in, out again; bad files; what an import does not grant."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from incidents import activity
from incidents.management.commands.convert_case import convert
from incidents.models import Incident
from incidents.selectors import custody, findings
from incidents.services.cases import (
    case_bytes,
    case_schema,
    check_case,
    export_case,
    import_case,
    read_case,
)
from postmortem.lib.canonical import canonical_bytes, digest
from postmortem.lib.record import MalformedCase
from tests.factories import make_evidence

CASES = sorted((Path(__file__).parent.parent / "cases").glob("*.yaml"))
DEMO = sorted((Path(__file__).parents[2] / "demo").glob("*.json"))

MINIMAL = {
    "format": "postmortem-case",
    "record": {"schema": 1, "incident": {"title": "Gateway down", "severity": "SEV1"}},
}


def case(**sections: object) -> dict:
    """A minimal case with these sections."""
    made = copy.deepcopy(MINIMAL)
    made["record"].update(sections)
    return made


def faults(data: object) -> dict[str, str]:
    """The faults of a refused file: JSON path to reason."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    with pytest.raises(MalformedCase) as caught:
        read_case(raw)
    return {fault.path: fault.reason for fault in caught.value.faults}


def forget_everything() -> None:
    """Empty the tables as a new installation has them."""
    call_command("flush", interactive=False, verbosity=0)


class TestConvertedPublicCases:
    @pytest.mark.embedded
    @pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
    def test_import_and_verify(self, path: Path, commander: User) -> None:
        """Real post-mortems come in whole and the chain holds."""
        converted = convert(path.read_text())
        imported = import_case(
            actor=commander, case=read_case(canonical_bytes(converted))
        )

        record = export_case(imported)["record"]
        assert len(record["entries"]) >= len(converted["record"]["entries"]) > 10
        assert imported.status == "in_review"
        assert activity.verify(Incident.objects.get(pk=imported.pk)) == []

    def test_keep_what_the_source_does_not_say_as_not_stated(
        self, commander: User
    ) -> None:
        """R-EV-10, R-HY-03: no owner, no midnight, no smoothed contradiction."""
        square = next(path for path in CASES if path.stem.startswith("square"))
        imported = import_case(actor=commander, case=convert(square.read_text()))
        record = export_case(imported)["record"]

        undated = [e for e in record["entries"] if e["at_text"] == "before 20:41"]
        assert [e["occurred_at"] for e in undated] == [None]
        assert [item["kind"] for item in record["impact"]] == [
            "customer",
            "operational",
        ]
        assert record["actions"][0]["owner"] is None

    def test_a_bare_day_is_a_day_and_not_midnight(self, commander: User) -> None:
        stripe = next(path for path in CASES if path.stem.startswith("stripe"))
        entries = convert(stripe.read_text())["record"]["entries"]
        day = next(e for e in entries if e["at_text"] == "2019-07-12")
        assert day["precision"] == "day"
        assert (day["occurred_at"], day["occurred_until"]) == (
            "2019-07-12T00:00:00Z",
            "2019-07-12T23:59:59Z",
        )

    def test_messages_of_the_timeline_are_not_told_twice(self) -> None:
        stripe = next(path for path in CASES if path.stem.startswith("stripe"))
        entries = convert(stripe.read_text())["record"]["entries"]
        words = [e["at_text"] for e in entries if e["kind"] == "comms"]
        assert len([w for w in words if w and "2:19 pm" in w]) == 1

    def test_the_same_words_name_the_same_artifact(self) -> None:
        """R-EV-05: no second artifact of a document that is cited already."""
        gitlab = next(path for path in CASES if path.stem.startswith("gitlab"))
        evidence = convert(gitlab.read_text())["record"]["evidence"]
        titles = [row["title"] for row in evidence]
        assert titles.count("post-mortem of 10 February") == 1


class TestRoundTrip:
    @pytest.mark.parametrize("path", [*CASES, *DEMO], ids=lambda path: path.stem)
    @pytest.mark.django_db(transaction=True)
    def test_export_import_into_an_empty_database_export_gives_the_same_hash(
        self, path: Path, commander: User
    ) -> None:
        text = path.read_text()
        written = convert(text) if path in CASES else check_case(json.loads(text))
        first = export_case(import_case(actor=commander, case=written))
        data = canonical_bytes(first)

        forget_everything()
        other = User.objects.create_superuser("root@pay.example", "pw", name="Root")
        second = export_case(import_case(actor=other, case=read_case(data)))

        assert second["content_hash"] == first["content_hash"]
        assert canonical_bytes(second["record"]) == canonical_bytes(first["record"])
        assert digest(second["record"]) == first["content_hash"]

    def test_the_number_is_not_part_of_the_hash(
        self, incident: Incident, commander: User
    ) -> None:
        before = export_case(incident)["content_hash"]
        Incident.objects.filter(pk=incident.pk).update(number=77)
        incident.refresh_from_db()
        assert export_case(incident)["content_hash"] == before


class TestImportGrantsNothing:
    def test_a_closed_case_lands_in_review_with_its_approvals_attested(
        self, commander: User
    ) -> None:
        """Decision 4, R-AP-01"""
        closed = case() | {"status": "closed", "attested": {"approvals": ["CFO"]}}
        incident = import_case(actor=commander, case=closed)
        assert incident.status == "in_review"
        assert incident.attested == {"approvals": ["CFO"], "status": "closed"}

    def test_a_waiver_given_elsewhere_does_not_hold_here(self, commander: User) -> None:
        """Decision 4: two signatures in a file are not two people here."""
        bare = import_case(actor=commander, case=case())
        blocking = next(f for f in findings(bare) if f.is_blocking)
        waiver = {
            "check_id": blocking.id,
            "finding_key": blocking.key,
            "finding_message": blocking.message,
            "level": "error",
            "reason": "forged",
            "recorded_by": "em@pay.example",
            "seconded_by": "fd@pay.example",
            "seconded_at": "2026-03-17T10:00:00Z",
        }
        imported = import_case(actor=commander, case=case(waivers=[waiver]))

        same = next(f for f in findings(imported) if f.key == blocking.key)
        assert same.is_blocking
        row = imported.waivers.get()
        assert row.seconded_at
        assert not row.is_in_force(timezone.now())

    def test_a_taken_number_gets_a_new_one_and_keeps_the_old(
        self, incident: Incident, commander: User
    ) -> None:
        imported = import_case(actor=commander, case=case() | {"ref": incident.key})
        assert imported.key == "INC-2"
        assert imported.source_ref == incident.key

    def test_the_same_case_twice_is_refused(self, commander: User) -> None:
        made = case()
        made["record"]["incident"]["uuid"] = "170a4cc3-881f-4710-89b9-b75472059b45"
        import_case(actor=commander, case=made)
        with pytest.raises(ValidationError, match="imported already, as INC-1"):
            import_case(actor=commander, case=made)
        assert Incident.objects.count() == 1

    def test_unknown_people_become_inactive(self, commander: User) -> None:
        made = case(
            known_unknowns=[{"question": "What moved?", "owner": "Platform lead"}]
        )
        import_case(actor=commander, case=made)
        user = User.objects.get(handle="Platform lead")
        assert (user.is_active, user.email) == (False, None)

    def test_a_viewer_may_not_import(self, viewer: User) -> None:
        with pytest.raises(PermissionDenied):
            import_case(actor=viewer, case=case())

    def test_unknown_keys_are_kept(self, commander: User) -> None:
        made = case(lanes=[{"slug": "fx", "name": "FX", "desk": "London"}])
        record = export_case(import_case(actor=commander, case=made))["record"]
        assert record["lanes"][0]["extra"] == {"desk": "London"}


class TestMalformed:
    def test_all_faults_are_told_at_once_with_their_paths(self) -> None:
        made = case(
            evidence=[{"kind": "nonsense", "title": "x"}],
            figures=[
                {"impact": "IM-1", "measure": "cost", "label": "x", "amount": "1e5"}
            ],
            entries=[{"kind": "signal", "occurred_at": 5}],
        )
        made["record"]["incident"].pop("severity")
        found = faults(made)
        assert sorted(found) == [
            "$.record.entries[0].occurred_at",
            "$.record.evidence[0].kind",
            "$.record.figures[0].amount",
            "$.record.figures[0].impact",
            "$.record.incident",
        ]
        assert "severity" in found["$.record.incident"]

    @pytest.mark.django_db
    def test_shape_incident_and_rows_are_judged_in_one_round(self) -> None:
        """What has a wrong shape hides nothing of the rest."""
        made = case(
            lanes=["checkout", {"slug": "fx"}],
            impact=[{"kind": "customer", "statement": "Cards were refused"}],
            evidence=[{"kind": "nonsense", "title": ""}],
            figures=[
                {"impact": "IM-9", "measure": "cost", "label": "Fee", "amount": "1.00"}
            ],
            entries=[{"kind": "signal", "occurred_at": "2026-03-10T14:00"}, {}],
            milestones=[{"kind": "declared", "entry": "TL-77"}],
            review="held",
        )
        made["record"]["incident"] = {"clock_zone": "Mars/Olympus", "severity": "SEV1"}
        made["status"] = "open"
        assert sorted(faults(made)) == [
            "$.record.entries[0].occurred_at",
            "$.record.entries[1]",
            "$.record.evidence[0].kind",
            "$.record.evidence[0].title",
            "$.record.figures[0].currency",
            "$.record.figures[0].impact",
            "$.record.incident.clock_zone",
            "$.record.incident.title",
            "$.record.lanes[0]",
            "$.record.lanes[1].name",
            "$.record.milestones[0].entry",
            "$.record.review",
            "$.status",
        ]

    @pytest.mark.django_db
    def test_more_faults_than_anybody_reads_are_counted(self) -> None:
        with pytest.raises(MalformedCase) as caught:
            check_case(case(entries=[{"kind": "gossip"}] * 250))
        first = [f"$.record.entries[{n}].kind" for n in range(200)]
        assert [fault.path for fault in caught.value.faults] == [*first, "$"]
        assert caught.value.faults[-1].reason == "And 50 more."
        assert caught.value.count == 250

    @pytest.mark.django_db
    def test_the_incident_hides_no_row(self, commander: User) -> None:
        made = case(milestones=[{"kind": "declared", "entry": "TL-9"}])
        made["record"]["incident"]["clock_zone"] = "Mars/Olympus"
        with pytest.raises(MalformedCase) as caught:
            import_case(actor=commander, case=made)
        assert [fault.path for fault in caught.value.faults] == [
            "$.record.incident.clock_zone",
            "$.record.milestones[0].entry",
        ]
        assert not Incident.objects.exists()

    @pytest.mark.parametrize("wrong", [5, "nonsense", None, [], {}, [[]], True])
    @pytest.mark.django_db
    def test_any_value_of_a_wrong_shape_is_a_fault_and_no_accident(
        self, wrong: object
    ) -> None:
        demo = Path(__file__).parents[2] / "demo" / "payout-twice.json"
        good = json.loads(demo.read_text())
        for name, section in good["record"].items():
            rows = section if isinstance(section, list) else [section]
            for key in {key for row in rows if isinstance(row, dict) for key in row}:
                made = copy.deepcopy(good)
                held = made["record"][name]
                for row in held if isinstance(held, list) else [held]:
                    if key in row:
                        row[key] = wrong
                with suppress(MalformedCase):
                    check_case(made)
            made = copy.deepcopy(good)
            made["record"][name] = wrong
            with suppress(MalformedCase):
                check_case(made)

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "Not JSON"),
            (b"\xff\xfe{}", "not UTF-8"),
            (b'{"format": 1.5}', "decimal number"),
            (b'{"a": 1, "a": 2}', "stands twice"),
            (b'{"a": NaN}', "decimal number"),
            (b"[" * 100_000, "nested too deeply"),
            (b"[]", "not of type object"),
            (b'{"format": "postmortem-case", "record": {"a": "\\u0000"}}', "NUL"),
        ],
    )
    def test_a_file_that_is_no_case_is_refused_in_a_sentence(
        self, data: bytes, reason: str
    ) -> None:
        assert any(reason in text for text in faults(data).values())

    @pytest.mark.parametrize(
        ("section", "rows", "path", "reason"),
        [
            (
                "figures",
                [
                    {
                        "impact": "IM-1",
                        "measure": "cost",
                        "label": "Fees",
                        "amount": "12.00",
                    }
                ],
                "$.record.figures[0].currency",
                "needs its currency",
            ),
            (
                "milestones",
                [{"kind": "declared", "entry": "TL-9"}],
                "$.record.milestones[0].entry",
                "There is no TL-9 in this file.",
            ),
            (
                "entries",
                [{"kind": "signal", "occurred_at": "2026-03-10T14:05:00"}],
                "$.record.entries[0].occurred_at",
                "has no offset",
            ),
            (
                "lanes",
                [{"ref": "LN-1", "slug": "a", "name": "A"}] * 2,
                "$.record.lanes[1].ref",
                "stands twice",
            ),
        ],
    )
    def test_what_the_schema_cannot_see_is_told_too_and_nothing_stays(
        self, commander: User, section: str, rows: list, path: str, reason: str
    ) -> None:
        made = case(**{section: rows})
        made["record"].setdefault("impact", [{"kind": "customer", "statement": "x"}])
        with pytest.raises(MalformedCase) as caught:
            import_case(actor=commander, case=made)
        told = {f.path: f.reason for f in caught.value.faults}
        assert reason in told[path]
        assert not Incident.objects.exists()

    def test_an_unknown_zone_is_told(self, commander: User) -> None:
        """R-TL-02"""
        made = case()
        made["record"]["incident"]["clock_zone"] = "Mars/Olympus"
        with pytest.raises(MalformedCase, match="Mars/Olympus"):
            import_case(actor=commander, case=made)


class TestCommands:
    @staticmethod
    def export(incident: Incident, **options: Any) -> None:
        person = options.pop("person", "ic@pay.example")
        options.setdefault("reason", "For the auditor")
        call_command("export_case", incident.key, actor=person, **options)

    def test_export_writes_what_import_reads(
        self, incident: Incident, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        target = tmp_path / "case.json"
        self.export(incident, output=str(target))
        assert target.read_bytes() == case_bytes(incident)
        assert read_case(target.read_bytes())["ref"] == incident.key

    def test_export_says_why_it_cannot_write(
        self, incident: Incident, tmp_path: Path
    ) -> None:
        target = tmp_path / "nowhere" / "case.json"
        with pytest.raises(
            CommandError, match=r"case\.json: cannot be written: No such"
        ):
            self.export(incident, output=str(target))

    def test_export_stands_in_the_custody_with_who_and_why(
        self, incident: Incident, commander: User, tmp_path: Path
    ) -> None:
        item = make_evidence(incident, actor=commander)
        self.export(incident, output=str(tmp_path / "case.json"))
        told = custody(incident, item)[0]
        assert (told.actor, told.sentence, told.reason) == (
            commander,
            "exported the case",
            "For the auditor",
        )
        incident.refresh_from_db()
        assert activity.verify(incident) == []

    @pytest.mark.parametrize(
        ("person", "reason", "words"),
        [
            ("nobody@pay.example", "For the auditor", "Nobody here has the email"),
            ("ic@pay.example", " ", "Say why the case is taken along."),
            ("out@pay.example", "For the auditor", "There is no such incident."),
        ],
    )
    def test_export_gives_nothing_without_who_and_why(
        self,
        incident: Incident,
        outsider: User,
        tmp_path: Path,
        person: str,
        reason: str,
        words: str,
    ) -> None:
        target = tmp_path / "case.json"
        with pytest.raises(CommandError, match=words):
            self.export(incident, person=person, reason=reason, output=str(target))
        assert not target.exists()

    def test_import_by_the_first_administrator(
        self, db: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A new installation has nobody else."""
        source = tmp_path / "case.json"
        source.write_text(json.dumps(case()))
        with pytest.raises(CommandError, match="createsuperuser"):
            call_command("import_case", str(source))
        User.objects.create_superuser("root@pay.example", "pw", name="Root")
        call_command("import_case", str(source))
        assert capsys.readouterr().out == "case.json: imported as INC-1.\n"
        assert Incident.objects.get().title == "Gateway down"

    def test_import_tells_each_fault_with_its_path_and_stores_nothing(
        self, commander: User, tmp_path: Path
    ) -> None:
        source = tmp_path / "case.json"
        broken = case(
            milestones=[{"kind": "declared", "entry": "TL-9"}],
            lanes=[{"slug": "fx", "name": 5}],
        )
        source.write_text(json.dumps(broken))
        with pytest.raises(CommandError) as caught:
            call_command("import_case", str(source))
        assert str(caught.value).splitlines() == [
            f"{source}: nothing imported. Faults: 2",
            "  $.record.lanes[0].name: 5 is not of type string or null.",
            "  $.record.milestones[0].entry: There is no TL-9 in this file.",
        ]
        assert not Incident.objects.exists()

    def test_record_option_gives_exactly_the_hashed_bytes(
        self, incident: Incident, tmp_path: Path
    ) -> None:
        import hashlib

        target = tmp_path / "record.json"
        self.export(incident, output=str(target), record=True)
        assert (
            hashlib.sha256(target.read_bytes()).hexdigest()
            == export_case(incident)["content_hash"]
        )


class TestDocuments:
    def test_the_schema_file_is_the_schema(self) -> None:
        path = Path(__file__).parents[2] / "docs" / "case.schema.json"
        assert json.loads(path.read_text()) == case_schema()

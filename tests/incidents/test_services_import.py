"""Case files made to break in: refused with their faults, or without effect."""

import copy

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Role
from incidents.models import Evidence, Incident, KnownUnknown
from incidents.services.cases import check_case, import_case
from incidents.services.custody import FileMissing, open_evidence_file
from incidents.services.evidence import add_evidence
from incidents.services.lifecycle import declare_incident
from incidents.services.unknowns import edit_unknown
from postmortem.lib.record import MalformedCase
from tests.conftest import person
from tests.factories import make_evidence, make_incident

MINIMAL = {
    "format": "postmortem-case",
    "record": {"schema": 1, "incident": {"title": "Gateway down", "severity": "SEV1"}},
}
EVIDENCE = {"kind": "metric", "title": "Orders", "url": "https://dash.example/d"}


@pytest.fixture
def load(commander):
    """Import a minimal case with these sections and keys."""

    def load_case(*, ref=None, **sections):
        case = copy.deepcopy(MINIMAL) | {"ref": ref}
        case["record"].update(sections)
        return import_case(actor=commander, case=check_case(case))

    return load_case


@pytest.fixture
def faults(load):
    """The faults of a refused file: path to reason; nothing of it is kept."""

    def load_and_read(**sections):
        before = Incident.objects.count()
        with pytest.raises(MalformedCase) as caught:
            load(**sections)
        assert Incident.objects.count() == before
        return {fault.path: fault.reason for fault in caught.value.faults}

    return load_and_read


class TestCheckCase:
    @pytest.mark.parametrize(
        "row",
        [1, {"kind": "nope", "occurred_at": "soon"}, {"kind": "signal"}],
        ids=["no row", "a wrong shape", "wrong in itself"],
    )
    def test_looks_no_further_than_a_thousand_faults(self, row, db):
        case = copy.deepcopy(MINIMAL)
        case["record"]["entries"] = [1, *[row] * 3_000]

        with pytest.raises(MalformedCase) as caught:
            check_case(case)

        last = caught.value.faults[-1].reason
        assert last.endswith("The rest of the file was not looked at.")
        assert caught.value.count < 2_000


class TestImportCase:
    def test_leaves_links_that_can_be_withdrawn(self, load, commander):
        """Nobody is known to have made them."""
        proof = [{"evidence": "EV-1"}]
        incident = load(
            evidence=[EVIDENCE | {"ref": "EV-1"}],
            known_unknowns=[{"question": "Why?", "evidence": proof}],
        )
        edit_unknown(incident_id=incident.pk, actor=commander, number=1, evidence=[])
        assert KnownUnknown.objects.get().evidence == []

    def test_refuses_evidence_that_is_linked_twice(self, faults):
        found = faults(
            evidence=[EVIDENCE | {"ref": "EV-1"}],
            known_unknowns=[
                {
                    "question": "Why?",
                    "evidence": [{"evidence": "EV-1"}, {"evidence": "EV-1"}],
                }
            ],
        )
        assert found == {
            "$.record.known_unknowns[0].evidence[1]": "EV-1 stands twice in this list."
        }

    def test_refuses_a_cause_that_is_answered_twice(self, faults):
        cause = {"ref": "CA-1", "label": "trigger", "statement": "x"}
        action = {"title": "t", "kind": "restore", "causes": ["CA-1", "CA-1"]}
        found = faults(causes=[cause], actions=[action])
        assert found["$.record.actions[0].causes[1]"] == (
            "CA-1 stands twice in this list."
        )

    def test_refuses_rows_that_exclude_each_other(self, faults):
        duty = {"user": "a@b.example", "duty": "commander"}
        found = faults(
            lanes=[
                {"slug": "checkout", "name": "A"},
                {"slug": "checkout", "name": "B"},
            ],
            participations=[duty, duty | {"until": "2026-03-01T10:00:00Z"}, duty],
        )
        assert set(found) == {"$.record.lanes[1]", "$.record.participations[2]"}

    @pytest.mark.parametrize(
        ("ring", "told"),
        [
            (("EV-1",), [0]),
            (("EV-2", "EV-1"), [0, 1]),
            (("EV-2", "EV-3", "EV-2"), [1, 2]),
            (("EV-3", "EV-3", "EV-4", "EV-3"), [2, 3]),
        ],
    )
    def test_refuses_evidence_that_supersedes_itself(self, faults, ring, told):
        """What only leads into a ring is not in it."""
        rows = [
            EVIDENCE | {"ref": f"EV-{at}", "superseded_by": ref}
            for at, ref in enumerate(ring, 1)
        ]
        assert faults(evidence=rows) == {
            f"$.record.evidence[{at}].superseded_by": f"leads back to EV-{at + 1} "
            "itself."
            for at in told
        }

    def test_refuses_numbers_after_which_no_other_fits(self, faults):
        assert faults(evidence=[EVIDENCE | {"ref": "EV-999999999"}]) == {
            "$.record.evidence[0].ref": "EV-999999999 is too high a number."
        }

    def test_leaves_the_next_incident_a_key_that_can_be_opened(
        self, load, commander, client
    ):
        imported = load(ref="INC-999999999")
        assert imported.source_ref == "INC-999999999"
        client.force_login(commander)
        following = make_incident(actor=commander)
        assert client.get(following.get_absolute_url()).status_code == 200

    def test_refuses_a_case_without_an_incident(self, faults):
        assert "$.record.incident" in faults(incident=None)

    def test_tells_a_fault_once_and_not_on_every_row_that_names_it(self, faults):
        found = faults(
            evidence=[EVIDENCE | {"ref": "EV-1", "sha256": "zz"}],
            impact=[{"ref": "IM-1", "kind": "customer", "statement": "x"}],
            figures=[{"impact": "IM-1", "measure": "cost", "label": "x", "count": 1}],
        )
        assert set(found) == {"$.record.evidence[0].sha256"}

    def test_names_the_place_of_a_text_that_shows_nothing(self, faults):
        """An older release stored and exported texts of zero-width signs alone."""
        said = "This is empty, or holds only signs that show nothing."
        assert faults(
            evidence=[EVIDENCE | {"title": "\u200b\u200b"}],
            known_unknowns=[{"question": "Why?"}, {"question": "\u2060"}],
        ) == {
            "$.record.evidence[0].title": said,
            "$.record.known_unknowns[1].question": said,
        }

    def test_names_the_place_of_a_sign_that_turns_letters_around(self, faults):
        """R-DOC-06"""
        told = faults(known_unknowns=[{"question": "Who \u202eapproved?"}])
        (said,) = told.values()
        assert list(told) == ["$.record.known_unknowns[0].question"]
        assert said.startswith("Remove the hidden sign U+202E after “Who”")

    def test_refuses_links_that_carry_a_credential(self, faults):
        url = "https://ann:secret@dash.example/"
        assert set(faults(evidence=[EVIDENCE | {"url": url}])) == {
            "$.record.evidence[0].url"
        }

    def test_refuses_what_lies_ahead_and_years_that_cannot_be_shown(self, faults):
        """Decision 13"""
        entry = {"kind": "signal", "observed_signal": "x"}
        found = faults(
            entries=[
                entry | {"occurred_at": "2026-03-17T10:26:00Z"},
                entry | {"occurred_at": "0001-01-01T00:00:00Z"},
            ]
        )
        assert set(found) == {
            "$.record.entries[0].occurred_at",
            "$.record.entries[1].occurred_at",
        }

    def test_names_a_stand_in_with_a_long_handle(self, load):
        incident = load(lanes=[{"slug": "a", "name": "A", "owner": "h" * 150}])
        assert incident.lanes.get().owner.name == "h" * 120


class TestOpenEvidenceFile:
    """A case file names hashes; it opens no file that its reader may not see."""

    @pytest.fixture
    def hidden(self, administrator):
        """A file of a restricted incident."""
        secret = declare_incident(
            actor=administrator, title="Fraud", severity="SEV1", is_restricted=True
        )
        return add_evidence(
            incident_id=secret.pk,
            actor=administrator,
            kind="log_query",
            title="Names",
            upload=SimpleUploadedFile("names.txt", b"who did what"),
        )

    def test_is_refused_for_a_hash_that_was_only_named(
        self, load, hidden, commander, administrator
    ):
        named = EVIDENCE | {"sha256": hidden.sha256, "filename": "names.txt"}
        row = Evidence.objects.get(incident=load(evidence=[named]))
        with pytest.raises(FileMissing):
            open_evidence_file(row, actor=commander)
        open_evidence_file(row, actor=administrator).handle.close()

    def test_is_granted_for_the_same_bytes_uploaded_here(self, hidden, commander):
        row = make_evidence(
            make_incident(actor=commander),
            actor=commander,
            upload=SimpleUploadedFile("names.txt", b"who did what"),
        )
        assert row.sha256 == hidden.sha256
        open_evidence_file(row, actor=commander).handle.close()

    def test_is_granted_to_everybody_who_may_see_the_other_incident(
        self, load, hidden, administrator
    ):
        compliance = person("co", "Cora", "Compliance", Role.COMPLIANCE)
        named = EVIDENCE | {"sha256": hidden.sha256, "filename": "names.txt"}
        row = Evidence.objects.get(incident=load(evidence=[named]))
        open_evidence_file(row, actor=compliance).handle.close()

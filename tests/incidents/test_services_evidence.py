"""Evidence: kinds, links, supersession, pairs; none is ever replaced."""

import datetime as dt

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile

from incidents import activity
from incidents.models import ActivityEntry, Evidence
from incidents.services import evidence
from incidents.services.core import lock_incident, retract_record
from postmortem.lib.persistence import service
from tests.conftest import NOW
from tests.factories import make_evidence, make_incident
from tests.incidents.conftest import CSV, code_of


class TestKinds:
    @pytest.mark.parametrize(
        "kind",
        [
            *("alert", "log_query", "deploy_record", "provider_notice", "trace"),
            *("reconciliation", "metric", "event", "runbook_step", "screenshot"),
            *("test_output", "data_contract", "runbook_version", "control_log"),
            *("sample", "config_change", "approval_note"),
        ],
    )
    def test_takes_every_kind_that_a_review_asks_for(self, add_file, kind):
        """R-EV-06"""
        assert add_file(kind=kind).get_kind_display()

    def test_refuses_another(self, add_file):
        with pytest.raises(ValidationError) as caught:
            add_file(kind="hearsay")
        assert "kind" in caught.value.error_dict


class TestAddArtifacts:
    @pytest.mark.parametrize(
        ("names", "title", "titles"),
        [
            (["a.log", "b.log"], "Gateway", ["Gateway: a.log", "Gateway: b.log"]),
            (["a.log", "b.log"], "", ["a.log", "b.log"]),
            (["a.log"], "Gateway", ["Gateway"]),
            ([], "Gateway", ["Gateway"]),
        ],
    )
    def test_calls_each_after_its_title_or_its_file(
        self, incident, responder, names, title, titles
    ):
        rows = evidence.add_artifacts(
            incident_id=incident.pk,
            actor=responder,
            uploads=[SimpleUploadedFile(name, name.encode()) for name in names],
            title=title,
            kind="log_query",
            description="What the gateway wrote",
        )

        assert [row.title for row in rows] == titles


class TestLink:
    @pytest.mark.parametrize(
        ("url", "code"),
        [
            ("https://ana:pw@dash.example/d/1", "credentials"),
            ("https://files.example/x.csv?X-Amz-Signature=abc", "credentials"),
            ("https://dash.example/d?token=abc", "credentials"),
            ("javascript:alert(1)", "invalid"),
            ("ftp://files.example/x", "invalid"),
            ("https://", "invalid"),
            ("http://[::1", "invalid"),
        ],
    )
    def test_refuses_what_is_not_durable(self, incident, responder, url, code):
        """R-EV-07"""
        with pytest.raises(ValidationError) as caught:
            make_evidence(incident, actor=responder, url=url)

        assert code_of(caught, "url") == code

    def test_obeys_the_list_of_hosts(self, incident, responder, settings):
        settings.EVIDENCE_LINK_HOSTS = ["pay.example"]
        make_evidence(incident, actor=responder, url="https://dash.pay.example/d/1")

        with pytest.raises(ValidationError) as caught:
            make_evidence(incident, actor=responder, url="https://evilpay.example/")

        assert code_of(caught, "url") == "host_not_allowed"

    def test_only_named_needs_a_description_and_proves_nothing(
        self, incident, responder
    ):
        """R-EV-07, R-EV-10"""
        with pytest.raises(ValidationError) as caught:
            make_evidence(incident, actor=responder, url="")
        row = make_evidence(
            incident, actor=responder, url="", description="Paper log of the shift"
        )

        assert code_of(caught) == "required"
        assert (row.is_openable, row.proves) == (False, False)

    def test_refuses_a_capture_in_the_future(self, incident, responder):
        with pytest.raises(ValidationError) as caught:
            make_evidence(
                incident, actor=responder, captured_at=NOW + dt.timedelta(hours=1)
            )

        assert code_of(caught, "captured_at") == "future_time"


class TestEditEvidence:
    def test_never_replaces_a_link(self, incident, responder):
        row = make_evidence(incident, actor=responder)

        with pytest.raises(ValidationError) as caught:
            evidence.edit_evidence(
                incident_id=incident.pk,
                actor=responder,
                number=row.number,
                url="https://dash.pay.example/d/2",
            )

        assert code_of(caught, "url") == "not_replaced"

    def test_logs_that_it_is_a_later_summary(self, incident, responder):
        """R-EV-04"""
        row = make_evidence(incident, actor=responder)

        evidence.edit_evidence(
            incident_id=incident.pk,
            actor=responder,
            number=row.number,
            is_original=False,
        )

        entry = ActivityEntry.objects.latest("sequence")
        assert entry.data["changes"] == {"is_original": [True, False]}


class TestAttachFile:
    def test_gives_the_file_to_a_named_artifact_once(self, incident, responder):
        row = make_evidence(incident, actor=responder, url="", description="Log")

        row = evidence.attach_file(
            incident_id=incident.pk,
            actor=responder,
            number=row.number,
            upload=SimpleUploadedFile("a.csv", CSV),
        )

        assert row.proves
        with pytest.raises(ValidationError) as caught:
            evidence.attach_file(
                incident_id=incident.pk,
                actor=responder,
                number=row.number,
                upload=SimpleUploadedFile("b.csv", CSV),
            )
        assert code_of(caught) == "not_replaced"


class TestSupersede:
    def test_keeps_both_with_the_reason(self, incident, responder):
        old, new = (make_evidence(incident, actor=responder) for _ in range(2))

        row = evidence.supersede_evidence(
            incident_id=incident.pk,
            actor=responder,
            number=old.number,
            replacement=new,
            reason="full export",
        )

        assert (row.superseded_by, row.supersede_reason) == (new, "full export")
        assert not row.is_retracted

    def test_refuses_a_circle(self, incident, responder):
        one, two = (make_evidence(incident, actor=responder) for _ in range(2))
        run = {"incident_id": incident.pk, "actor": responder, "reason": "x"}
        evidence.supersede_evidence(number=one.number, replacement=two, **run)

        for number, replacement in ((two.number, one), (two.number, two)):
            with pytest.raises(ValidationError):
                evidence.supersede_evidence(
                    number=number, replacement=replacement, **run
                )

    def test_refuses_evidence_of_another_incident(self, incident, commander):
        row = make_evidence(incident, actor=commander)
        other = make_evidence(make_incident(actor=commander), actor=commander)

        with pytest.raises(ValidationError) as caught:
            evidence.supersede_evidence(
                incident_id=incident.pk,
                actor=commander,
                number=row.number,
                replacement=other,
                reason="x",
            )

        assert "another incident" in caught.value.messages[0]


class TestPair:
    @pytest.fixture
    def rows(self, incident, responder):
        sides = ("operational", "finance", "finance")
        return [make_evidence(incident, actor=responder, side=side) for side in sides]

    def pair(self, rows, one, other, actor):
        return evidence.pair_evidence(
            incident_id=rows[0].incident_id,
            actor=actor,
            number=rows[one].number,
            paired_with=None if other is None else rows[other],
        )

    def pairs(self, rows):
        return [
            Evidence.objects.get(pk=row.pk).paired_with_id
            and Evidence.objects.get(pk=row.pk).paired_with.ref
            for row in rows
        ]

    def test_stands_on_both_sides(self, rows, responder):
        """R-EV-08"""
        self.pair(rows, 0, 1, responder)
        assert self.pairs(rows) == ["EV-2", "EV-1", None]

    def test_moves_as_a_whole(self, rows, responder):
        self.pair(rows, 0, 1, responder)
        self.pair(rows, 0, 2, responder)

        assert self.pairs(rows) == ["EV-3", None, "EV-1"]
        incident = type(rows[0].incident).objects.get(pk=rows[0].incident_id)
        assert activity.verify(incident) == []

    def test_is_taken_apart_on_both_sides(self, rows, responder):
        self.pair(rows, 0, 1, responder)
        self.pair(rows, 1, None, responder)
        assert self.pairs(rows) == [None, None, None]

    def test_refuses_two_of_one_side(self, rows, responder):
        with pytest.raises(ValidationError) as caught:
            self.pair(rows, 1, 2, responder)
        assert code_of(caught, "paired_with") == "same_side"


class TestStoreEvidence:
    def test_takes_no_lock_and_no_activity_of_its_own(self, incident, responder):
        @service
        def run(*, incident_id, actor):
            locked = lock_incident(incident_id, actor=actor, permission="action.run")
            row = evidence.store_evidence(
                locked,
                actor=actor,
                kind="test_output",
                title="Rehearsal",
                upload=SimpleUploadedFile("run.log", b"passed\n"),
            )
            activity.record(
                locked, actor=actor, verb="test.run", sentence=f"stored {row.ref}"
            )
            return row, locked

        row, locked = run(incident_id=incident.pk, actor=responder)

        assert row.proves
        assert activity.verify(locked) == []


class TestRetract:
    def test_withdrawn_evidence_proves_nothing_any_more(self, incident, responder):
        row = make_evidence(incident, actor=responder)

        row = retract_record(
            incident_id=incident.pk,
            actor=responder,
            model=Evidence,
            number=row.number,
            reason="wrong window",
            permission="evidence.add",
        )

        assert not row.proves

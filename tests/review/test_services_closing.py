"""The outcomes of a review: closing with a seal, keeping as stabilized, reopening."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import override_settings

from accounts.models import Role
from actions.services.tests import record_run
from incidents import activity
from incidents.models import ActivityEntry, Incident
from incidents.services import lifecycle, people
from incidents.services.evidence import add_evidence
from postmortem.lib import sealing
from postmortem.lib.errors import (
    GateClosed,
    InvalidTransition,
)
from review.models import (
    ClosurePolicy,
    ReportBuild,
    Review,
    Seal,
)
from review.selectors import approvals_state, since_closing, verify_seal
from review.services import approvals, closing, reviews
from tests.conftest import NOW, person
from tests.review.conftest import Case, edit, manager, tell_scheduled


class TestCloseIncident:
    def test_seals_the_record_with_two_approvals(self, case: Case) -> None:
        """R-AP-01, R-AP-02, R-EV-09, R-CK-07"""
        seal = case.closed()

        assert case.incident.status == "closed"
        assert case.incident.closed_at == NOW
        assert seal.sequence == 1
        assert seal.content_hash == case.hash
        assert [a["label"] for a in seal.approvals] == [
            "Engineering manager",
            "Finance director",
        ]
        assert {f["id"] for f in seal.findings} >= {"RO003"}
        assert verify_seal(seal).is_ok
        assert activity.verify(case.incident) == []

    def test_queues_the_one_pager(self, case: Case) -> None:
        case.closed()

        build = ReportBuild.objects.get()
        assert (build.state, build.is_draft) == ("queued", False)

    def test_lists_the_findings_that_block(self, case: Case) -> None:
        case.approve("reviewer")
        edit(case, learning="")

        with pytest.raises(GateClosed) as error:
            case.close()

        assert [f.id for f in error.value.findings] == ["AP101", "CK006"]
        assert case.reload().status == "in_review"
        assert not Seal.objects.exists()

    def test_is_refused_while_one_seat_is_empty(self, case: Case) -> None:
        """R-AP-02"""
        case.approve("reviewer")

        with pytest.raises(GateClosed) as error:
            case.close()

        assert error.value.findings[0].message == (
            "1 of 2 approvals missing: finance manager"
        )

    def test_is_refused_with_a_stale_approval(self, case: Case) -> None:
        case.approve("reviewer")
        case.approve("finance")
        edit(case, learning="The schema was closed for additions.")

        with pytest.raises(GateClosed) as error:
            case.close()

        assert "lapsed because the record changed" in error.value.findings[0].message

    def test_is_refused_with_two_approvals_of_engineering(self, case: Case) -> None:
        """SEV1 and SEV2 take one seat of each."""
        case.approve("reviewer")
        case.approve(manager("other", "engineering", Role.REVIEWER))

        with pytest.raises(GateClosed):
            case.close()

    def test_takes_a_manager_at_sev3(self, case: Case) -> None:
        """R-AP-02"""
        lifecycle.change_severity(**case.ids, severity="SEV3", reason="less impact")
        first = person("one", "One Uno", "Engineer one", Role.REVIEWER)
        second = person("two", "Two Duo", "Engineer two", Role.COMPLIANCE)
        case.approve(first)
        case.approve(second)

        with pytest.raises(GateClosed) as error:
            case.close()
        assert "approvals missing: manager" in error.value.findings[0].message

        case.approve("finance")
        assert case.close().sequence == 1

    def test_follows_an_edited_policy(self, case: Case) -> None:
        policy = ClosurePolicy.objects.get(severity="SEV2")
        policy.approvals = 3
        policy.save()
        case.approve("reviewer")
        case.approve("finance")

        with pytest.raises(GateClosed):
            case.close()

    def test_is_refused_without_the_all_clear(self, case: Case) -> None:
        """R-RV-08, R-DOC-07"""
        case.approve("reviewer")
        case.approve("finance")
        Incident.objects.filter(pk=case.incident.pk).update(
            all_clear_at=None, all_clear_by=None
        )

        with pytest.raises(GateClosed) as error:
            case.close()

        assert "SC012" in {f.id for f in error.value.findings}

    def test_ignores_an_approver_who_became_a_scribe(self, case: Case) -> None:
        """The exclusion is looked at again when it closes, not only at approval."""
        case.approve("reviewer")
        case.approve("finance")
        people.set_duty(**case.ids, user=case.cast["finance"], duty="scribe")

        assert len(approvals_state(case.incident).valid) == 0

    def test_is_refused_from_stabilized(self, bare: Case) -> None:
        with pytest.raises(InvalidTransition):
            bare.close()

    def test_is_refused_twice(self, case: Case) -> None:
        case.closed()

        with pytest.raises(InvalidTransition):
            case.close()
        assert Seal.objects.count() == 1

    def test_freezes_every_write(self, case: Case) -> None:
        """A closed record is frozen on the services, which every path calls."""
        case.closed()
        reviewer = {**case.ids, "actor": case.cast["reviewer"]}

        for write in (
            lambda: edit(case, learning="After the fact."),
            lambda: reviews.acknowledge_blameless_rule(**case.ids),
            lambda: reviews.add_participant(
                **case.ids, user=case.cast["finance"], capacity="finance"
            ),
            lambda: add_evidence(**case.ids, kind="metric", title="Late"),
            lambda: lifecycle.edit_incident(**case.ids, title="Other"),
            lambda: approvals.withdraw_approval(**reviewer, reason="late"),
            lambda: closing.keep_as_stabilized(
                **reviewer, reason="late", open_risk="some"
            ),
        ):
            with pytest.raises(InvalidTransition) as error:
                write()
            assert error.value.code == "frozen"


class TestKeepAsStabilized:
    def test_names_the_open_risk_and_ends_the_approvals(self, case: Case) -> None:
        """R-AP-03"""
        case.approve("reviewer")
        closing.keep_as_stabilized(
            incident_id=case.incident.pk,
            actor=case.cast["finance"],
            reason="The gate is not in force on the second region.",
            open_risk="Recurrence until the second region is gated",
        )

        assert case.reload().status == "stabilized"
        entry = ActivityEntry.objects.filter(incident=case.incident).last()
        assert entry is not None
        assert "second region is gated" in entry.sentence
        reviews.open_review(**case.ids)
        assert approvals_state(case.incident).valid == ()

    def test_needs_the_risk(self, case: Case) -> None:
        with pytest.raises(ValidationError) as error:
            closing.keep_as_stabilized(
                incident_id=case.incident.pk,
                actor=case.cast["finance"],
                reason="Not yet",
                open_risk=" ",
            )

        assert error.value.error_dict["open_risk"][0].code == "required"


class TestReopenIncident:
    def reopen(self, case: Case, reason: str = "A refund was missed") -> Incident:
        return closing.reopen_incident(
            incident_id=case.incident.pk, actor=case.cast["finance"], reason=reason
        )

    def test_keeps_the_seal_and_takes_new_approvals(self, case: Case) -> None:
        first = case.closed()
        self.reopen(case)

        assert case.reload().status == "in_review"
        assert approvals_state(case.incident).valid == ()
        with pytest.raises(GateClosed):
            case.close()

        case.approve("reviewer")
        case.approve("finance")
        second = case.close()

        assert (first.sequence, second.sequence) == (1, 2)
        assert verify_seal(first).is_ok
        assert verify_seal(second).is_ok
        assert activity.verify(case.incident) == []

    def test_needs_a_reason(self, case: Case) -> None:
        case.closed()

        with pytest.raises(ValidationError):
            self.reopen(case, " ")
        assert case.reload().status == "closed"

    def test_is_refused_to_a_responder(self, case: Case) -> None:
        case.closed()

        with pytest.raises(PermissionDenied):
            closing.reopen_incident(
                incident_id=case.incident.pk,
                actor=case.cast["responder"],
                reason="I want to",
            )


class TestSeal:
    def test_goes_on_holding_while_follow_up_goes_on(self, case: Case) -> None:
        """Progress of actions is an addendum outside the hash (decision 2)."""
        action = tell_scheduled(case)
        seal = case.closed()
        record_run(
            incident_id=case.incident.pk,
            actor=case.cast["responder"],
            closure_test=action.closure_tests.get(),
            ran_at=NOW,
            environment="staging",
            outcome="failed",
        )

        assert verify_seal(seal).is_ok
        assert [entry.verb for entry in since_closing(seal)] == ["actions.run_recorded"]

    def test_shows_an_edit_past_the_services(self, case: Case) -> None:
        """R-EV-09"""
        seal = case.closed()
        Review.objects.filter(incident=case.incident).update(learning="Rewritten.")

        report = verify_seal(Seal.objects.get(pk=seal.pk))

        assert [check.name for check in report.broken] == ["Record today"]
        assert "review" in report.broken[0].detail

    def test_shows_changed_bytes(self, case: Case) -> None:
        seal = case.closed()
        Seal.objects.filter(pk=seal.pk).update(
            record=bytes(seal.record).replace(b"6,418", b"6,419")
        )

        report = verify_seal(Seal.objects.get(pk=seal.pk))

        assert "Sealed bytes" in [check.name for check in report.broken]

    @pytest.mark.parametrize(
        "change",
        [
            {"findings": []},
            {"approvals": [{"label": "Somebody"}]},
            {"sealed_at": dt.datetime(2026, 3, 18, tzinfo=dt.UTC)},
            {"content_hash": "0" * 64},
            {"signature": "zz"},
        ],
    )
    def test_shows_a_changed_seal(self, case: Case, change: dict[str, object]) -> None:
        seal = case.closed()
        Seal.objects.filter(pk=seal.pk).update(**change)

        report = verify_seal(Seal.objects.get(pk=seal.pk))

        assert "Signature" in [check.name for check in report.broken]

    def test_shows_a_cut_chain(self, case: Case) -> None:
        seal = case.closed()
        Seal.objects.filter(pk=seal.pk).update(activity_count=seal.activity_count + 1)

        report = verify_seal(Seal.objects.get(pk=seal.pk))

        assert "Activity chain" in [check.name for check in report.broken]


class TestSealKey:
    def test_is_made_once_and_readable_by_its_owner_alone(self, tmp_path) -> None:  # type: ignore[no-untyped-def]
        with override_settings(DATA_DIR=tmp_path, SEAL_KEY=""):
            first = sealing.public_key_of(sealing.seal_key())
            second = sealing.public_key_of(sealing.seal_key())

        assert first == second
        assert (tmp_path / "seal_key.pem").stat().st_mode & 0o777 == 0o600
        assert [path.name for path in tmp_path.iterdir()] == ["seal_key.pem"]

    @pytest.mark.parametrize(
        "text", ["07" * 32, "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="]
    )
    def test_is_taken_from_the_settings(self, text: str) -> None:
        with override_settings(SEAL_KEY=text):
            key = sealing.seal_key()

        assert key.private_bytes_raw() == b"\x07" * 32

    @pytest.mark.parametrize("text", ["short", "BwcH", "%%%"])
    def test_fails_loudly_when_it_is_no_key(self, text: str) -> None:
        from django.core.exceptions import ImproperlyConfigured

        with override_settings(SEAL_KEY=text), pytest.raises(ImproperlyConfigured):
            sealing.seal_key()

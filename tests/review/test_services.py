"""The verbs of the review: opening, duties, approvals, closing, reopening."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import override_settings

from accounts.models import Role, User
from actions.services import items
from actions.services.tests import record_run
from incidents import activity
from incidents.models import ActivityEntry, Incident
from incidents.services import lifecycle, people
from incidents.services.evidence import add_evidence
from postmortem.lib import sealing
from postmortem.lib.errors import (
    GateClosed,
    InvalidTransition,
    SeparationOfDuties,
    StaleVersion,
)
from review.models import (
    ClosureApproval,
    ClosurePolicy,
    Participant,
    ReportBuild,
    Review,
    Seal,
)
from review.selectors import approvals_state, since_closing, verify_seal
from review.services import approvals, closing, reviews
from tests.conftest import NOW, person
from tests.review.conftest import Case, manager, tell_scheduled


def edit(case: Case, **fields: object) -> Review:
    return reviews.edit_review(**case.ids, **fields)  # type: ignore[arg-type]


class TestOpenReview:
    def test_takes_a_stabilized_incident_into_review(self, bare: Case) -> None:
        """R-DOC-16"""
        review = reviews.open_review(**bare.ids, owner=bare.cast["responder"])

        assert bare.reload().status == "in_review"
        assert review.owner == bare.cast["responder"]
        assert review.opened_at == NOW
        assert activity.verify(bare.reload()) == []

    def test_makes_the_actor_the_owner(self, bare: Case) -> None:
        assert reviews.open_review(**bare.ids).owner == bare.actor

    def test_refuses_an_active_incident(
        self, incident: Incident, commander: User
    ) -> None:
        """R-SC-14"""
        with pytest.raises(InvalidTransition):
            reviews.open_review(incident_id=incident.pk, actor=commander)

        assert not Review.objects.exists()

    def test_keeps_the_review_that_is_prepared(self, bare: Case) -> None:
        prepared = reviews.prepare_review(
            incident_id=bare.incident.pk, actor=User.objects.system()
        )
        opened = reviews.open_review(**bare.ids, owner=bare.cast["responder"])

        assert prepared is not None
        assert opened.pk == prepared.pk
        assert opened.owner == bare.cast["responder"]


class TestPrepareReview:
    def test_gives_a_stabilized_incident_a_review_with_an_owner(
        self, bare: Case
    ) -> None:
        """R-DOC-16"""
        review = reviews.prepare_review(
            incident_id=bare.incident.pk, actor=User.objects.system()
        )

        assert review is not None
        assert review.owner == bare.cast["commander"]
        assert bare.reload().status == "stabilized"

    def test_does_nothing_twice(self, bare: Case) -> None:
        system = User.objects.system()
        reviews.prepare_review(incident_id=bare.incident.pk, actor=system)

        assert (
            reviews.prepare_review(incident_id=bare.incident.pk, actor=system) is None
        )
        assert Review.objects.count() == 1


class TestEditReview:
    def test_records_duties_readiness_and_texts(self, case: Case) -> None:
        """R-DOC-09, R-DOC-11, R-DOC-13"""
        review = edit(case, is_ready=False, readiness_reason="Finance is missing.")

        assert (review.is_ready, review.readiness_reason) == (
            False,
            "Finance is missing.",
        )
        entry = ActivityEntry.objects.filter(incident=case.incident).last()
        assert entry is not None
        assert entry.verb == "review.review_edited"

    def test_refuses_readiness_without_a_reason(self, case: Case) -> None:
        """R-DOC-11"""
        with pytest.raises(ValidationError) as error:
            edit(case, is_ready=True, readiness_reason=" ")

        assert error.value.error_dict["readiness_reason"][0].code == "required"

    def test_refuses_a_meeting_before_stabilization(self, case: Case) -> None:
        """R-DOC-12"""
        with pytest.raises(ValidationError) as error:
            edit(case, meeting_at=dt.datetime(2026, 3, 10, 14, 10, tzinfo=dt.UTC))

        assert error.value.error_dict["meeting_at"][0].code == "before_stabilized"

    def test_refuses_to_leave_the_review_without_an_owner(self, case: Case) -> None:
        with pytest.raises(ValidationError) as error:
            edit(case, owner=None)

        assert "owner" in error.value.error_dict

    def test_keeps_both_texts_when_somebody_saved_first(self, case: Case) -> None:
        read = case.review.version
        edit(case, learning="First.", version=read)

        with pytest.raises(StaleVersion) as error:
            edit(case, learning="Second.", version=read)

        assert error.value.current["learning"] == "First."
        assert case.review.learning == "First."

    def test_needs_a_review(self, bare: Case) -> None:
        with pytest.raises(InvalidTransition) as error:
            edit(bare, learning="Something.")

        assert error.value.code == "no_review"


class TestAcknowledgeBlamelessRule:
    def test_stands_with_person_and_time(self, bare: Case) -> None:
        """R-BL-01"""
        reviews.open_review(**bare.ids)

        review = reviews.acknowledge_blameless_rule(**bare.ids)

        assert (review.blameless_by, review.blameless_at) == (bare.actor, NOW)

    def test_changes_nothing_the_second_time(self, case: Case) -> None:
        before = ActivityEntry.objects.count()

        reviews.acknowledge_blameless_rule(
            incident_id=case.incident.pk, actor=case.cast["reviewer"]
        )

        assert ActivityEntry.objects.count() == before
        assert case.review.blameless_by == case.actor


class TestParticipants:
    def test_are_added_once(self, case: Case) -> None:
        """R-DOC-08"""
        with pytest.raises(ValidationError):
            reviews.add_participant(
                **case.ids, user=case.cast["responder"], capacity="finance"
            )

    def test_leave_with_a_reason_and_stay_in_the_record(self, case: Case) -> None:
        row = Participant.objects.get(incident=case.incident)

        with pytest.raises(ValidationError):
            reviews.remove_participant(**case.ids, number=row.number, reason=" ")
        reviews.remove_participant(
            **case.ids, number=row.number, reason="On leave that week"
        )

        row.refresh_from_db()
        assert row.is_retracted
        assert row.retraction_reason == "On leave that week"
        assert activity.verify(case.reload()) == []


class TestApproveClosure:
    def test_is_bound_to_the_version_that_was_read(self, case: Case) -> None:
        """R-AP-02, R-EV-09"""
        approval = case.approve("reviewer")

        assert approval.content_hash == case.hash
        assert (approval.seat, approval.is_manager) == ("engineering", True)

    def test_refuses_a_version_that_moved_on(self, case: Case) -> None:
        read = case.hash
        edit(case, learning="Conditions were told anew.")

        with pytest.raises(StaleVersion) as error:
            case.approve("reviewer", content_hash=read)

        assert "changed since you opened it" in error.value.message
        assert error.value.current == {"content_hash": case.hash}
        assert not ClosureApproval.objects.exists()

    def test_refuses_an_empty_hash(self, case: Case) -> None:
        with pytest.raises(ValidationError) as error:
            case.approve("reviewer", content_hash=" ")

        assert error.value.error_dict["content_hash"][0].code == "required"

    def test_lapses_when_the_record_changes(self, case: Case) -> None:
        case.approve("reviewer")
        edit(case, learning="Conditions were told anew.")

        state = approvals_state(case.incident)

        assert [seat.state for seat in state.seats] == ["stale", "pending"]
        assert state.seats[0].changes == ("edited the review: blameless summary",)
        assert not state.is_complete

    def test_stands_again_when_the_text_is_put_back(self, case: Case) -> None:
        """The hash is of the content: the same content is the approved one."""
        old = case.review.learning
        case.approve("reviewer")
        edit(case, learning="Other words.")
        edit(case, learning=old)

        assert approvals_state(case.incident).seats[0].is_approved

    def test_changes_nothing_the_second_time(self, case: Case) -> None:
        first = case.approve("reviewer")

        assert case.approve("reviewer") == first
        assert ClosureApproval.objects.count() == 1

    def test_is_closed_while_findings_block(self, case: Case) -> None:
        edit(case, learning="")

        with pytest.raises(GateClosed) as error:
            case.approve("reviewer")

        assert [f.id for f in error.value.findings] == ["CK006"]

    @pytest.mark.parametrize("who", ["commander", "scribe"])
    def test_is_refused_to_those_who_ran_the_incident(
        self, case: Case, who: str
    ) -> None:
        """R-AP-02, R-RO-06"""
        user = case.cast[who]
        give(user, Role.REVIEWER, "engineering")

        with pytest.raises(SeparationOfDuties) as error:
            case.approve(who)

        assert f"was {who} of this incident" in error.value.message
        assert error.value.status == 403

    def test_is_refused_to_a_commander_who_handed_over(self, case: Case) -> None:
        second = manager("second", "engineering", Role.REVIEWER, Role.COMMANDER)
        people.hand_over_command(**case.ids, to=second, reason="end of shift")
        people.hand_over_command(
            incident_id=case.incident.pk,
            actor=second,
            to=case.cast["commander"],
            reason="back on shift",
        )

        with pytest.raises(SeparationOfDuties):
            case.approve(second)

    @pytest.mark.parametrize("duty", ["owner", "documentation_owner"])
    def test_is_refused_to_the_author_of_the_review(
        self, case: Case, duty: str
    ) -> None:
        edit(case, **{duty: case.cast["reviewer"]})

        with pytest.raises(SeparationOfDuties) as error:
            case.approve("reviewer")

        assert "author of this review" in error.value.message

    def test_is_refused_to_the_owner_of_an_open_mandatory_action(
        self, case: Case
    ) -> None:
        """R-AP-01"""
        items.add_action(
            **case.ids,
            title="Rotate the webhook signing key and replay one signed event",
            kind="stabilize",
            timing="mandatory_now",
            owner=case.cast["reviewer"],
        )

        with pytest.raises(SeparationOfDuties) as error:
            case.approve("reviewer")

        assert "owns ACT-2, a mandatory action still open" in error.value.message

    def test_is_open_to_somebody_who_wrote_timeline_entries(self, case: Case) -> None:
        from timeline.services.entries import add_entry

        add_entry(
            incident_id=case.incident.pk,
            actor=case.cast["reviewer"],
            kind="note",
            observed_signal="Provider confirmed the schema change",
            occurred_at=dt.datetime(2026, 3, 10, 14, 35, tzinfo=dt.UTC),
            evidence=[case.evidence("Provider mail", "provider_notice")],
        )

        assert case.approve("reviewer").seat == "engineering"

    def test_is_refused_to_a_second_account_of_the_commander(self, case: Case) -> None:
        """Separation of duties looks at the person, not at the account."""
        second = manager("alias", "engineering", Role.REVIEWER)
        User.objects.filter(pk=second.pk).update(
            person_id=case.cast["commander"].person_id
        )

        with pytest.raises(SeparationOfDuties):
            case.approve(User.objects.get(pk=second.pk))

    def test_counts_two_accounts_of_one_person_once(self, case: Case) -> None:
        second = manager("twin", "finance", Role.FINANCE)
        User.objects.filter(pk=second.pk).update(
            person_id=case.cast["reviewer"].person_id
        )
        case.approve("reviewer")
        case.approve(User.objects.get(pk=second.pk))

        state = approvals_state(case.incident)

        assert len(state.valid) == 1
        with pytest.raises(GateClosed):
            case.close()

    def test_takes_a_manager_of_engineering_or_finance_at_sev2(
        self, case: Case
    ) -> None:
        """R-AP-02"""
        lawyer = manager("counsel", "legal", Role.COMPLIANCE)
        engineer = person("dev", "Dan Dev", "Engineer", Role.REVIEWER)
        case.cast["reviewer"].managed_teams.get().members.add(engineer)

        for user in (lawyer, engineer):
            with pytest.raises(SeparationOfDuties) as error:
                case.approve(user)
            assert "holds neither seat" in error.value.message

    def test_is_refused_without_the_role(self, case: Case) -> None:
        with pytest.raises(PermissionDenied):
            case.approve("responder")

    def test_is_refused_before_the_review(self, bare: Case) -> None:
        with pytest.raises(InvalidTransition):
            bare.approve("reviewer")


def give(user: User, role: str, function: str) -> None:
    """Make this person a manager with one more role."""
    from django.contrib.auth.models import Group

    from accounts.models import Team

    user.groups.add(Group.objects.get(name=role))
    Team.objects.create(
        slug=f"of-{user.pk}", name="Team", function=function, manager=user
    )
    for name in ("roles", "managed_functions"):
        user.__dict__.pop(name, None)


class TestRequestChanges:
    def test_holds_that_version_back(self, case: Case) -> None:
        case.approve("finance")
        approvals.request_changes(
            incident_id=case.incident.pk,
            actor=case.cast["reviewer"],
            content_hash=case.hash,
            comment="Say how long the rollback took.",
        )

        with pytest.raises(GateClosed) as error:
            case.close()

        assert {f.id for f in error.value.findings} == {"AP101", "AP102"}

    def test_ends_when_the_record_changes(self, case: Case) -> None:
        approvals.request_changes(
            incident_id=case.incident.pk,
            actor=case.cast["reviewer"],
            content_hash=case.hash,
            comment="Say how long the rollback took.",
        )
        edit(case, how_we_responded="The rollback took eleven minutes.")

        assert approvals_state(case.incident).blocking_changes == ()
        case.closed()

    def test_needs_words(self, case: Case) -> None:
        with pytest.raises(ValidationError) as error:
            approvals.request_changes(
                incident_id=case.incident.pk,
                actor=case.cast["reviewer"],
                content_hash=case.hash,
                comment=" ",
            )

        assert error.value.error_dict["comment"][0].code == "required"


class TestWithdrawApproval:
    def test_opens_the_seat_again(self, case: Case) -> None:
        case.approve("reviewer")
        approvals.withdraw_approval(
            incident_id=case.incident.pk,
            actor=case.cast["reviewer"],
            reason="I saw a wrong figure",
        )

        assert approvals_state(case.incident).valid == ()
        assert ClosureApproval.objects.count() == 2

    def test_needs_something_to_withdraw(self, case: Case) -> None:
        with pytest.raises(InvalidTransition) as error:
            approvals.withdraw_approval(
                incident_id=case.incident.pk,
                actor=case.cast["reviewer"],
                reason="none",
            )

        assert error.value.code == "nothing_to_withdraw"


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
        reviewer = {"incident_id": case.incident.pk, "actor": case.cast["reviewer"]}

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

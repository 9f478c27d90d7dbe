"""Approving a closure, asking for changes, taking a word back."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.core.exceptions import PermissionDenied, ValidationError

from accounts.models import Role, User
from actions.services import items
from incidents import activity
from incidents.services import people
from postmortem.lib.errors import (
    GateClosed,
    InvalidTransition,
    SeparationOfDuties,
    StaleVersion,
)
from review.models import (
    ClosureApproval,
)
from review.selectors import approvals_state
from review.services import approvals
from tests.conftest import NOW, person
from tests.review.conftest import Case, edit, manager


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
    for name in ("roles", "functions", "managed_functions"):
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

    def test_counts_by_a_clock_that_was_set_back(self, case: Case) -> None:
        """The word that was given last counts, whatever its time says."""
        case.approve("reviewer")
        with time_machine.travel(NOW - dt.timedelta(hours=1), tick=False):
            approvals.withdraw_approval(
                incident_id=case.incident.pk,
                actor=case.cast["reviewer"],
                reason="I saw a wrong figure",
            )

        assert approvals_state(case.incident).valid == ()
        assert activity.verify(case.reload()) == []

    def test_needs_something_to_withdraw(self, case: Case) -> None:
        with pytest.raises(InvalidTransition) as error:
            approvals.withdraw_approval(
                incident_id=case.incident.pk,
                actor=case.cast["reviewer"],
                reason="none",
            )

        assert error.value.code == "nothing_to_withdraw"

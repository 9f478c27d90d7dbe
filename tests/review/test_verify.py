"""What `manage.py verify` finds of approvals and seals that were altered by SQL."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import override_settings
from django.utils import timezone

from actions.models import ActionApproval
from incidents import activity
from incidents.activity import Breach
from postmortem.lib.errors import SeparationOfDuties
from postmortem.lib.sealing import public_key_of
from review.models import ClosureApproval, Review, Seal
from review.selectors.seals import signed_bytes, verify_seal
from review.services import approvals
from review.services.reviews import edit_review
from tests.review.conftest import Case


def breaches(case: Case) -> list[Breach]:
    return activity.verify(case.reload())


class TestVerifyApprovals:
    def test_finds_nothing_in_a_round_of_approvals(self, case: Case) -> None:
        case.approve("reviewer")
        approvals.withdraw_approval(
            incident_id=case.incident.pk, actor=case.cast["reviewer"], reason="Too soon"
        )
        case.closed()
        assert breaches(case) == []

    @pytest.mark.parametrize(
        "change",
        [
            {"decision": "changes_requested"},
            {"content_hash": "0" * 64},
            {"seat": "finance"},
            {"is_manager": False},
            {"lapsed_at": timezone.now()},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_finds_an_edited_approval(
        self, case: Case, change: dict[str, object]
    ) -> None:
        given = case.approve("reviewer")
        ClosureApproval.objects.filter(pk=given.pk).update(**change)
        assert breaches(case) == [
            Breach(
                f"approval {given.pk}",
                f"{next(iter(change))} was edited after it was written",
            )
        ]

    def test_finds_an_approval_put_into_another_mouth(self, case: Case) -> None:
        given = case.approve("reviewer")
        ClosureApproval.objects.filter(pk=given.pk).update(
            approver=case.cast["finance"]
        )
        assert "approver was edited" in breaches(case)[0].message

    def test_finds_one_that_was_added_and_one_that_was_deleted(
        self, case: Case
    ) -> None:
        given = case.approve("reviewer")
        gone = given.pk
        ClosureApproval.objects.filter(pk=gone).delete()
        forged = ClosureApproval.objects.create(
            pk=gone + 1,
            incident=case.incident,
            approver=case.cast["finance"],
            decision="approved",
            content_hash=given.content_hash,
        )
        assert breaches(case) == [
            Breach(f"approval {forged.pk}", "was written past the services"),
            Breach(f"approval {gone}", "was deleted"),
        ]

    def test_finds_an_altered_approval_of_an_action(self, case: Case) -> None:
        given = ActionApproval.objects.filter(incident=case.incident).first()
        assert given is not None
        ActionApproval.objects.filter(pk=given.pk).update(approved_digest="0" * 64)
        place = f"approval of {given.action.ref}"
        assert breaches(case) == [
            Breach(place, "is not what the activity tells"),
            Breach(place, "was deleted"),
        ]


class TestVerifySeals:
    def test_finds_a_seal_that_somebody_else_signed(self, case: Case) -> None:
        """Whoever writes to the database can sign, but not with our key."""
        seal = case.closed()
        other = Ed25519PrivateKey.generate()
        seal.findings = []
        seal.public_key = public_key_of(other)
        seal.signature = other.sign(signed_bytes(seal)).hex()
        seal.save()
        assert [check.name for check in verify_seal(seal).broken] == ["Key"]
        assert [item.place for item in breaches(case)] == ["seal 1"]

    def test_knows_the_keys_that_were_in_use_before(self, case: Case) -> None:
        seal = case.closed()
        with override_settings(SEAL_KEY="11" * 32, SEAL_PUBLIC_KEYS=[seal.public_key]):
            assert verify_seal(seal).is_ok
        with override_settings(SEAL_KEY="11" * 32):
            assert not verify_seal(seal).is_ok

    def test_finds_a_deleted_seal(self, case: Case) -> None:
        case.closed()
        Seal.objects.filter(incident=case.incident).delete()
        assert breaches(case) == [
            Breach("seals", "there are 0, the activity tells of 1")
        ]


class TestFormerAuthor:
    def test_does_not_approve_after_handing_the_review_over(self, case: Case) -> None:
        """R-AP-02: who wrote it stays its author."""
        review = Review.objects.get(incident=case.incident)
        owner = review.owner
        for person in (case.cast["reviewer"], owner):
            edit_review(incident_id=case.incident.pk, actor=case.actor, owner=person)
        with pytest.raises(SeparationOfDuties) as caught:
            case.approve("reviewer")
        assert "was an author" in caught.value.message

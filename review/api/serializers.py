"""What the API of the review takes and gives."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from incidents.api.base import MomentField, PersonField
from review.models import ClosureApproval, Participant, ReportBuild
from review.selectors import ChecklistRow


class OpenSerializer(serializers.Serializer[Any]):
    """Who answers for the review; without one, you."""

    owner = PersonField(required=False)


class ReviewEditSerializer(serializers.Serializer[Any]):
    """Only the fields that are sent are changed."""

    version = serializers.IntegerField(
        required=False, help_text="The version that you read; 409 if it moved on."
    )
    owner = PersonField(required=False)
    meeting_owner = PersonField(required=False, allow_null=True)
    documentation_owner = PersonField(required=False, allow_null=True)
    follow_up_owner = PersonField(required=False, allow_null=True)
    is_ready = serializers.BooleanField(required=False, allow_null=True)
    readiness_reason = serializers.CharField(required=False, allow_blank=True)
    meeting_at = MomentField(required=False, allow_null=True)
    how_we_responded = serializers.CharField(required=False, allow_blank=True)
    learning = serializers.CharField(required=False, allow_blank=True)


class ReviewSerializer(serializers.Serializer[Any]):
    """The review as a piece of work."""

    ref = serializers.CharField()
    version = serializers.IntegerField()
    owner = PersonField(allow_null=True)
    opened_at = MomentField(allow_null=True)
    meeting_owner = PersonField(allow_null=True)
    documentation_owner = PersonField(allow_null=True)
    follow_up_owner = PersonField(allow_null=True)
    is_ready = serializers.BooleanField(allow_null=True)
    readiness_reason = serializers.CharField()
    blameless_at = MomentField(allow_null=True)
    blameless_by = PersonField(allow_null=True)
    meeting_at = MomentField(allow_null=True)
    how_we_responded = serializers.CharField()
    learning = serializers.CharField()


class ParticipantAddSerializer(serializers.Serializer[Any]):
    """Who takes part, and in which capacity."""

    user = PersonField()
    capacity = serializers.ChoiceField(choices=Participant.Capacity.choices)


class ParticipantSerializer(ParticipantAddSerializer):
    """Somebody who takes part."""

    ref = serializers.CharField()


class ReasonSerializer(serializers.Serializer[Any]):
    """A verb that needs its reason."""

    reason = serializers.CharField()


class KeepSerializer(ReasonSerializer):
    """Why the incident stays stabilized, and which risk is open."""

    open_risk = serializers.CharField(max_length=300)


class ApproveSerializer(serializers.Serializer[Any]):
    """The version that you read: its content hash, as GET …/approvals gives it."""

    content_hash = serializers.CharField(max_length=80)
    comment = serializers.CharField(required=False, allow_blank=True, default="")


class ChangesSerializer(serializers.Serializer[Any]):
    """What has to change in the version that you read."""

    content_hash = serializers.CharField(max_length=80)
    comment = serializers.CharField()


class ApprovalSerializer(serializers.Serializer[Any]):
    """One person's word on one version."""

    approver = PersonField()
    seat = serializers.ChoiceField(choices=ClosureApproval.Seat.choices)
    is_manager = serializers.BooleanField()
    decision = serializers.ChoiceField(choices=ClosureApproval.Decision.choices)
    content_hash = serializers.CharField()
    comment = serializers.CharField()
    at = MomentField()


class SeatSerializer(serializers.Serializer[Any]):
    """One approval that the policy asks for, and how it stands."""

    label = serializers.CharField()  # type: ignore[assignment]
    who = serializers.CharField(help_text="Who may fill it.")
    state = serializers.ChoiceField(choices=["pending", "approved", "stale", "changes"])
    approval = ApprovalSerializer(allow_null=True)
    changes = serializers.ListField(
        child=serializers.CharField(), help_text="What was done since a stale approval."
    )


class ApprovalsSerializer(serializers.Serializer[Any]):
    """The seats of the policy against the present content hash."""

    content_hash = serializers.CharField()
    policy = serializers.CharField(source="sentence")
    is_complete = serializers.BooleanField()
    seats = SeatSerializer(many=True)


class FindingSerializer(serializers.Serializer[Any]):
    """One open point."""

    id = serializers.CharField()
    level = serializers.CharField()
    subject = serializers.CharField(source="subject_ref")
    message = serializers.CharField()
    hint = serializers.CharField()
    accepted_by = serializers.CharField()


class ChecklistRowSerializer(serializers.Serializer[Any]):
    """One of the six rows."""

    row = serializers.CharField()
    title = serializers.CharField()
    sentence = serializers.CharField()
    is_confirmed = serializers.BooleanField()
    findings = FindingSerializer(many=True)
    proof = serializers.SerializerMethodField(help_text="Refs of evidence.")

    def get_proof(self, row: ChecklistRow) -> list[str]:
        return [item.ref for item in row.proof]


class ChecklistSerializer(serializers.Serializer[Any]):
    """The closure checklist R-CK-01 to R-CK-06, computed now."""

    confirmed = serializers.IntegerField()
    rows = ChecklistRowSerializer(many=True)
    others = FindingSerializer(many=True, help_text="Findings outside the six rows.")


class SealSerializer(serializers.Serializer[Any]):
    """The seal of a closed record and what verifying it says now."""

    sequence = serializers.IntegerField()
    sealed_at = MomentField()
    sealed_by = PersonField()
    content_hash = serializers.CharField()
    activity_count = serializers.IntegerField()
    activity_head = serializers.CharField()
    public_key = serializers.CharField()
    signature = serializers.CharField()
    is_ok = serializers.BooleanField()
    checks = serializers.ListField(child=serializers.DictField())


class StatusSerializer(serializers.Serializer[Any]):
    """Where the incident stands after the verb."""

    key = serializers.CharField()
    status = serializers.CharField()


class ReportSerializer(serializers.Serializer[Any]):
    """The one-pager: queued, ready or failed."""

    state = serializers.ChoiceField(choices=ReportBuild.State.choices)
    is_draft = serializers.BooleanField()
    content_hash = serializers.CharField()
    requested_at = MomentField()
    built_at = MomentField(allow_null=True)
    sha256 = serializers.CharField()
    size = serializers.IntegerField(allow_null=True)
    error = serializers.CharField()

"""The review's part of the record: the work, not its approvals (decision 1)."""

from postmortem.lib.record import Shape, register
from review.models import Participant, Review

register(
    Shape(
        "review",
        Review,
        fields=(
            "owner",
            "opened_at",
            "meeting_owner",
            "documentation_owner",
            "follow_up_owner",
            "is_ready",
            "readiness_reason",
            "blameless_at",
            "blameless_by",
            "meeting_at",
            "how_we_responded",
            "learning",
        ),
        single=True,
    )
)
register(Shape("participants", Participant, fields=("user", "capacity")))

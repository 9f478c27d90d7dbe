"""The actions' part of the record."""

from actions.models import (
    ActionCause,
    ActionFailureMode,
    ActionItem,
    ClosureTest,
    TestRun,
    TestRunEvidence,
)
from postmortem.lib.record import Links, Refs, Shape, register

register(
    Shape(
        "actions",
        ActionItem,
        fields=(
            "title",
            "details",
            "kind",
            "timing",
            "priority",
            "area",
            "state",
            "owner",
            "due_at",
            "risk_removed",
            "risk_remaining",
            "trade_off",
            "rollback_path",
            "proof_location",
            "tracker_url",
            "completed_at",
            "completed_by",
            "cancelled_reason",
        ),
        refs={
            "causes": Refs(ActionCause, "action", "cause"),
            "failure_modes": Refs(ActionFailureMode, "action", "failure_mode"),
        },
    )
)
register(
    Shape(
        "closure_tests",
        ClosureTest,
        fields=("action", "procedure", "pass_condition", "environment", "due_at"),
        part_of=("action",),
    )
)
register(
    Shape(
        "test_runs",
        TestRun,
        fields=(
            "closure_test",
            "ran_at",
            "environment",
            "outcome",
            "tester",
            "notes",
            "sandbox_limit",
            "known_unknown",
        ),
        links={"evidence": Links(TestRunEvidence)},
        part_of=("closure_test",),
    )
)

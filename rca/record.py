"""The root cause analysis' part of the record."""

from postmortem.lib.record import Links, Refs, Shape, register
from rca.models import (
    Analysis,
    Cause,
    CauseEntry,
    CauseEvidence,
    CausePath,
    FailureMode,
    FailureModeEvidence,
)

register(Shape("analysis", Analysis, fields=("method", "why_it_fits"), single=True))
register(
    Shape(
        "causes",
        Cause,
        fields=(
            "label",
            "statement",
            "role",
            "state",
            "ruled_out_reason",
            "evidence_shows",
            "condition",
            "beyond",
            "risk_change",
            "no_action_reason",
            "known_unknown",
        ),
        links={"evidence": Links(CauseEvidence)},
        refs={
            "leads_to": Refs(CausePath, "cause", "leads_to"),
            "entries": Refs(CauseEntry, "cause", "entry"),
        },
    )
)
register(
    Shape(
        "failure_modes",
        FailureMode,
        fields=(
            "mode",
            "name",
            "standing",
            "customer_symptom",
            "financial_impact",
            "detection_signal",
            "recovery_action",
            "control_to_validate",
            "control_validated",
            "known_unknown",
        ),
        links={"evidence": Links(FailureModeEvidence)},
    )
)

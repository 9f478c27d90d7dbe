"""The timeline's part of the record."""

from postmortem.lib.record import Links, Shape, register
from timeline.models import (
    CheckpointEvidence,
    DependencyCheckpoint,
    Entry,
    EntryEvidence,
    Hypothesis,
    HypothesisEvidence,
    Milestone,
)

register(
    Shape(
        "hypotheses",
        Hypothesis,
        fields=("statement", "state", "what_decided"),
        links={"evidence": Links(HypothesisEvidence, fields=("note", "stance"))},
    )
)
register(
    Shape(
        "entries",
        Entry,
        fields=(
            "kind",
            "occurred_at",
            "occurred_until",
            "precision",
            "at_text",
            "position",
            "owner",
            "observed_signal",
            "action_taken",
            "lane",
            "belief",
            "hypothesis",
            "why",
            "dependency",
            "measurement_incomplete",
            "known_unknown",
        ),
        links={"evidence": Links(EntryEvidence)},
    )
)
register(
    Shape(
        "milestones",
        Milestone,
        fields=("kind", "entry", "not_applicable", "reason", "is_marked"),
        part_of=("entry",),
    )
)
register(
    Shape(
        "checkpoints",
        DependencyCheckpoint,
        fields=(
            "kind",
            "name",
            "lane",
            "first_signal_at",
            "order",
            "state",
            "stabilized_at",
            "verified",
            "known_unknown",
        ),
        links={"evidence": Links(CheckpointEvidence)},
    )
)

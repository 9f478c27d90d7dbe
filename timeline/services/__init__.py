"""Write verbs of the timeline, by noun."""

from timeline.services.checkpoints import (
    add_checkpoint,
    edit_checkpoint,
    retract_checkpoint,
)
from timeline.services.entries import (
    add_entry,
    edit_entry,
    link_entry_evidence,
    preview_entry,
    retract_entry,
    state_gap,
    unlink_entry_evidence,
)
from timeline.services.hypotheses import (
    add_hypothesis,
    edit_hypothesis,
    link_hypothesis_evidence,
    settle_hypothesis,
)
from timeline.services.lines import Line, record_line
from timeline.services.milestones import (
    add_milestone,
    mark_not_applicable,
    retract_milestone,
)
from timeline.services.proof import name_missing_proof

__all__ = [
    "Line",
    "add_checkpoint",
    "add_entry",
    "add_hypothesis",
    "add_milestone",
    "edit_checkpoint",
    "edit_entry",
    "edit_hypothesis",
    "link_entry_evidence",
    "link_hypothesis_evidence",
    "mark_not_applicable",
    "name_missing_proof",
    "preview_entry",
    "record_line",
    "retract_checkpoint",
    "retract_entry",
    "retract_milestone",
    "settle_hypothesis",
    "state_gap",
    "unlink_entry_evidence",
]

"""Checks of the timeline: entries, milestones, hypotheses, dependency checkpoints, and
how the recovery went."""

from timeline.checks import (
    checkpoints,
    entries,
    hypotheses,
    intake,
    milestones,
    recovery,
)

__all__ = [
    "checkpoints",
    "entries",
    "hypotheses",
    "intake",
    "milestones",
    "recovery",
]

"""Checks of the timeline: entries, milestones, hypotheses, dependency checkpoints,
how the recovery went, what is told outside."""

from timeline.checks import (
    checkpoints,
    entries,
    hypotheses,
    intake,
    milestones,
    recovery,
    updates,
)

__all__ = [
    "checkpoints",
    "entries",
    "hypotheses",
    "intake",
    "milestones",
    "recovery",
    "updates",
]

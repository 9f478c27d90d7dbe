"""Checks of the timeline: entries, milestones, hypotheses, dependency checkpoints."""

from timeline.checks import checkpoints, entries, hypotheses, milestones

__all__ = ["checkpoints", "entries", "hypotheses", "milestones"]

"""Checks of the actions, by noun."""

from actions.checks import answers, approvals, items, tests, wording

__all__ = ["answers", "approvals", "items", "tests", "wording"]

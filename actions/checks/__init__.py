"""Checks of the actions, by noun."""

from actions.checks import approvals, items, tests

__all__ = ["approvals", "items", "tests"]

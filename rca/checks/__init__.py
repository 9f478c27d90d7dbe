"""Checks of the root cause analysis, by noun. Importing them registers them."""

from rca.checks import causes, failure_modes, wording

__all__ = ["causes", "failure_modes", "wording"]

"""Checks of the root cause analysis, by noun. Importing them registers them."""

from rca.checks import causes, failure_modes, wording
from rca.checks.base import TAB

__all__ = ["TAB", "causes", "failure_modes", "wording"]

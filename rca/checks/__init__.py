"""Checks of the root cause analysis, by noun. Importing them registers them."""

from rca.checks import causes, failure_modes, wording
from rca.checks.common import TAB

__all__ = ["TAB", "causes", "failure_modes", "wording"]

"""Write verbs of the root cause analysis, by noun."""

from rca.services.analysis import set_analysis
from rca.services.causes import (
    add_cause,
    confirm_cause,
    edit_cause,
    mark_provisional,
    retract_cause,
    rule_out_cause,
)
from rca.services.failure_modes import (
    add_failure_mode,
    edit_failure_mode,
    mark_failure_mode_provisional,
    retract_failure_mode,
)

__all__ = [
    "add_cause",
    "add_failure_mode",
    "confirm_cause",
    "edit_cause",
    "edit_failure_mode",
    "mark_failure_mode_provisional",
    "mark_provisional",
    "retract_cause",
    "retract_failure_mode",
    "rule_out_cause",
    "set_analysis",
]

"""Template tags and filters of the design system, built in to every template.

Values come in plain or as any object (or mapping) with the named attributes; the tags
know no model. Times are aware datetimes, shown on the clock of the zone that is given.
"""

from postmortem.lib.compare import sentence_case, words_apart, words_come, words_gone
from postmortem.lib.icons import EVIDENCE_ICONS
from postmortem.lib.ui.base import register
from postmortem.lib.ui.clocks import (
    age,
    clock,
    clock_range,
    countdown,
    duration,
    incident_time,
    is_past,
    relative_due,
    short_time,
    t_now,
    t_offset,
    zone_name,
)
from postmortem.lib.ui.figures import client_key, money, shorthash
from postmortem.lib.ui.marks import (
    BADGES,
    SPRITE,
    STATUSES,
    badge,
    degraded,
    evidence_icon,
    fixed,
    icon,
    initials,
    lane_icon,
    severity,
    status_badge,
)
from postmortem.lib.ui.rows import (
    FINDING_ICONS,
    evidence_chip,
    finding_row,
    needs_evidence,
)
from postmortem.lib.ui.typed import typed_again

register.filter(words_gone)
register.filter(words_apart)
register.filter(words_come)
register.filter(sentence_case)

__all__ = [
    "BADGES",
    "EVIDENCE_ICONS",
    "FINDING_ICONS",
    "SPRITE",
    "STATUSES",
    "age",
    "badge",
    "client_key",
    "clock",
    "clock_range",
    "countdown",
    "degraded",
    "duration",
    "evidence_chip",
    "evidence_icon",
    "finding_row",
    "fixed",
    "icon",
    "incident_time",
    "initials",
    "is_past",
    "lane_icon",
    "money",
    "needs_evidence",
    "register",
    "relative_due",
    "severity",
    "short_time",
    "shorthash",
    "status_badge",
    "t_now",
    "t_offset",
    "typed_again",
    "zone_name",
]

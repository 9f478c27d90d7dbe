"""What a check of the timeline finds, whole."""

from __future__ import annotations

from incidents.models import Incident
from postmortem.lib.findings import Case, Finding, Level, run_checks

ERROR, WARNING, INFO = Level.ERROR, Level.WARNING, Level.INFO
UNTIL = "It stays provisional until an original record is linked."


def found(incident: Incident, check_id: str) -> list[Finding]:
    case = Case(Incident.objects.get(pk=incident.pk))
    return run_checks(case, only=lambda item: item.id == check_id)


def finding(
    check_id: str, level: Level, message: str, ref: str = "", hint: str = ""
) -> Finding:
    return Finding(
        id=check_id,
        level=level,
        message=message,
        hint=hint,
        subject_ref=ref,
        subject_label=f"Timeline · {ref}" if ref else "Timeline",
    )

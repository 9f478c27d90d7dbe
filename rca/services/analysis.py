"""Write verbs of the analysis: which method, and why it fits."""

from __future__ import annotations

from accounts.models import User
from incidents import activity
from incidents.services.core import add_record, change_record, lock_incident
from postmortem.lib.errors import StaleVersion, field_error
from postmortem.lib.fields import is_blank
from postmortem.lib.persistence import service
from rca.models import Analysis


@service
def set_analysis(
    *,
    incident_id: int,
    actor: User,
    method: str,
    why_it_fits: str,
    version: int | None = None,
) -> Analysis:
    """Choose the approach and say why it fits this incident (R-DOC-14).

    There is one analysis per incident: the first call states it, later ones change it
    under the optimistic lock. Version 0 means that the person saw none.
    """
    incident = lock_incident(incident_id, actor=actor, permission="rca.edit")
    if is_blank(why_it_fits):
        raise field_error(
            "why_it_fits",
            "Say why this method fits this incident; a template that fits all "
            "of them is no choice.",
            "required",
        )
    analysis = Analysis.objects.filter(incident=incident, retracted_at=None).first()
    if analysis is None:
        if version:
            raise StaleVersion("The method was withdrawn meanwhile.", current={})
        analysis = add_record(
            Analysis(incident=incident, method=method, why_it_fits=why_it_fits),
            actor=actor,
        )
        moved = {"method": [None, method]}
    else:
        analysis.incident = incident
        moved = change_record(
            analysis,
            {"method": method, "why_it_fits": why_it_fits},
            actor=actor,
            version=version,
        )
    if moved:
        activity.record(
            incident,
            actor=actor,
            verb="rca.analysis_set",
            sentence=f"chose the method: {analysis.get_method_display().lower()}",
            subject=analysis,
            reason=why_it_fits,
            data={"changes": moved},
        )
    return analysis

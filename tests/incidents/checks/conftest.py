"""One check on the case, and what several of them look at."""

import pytest

from incidents import activity
from incidents.models import Incident
from incidents.services.core import lock_incident
from postmortem.lib.findings import Case, run_checks
from postmortem.lib.persistence import save, service
from tests.factories import make_evidence


@pytest.fixture
def run(incident):
    """Findings of one check on the incident as it stands now."""

    def find(check_id, case=incident):
        fresh = Incident.objects.get(pk=case.pk)
        return run_checks(Case(fresh), only=lambda item: item.id == check_id)

    return find


@pytest.fixture
def signal(incident, responder):
    return make_evidence(incident, actor=responder)


@service
def put(*, incident_id, actor, **values):
    """Set fields of the incident as the review or the clock would."""
    incident = lock_incident(incident_id, actor=actor, permission="incident.view")
    for name, value in values.items():
        setattr(incident, name, value)
    save(incident, actor=actor)
    activity.record(incident, actor=actor, verb="test.put", sentence="put")

"""Incidents that are opened at the same moment: each gets a number of its own."""

from __future__ import annotations

import copy
import json

import pytest

from accounts.models import User
from incidents import activity
from incidents.models import Incident
from incidents.services.cases import case_bytes, check_case, import_case
from incidents.services.lifecycle import declare_incident
from postmortem.lib.errors import InvalidTransition
from tests.concurrency.test_close_race import at_once, real_server  # noqa: F401
from tests.factories import make_incident

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


class TestNumbers:
    def test_of_declarations_at_once_are_all_given(self, commander: User) -> None:
        results = at_once(
            *[
                lambda: declare_incident(
                    actor=commander, title="Gateway down", severity="SEV2"
                )
            ]
            * 6
        )
        numbers = [item.number for item in results if isinstance(item, Incident)]
        assert sorted(numbers) == [1, 2, 3, 4, 5, 6], results
        for incident in Incident.objects.all():
            assert activity.verify(incident) == []

    def test_of_one_case_imported_twice_at_once_is_given_once(
        self, commander: User
    ) -> None:
        case = json.loads(case_bytes(make_incident(actor=commander)))
        case["record"]["incident"]["uuid"] = "4cfa5a6e-66a0-4d3c-9f7d-8a2f6f4b2a10"
        results = at_once(
            *[
                lambda: import_case(
                    actor=commander, case=check_case(copy.deepcopy(case))
                )
            ]
            * 3
        )
        assert sum(isinstance(item, Incident) for item in results) == 1, results
        assert sum(isinstance(item, InvalidTransition) for item in results) == 2

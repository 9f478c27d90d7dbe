"""How a page comes by its incident."""

from __future__ import annotations

import pytest
from django.http import Http404

from incidents.decorators import find_incident
from incidents.models import Incident


class TestFindIncident:
    def test_costs_one_query(self, incident, viewer, django_assert_num_queries):
        viewer.roles  # noqa: B018 - a page has them from its session

        with django_assert_num_queries(1):
            assert find_incident(viewer, incident.key) == incident

    def test_finds_no_restricted_one_for_who_has_no_part(
        self, incident, commander, viewer
    ):
        Incident.objects.update(is_restricted=True)

        assert find_incident(commander, incident.key) == incident
        with pytest.raises(Http404):
            find_incident(viewer, incident.key)

    @pytest.mark.parametrize(
        "key", ["INC-999", "INC-", "INC-0x1", "1", "INC-9999999999"]
    )
    def test_finds_none_where_there_is_none(self, incident, viewer, key):
        with pytest.raises(Http404):
            find_incident(viewer, key)

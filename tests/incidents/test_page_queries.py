"""Every page of an incident costs a bounded number of queries, and the same number for
a small record and for a large one; none of them runs the checks."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from actions.services.items import add_action
from incidents import selectors
from incidents.services.findings import refresh_findings
from incidents.services.unknowns import add_unknown
from rca.services import add_cause
from tests.conftest import NOW
from tests.factories import (
    make_evidence,
    make_figure,
    make_impact,
    make_incident,
    make_scope,
)
from timeline.services.entries import add_entry

PAGES = {
    "": 20,
    "causes/": 20,
    "actions/": 20,
    "review/": 20,
    "findings/": 12,
    "findings/status/": 12,
    "people/": 12,
}


def grow(incident, actor, times):
    """`times` of every kind of row that a page lists, each with its evidence."""
    for number in range(times):
        item = make_evidence(incident, actor=actor, title=f"Metric {number}")
        make_scope(incident, actor=actor, evidence=[item])
        impact = make_impact(incident, actor=actor, evidence=[item])
        make_figure(impact, actor=actor, evidence=[item])
        add_unknown(
            incident_id=incident.pk,
            actor=actor,
            question=f"Why {number}?",
            missing_check="The delivery log",
            owner=actor,
            due_at=NOW + dt.timedelta(days=2),
            evidence=[item],
        )
        add_entry(
            incident_id=incident.pk,
            actor=actor,
            kind="signal",
            observed_signal=f"Signal {number}",
            occurred_at=NOW,
            evidence=[item],
        )
        add_cause(
            incident_id=incident.pk,
            actor=actor,
            label="trigger",
            statement=f"The pool was exhausted {number}",
            evidence=[item],
        )
        add_action(
            incident_id=incident.pk,
            actor=actor,
            title=f"Limit the pool {number}",
            kind="reduce_recurrence",
            owner=actor,
            due_at=NOW + dt.timedelta(days=2),
        )
    refresh_findings(incident.pk)


def queries(client: Client, url: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as seen:
        page = client.get(url)
    assert page.status_code == 200, (url, page.status_code)
    return len(seen)


class TestPagesOfAnIncident:
    def test_cost_the_same_for_two_sizes(self, client, incident, commander):
        client.force_login(commander)
        base = incident.get_absolute_url()
        grow(incident, commander, 1)
        small = {page: queries(client, f"{base}{page}") for page in PAGES}
        grow(incident, commander, 4)
        large = {page: queries(client, f"{base}{page}") for page in PAGES}
        assert large == small
        assert {p: n for p, n in large.items() if n > PAGES[p]} == {}

    @pytest.mark.parametrize("page", PAGES)
    def test_run_no_check(self, client, incident, commander, monkeypatch, page):
        refresh_findings(incident.pk)
        client.force_login(commander)

        def run(*args, **kwargs):
            raise AssertionError("a page ran the checks")

        monkeypatch.setattr(selectors.results, "run_checks", run)
        assert client.get(f"{incident.get_absolute_url()}{page}").status_code == 200


class TestLists:
    def test_cost_the_same_for_two_sizes(self, client, incident, commander):
        """My work, the list with and without its filters."""
        client.force_login(commander)
        urls = {"/": 20, "/incidents/": 12, "/incidents/?view=all&q=stalled": 12}
        grow(incident, commander, 1)
        small = {url: queries(client, url) for url in urls}
        for _ in range(3):
            grow(make_incident(actor=commander), commander, 2)
        large = {url: queries(client, url) for url in urls}
        assert large == small
        assert {u: n for u, n in large.items() if n > urls[u]} == {}

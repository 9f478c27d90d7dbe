"""Every list of the API: pages that stay whole while rows are added, filters, and a
number of queries that does not grow with the rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver
from rest_framework.test import APIClient

from accounts.models import User
from actions.services import items
from incidents.models import Incident
from incidents.services import claims, lanes, people, unknowns
from incidents.services.findings import refresh_findings
from rca.services import causes, failure_modes
from tests.factories import make_evidence, make_incident
from tests.permissions.test_matrix import fill, walk
from timeline.services import checkpoints, entries, hypotheses, milestones

ROOT = "/api/v1/incidents/"
CASE = f"{ROOT}INC-1/"


@pytest.fixture
def client(commander: User) -> APIClient:
    made = APIClient()
    made.force_authenticate(commander)
    return made


def fill_up(incident: Incident, actor: User, rounds: int) -> None:
    """Rows of many kinds, with all that hangs on them."""
    ids: dict[str, Any] = {"incident_id": incident.pk, "actor": actor}
    for n in range(rounds):
        make_incident(actor=actor)
        proof = [make_evidence(incident, actor=actor, title=f"Rates {n}")]
        lane = lanes.add_lane(**ids, name=f"flow {n} {incident.lanes.count()}")
        people.set_duty(**ids, user=actor, duty="scribe", is_backup=True)
        unknowns.add_unknown(**ids, question=f"Why {n}?", owner=actor, evidence=proof)
        claims.add_scope(
            **ids, audience="internal", consequence="x", lane=lane, evidence=proof
        )
        impact = claims.add_impact(
            **ids, kind="business", statement="x", evidence=proof
        )
        claims.add_figure(
            **ids, impact=impact, measure="clients", label="x", count=1, evidence=proof
        )
        hypotheses.add_hypothesis(**ids, statement=f"The edge {n}", evidence_for=proof)
        entry = entries.add_entry(
            **ids,
            kind="signal",
            observed_signal=f"Refused {n}",
            occurred_at=incident.declared_at,
            owner=actor,
            lane=lane,
            evidence=proof,
        )
        checkpoints.add_checkpoint(
            **ids, kind="external_gateway", name="Edge", lane=lane, evidence=proof
        )
        cause = causes.add_cause(
            **ids, label="trigger", statement="x", evidence=proof, entries=[entry]
        )
        failure_modes.add_failure_mode(
            **ids, mode="misconfiguration", name="Pin", evidence=proof
        )
        items.add_action(
            **ids, title=f"Do {n}", kind="stabilize", owner=actor, causes=[cause]
        )
    milestones.add_milestone(**ids, kind="first_alert", entry=entry) if (
        not incident.milestones.exists()
    ) else None


def lists(incident: Incident) -> Iterator[str]:
    """The addresses of all lists in pages."""
    for route, view, parameters in walk(get_resolver().url_patterns):
        actions = getattr(view, "actions", None) or {}
        listed = actions.get("get") in {"list", "participants"}
        if listed and getattr(view.cls, "pagination_class", None):
            yield fill(route, parameters, incident)


class TestQueries:
    def test_of_a_page_do_not_grow_and_are_at_most_twelve(
        self,
        client: APIClient,
        incident: Incident,
        administrator: User,
        commander: User,
    ) -> None:
        def count() -> dict[str, int]:
            counted = {}
            for path in lists(incident):
                if path.endswith("people/links/"):
                    continue
                client.get(path)
                with CaptureQueriesContext(
                    connection,
                ) as queries:
                    answer = client.get(path)
                assert answer.status_code in {200, 403}, (path, answer.content)
                counted[path] = len(queries)
            return counted

        fill_up(incident, commander, 1)
        few = count()
        fill_up(incident, commander, 4)
        many = count()

        assert len(many) > 18
        assert {path: n for path, n in many.items() if n > few[path]} == {}
        assert {path: n for path, n in many.items() if n > 12} == {}


class TestPages:
    def test_hold_every_row_once_while_rows_are_added(
        self, client: APIClient, incident: Incident, commander: User
    ) -> None:
        for n in range(7):
            make_evidence(incident, actor=commander, title=f"Rates {n}")
        seen: list[int] = []
        address = f"{CASE}evidence/?page_size=3"
        while address:
            page = client.get(address).json()
            seen += [row["number"] for row in page["results"]]
            make_evidence(incident, actor=commander)
            address = page["next"]
        assert seen == [7, 6, 5, 4, 3, 2, 1]

    def test_lead_back(
        self, client: APIClient, incident: Incident, commander: User
    ) -> None:
        for n in range(4):
            make_evidence(incident, actor=commander, title=f"Rates {n}")
        second = client.get(client.get(f"{CASE}evidence/?page_size=2").json()["next"])
        first = client.get(second.json()["previous"]).json()
        assert [row["number"] for row in first["results"]] == [4, 3]

    @pytest.mark.parametrize(
        "cursor",
        [
            "x",
            "%%%",
            "ü",
            "cD0y",
            "{list}",
            "{list}n",
            "{list}2",
            "{list}x2",
            "{list}n-2",
            "{list}n2 ",
            "{list}n2\n",
            "{list}n²",
            "{list}n٢",
            "{list}n2\x00",
            "{list}n2\ud800",
            "{list}n" + "9" * 19,
            "{list}n2n2",
            "{LIST}n2",
            "0000{list}n2",
            "n2",
        ],
    )
    def test_refuse_a_cursor_that_is_none(
        self, client: APIClient, filled: Incident, cursor: str
    ) -> None:
        page = client.get(f"{CASE}evidence/?page_size=1").json()
        real = parse_qs(urlsplit(page["next"]).query)["cursor"][0]
        assert re.fullmatch(r"[0-9a-f]{12}n[0-9]+", real)
        tampered = cursor.format(list=real[:12], LIST=real[:12].upper())
        answer = client.get(
            f"{CASE}evidence/?cursor={quote(tampered, errors='surrogatepass')}"
        )
        assert answer.status_code == 400, answer.content
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "bad_cursor"

    def test_refuse_the_cursors_of_every_other_list(
        self, client: APIClient, filled: Incident, commander: User
    ) -> None:
        """Of another kind of row, another incident, other filters: else rows would be
        left out without a word."""
        fill_up(Incident.objects.get(number=2), commander, 2)
        second = {}
        for path in [*lists(filled), *lists(Incident.objects.get(number=2))]:
            page = client.get(path, {"page_size": 1})
            if page.status_code == 200 and page.json()["next"]:
                second[path] = page.json()["next"]
        assert len(second) > 25
        faults = []
        for path, address in second.items():
            cursor = parse_qs(urlsplit(address).query)["cursor"]
            statuses = {
                other: client.get(other, {"cursor": cursor}).status_code
                for other in second
            }
            expected = {other: 200 if other == path else 400 for other in second}
            if statuses != expected:
                faults.append(path)
        assert faults == []

        address = second[f"{CASE}evidence/"]
        for other in ("kind=metric", "kind=alert", "q=rates", "retracted=false"):
            answer = client.get(f"{address}&{other}")
            assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")
        assert client.get(f"{address}&page_size=2").status_code == 200

    def test_hold_with_the_cursor_of_somebody_else_what_one_may_see(
        self, client: APIClient, filled: Incident, viewer: User
    ) -> None:
        Incident.objects.filter(pk=filled.pk).update(is_restricted=True)
        first = client.get(f"{ROOT}?page_size=1").json()
        assert [row["key"] for row in first["results"]] == ["INC-3"]
        theirs = APIClient()
        theirs.force_authenticate(viewer)
        rest = theirs.get(first["next"].replace("page_size=1", "page_size=9")).json()
        assert [row["key"] for row in rest["results"]] == ["INC-2"]

    @pytest.mark.parametrize("size", ["0", "-1", "201", "x", "1e2", "²", "9" * 40])
    def test_refuse_an_odd_size(
        self, client: APIClient, incident: Incident, size: str
    ) -> None:
        answer = client.get(f"{CASE}evidence/", {"page_size": size})
        assert answer.status_code == 422
        assert "1 to 200" in answer.json()["errors"][0]["message"]

    def test_keep_the_filter_in_their_links(
        self, client: APIClient, incident: Incident, commander: User
    ) -> None:
        for _ in range(3):
            make_evidence(incident, actor=commander)
        body = client.get(f"{CASE}evidence/?kind=metric&page_size=1").json()
        assert parse_qs(urlsplit(body["next"]).query)["kind"] == ["metric"]


@pytest.fixture
def filled(incident: Incident, commander: User) -> Incident:
    fill_up(incident, commander, 2)
    return incident


FILTERS = [
    (ROOT, "status=active", 3),
    (ROOT, "status=closed,cancelled", 0),
    (ROOT, "status=active&status=closed", 3),
    (ROOT, "severity=SEV1,SEV2,SEV3,SEV4,SEV5", 3),
    (ROOT, "kind=security", 0),
    (ROOT, "lane=flow-0-2", 1),
    (ROOT, "commander=ic@pay.example", 3),
    (ROOT, "declared_after=2026-03-17T10:21:00Z", 0),
    (ROOT, "declared_before=2026-03-17T10:21:00Z", 3),
    (ROOT, "q=INC-2", 1),
    (f"{CASE}evidence/", "kind=metric", 2),
    (f"{CASE}evidence/", "kind=alert", 0),
    (f"{CASE}evidence/", "original=false", 0),
    (f"{CASE}evidence/", "side=operational", 2),
    (f"{CASE}evidence/", "q=rates 1", 1),
    (f"{CASE}evidence/", "retracted=true", 0),
    (f"{CASE}entries/", "kind=signal", 2),
    (f"{CASE}entries/", "kind=decision,comms", 0),
    (f"{CASE}entries/", "lane=LN-3", 1),
    (f"{CASE}entries/", "from=2026-03-18T00:00:00Z", 0),
    (f"{CASE}entries/", "to=2026-03-18T00:00:00Z", 2),
    (f"{CASE}entries/", "milestone=first_alert", 1),
    (f"{CASE}entries/", "provisional=true", 0),
    (f"{CASE}entries/", "provisional=false", 2),
    (f"{CASE}entries/", "q=refused 1", 1),
    (f"{CASE}causes/", "label=trigger", 2),
    (f"{CASE}causes/", "state=confirmed", 0),
    (f"{CASE}actions/", "state=draft", 2),
    (f"{CASE}actions/", "owner=ic@pay.example", 2),
    (f"{CASE}actions/", "overdue=true", 0),
    (f"{CASE}actions/", "overdue=false", 2),
    (f"{CASE}actions/", "mandatory=true", 0),
    (f"{CASE}unknowns/", "state=open", 2),
]


class TestFilters:
    @pytest.mark.parametrize(("path", "query", "count"), FILTERS)
    def test_narrow(
        self, client: APIClient, filled: Incident, path: str, query: str, count: int
    ) -> None:
        answer = client.get(f"{path}?{query}")
        assert answer.status_code == 200, answer.json()
        assert len(answer.json()["results"]) == count

    @pytest.mark.parametrize(
        ("path", "query", "words"),
        [
            (ROOT, "status=open", "“open” is none of: active, stabilized"),
            (ROOT, "statuss=active", "no such parameter"),
            (ROOT, "commander=nobody@x", "Nobody here has the handle"),
            (ROOT, "declared_after=yesterday", "Write the offset"),
            (ROOT, "declared_after=2026-03-17T10:00:00", "Write the offset"),
            (ROOT, "blocking=maybe", "valid boolean"),
            (ROOT, "q=%00", "Null characters"),
            (f"{CASE}entries/", "lane=LN-99", "There is no LN-99"),
            (f"{CASE}entries/", "milestone=lunch", "is none of: first_impact"),
            (f"{CASE}findings/", "level=fatal", "is none of: error, warning, info"),
            (f"{CASE}findings/", "tab=Weather", "is none of: "),
            (f"{CASE}activity/", "verb=x", "no such parameter"),
        ],
    )
    def test_refuse_what_they_do_not_know_in_words(
        self, client: APIClient, incident: Incident, path: str, query: str, words: str
    ) -> None:
        answer = client.get(f"{path}?{query}")
        assert answer.status_code == 422
        assert words in answer.json()["errors"][0]["message"]

    def test_of_findings_are_by_level_and_page(
        self, client: APIClient, filled: Incident
    ) -> None:
        refresh_findings(filled.pk)
        every = client.get(f"{CASE}findings/").json()["findings"]
        errors = client.get(f"{CASE}findings/?level=error").json()
        scope = client.get(f"{CASE}findings/?tab=Scope").json()["findings"]
        assert errors["findings"] == [row for row in every if row["level"] == "error"]
        assert errors["blocking"] == len(errors["findings"]) > 0
        assert 0 < len(scope) < len(every)
        assert {row["id"][:2] for row in scope} == {"SC"}

    def test_of_a_boolean_that_is_left_out_leave_all(
        self, client: APIClient, filled: Incident
    ) -> None:
        assert len(client.get(f"{CASE}evidence/").json()["results"]) == 2

"""Every write of the API, taken from the addresses themselves: done once under an
Idempotency-Key, and on nothing but what was read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import get_resolver
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from accounts.models import Role, User
from incidents import selectors
from incidents.models import Incident
from incidents.services.waivers import accept_finding
from postmortem.lib.findings import Level
from tests.conftest import person
from tests.permissions.test_matrix import case, fill, walk  # noqa: F401

# A case is looked at before its key is (tests/incidents/test_api_once.py).
IMPORT = "/api/v1/cases/"


@pytest.fixture
def everybody(db: None) -> User:
    """Somebody in every role: what refuses is the body or the row."""
    return person("all", "Alma Lind", "Everything", *Role.values)


@pytest.fixture
def client(everybody: User) -> APIClient:
    made = APIClient()
    made.force_authenticate(everybody)
    return made


@pytest.fixture
def incident(case: Incident, everybody: User) -> Incident:  # noqa: F811
    """The demonstration case, with a row of each kind that has an address."""
    known = next(f for f in selectors.findings(case) if f.level is Level.WARNING)
    accept_finding(
        incident_id=case.pk,
        actor=everybody,
        check_id=known.id,
        finding_key=known.key,
        reason="Known and small",
    )
    return case


def writes(method: str, incident: Incident) -> Iterator[tuple[str, str]]:
    """(address as the document writes it, address in the demonstration case)"""
    for route, view, parameters in walk(get_resolver().url_patterns):
        if method in (getattr(view, "actions", None) or {}):
            told = "/" + route.replace("<int:", "{").replace("<str:", "{")
            told = told.replace(">", "}").replace("{pk}", "{id}")
            if told != IMPORT:
                yield told, fill(route, parameters, incident)


class TestEveryPost:
    def test_is_answered_once_under_its_key(
        self, client: APIClient, incident: Incident
    ) -> None:
        paths = [path for _, path in writes("post", incident)]
        faults = []
        for path in paths:
            headers = {"Idempotency-Key": path}
            first = client.post(path, {}, headers=headers)
            again = client.post(path, {}, headers=headers)
            other = client.post(path, {"another": "body"}, headers=headers)
            told = [(page.status_code, page.content) for page in (first, again)]
            if told[0] != told[1] or again.get("Idempotency-Replayed") != "true":
                faults.append(f"{path}: {told}")
            if other.json().get("code") != "idempotency_key_reused":
                faults.append(f"{path} with another body: {other.content!r}")
        assert faults == []
        assert len(paths) > 60


class TestEveryWriteOfARow:
    @pytest.mark.parametrize("method", ["post", "patch"])
    def test_is_refused_when_the_row_has_moved_on(
        self, client: APIClient, incident: Incident, method: str
    ) -> None:
        """With a tag that no row has: 409 and what is stored where the document names
        If-Match, 400 where it does not. It is never ignored."""
        document = SchemaGenerator().get_schema(request=None, public=True)["paths"]
        faults = []
        for told, path in writes(method, incident):
            parameters = document[told][method]["parameters"]
            is_named = any(each["name"] == "If-Match" for each in parameters)
            if "{number}" in told and not is_named:
                faults.append(f"{told}: a row, and the document has no If-Match")
            answer = client.generic(method.upper(), path, headers={"If-Match": '"999"'})
            refusal = answer.status_code, answer.json()["code"]
            expected = (409, "stale_version") if is_named else (400, "nothing_to_match")
            if refusal != expected or ("current" in answer.json()) != is_named:
                faults.append(f"{path}: {answer.content.decode()}")
        assert faults == []

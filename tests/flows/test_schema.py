"""The OpenAPI document against the API itself: schemathesis makes requests by it, both
such as it allows and such as it forbids, and holds every answer against it."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import Role
from accounts.services import create_api_token
from incidents.models import Incident
from incidents.services.cases import check_case, import_case
from tests.conftest import person

DEMO = Path(__file__).resolve().parents[2] / "demo"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# For one operation: requests that the document allows, and such as it forbids.
ALLOWED, FORBIDDEN = 4, 2
SEED = 20260317


def document(key: str) -> dict[str, Any]:
    """The document, with addresses narrowed to the rows that there are."""
    made = copy.deepcopy(SchemaGenerator().get_schema(request=None, public=True))
    for address in made["paths"].values():
        for operation in address.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "key":
                    parameter["schema"] = {"type": "string", "enum": [key]}
                elif parameter["name"] == "number":
                    parameter["schema"] |= {"minimum": 1, "maximum": 4}
                elif parameter["name"] == "If-Match":  # of such as it allows
                    parameter["schema"] = {"type": "string", "enum": ["*"]}
    return json.loads(json.dumps(made))


@pytest.fixture
def headers(db: None) -> dict[str, str]:
    """Somebody in every role, with a token, and the demonstration case."""
    user = person("all", "Alma Lind", "Everything", *Role.values)
    case = json.loads((DEMO / "gateway-failure.json").read_text())
    import_case(actor=user, case=check_case(case))
    _, secret = create_api_token(
        actor=user, name="schema", scopes=["read", "write", "approve"]
    )
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def in_one_transaction() -> Iterator[None]:
    """A request of WSGI closes its connection, and with it the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def requests_of(operation: Any, mode: GenerationMode, count: int, act: Any) -> None:
    """`act` on every request that is made up for one operation, the same each time."""

    @seed(SEED)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        print_blob=False,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def each(case: Any) -> None:
        act(case)

    try:
        each()
    except Unsatisfiable:  # nothing of it can be forbidden
        assert mode is GenerationMode.NEGATIVE


@pytest.mark.filterwarnings("ignore::Warning")
@pytest.mark.usefixtures("in_one_transaction")
class TestTheDocument:
    def test_tells_every_answer(self, headers: dict[str, str]) -> None:
        """No server error, no status, content type, header or body that it does not
        tell of; each request is undone before the next."""
        key = Incident.objects.get().key
        schema: Any = schemathesis.openapi.from_dict(document(key))
        schema.app = WSGIHandler()
        faults: dict[str, str] = {}
        answers: Counter[int] = Counter()
        operations = [found.ok() for found in schema.get_all_operations()]

        def act(case: Any) -> None:
            with transaction.atomic():
                answer = case.call(headers=headers)
                answers[answer.status_code] += 1
                try:
                    case.validate_response(answer, checks=CHECKS)
                except BaseExceptionGroup as failures:
                    told = "; ".join(str(each) for each in failures.exceptions)
                    faults.setdefault(
                        f"{case.operation.label} {answer.status_code}",
                        f"{told}\n{case.as_curl_command()}\n{answer.content[:400]!r}",
                    )
                transaction.set_rollback(True)
            assert not connection.needs_rollback

        for operation in operations:
            requests_of(operation, GenerationMode.POSITIVE, ALLOWED, act)
            requests_of(operation, GenerationMode.NEGATIVE, FORBIDDEN, act)

        print(f"{len(operations)} operations, {answers.total()} requests: {answers}")  # noqa: T201
        assert faults == {}, "\n\n".join(f"{k}: {v}" for k, v in faults.items())
        assert len(operations) > 90
        assert answers.total() > 500
        # It went through the doors, not only against them.
        assert {200, 201, 202, 400, 404, 409, 422} <= set(answers)

"""The OpenAPI document against the API itself: every operation succeeds by it at least
once, and schemathesis makes requests by it, both such as it allows and such as it
forbids. Every answer is held against it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.conf import settings as django_settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, transaction
from django.test import Client
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

from accounts.models import Role, User
from accounts.services import create_api_token
from postmortem import demo
from review.services import reports
from tests import factories
from tests.conftest import person
from tests.flows.successes import READY, REVIEW, SENDS, Send, label
from tests.review.conftest import Case, at, finished
from timeline.services.intake import worker

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
CSRF = "a" * 32


@pytest.fixture(scope="module")
def operations() -> list[Any]:
    """Those of the document, with addresses narrowed to the rows that there are."""
    made = SchemaGenerator().get_schema(request=None, public=True)
    made = json.loads(json.dumps(made))
    for address in made["paths"].values():
        for operation in address.values():
            for parameter in operation.get("parameters", []):
                if parameter["name"] == "key":
                    parameter["schema"] = {"type": "string", "enum": [REVIEW]}
                elif parameter["name"] == "number":
                    parameter["schema"] |= {"minimum": 1, "maximum": 4}
                elif parameter["name"] == "If-Match":  # of such as it allows
                    parameter["schema"] = {"type": "string", "enum": ["*"]}
    schema: Any = schemathesis.openapi.from_dict(made)
    schema.app = WSGIHandler()
    return [found.ok() for found in schema.get_all_operations()]


@pytest.fixture
def everybody(db: None) -> User:
    """Somebody in every role, beside the demonstration."""
    demo.load()
    return person("everybody", "Alma Lind", "Everything", *Role.values)


@pytest.fixture
def ready(everybody: User) -> str:
    """The key of a case that is approved and waits for nothing but to be closed."""
    handles = {"commander": "ic", "scribe": "scribe", "responder": "eng"}
    handles |= {"reviewer": "em", "finance": "fd"}
    cast = {
        role: User.objects.get(handle=f"{handle}@demo.example")
        for role, handle in handles.items()
    }
    incident = factories.make_incident(
        actor=cast["commander"], lanes=["checkout"], declared_at=at(14, 0)
    )
    case = finished(Case(incident, cast))
    case.approve("reviewer")
    case.approve("finance")
    return case.incident.key


def token(user: User) -> dict[str, str]:
    """The header of somebody who may do by the API all that they may."""
    _, secret = create_api_token(
        actor=user, name="schema", scopes=["read", "write", "approve"]
    )
    return {"Authorization": f"Bearer {secret}"}


def session(user: User) -> dict[str, str]:
    """The cookies of somebody who is signed in."""
    client = Client()
    client.force_login(user)
    name = django_settings.SESSION_COOKIE_NAME
    return {
        name: client.cookies[name].value,
        django_settings.CSRF_COOKIE_NAME: CSRF,
    }


@pytest.fixture
def in_one_transaction() -> Iterator[None]:
    """A request of WSGI closes its connection, and with it the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


class Desk:
    """Sends the requests of `successes`, each by its person. They are signed in, since
    some operations take no token."""

    def __init__(self, operations: list[Any], everybody: User) -> None:
        self.operations = {label(op.method, op.path): op for op in operations}
        self.people = {"everybody": session(everybody)}
        for name in {send.who for send in SENDS.values()} - set(self.people):
            user = User.objects.get(handle=f"{name}@demo.example")
            self.people[name] = session(user)

    def send(self, name: str) -> Any:
        """The answer to an operation, after those that go before it. It must succeed
        as the document says."""
        send = SENDS.get(name, Send())
        told: Any = None
        for before in send.after:
            told = self.send(before)
            work()
        operation = self.operations[name]
        case = operation.Case(
            path_parameters=self.address(operation, send, told),
            **self.body(send, told),
        )
        answer = case.call(headers={"X-CSRFToken": CSRF}, cookies=self.people[send.who])
        assert 200 <= answer.status_code < 300, answer.content.decode()[:1000]
        case.validate_response(answer, checks=CHECKS)
        return answer.json() if "json" in answer.headers["content-type"][0] else None

    def address(self, operation: Any, send: Send, told: Any) -> dict[str, Any]:
        last = told if isinstance(told, dict) else {}
        number = send.number or last.get("number", 1)
        known = {"key": send.key, "number": number}
        known["id"] = known["token_id"] = last.get("id")
        return {each.name: known[each.name] for each in operation.path_parameters}

    def body(self, send: Send, told: Any) -> dict[str, Any]:
        if send.body is None:
            return {}
        body = send.body(told) if callable(send.body) else send.body
        return {"body": body, "media_type": send.media}


def work() -> None:
    """What the request has left to the workers."""
    for pk in worker.waiting_readings():
        worker.read_long(pk)
    for pk in reports.waiting_builds():
        reports.render_build(pk)


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
    def test_leads_to_a_success_of_every_operation(
        self, operations: list[Any], everybody: User, ready: str
    ) -> None:
        """Every single one, answered as it tells; each is undone before the next."""
        assert ready == READY
        desk = Desk(operations, everybody)
        faults: dict[str, str] = {}
        for name in desk.operations:
            with transaction.atomic():
                try:
                    desk.send(name)
                except (AssertionError, BaseExceptionGroup) as refusal:
                    parts = getattr(refusal, "exceptions", [refusal])
                    faults[name] = "; ".join(str(part) for part in parts)
                transaction.set_rollback(True)
        assert faults == {}, "\n\n".join(f"{k}: {v}" for k, v in faults.items())
        assert len(desk.operations) > 150
        assert set(SENDS) <= set(desk.operations)

    def test_tells_every_answer(self, operations: list[Any], everybody: User) -> None:
        """No server error, no status, content type, header or body that it does not
        tell of; each request is undone before the next."""
        faults: dict[str, str] = {}
        answers: Counter[int] = Counter()
        headers = token(everybody)

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
        assert answers.total() > 500
        # It went through the doors, not only against them.
        assert {200, 201, 202, 400, 404, 409, 422} <= set(answers)

"""The fixed cast and a frozen clock. No randomness: every run sees the same day."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import connection
from hypothesis import settings

from accounts.models import Role, Team, User
from incidents.models import Incident
from tests import factories

# The examples that hypothesis makes up are the same in every run, too.
settings.register_profile("fixed", derandomize=True, deadline=None, print_blob=False)
settings.load_profile("fixed")

NOW = dt.datetime(2026, 3, 17, 10, 20, tzinfo=dt.UTC)
HTMX = {"HX-Request": "true"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Flows and checks run on the embedded default (SQLite) too."""
    for item in items:
        place = item.path
        if place.parent.name in {"flows", "checks"} or "test_checks" in place.name:
            item.add_marker(pytest.mark.embedded)


@pytest.fixture(autouse=True)
def clock(request: pytest.FixtureRequest) -> Iterator[time_machine.Traveller | None]:
    """17 March 2026, 10:20 UTC; tests move it by `clock.shift(...)`. Tests that drive
    real processes (browser, broker) run on the real clock."""
    if request.node.get_closest_marker("browser") or request.node.get_closest_marker(
        "broker"
    ):
        yield None
        return
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture(scope="session", autouse=True)
def _leftover_sessions(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A server thread whose browser went away in the middle of an answer may still hold
    a session of this worker's own database, which PostgreSQL then refuses to drop: end
    it and say what it last asked. Where no test asked for a database none was made, and
    what the settings name is not ours."""
    yield
    is_ours = connection.settings_dict["NAME"].startswith("test_")
    with django_db_blocker.unblock():
        if is_ours and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT state, query, pg_terminate_backend(pid, 5000)"
                    " FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                for state, query, _ in cursor.fetchall():
                    sys.stderr.write(f"session left behind, {state}: {query[:200]}\n")


@pytest.fixture(autouse=True)
def _reference_data(request: pytest.FixtureRequest) -> None:
    """A test with real transactions ends with empty tables: the editable defaults that
    the migrations write are put back for the next one."""
    marker = request.node.get_closest_marker("django_db")
    if (marker and marker.kwargs.get("transaction")) or (
        {"transactional_db", "live_server"} & set(request.fixturenames)
    ):
        request.getfixturevalue("transactional_db")
        for module, function in (
            ("incidents.migrations.0002_reference_data", "make_policies"),
            ("review.migrations.0002_closure_policies", "make_policies"),
            ("accounts.migrations.0002_roles", "make_roles"),
        ):
            getattr(import_module(module), function)(apps, None)


def codes(error: ValidationError) -> dict[str, list[str | None]]:
    """What a service refused: the codes by field."""
    return {name: [e.code for e in rows] for name, rows in error.error_dict.items()}


def person(handle: str, name: str, title: str, *roles: str) -> User:
    user = User.objects.create_user(
        f"{handle}@pay.example", "correct horse", name=name, title=title
    )
    for role in roles:
        user.groups.add(Group.objects.get_or_create(name=role)[0])
    return user


@pytest.fixture
def commander(db: None) -> User:
    return person("ic", "Ida Clark", "IC on call", Role.COMMANDER, Role.RESPONDER)


@pytest.fixture
def responder(db: None) -> User:
    return person("resp", "Ravi Sen", "Payments engineering lead", Role.RESPONDER)


@pytest.fixture
def reviewer(db: None) -> User:
    """Engineering manager: manager-level, engineering seat."""
    user = person("em", "Eva Moreau", "Engineering manager", Role.REVIEWER)
    Team.objects.create(
        slug="engineering", name="Engineering", function="engineering", manager=user
    )
    return user


@pytest.fixture
def finance(db: None) -> User:
    """Finance director: manager-level, finance seat."""
    user = person("fd", "Femi Dada", "Finance director", Role.FINANCE)
    Team.objects.create(
        slug="finance", name="Finance", function="finance", manager=user
    )
    return user


@pytest.fixture
def viewer(db: None) -> User:
    return person("viewer", "Vera Lund", "Auditor", Role.VIEWER)


@pytest.fixture
def administrator(db: None) -> User:
    return person("admin", "Ada Min", "Administrator", Role.ADMIN)


@pytest.fixture
def outsider(db: None) -> User:
    """Signed in, but without any role."""
    return person("out", "Otto Ude", "Contractor")


@pytest.fixture
def incident(commander: User) -> Incident:
    return factories.make_incident(actor=commander)

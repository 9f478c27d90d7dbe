"""The permission matrix, generated from the URL configuration: route x role. A route
without a declared access fails; so does one that lets the wrong role in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.decorators import is_declared
from accounts.models import Role, User
from incidents.models import Incident
from incidents.permissions import TABLE
from incidents.services.cases import check_case, import_case
from tests.conftest import person

DEMO = Path(__file__).resolve().parents[2] / "demo"
# Guarded by their own framework, tested there: sign-in pages and the admin site.
OTHERS = ("accounts/", "admin/")
# Parameters of addresses in the demonstration case.
SAMPLES: dict[str, Any] = {"number": 1, "pk": 1, "token_id": 1, "sequence": 1}
SAMPLES |= {"person_id": 1, "team_id": 1, "severity": "SEV2"}


@dataclass(frozen=True)
class Route:
    """One address: its path with samples filled in, and what opens it."""

    path: str
    view: Any
    parameters: tuple[str, ...]


def walk(
    patterns: list[Any], prefix: str = "", names: tuple[str, ...] = ()
) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    for item in patterns:
        route = prefix + str(item.pattern)
        found = (*names, *item.pattern.converters)
        if isinstance(item, URLResolver):
            yield from walk(item.url_patterns, route, found)
        elif isinstance(item, URLPattern):
            yield route, item.callback, found


def routes() -> list[tuple[str, Any, tuple[str, ...]]]:
    return [
        row
        for row in walk(get_resolver().url_patterns)
        if not row[0].startswith(OTHERS) and "format" not in row[2]
    ]


def roles_of(access: str) -> set[str]:
    """Whom a declared access lets in; '' is a person without a role."""
    if access == "signed_in":
        return {*Role.values, ""}
    if access == "administrators":
        return {Role.ADMIN}
    return set(TABLE[access].roles)


def fill(route: str, parameters: tuple[str, ...], incident: Incident) -> str:
    """The address with sample values; an unknown parameter fails loudly."""
    path = "/" + route
    for name in parameters:
        value = incident.key if name == "key" else SAMPLES.get(name)
        if value is None:
            value = {"kind": "first_alert", "check_id": "TL001", "ref": "EV-1"}.get(
                name
            )
        assert value is not None, f"no sample for <{name}> in {route}"
        for converter in ("str", "int", "slug", "uuid", "path"):
            path = path.replace(f"<{converter}:{name}>", str(value))
        path = path.replace(f"<{name}>", str(value))
    assert "<" not in path, path
    return path


@pytest.fixture
def case(commander: User) -> Incident:
    data = json.loads((DEMO / "gateway-failure.json").read_text())
    return import_case(actor=commander, case=check_case(data))


@pytest.fixture
def cast(db: None) -> dict[str, User]:
    people = {
        role: person(f"m-{role}", role, role.title(), role) for role in Role.values
    }
    return people | {"": person("m-none", "No role", "Contractor")}


def test_every_route_declares_its_access() -> None:
    bare = [route for route, view, _ in routes() if not is_declared(view)]
    assert bare == []


def test_every_api_action_is_in_its_permission_map() -> None:
    faults = []
    for route, view, _ in routes():
        actions = getattr(view, "actions", None)
        if not actions:
            continue
        declared = view.cls.permission_map
        faults += [
            f"{route}: {action}"
            for action in actions.values()
            if declared.get(action) not in {*TABLE, "signed_in", "administrators"}
        ]
    assert faults == []


def test_pages_open_for_the_declared_roles_only(
    case: Incident, cast: dict[str, User]
) -> None:
    """The ceiling of each role on each page; anonymous goes to sign-in."""
    faults = []
    client = Client()
    for route, view, parameters in routes():
        access = getattr(view, "access", None)
        if access is None or access == "public":
            continue
        path = fill(route, parameters, case)
        client.logout()
        page = client.get(path)
        if page.status_code != 302 or "/accounts/login/" not in page.url:
            faults.append(f"{path} anonymous: {page.status_code}")
        for role, user in cast.items():
            client.force_login(user)
            status = client.get(path).status_code
            allowed = role in roles_of(access)
            if (status == 403) == allowed or status >= 500:
                faults.append(f"{path} ({access}) as {role or 'nobody'}: {status}")
    assert faults == []


def test_pages_are_read_or_sent_and_answer_no_other_method(
    case: Incident, cast: dict[str, User]
) -> None:
    client = Client()
    client.force_login(cast[Role.ADMIN])
    faults = []
    for route, view, parameters in routes():
        if getattr(view, "access", None) is None:
            continue
        path = fill(route, parameters, case)
        for method in ("DELETE", "OPTIONS", "PATCH", "PROPFIND", "PUT", "TRACE"):
            status = client.generic(method, path).status_code
            if status != 405:
                faults.append(f"{method} {path}: {status}")
    assert faults == []


def test_api_answers_the_declared_roles_only(
    case: Incident, cast: dict[str, User]
) -> None:
    """Anonymous is 401, the wrong role 403, for every method of every address."""
    faults = []
    for route, view, parameters in routes():
        actions = getattr(view, "actions", None)
        if not actions:
            continue
        path = fill(route, parameters, case)
        for method, action in list(actions.items()):
            if method == "head":
                continue
            needed = view.cls.permission_map[action]
            client = Client()
            status = client.generic(method.upper(), path).status_code
            if status != 401:
                faults.append(f"{method} {path} anonymous: {status}")
            for role, user in cast.items():
                if role in roles_of(needed):
                    continue
                client.force_login(user)
                status = client.generic(
                    method.upper(), path, "{}", content_type="application/json"
                ).status_code
                # An incident does not exist for a person without a role.
                unseen = not role and "key" in parameters
                if status != (404 if unseen else 403):
                    faults.append(
                        f"{method} {path} ({needed}) as {role or 'nobody'}: {status}"
                    )
    assert faults == []


def test_a_restricted_incident_is_invisible_on_every_route(
    case: Incident, cast: dict[str, User]
) -> None:
    """Decision 12: invisible is 404, also for those whose role could act."""
    Incident.objects.filter(pk=case.pk).update(is_restricted=True)
    stranger = cast[Role.RESPONDER]
    faults = []
    client = Client()
    client.force_login(stranger)
    for route, view, parameters in routes():
        if "key" not in parameters:
            continue
        path = fill(route, parameters, case)
        methods = [
            m.upper() for m in getattr(view, "actions", {"get": ""}) if m != "head"
        ]
        for method in methods:
            status = client.generic(
                method, path, "{}", content_type="application/json"
            ).status_code
            if status != 404:
                faults.append(f"{method} {path}: {status}")
    assert faults == []


@pytest.mark.parametrize("role", [*Role.values, ""])
def test_seeing_and_finding_agree(
    role: str, case: Incident, cast: dict[str, User]
) -> None:
    """`visible_to` and the permission to view never contradict each other; a person
    without a role finds nothing, not even a title."""
    user = cast[role]
    sees = Incident.objects.visible_to(user).filter(pk=case.pk).exists()
    assert sees == (role in TABLE["incident.view"].roles) == bool(role)

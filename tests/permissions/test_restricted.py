"""A restricted incident, for those who may not see it: every address answers as if it
did not exist, and no other page or list says anything that it would not say without."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import Role, User
from actions.services.chasing import chase_deadlines
from incidents.models import Incident, Notification
from incidents.services import lifecycle
from incidents.services.cases import check_case, import_case
from incidents.services.notifications import sweep_notifications
from tests.permissions.test_matrix import DEMO, case, cast, fill, routes  # noqa: F401

ABSENT = "INC-9"
# What is another each time that a page is made.
MOVING = re.compile(r'(?<=value=")[\w-]{32,64}(?=")|(?<="X-CSRFToken": ")\w+')
WORDS = "Gateway"


def answer(client: Client, method: str, path: str, key: str = "", **more: Any) -> Any:
    """All that a person is told by one request, without the key that it names."""
    page = client.generic(
        method, path, b"" if method == "GET" else b"{}", "application/json", **more
    )
    content = b"".join(page) if page.streaming else page.content
    text = MOVING.sub("", content.decode(errors="replace"))
    told = (page.status_code, sorted(page.headers.items()), text)
    return json.loads(json.dumps(told).replace(key, "KEY")) if key else told


def requests(with_key: bool) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Method, route and parameters of everything that somebody signed in can ask."""
    for route, view, parameters in routes():
        if ("key" in parameters) != with_key:
            continue
        access = getattr(view, "access", None)
        if access in {"public", "administrators"}:
            continue
        methods = getattr(view, "actions", {"get": "", "post": ""})
        for method in set(methods) - {"head"}:
            yield method.upper(), route, parameters


class TestAnAddressOfIt:
    @pytest.mark.parametrize("how", ["page", "fragment"])
    def test_answers_as_if_there_was_no_such_incident(
        self,
        how: str,
        case: Incident,  # noqa: F811
        cast: dict[str, User],  # noqa: F811
    ) -> None:
        """Decision 12: byte for byte, headers included."""
        Incident.objects.filter(pk=case.pk).update(is_restricted=True)
        client = Client(raise_request_exception=False)
        client.force_login(cast[Role.RESPONDER])
        headers = {
            "page": {"If-None-Match": "*", "If-Match": "*", "Idempotency-Key": "k-1"},
            "fragment": {"HX-Request": "true", "HX-Target": "drawer"},
        }[how]
        faults, asked = [], 0
        for method, route, parameters in requests(with_key=True):
            path = fill(route, parameters, case)
            other = path.replace(case.key, ABSENT)
            there = answer(client, method, path, case.key, headers=headers)
            nowhere = answer(client, method, other, ABSENT, headers=headers)
            asked += 1
            if there != nowhere or there[0] != 404:
                faults.append(f"{method} {path}: {there[0]}, nowhere {nowhere[0]}")
        assert faults == []
        assert asked > 200


class TestEverythingElse:
    def test_says_the_same_as_without_it(
        self,
        case: Incident,  # noqa: F811
        cast: dict[str, User],  # noqa: F811
        commander: User,
    ) -> None:
        """Lists, totals, facets, search, what is due, what was told: also to somebody
        whom it named, and who was told of it, before it was restricted."""
        stranger = cast[Role.RESPONDER]
        chase_deadlines()
        before = self.everything(stranger, case)

        hidden = self.hidden(commander, stranger)
        seen = self.everything(stranger, case)
        assert seen != before
        lifecycle.edit_incident(
            incident_id=hidden.pk,
            actor=commander,
            is_restricted=True,
            restrict_anyway=True,
        )
        hidden.refresh_from_db()
        assert not hidden.is_visible_to(stranger)

        after = self.everything(stranger, case)
        assert {path for path in after if after[path] != before[path]} == set()

    def hidden(self, commander: User, stranger: User) -> Incident:
        """The same case once more, in which the stranger owns whatever has an owner."""
        data = json.loads((DEMO / "gateway-failure.json").read_text())
        data["record"]["incident"]["uuid"] = "11111111-2222-4333-8444-555555555555"
        for rows in data["record"].values():
            for row in rows if isinstance(rows, list) else [rows]:
                if isinstance(row, dict) and row.get("owner"):
                    row["owner"] = stranger.handle
        made = import_case(actor=commander, case=check_case(data))
        chase_deadlines()
        sweep_notifications()
        assert Notification.objects.filter(recipient=stranger, incident=made).exists()
        return made

    def everything(
        self,
        stranger: User,
        case: Incident,  # noqa: F811
    ) -> dict[str, Any]:
        """Every page and list, under a session of its own, which keeps counts."""
        client = Client(raise_request_exception=False)
        client.force_login(stranger)
        found = {}
        for method, route, parameters in requests(with_key=False):
            if method != "GET":
                continue
            path = fill(route, parameters, case)
            for query in ("", f"?q={WORDS}"):
                found[path + query] = answer(client, "GET", path + query)
        return found

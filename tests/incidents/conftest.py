"""What the tests of the case file share: a filled case, files as evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from accounts.models import User
from incidents.models import Evidence, Incident
from tests import factories

CASE = "/incidents/INC-1/"
CSV = b"minute,completed\n13:43,12\n"
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n"


def code_of(caught: Any, field: str = "upload") -> str | None:
    """Why a service refused this field: `caught` is what `pytest.raises` gave."""
    code: str | None = caught.value.error_dict[field][0].code
    return code


@pytest.fixture
def add_file(incident: Incident, responder: User) -> Callable[..., Evidence]:
    """Uploads a file as evidence."""

    def add(name: str = "orders.csv", content: bytes = CSV, **fields: Any) -> Evidence:
        fields.setdefault("actor", responder)
        return factories.make_evidence(
            incident, url="", upload=SimpleUploadedFile(name, content), **fields
        )

    return add


def add_log(
    incident: Incident, actor: User, title: str = "Log", **fields: Any
) -> Evidence:
    """An artifact with a log of its own, unless it has a link or an upload."""
    fields.setdefault("kind", "log_query")
    if "url" not in fields:
        content = f"{title} <b>\n".encode()
        fields.setdefault("upload", SimpleUploadedFile("a.log", content))
    fields.setdefault("url", "")
    return factories.make_evidence(incident, actor=actor, title=title, **fields)


def fill(incident: Incident, actor: User, tag: str) -> None:
    """An artifact, and a scope line, an impact with its figure and an unknown on it;
    each says `tag`."""
    proof = [factories.make_evidence(incident, actor=actor, title=f"Log {tag}")]
    factories.make_scope(
        incident,
        actor=actor,
        consequence=f"Card checkout hangs {tag}",
        evidence=proof,
    )
    impact = factories.make_impact(incident, actor=actor, evidence=proof)
    factories.make_figure(impact, actor=actor, evidence=proof)
    factories.make_unknown(
        incident, actor=actor, question=f"Why {tag}?", evidence=proof
    )


def refs(page: Any) -> list[str]:
    """The rows of the evidence tab."""
    assert page.status_code == 200
    return [line.row.ref for line in page.context["lines"]]


# --- API ---


@pytest.fixture
def api() -> Callable[..., APIClient]:
    """A client of the API, signed in as somebody or as nobody."""

    def sign_in(user: User | None = None) -> APIClient:
        client = APIClient()
        if user is not None:
            client.force_authenticate(user)
        return client

    return sign_in


@pytest.fixture
def rows(incident: Incident, commander: User) -> None:
    """One row of each kind, so that every verb has its subject."""
    factories.make_evidence(incident, actor=commander)
    factories.make_evidence(incident, actor=commander, side="finance")
    factories.make_scope(incident, actor=commander)
    factories.make_impact(incident, actor=commander)
    factories.make_unknown(incident, actor=commander)


def refusals(answer: Any) -> dict[str, str]:
    """What the API refused: the codes by field."""
    return {row["field"]: row["code"] for row in answer.json().get("errors", [])}

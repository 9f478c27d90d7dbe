"""The demonstration: three case files of `demo/`, their files, and accounts.

Times are moved by whole days so that the gateway failure lies a week back, and nothing
of what has happened ahead: before 10:20 UTC, the live incident is one of yesterday.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.files.base import File
from django.db import transaction
from django.utils import timezone

from accounts.models import Role, Team, User
from actions.services import approvals
from incidents.models import Incident, StoredFile
from incidents.services.cases import check_case, import_case
from incidents.services.files import keep_file
from incidents.services.findings import refresh_findings

DEMO = Path(settings.BASE_DIR) / "demo"
WRITTEN_FOR = datetime(2026, 3, 17, 10, 20, tzinfo=UTC)
MOMENT = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$")
PASSWORD = "demo-postmortem"  # noqa: S105 - printed for everybody to see

# handle, name, title, roles; the title is how the record names them.
ACCOUNTS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("ic", "Noor Haddad", "IC on call", (Role.COMMANDER, Role.RESPONDER)),
    ("em", "Eva Moreau", "Engineering manager", (Role.REVIEWER,)),
    ("fd", "Femi Dada", "Finance director", (Role.FINANCE,)),
    ("eng", "Ines Carvalho", "Payments engineering lead", (Role.RESPONDER,)),
    ("platform", "Kofi Mensah", "Platform on-call engineer", (Role.RESPONDER,)),
    ("payops", "Lea Brandt", "Payments ops lead", (Role.RESPONDER, Role.COMMANDER)),
    ("fincon", "Milan Novak", "Finance controller", (Role.FINANCE, Role.RESPONDER)),
    ("scribe", "Tomas Berg", "Scribe on call", (Role.RESPONDER,)),
    ("compliance", "Asta Lind", "Compliance duty lead", (Role.COMPLIANCE,)),
    ("product", "Mira Sato", "Checkout product owner", (Role.REVIEWER,)),
    ("support", "Jonas Weber", "Support lead", (Role.RESPONDER,)),
    ("viewer", "Ada Quist", "Auditor", (Role.VIEWER,)),
    ("admin", "Root Admin", "Administrator", (Role.ADMIN,)),
)
TEAMS: tuple[tuple[str, str, str, str, tuple[str, ...]], ...] = (
    ("engineering", "Payments engineering", "engineering", "em", ("eng", "platform")),
    ("finance", "Finance", "finance", "fd", ("fincon",)),
    ("payments-ops", "Payments operations", "payments_ops", "payops", ("support",)),
)


def load() -> list[Incident]:
    """Load accounts, cases and files; returns the incidents that are new."""
    with transaction.atomic():
        people = {row[0]: _account(*row) for row in ACCOUNTS}
        _teams(people)
    _files()
    moved = (timezone.now() - WRITTEN_FOR).days
    made = []
    for path in sorted(DEMO.glob("*.json")):
        case = shifted(json.loads(path.read_text(encoding="utf-8")), moved)
        if Incident.objects.filter(uuid=case["record"]["incident"]["uuid"]).exists():
            continue
        incident = import_case(actor=people["ic"], case=check_case(case))
        if path.stem == "gateway-failure":
            _approve(incident, people)
        refresh_findings(incident.pk)
        made.append(incident)
    return made


def _files() -> None:
    """The bytes of the artifacts, before the checks look for them."""
    for path in sorted((DEMO / "files").iterdir()):
        with path.open("rb") as stream:
            kept = keep_file(File(stream, name=path.name))
        StoredFile.objects.get_or_create(
            sha256=kept.sha256, defaults={"size": kept.size, "path": kept.path}
        )


def _approve(incident: Incident, people: dict[str, User]) -> None:
    """An import grants nothing, so the managers say here what they said then."""
    approve, defer = approvals.approve_action, approvals.approve_deferral
    for say, actor, number in (
        (approve, "em", 1),
        (approve, "em", 3),
        (approve, "fd", 3),
        (defer, "em", 5),
        (defer, "em", 6),
    ):
        say(incident_id=incident.pk, actor=people[actor], number=number)


def _account(handle: str, name: str, title: str, roles: tuple[str, ...]) -> User:
    email = f"{handle}@demo.example"
    user = User.objects.filter(handle=email).first() or User(handle=email)
    if user.email is None:  # new, or the stand-in that an imported case left
        user.email, user.name, user.title, user.is_active = email, name, title, True
        user.set_password(PASSWORD)
    user.is_staff = Role.ADMIN in roles
    user.save()
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


def _teams(people: dict[str, User]) -> None:
    for slug, name, function, manager, members in TEAMS:
        team, _ = Team.objects.get_or_create(
            slug=slug,
            defaults={"name": name, "function": function, "manager": people[manager]},
        )
        team.members.set([people[member] for member in (*members, manager)])


def accounts() -> list[dict[str, str]]:
    """The accounts that the sign-in page and `make run` offer."""
    return [
        {
            "email": f"{handle}@demo.example",
            "name": name,
            "role": title,
            "password": PASSWORD,
        }
        for handle, name, title, _ in ACCOUNTS
    ]


def shifted(value: Any, days: int) -> Any:
    """The same JSON with every time moved by whole days."""
    if isinstance(value, dict):
        return {key: shifted(item, days) for key, item in value.items()}
    if isinstance(value, list):
        return [shifted(item, days) for item in value]
    if isinstance(value, str) and MOMENT.match(value):
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        return (moment + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value

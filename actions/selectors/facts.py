"""What approvals of actions rest on, read for many actions at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import F, OuterRef
from django.db.models.functions import JSONArray

from accounts.models import User
from actions.models import ActionApproval, ActionCause, ActionFailureMode, ActionItem
from actions.selectors.joined import COVERED, with_tests
from incidents.models import ActivityEntry
from incidents.selectors.lists import Gathered
from postmortem.lib.hanging import hold
from rca.models import Cause, FailureMode

_GIVEN = ("pk", "purpose", "seat", "decision", "approved_digest", "approver_id")


def _gathered() -> dict[str, Gathered]:
    """What hangs on an action besides its tests: each as one list of plain values."""
    mine = {"action": OuterRef("pk")}
    given = ActionApproval.objects.filter(**mine)
    causes = ActionCause.objects.filter(**mine, retracted_at=None)
    modes = ActionFailureMode.objects.filter(**mine, retracted_at=None)
    owned = ActionItem.history.filter(id=OuterRef("pk"), owner__isnull=False)
    imported = ActivityEntry.objects.filter(
        incident=OuterRef("incident"), verb="incidents.case_imported"
    )
    return {
        "given": Gathered(given.order_by("pk").values(row=JSONArray(*_GIVEN))),
        "causes_of": Gathered(causes.values(row=F("cause__number"))),
        "modes_of": Gathered(modes.values(row=F("failure_mode__number"))),
        "owned_by": Gathered(owned.order_by().values(row=F("owner"))),
        "imported_by": Gathered(imported.order_by().values(row=F("actor"))),
    }


def load_facts(
    actions: Iterable[ActionItem], *, besides: Iterable[int] = ()
) -> dict[int, User]:
    """Read what `approval_state` and `conflicts` ask of these actions: one query for
    all that hangs on them, one for the people. Gives those, and the people of these
    ids `besides`, with their roles."""
    rows = {row.pk: row for row in actions}
    if not rows:
        return {}
    gathered = _gathered()
    read: list[tuple[Any, Any]] = list(
        with_tests(
            ActionItem.objects.filter(pk__in=rows).annotate(**gathered),
            COVERED,
            also=gathered,
        )
    )
    ids: set[int | None] = set(besides)
    for found, tests in read:
        row = rows[found.pk]
        ids |= {row.recorded_by_id, row.completed_by_id}
        ids |= {*(found.owned_by or ()), *(found.imported_by or ())}
        ids |= {approver for *_, approver in found.given or ()}
        ids |= {
            person
            for test in tests
            for run in test.runs.all()
            for person in (run.tester_id, run.recorded_by_id)
        }
    people = _people(ids - {None})
    for found, tests in read:
        _join(rows[found.pk], found, tests, people)
    return people


def _join(
    action: ActionItem, found: Any, tests: list[Any], people: dict[int, User]
) -> None:
    """Give an action what was read of it."""
    given = [
        ActionApproval(**dict(zip(_GIVEN, values, strict=True)))
        for values in found.given or ()
    ]
    _name(given, people, "approver")
    runs = [run for test in tests for run in test.runs.all()]
    _name(runs, people, "tester", "recorded_by")
    _name([action], people, "recorded_by", "completed_by")
    hold(
        action,
        closure_tests=tests,
        approvals=given,
        cause_links=[
            ActionCause(cause=Cause(number=number)) for number in found.causes_of or ()
        ],
        failure_mode_links=[
            ActionFailureMode(failure_mode=FailureMode(number=number))
            for number in found.modes_of or ()
        ],
    )
    earlier = set(found.owned_by or ()) - {action.owner_id}
    action.former_owners = [people[pk] for pk in sorted(earlier)]
    action.incident.importers = [people[pk] for pk in found.imported_by or ()]


def _name(rows: Iterable[Any], people: dict[int, User], *fields: str) -> None:
    """Give these rows the people that they name."""
    for row in rows:
        for field in fields:
            if pk := getattr(row, f"{field}_id"):
                setattr(row, field, people[pk])


def _people(ids: set[Any]) -> dict[int, User]:
    """These people by id, with their roles and the functions they manage as they are
    now, in one query."""
    people: dict[int, User] = {}
    groups: dict[int, set[str]] = {}
    managed: dict[int, set[str]] = {}
    for row in User.objects.filter(pk__in=ids).annotate(
        group=F("groups__name"), manages=F("managed_teams__function")
    ):
        people[row.pk] = row
        groups.setdefault(row.pk, set()).add(row.group)
        managed.setdefault(row.pk, set()).add(row.manages)
    for pk, person in people.items():
        person.roles = person.roles_in(groups[pk])
        person.managed_functions = frozenset(managed[pk] - {None})
    return people

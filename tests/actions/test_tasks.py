"""The chaser: each reminder once, whatever crashes, also after closing."""

from __future__ import annotations

import datetime as dt
import threading
import tracemalloc
from importlib import import_module
from typing import Any

import pytest
import time_machine
from django.apps import apps
from django.db import DatabaseError, connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Team, User
from actions import tasks
from actions.models import ActionItem, ClosureTest, TestRun
from actions.services import approvals, chasing, items
from actions.services.tests import attach_artifact
from incidents.models import Incident, Notification
from incidents.selectors import follow_ups
from incidents.services.findings import refresh_findings
from postmortem.lib.deadlines import PROVIDERS, Deadline, all_deadlines
from tests.actions.conftest import Desk
from tests.conftest import NOW
from tests.factories import make_unknown

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)


def reminders() -> list[tuple[str, str]]:
    rows = Notification.objects.filter(kind__startswith="deadline_").order_by("pk")
    return [(row.kind, row.recipient.handle) for row in rows]


def due(kind: str, user: User | None) -> list[Deadline]:
    return [item for item in PROVIDERS[kind](user) if item.kind == kind]


def close(desk: Desk) -> None:
    """As closing leaves the incident: judged once, with everything approved."""
    refresh_findings(desk.incident.pk)
    Incident.objects.filter(pk=desk.incident.pk).update(
        status=Incident.Status.CLOSED, closed_at=timezone.now()
    )


@pytest.fixture
def manager(reviewer: User, responder: User) -> User:
    """The reviewer leads the team of the responder who owns the actions."""
    Team.objects.get(slug="engineering").members.add(responder)
    return reviewer


class TestSubject:
    @pytest.mark.parametrize(
        ("ref", "where"), [("ACT-1", "INC-1/ACT-1"), ("INC-1", "INC-1")]
    )
    def test_names_the_incident_once(
        self, incident: Incident, ref: str, where: str
    ) -> None:
        due = Deadline(
            key="x",
            kind="approval",
            title="Approve the closure",
            due_at=NOW + 2 * HOUR,
            owner=None,
            incident=incident,
            url="/",
            ref=ref,
        )

        said = chasing._Chase(NOW).subject(due)

        assert said == f"{where}, due in 2 h: Approve the closure"


class TestChaseDeadlines:
    def test_reminds_step_by_step_and_escalates(
        self, desk: Desk, manager: User, clock: time_machine.Traveller
    ) -> None:
        """R-MT-05, R-DOC-15"""
        desk.opened(due_at=NOW + 2 * DAY)
        tasks.chase_deadlines()
        assert reminders() == []

        expected = []
        for wait, kind, people in (
            (DAY + HOUR, "deadline_due_24h", [desk.owner]),
            (DAY, "deadline_overdue", [desk.owner]),
            (3 * DAY, "deadline_overdue_3d", [desk.owner, manager]),
            (4 * DAY, "deadline_overdue_7d", [desk.owner, manager]),
        ):
            clock.shift(wait)
            tasks.chase_deadlines()
            expected += [(kind, person.handle) for person in people]
            assert reminders() == expected

        clock.shift(30 * DAY)
        tasks.chase_deadlines()
        assert reminders() == expected

    def test_says_why_another_than_the_owner_is_told(
        self, desk: Desk, commander: User, clock: time_machine.Traveller
    ) -> None:
        """A late unknown goes to the commander, who need not lead the owner's team."""
        make_unknown(desk.incident, actor=desk.author, owner=desk.owner)
        clock.shift(6 * DAY)

        tasks.chase_deadlines()

        sent = Notification.objects.filter(kind="deadline_overdue_3d")
        bodies = dict(sent.values_list("recipient", "body"))
        why = "It is told to you too because it is overdue"
        assert why in bodies[commander.pk]
        assert why not in bodies[desk.owner.pk]
        assert "team" not in bodies[commander.pk]

    def test_run_twice_changes_nothing(self, desk: Desk) -> None:
        desk.opened(due_at=NOW - HOUR)

        tasks.chase_deadlines()
        first = list(Notification.objects.values())
        tasks.chase_deadlines()

        assert list(Notification.objects.values()) == first
        assert reminders() == [("deadline_overdue", "resp@pay.example")]

    def test_goes_on_where_a_killed_run_stopped(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(3):
            desk.opened(due_at=NOW - HOUR)
        real, calls = chasing.notify, []

        def killed(**fields: Any) -> Any:
            calls.append(fields["dedupe_key"])
            if len(calls) == 2:
                raise SystemExit("killed")
            return real(**fields)

        monkeypatch.setattr(chasing, "notify", killed)
        with pytest.raises(SystemExit):
            tasks.chase_deadlines()
        assert len(reminders()) == 1

        monkeypatch.setattr(chasing, "notify", real)
        tasks.chase_deadlines()
        assert len(reminders()) == 3

    def test_a_new_date_is_reminded_of_anew(self, desk: Desk) -> None:
        action = desk.opened(due_at=NOW - HOUR)
        tasks.chase_deadlines()

        items.edit_action(
            incident_id=desk.incident.pk,
            actor=desk.author,
            number=action.number,
            due_at=NOW + HOUR,
        )
        tasks.chase_deadlines()

        assert [kind for kind, _ in reminders()] == [
            "deadline_overdue",
            "deadline_due_24h",
        ]

    def test_goes_on_after_closing_and_stops_when_done(self, desk: Desk) -> None:
        """R-MT-05"""
        desk.opened(timing=ActionItem.Timing.SCHEDULED, due_at=NOW - HOUR)
        done = desk.completed(timing=ActionItem.Timing.SCHEDULED, due_at=NOW - HOUR)
        desk.status(Incident.Status.CLOSED)

        tasks.chase_deadlines()

        assert len(reminders()) == 1
        assert done.ref not in Notification.objects.latest("pk").subject

    def test_sends_one_mail_for_steps_that_were_missed(self, desk: Desk) -> None:
        desk.opened(due_at=NOW - 10 * DAY)

        tasks.chase_deadlines()

        assert [kind for kind, _ in reminders()] == ["deadline_overdue_7d"]

    def test_tells_nobody_who_may_not_see_a_restricted_incident(
        self, desk: Desk, manager: User
    ) -> None:
        """Decision 12"""
        desk.opened(due_at=NOW - 4 * DAY)
        Incident.objects.filter(pk=desk.incident.pk).update(is_restricted=True)

        tasks.chase_deadlines()

        assert reminders() == []

    def test_tells_nobody_whose_roles_were_taken_away(self, desk: Desk) -> None:
        """Decision 12"""
        desk.opened(due_at=NOW - HOUR)
        desk.owner.groups.clear()

        tasks.chase_deadlines()

        assert reminders() == []

    def test_one_broken_row_does_not_silence_the_others(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(2):
            desk.opened(due_at=NOW - HOUR)
        real, calls = chasing.notify, []

        def broken(**fields: Any) -> Any:
            calls.append(1)
            if len(calls) == 1:
                raise DatabaseError("too long")
            return real(**fields)

        monkeypatch.setattr(chasing, "notify", broken)
        tasks.chase_deadlines()

        assert len(reminders()) == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
class TestTwoWorkers:
    def test_write_each_reminder_once(self, desk: Desk) -> None:
        if connection.vendor != "postgresql":
            pytest.skip("needs a database that two threads can write to")
        for _ in range(5):
            desk.opened(due_at=NOW - HOUR)
        start = threading.Barrier(2)

        def work() -> None:
            start.wait(10)
            try:
                tasks.chase_deadlines()
            finally:
                connections.close_all()

        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(30)

        assert len(reminders()) == 5
        keys = Notification.objects.values_list("dedupe_key", flat=True)
        assert len(set(keys)) == 5


class TestDeadlines:
    def test_list_each_thing_once_for_its_owner(
        self, desk: Desk, commander: User
    ) -> None:
        """R-AI-01"""
        action = desk.opened()
        desk.test(action, due_at=NOW + DAY)
        desk.opened(owner=commander)

        mine = [d for d in all_deadlines(desk.owner) if d.kind in KINDS]

        assert [(d.kind, d.ref) for d in mine] == [
            ("closure_test", "CT-2"),
            ("action", "ACT-1"),
        ]
        assert [d.ref for d in due("action", None)] == ["ACT-1", "ACT-2"]

    def test_hold_little_for_somebody_who_owes_hundreds(self, desk: Desk) -> None:
        """Four threads of a worker may look at once: 3 kB for each action, where its
        query sets and whole rows took 15."""
        count = 300
        ActionItem.objects.bulk_create(
            ActionItem(
                incident=desk.incident,
                number=number,
                title=f"Gate {number}",
                details="Why and how. " * 300,
                kind=ActionItem.Kind.REDUCE,
                state=ActionItem.State.OPEN,
                owner=desk.owner,
                due_at=NOW + DAY,
            )
            for number in range(1, count + 1)
        )
        ClosureTest.objects.bulk_create(
            ClosureTest(
                incident=desk.incident,
                number=action.number,
                action=action,
                procedure="Step by step. " * 300,
                due_at=NOW + DAY,
            )
            for action in ActionItem.objects.all()
        )
        all_deadlines(desk.owner)  # what is read once in a process

        tracemalloc.start()
        found = all_deadlines(desk.owner)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert len(found) == 2 * count
        assert peak / count < 6_000

    def test_a_test_is_over_once_it_is_proven(self, desk: Desk) -> None:
        action = desk.opened()
        test = desk.test(action, due_at=NOW + DAY)
        desk.run(action, closure_test=test, evidence=[desk.artifact()])

        assert due("closure_test", None) == []

    def test_an_approval_waits_for_the_named_approver_who_may_give_it(
        self, desk: Desk, reviewer: User, finance: User
    ) -> None:
        """R-AP-02"""
        action = desk.completed()
        assert [d.owner for d in due("approval", None)] == [desk.owner]

        desk.incident.approvers.add(reviewer, desk.owner)
        (only,) = due("approval", None)
        assert (only.owner, only.ref) == (reviewer, "ACT-1")
        assert only.due_at == NOW + 3 * DAY
        assert [d.key for d in due("approval", reviewer)] == [only.key]
        assert due("approval", desk.owner) == []

        desk.approve(action, reviewer)
        assert due("approval", None) == []

    def test_an_approval_of_a_closed_incident_waits_again_after_another_run(
        self, desk: Desk, reviewer: User
    ) -> None:
        """R-AP-02: what was approved before it closed is not read again until then."""
        action = desk.completed(timing=ActionItem.Timing.SCHEDULED)
        desk.approve(action, reviewer)
        close(desk)
        with CaptureQueriesContext(connection) as settled:
            assert due("approval", desk.owner) == []
        assert not [query for query in settled if "testrun" in query["sql"]]

        desk.run(action, ran_at=NOW, outcome=TestRun.Outcome.FAILED)

        (only,) = due("approval", desk.owner)
        assert only.detail == "Approval is stale: the action changed"

    def test_an_approval_of_a_closed_incident_waits_again_after_another_artifact(
        self, desk: Desk, reviewer: User
    ) -> None:
        action = desk.completed(timing=ActionItem.Timing.SCHEDULED)
        artifact = desk.artifact("second.txt")
        desk.approve(action, reviewer)
        close(desk)

        attach_artifact(
            incident_id=desk.incident.pk,
            actor=desk.owner,
            number=1,
            evidence=[artifact],
        )

        assert [d.ref for d in due("approval", desk.owner)] == [action.ref]

    def test_an_approval_waits_for_what_was_completed_after_closing(
        self, desk: Desk, reviewer: User
    ) -> None:
        """R-AP-01: until it is given, or what is asked for is changed."""
        first, second = (
            desk.proven(timing=ActionItem.Timing.SCHEDULED) for _ in range(2)
        )
        close(desk)
        assert due("approval", desk.owner) == []

        for action in (first, second):
            items.complete_action(
                incident_id=desk.incident.pk, actor=desk.owner, number=action.number
            )
        assert [d.ref for d in due("approval", desk.owner)] == ["ACT-1", "ACT-2"]

        desk.approve(first, reviewer)
        assert [d.ref for d in due("approval", desk.owner)] == ["ACT-2"]

        approvals.request_changes(
            incident_id=desk.incident.pk,
            actor=reviewer,
            number=second.number,
            comment="Test it in production too.",
        )
        assert due("approval", desk.owner) == []
        assert not follow_ups().exists()

    def test_an_approval_is_noted_that_waited_before_there_was_a_note(
        self, desk: Desk
    ) -> None:
        action = desk.proven(timing=ActionItem.Timing.SCHEDULED)
        close(desk)
        later = NOW + DAY
        ActionItem.objects.filter(pk=action.pk).update(
            state=ActionItem.State.COMPLETED, completed_at=later
        )
        assert due("approval", desk.owner) == []

        import_module("incidents.migrations.0016_follow_ups").note(apps, None)

        (only,) = due("approval", desk.owner)
        assert only.due_at == later + 3 * DAY

    def test_leave_out_what_the_person_may_not_see(
        self, desk: Desk, responder: User
    ) -> None:
        desk.opened()
        Incident.objects.filter(pk=desk.incident.pk).update(is_restricted=True)

        assert due("action", responder) == []
        assert len(due("action", None)) == 1

    def test_cost_does_not_grow_with_the_rows(self, desk: Desk, reviewer: User) -> None:
        desk.incident.approvers.add(reviewer)

        def queries() -> int:
            with CaptureQueriesContext(connection) as seen:
                all_deadlines()
            return len(seen)

        desk.completed()
        desk.test(desk.opened(), due_at=NOW + DAY)
        few = queries()
        for _ in range(3):
            desk.completed()
            desk.test(desk.opened(), due_at=NOW + DAY)

        assert queries() == few


KINDS = {"action", "closure_test", "approval"}

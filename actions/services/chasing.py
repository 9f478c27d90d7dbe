"""Chasing: one outbox row per deadline, step and recipient, whatever crashes."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import DatabaseError
from django.utils import timezone

from accounts.models import Team, User
from incidents.models import Incident, Notification
from incidents.services.notifications import notify
from postmortem.lib.deadlines import Deadline, all_deadlines
from postmortem.lib.times import on_clock, span
from postmortem.lib.words import shortened

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """A reminder: from how long after the due time, and whether it escalates."""

    name: str
    after: timedelta
    escalates: bool


STEPS = (
    Step("due_24h", timedelta(hours=-24), escalates=False),
    Step("overdue", timedelta(0), escalates=False),
    Step("overdue_3d", timedelta(days=3), escalates=True),
    Step("overdue_7d", timedelta(days=7), escalates=True),
)


def current_step(due_at: datetime, now: datetime) -> Step | None:
    """The latest step that has been reached; earlier ones that were missed are not
    sent late, so that nobody gets four mails at once."""
    reached = [step for step in STEPS if due_at + step.after <= now]
    return reached[-1] if reached else None


@dataclass(frozen=True)
class Reminder:
    """One message to one person; `key` makes it go out once."""

    key: str
    deadline: Deadline
    step: Step
    recipient: User


def chase_deadlines(*, now: datetime | None = None) -> int:
    """Write the reminders that are due; returns how many this run wrote.

    Every row stands for itself: a worker that is killed half-way has lost nothing, and
    the unique key makes the next run, or a second worker, skip what is there already.
    Reminders go on after the incident is closed, and stop when the thing is done.
    """
    chase = _Chase(now or timezone.now())
    wanted = [
        reminder
        for deadline in all_deadlines()
        for reminder in chase.reminders(deadline)
    ]
    written = _written_already([reminder.key for reminder in wanted])
    count = 0
    for reminder in wanted:
        if reminder.key in written:
            continue
        deadline = reminder.deadline
        try:
            notify(
                recipient=reminder.recipient,
                kind=f"deadline_{reminder.step.name}",
                dedupe_key=reminder.key,
                subject=chase.subject(deadline),
                body=chase.body(deadline, reminder.step, reminder.recipient),
                url=deadline.url,
                incident=deadline.incident,
            )
        except DatabaseError:
            # One bad row must not silence all others; the next run tries it again.
            logger.exception("reminder for %s was not written", deadline.key)
        else:
            written.add(reminder.key)
            count += 1
    return count


def _written_already(keys: list[str]) -> set[str]:
    """Which reminders are in the outbox; the unique key decides in a race."""
    found: set[str] = set()
    for start in range(0, len(keys), 500):
        found.update(
            Notification.objects.filter(
                dedupe_key__in=keys[start : start + 500]
            ).values_list("dedupe_key", flat=True)
        )
    return found


class _Chase:
    """One run: keeps what it looked up, so that it is asked once per person."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.managers: dict[int, list[User]] = {}
        self.visible: dict[tuple[int, int], bool] = {}

    def reminders(self, deadline: Deadline) -> list[Reminder]:
        step = current_step(deadline.due_at, self.now)
        if step is None:
            return []
        return [
            Reminder(
                key=f"deadline:{deadline.key}:{step.name}:{recipient.pk}",
                deadline=deadline,
                step=step,
                recipient=recipient,
            )
            for recipient in self.recipients(deadline, step)
            if self.is_visible(deadline.incident, recipient)
        ]

    def recipients(self, deadline: Deadline, step: Step) -> list[User]:
        found: list[User] = []
        owner = deadline.owner
        if owner is not None and owner.is_active:
            found.append(owner)
        if step.escalates:
            if deadline.escalate_to is not None:
                found.append(deadline.escalate_to)
            elif owner is not None:
                found += self.managers_of(owner)
        unique = {person.pk: person for person in found if person.is_active}
        return list(unique.values())

    def managers_of(self, owner: User) -> list[User]:
        if owner.pk not in self.managers:
            teams = Team.objects.filter(members=owner, manager__isnull=False)
            self.managers[owner.pk] = [
                team.manager
                for team in teams.select_related("manager").order_by("pk")
                if team.manager is not None and not team.manager.is_same_person(owner)
            ]
        return self.managers[owner.pk]

    def is_visible(self, incident: Incident, person: User) -> bool:
        """Nobody is told of an incident that they may not open."""
        key = (person.pk, incident.pk if incident.is_restricted else 0)
        if key not in self.visible:
            self.visible[key] = incident.is_visible_to(person)
        return self.visible[key]

    def subject(self, deadline: Deadline) -> str:
        when = (
            f"overdue by {span(self.now - deadline.due_at)}"
            if deadline.due_at < self.now
            else f"due in {span(deadline.due_at - self.now)}"
        )
        case = deadline.incident.key  # which is the ref of what the whole case owes
        where = case if deadline.ref == case else f"{case}/{deadline.ref}"
        return shortened(f"{where}, {when}: {deadline.title}", 200)

    def body(self, deadline: Deadline, step: Step, recipient: User) -> str:
        incident = deadline.incident
        due = on_clock(deadline.due_at, incident.clock_zone)
        owner = deadline.owner
        lines = [
            deadline.title,
            deadline.detail,
            f"Due {due.day} {due:%b %Y, %H:%M} {incident.clock_zone}. "
            f"Owner: {owner.label if owner else 'nobody yet'}.",
        ]
        if step.escalates and (owner is None or recipient.pk != owner.pk):
            lines.append(
                "It is told to you too because it is overdue: please see that it gets "
                "done or gets a new date."
            )
        return "\n".join(line for line in lines if line)

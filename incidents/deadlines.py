"""What is due in the case file: known unknowns, and waivers that run out."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q

from accounts.models import User
from incidents import permissions, selectors
from incidents.models import KnownUnknown, Waiver
from incidents.models.case import visible_to
from postmortem.lib.deadlines import Deadline, deadlines


@deadlines("known_unknown")
def unknowns_due(user: User | None) -> Iterator[Deadline]:
    """Open known unknowns with a deadline, due to their owner; a late one reaches the
    commander. They go on after the incident is no longer active."""
    rows = (
        KnownUnknown.objects.filter(
            state=KnownUnknown.State.OPEN,
            retracted_at=None,
            due_at__isnull=False,
            incident__status__in=permissions.OPEN,
        )
        .select_related("incident", "owner")
        .order_by("due_at")
    )
    if user is not None:
        rows = rows.filter(visible_to(user, "incident__"), owner=user)
    found = list(rows)
    # Whom a late one reaches is asked by who sends the reminders, for everybody.
    ids = {row.incident_id for row in found} if user is None else set()
    leads = selectors.commanders(ids)
    for row in found:
        assert row.due_at is not None
        yield Deadline(
            key=f"known_unknown:{row.incident.uuid}:{row.ref}:{row.due_at:%Y%m%d%H%M}",
            kind="known_unknown",
            title=row.question,
            due_at=row.due_at,
            owner=row.owner,
            incident=row.incident,
            url=row.get_absolute_url(),
            ref=row.ref,
            detail=row.missing_check,
            escalate_to=leads.get(row.incident_id),
        )


@deadlines("waiver")
def waivers_running_out(user: User | None) -> Iterator[Deadline]:
    """Accepted findings whose time runs out: then they block or advise again."""
    rows = (
        Waiver.objects.filter(
            retracted_at=None,
            is_attested=False,
            expires_at__isnull=False,
            incident__status__in=permissions.OPEN,
        )
        .select_related("incident", "owner", "recorded_by")
        .order_by("expires_at")
    )
    if user is not None:
        # Without an owner it is due to who accepted it.
        theirs = Q(owner=user) | Q(owner=None, recorded_by=user)
        rows = rows.filter(theirs, visible_to(user, "incident__"))
    for row in rows:
        assert row.expires_at is not None
        yield Deadline(
            key=f"waiver:{row.incident.uuid}:{row.ref}",
            kind="waiver",
            title=f"{row.check_id} accepted until then: {row.finding_message}",
            due_at=row.expires_at,
            owner=row.owner or row.recorded_by,
            incident=row.incident,
            url=row.get_absolute_url(),
            ref=row.ref,
            detail=row.reason,
        )

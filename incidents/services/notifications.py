"""The outbox: one message to one person, written with the deed and sent afterwards."""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import User
from incidents.models import Incident, Notification
from incidents.selectors import forget_top
from postmortem.lib import jobs

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
MAX_ATTEMPTS = 8
State = Notification.State


def notify(
    *,
    recipient: User,
    kind: str,
    dedupe_key: str,
    subject: str,
    body: str,
    url: str = "",
    incident: Incident | None = None,
) -> Notification:
    """Write one message to the outbox; the same `dedupe_key` never writes a second.

    For a person who has switched mail off (or has no address) the row is kept unsent.
    A restricted incident is named only to those who may see it: to others
    nothing is written and the returned row is unsaved.
    """
    fields = {
        "recipient": recipient,
        "kind": kind,
        "subject": subject[:200],
        "body": body,
        "url": url,
        "incident": incident,
        "state": State.QUEUED if _takes_mail(recipient) else State.SKIPPED,
    }
    if not _may_know(recipient, incident):
        return Notification(dedupe_key=dedupe_key, **fields)
    row, created = Notification.objects.get_or_create(
        dedupe_key=dedupe_key, defaults=fields
    )
    if created and row.state == State.QUEUED:
        jobs.kick("incidents.tasks.deliver_notification", notification_id=row.pk)
    return row


def deliver_notification(notification_id: int) -> bool:
    """Send one queued message; True when this call sent it.

    Claimed by compare-and-set on the lease, so two workers never send it at once. A
    worker killed while sending leaves the lease to run out and the sweep tries again
    with the same Message-ID, so that mail readers fold a repeat.
    """
    now = timezone.now()
    claimed = (
        Notification.objects.filter(pk=notification_id, state=State.QUEUED)
        .filter(Q(lease_until=None) | Q(lease_until__lte=now))
        .update(lease_until=now + LEASE, attempts=F("attempts") + 1)
    )
    if not claimed:
        return False
    row = Notification.objects.select_related("recipient", "incident").get(
        pk=notification_id
    )
    # The incident may have been restricted since the message was written.
    if not _takes_mail(row.recipient) or not _may_know(row.recipient, row.incident):
        _finish(row, state=State.SKIPPED)
        return False
    try:
        _message(row).send()
    except (SMTPException, OSError) as error:
        logger.warning("message %s was not sent: %s", row.pk, error)
        row.error = f"{type(error).__name__}: {error}"[:500]
        if row.attempts >= MAX_ATTEMPTS:
            _finish(row, state=State.FAILED)
        else:
            row.lease_until = now + timedelta(minutes=2**row.attempts)
            row.save(update_fields=["lease_until", "error"])
        return False
    row.sent_at = timezone.now()
    row.error = ""
    _finish(row, state=State.SENT)
    return True


def sweep_notifications(*, limit: int = 100) -> int:
    """Deliver queued messages that nobody holds; returns how many were sent."""
    now = timezone.now()
    waiting = (
        Notification.objects.filter(state=State.QUEUED)
        .filter(Q(lease_until=None) | Q(lease_until__lte=now))
        .order_by("created_at")
        .values_list("pk", flat=True)[:limit]
    )
    return sum(deliver_notification(pk) for pk in list(waiting))


def mark_notifications_read(*, actor: User, pk: int | None = None) -> int:
    """Mark one of `actor`'s own messages as read, or all; returns how many were new."""
    mine = Notification.objects.filter(recipient=actor, read_at=None)
    if pk is not None:
        mine = mine.filter(pk=pk)
    count = mine.update(read_at=timezone.now())
    forget_top(actor)
    return count


def _may_know(recipient: User, incident: Incident | None) -> bool:
    """An incident is named only to those who may see it."""
    return incident is None or incident.is_visible_to(recipient)


def _takes_mail(user: User) -> bool:
    return bool(user.email and user.is_active and user.notify_by_email)


def _finish(row: Notification, *, state: Notification.State) -> None:
    row.state = state
    row.lease_until = None
    row.save(update_fields=["state", "lease_until", "sent_at", "error"])


def _message(row: Notification) -> EmailMessage:
    link = f"\n\n{settings.BASE_URL}{row.url}" if row.url else ""
    digest = hashlib.sha256(row.dedupe_key.encode()).hexdigest()[:32]
    host = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip(">") or "localhost"
    assert row.recipient.email is not None
    return EmailMessage(
        subject=" ".join(row.subject.split()),
        body=f"{row.body}{link}\n",
        to=[row.recipient.email],
        headers={
            "Message-ID": f"<{digest}@{host}>",
            "Auto-Submitted": "auto-generated",
        },
    )

"""Redaction: content that must not be kept is taken out of the store by two people.
Hash, name, custody and every claim stay, with a tombstone where the content was."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from incidents import activity
from incidents.models import Evidence, Incident, StoredFile
from incidents.services.core import get_record, lock_incident, require_reason
from postmortem.lib.errors import InvalidTransition
from postmortem.lib.persistence import save, service

logger = logging.getLogger(__name__)
PERMISSION = "evidence.redact"
Forget = Callable[[Incident, str], None]
ALSO_FORGET: list[Forget] = []


def also_forgets(forget: Forget) -> Forget:
    """Have a confirmed redaction call this too, with the incident and the SHA-256: what
    apps above have copied out of the content."""
    ALSO_FORGET.append(forget)
    return forget


@service
def ask_redaction(
    *, incident_id: int, actor: User, number: int, reason: str
) -> Evidence:
    """Ask that the content of an artifact be taken out of the store. From now on only
    those open it who may redact. Also on a closed record: no fact of it changes."""
    incident = lock_incident(incident_id, actor=actor, permission=PERMISSION)
    row = get_record(Evidence, incident, number)
    reason = require_reason(reason, "its content must not be kept")
    if not row.has_file:
        raise InvalidTransition(f"{row.ref} holds no content that could be redacted.")
    if row.redaction_asked_at:
        raise InvalidTransition(f"The redaction of {row.ref} is asked for already.")
    row.redaction_asked_at = timezone.now()
    row.redaction_asked_by = actor
    row.redaction_reason = reason
    save(row, actor=actor, reason=reason)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.evidence_redaction_asked",
        sentence=f"asked for the redaction of {row.ref}",
        subject=row,
        reason=reason,
        data={"sha256": row.sha256},
    )
    return row


@service
def drop_redaction(
    *, incident_id: int, actor: User, number: int, reason: str
) -> Evidence:
    """Keep the content after all; the artifact opens again for everybody."""
    incident = lock_incident(incident_id, actor=actor, permission=PERMISSION)
    row = _asked(incident, number)
    reason = require_reason(reason, "it is kept")
    row.redaction_asked_at = None
    row.redaction_asked_by = None
    row.redaction_reason = ""
    save(row, actor=actor, reason=reason)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.evidence_redaction_dropped",
        sentence=f"kept the content of {row.ref}",
        subject=row,
        reason=reason,
    )
    return row


@service
def confirm_redaction(*, incident_id: int, actor: User, number: int) -> Evidence:
    """The second person confirms: the content is deleted for good (R-EV-09).

    Every artifact of this incident that holds the same bytes goes with it. Bytes that
    another incident keeps as its own evidence stay there, and this says so.
    """
    incident = lock_incident(incident_id, actor=actor, permission=PERMISSION)
    row = _asked(incident, number)
    asked_by = row.redaction_asked_by
    assert asked_by is not None
    if asked_by.person_id == actor.person_id:
        raise ValidationError(
            f"You asked for the redaction of {row.ref}. Another person who may redact "
            "confirms it: content is never deleted by one person alone.",
            code="two_people",
        )
    now = timezone.now()
    same = list(
        Evidence.objects.filter(
            incident=incident, sha256=row.sha256, redacted_at=None
        ).order_by("number")
    )
    for item in same:
        item.redacted_at = now
        item.redacted_by = actor
        item.redaction_asked_at = item.redaction_asked_at or row.redaction_asked_at
        item.redaction_asked_by = item.redaction_asked_by or asked_by
        item.redaction_reason = item.redaction_reason or row.redaction_reason
        save(item, actor=actor, reason=row.redaction_reason)
    for forget in ALSO_FORGET:
        forget(incident, row.sha256)
    kept_elsewhere = Evidence.objects.filter(
        sha256=row.sha256, redacted_at=None
    ).exists()
    if not kept_elsewhere:
        StoredFile.objects.filter(sha256=row.sha256).update(removed_at=now)
        transaction.on_commit(lambda: remove_bytes(row.sha256), robust=True)
    refs = ", ".join(item.ref for item in same)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.evidence_redacted",
        sentence=f"redacted {refs}; asked for by {asked_by.label}"
        + ("; another incident keeps the same bytes" if kept_elsewhere else ""),
        subject=row,
        reason=row.redaction_reason,
        data={
            "sha256": row.sha256,
            "refs": [item.ref for item in same],
            "deleted": not kept_elsewhere,
        },
    )
    return next(item for item in same if item.pk == row.pk)


def _asked(incident: Incident, number: int) -> Evidence:
    row = get_record(Evidence, incident, number)
    if row.is_redacted:
        raise InvalidTransition(f"{row.ref} is redacted already.")
    if not row.redaction_asked_at:
        raise InvalidTransition(f"Nobody asked for the redaction of {row.ref}.")
    return row


def remove_bytes(sha256: str) -> bool:
    """Delete bytes that no artifact may open any more; whether there were any.

    Running it twice changes nothing. An upload of the same bytes that came in between
    has taken the mark away under the same lock.
    """
    with transaction.atomic():
        stored = (
            StoredFile.objects.select_for_update()
            .filter(sha256=sha256)
            .exclude(removed_at=None)
            .first()
        )
        if stored is None or not default_storage.exists(stored.path):
            return False
        default_storage.delete(stored.path)
        logger.info("deleted the redacted bytes %s", sha256)
    return True


def sweep_removed() -> int:
    """Delete what a crash left behind between the commit and the deletion."""
    marked = StoredFile.objects.exclude(removed_at=None).values_list(
        "sha256", flat=True
    )
    return sum(remove_bytes(sha256) for sha256 in list(marked))

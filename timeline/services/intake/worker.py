"""The worker that reads foreign logs. One that is killed is followed by another when
its lease is over, which goes on with what is stored and adds nothing twice."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import IO

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import User
from incidents import permissions
from incidents.services.core import hold_incident
from incidents.services.custody import open_evidence_file
from postmortem.lib.errors import DomainError
from postmortem.lib.persistence import save
from timeline.models import LogReading
from timeline.services.intake.asking import ASIDE
from timeline.services.intake.candidates import make_candidates
from timeline.services.intake.reading import Reading, read_log
from timeline.services.intake.source import keep_source, refuse_source

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)  # above the 240 s after which a task is killed
MAX_ATTEMPTS = 3
STRAY = timedelta(hours=1)  # no upload is that long on its way into a row
STOPPED = (
    "The worker could not read it in three tries; no candidate was made. Its log says "
    "why. Export fewer days, or tell an administrator."
)
State = LogReading.State


def read_long(reading_id: int) -> LogReading | None:
    """Do what one row asks for. None: it is done, or another worker has it."""
    row = _claim(reading_id)
    if row is None:
        return None
    try:
        if not row.result:
            _read(row)
        if row.makes and row.made is None:
            _make(row)
        row.state = State.DONE if row.makes else State.READY
        return _finish(row)
    except (ValidationError, DomainError, PermissionDenied) as error:
        said = error.messages if isinstance(error, ValidationError) else [str(error)]
        row.state, row.error, row.result = State.FAILED, " ".join(said)[:2000], {}
    except Exception:
        logger.exception("log %s could not be read", row.pk)
        if row.attempts < MAX_ATTEMPTS:
            row.lease_until = timezone.now() + timedelta(seconds=15 * 2**row.attempts)
            return _save(row)
        row.state, row.error, row.result = State.FAILED, STOPPED, {}
    return _finish(row)


def _claim(reading_id: int) -> LogReading | None:
    with transaction.atomic():
        row = (
            _free()
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("incident", "evidence", "asked_by")
            .filter(pk=reading_id)
            .first()
        )
        if row is None:
            return None
        if row.evidence is not None:
            row.evidence.incident = row.incident
        row.attempts += 1
        if row.attempts <= MAX_ATTEMPTS:
            row.lease_until = timezone.now() + LEASE
            if not row.result:
                row.lines_read = row.bytes_read = 0
            return _save(row)
    # Killed in its last try.
    row.state, row.error, row.result = State.FAILED, STOPPED, {}
    _finish(row)
    return None


def _free() -> QuerySet[LogReading]:
    """Rows that nobody has in hand: never begun, or their lease is over."""
    return LogReading.objects.filter(state=State.WAITING).filter(
        Q(lease_until=None) | Q(lease_until__lt=timezone.now())
    )


def waiting_readings() -> list[int]:
    """What nobody has in hand, the longest waiting first."""
    return list(_free().order_by("asked_at").values_list("pk", flat=True)[:50])


def _finish(row: LogReading) -> LogReading:
    row.lease_until = None
    _keep(row)
    if row.path:
        default_storage.delete(row.path)
    return row


def _keep(row: LogReading) -> None:
    """Save what was read, behind the lock that a redaction takes: nothing comes back of
    an artifact that was redacted or withdrawn meanwhile."""
    with transaction.atomic():
        incident = hold_incident(row.incident_id)
        if row.result and row.evidence is not None:
            row.evidence.refresh_from_db()
            refuse_source(incident, row.evidence)
        _save(row)


def _save(row: LogReading) -> LogReading:
    return save(row, actor=User.objects.system())


# --- reading --------------------------------------------------------------------------


def _read(row: LogReading) -> None:
    with _opened(row) as source:
        reading = read_log(
            source,
            incident=row.incident,
            filename=row.filename,
            reader=row.reader,
            day=row.day,
            tell=partial(_tell, row),
        )
        if row.evidence is None:
            row.evidence = keep_source(
                incident_id=row.incident_id,
                actor=User.objects.get(pk=row.asked_by.pk),  # with the rights of now
                upload=File(source, name=row.filename),
                reader=reading.reader,
                is_original=row.is_original,
            )
            row.evidence.incident = row.incident
    row.reader, row.day, row.result = reading.reader, reading.day, reading.as_json()
    _keep(row)


def _make(row: LogReading) -> None:
    assert row.evidence is not None  # what was read is kept
    with _opened(row) as source, transaction.atomic():
        made = make_candidates(
            incident_id=row.incident_id,
            actor=row.asked_by,
            evidence=row.evidence,
            source=source,
            reading=Reading.from_json(row.result),
        )
        # Told with it, so that whoever follows a killed worker does not count anew.
        LogReading.objects.filter(pk=row.pk).update(made=made)
    row.made = made


def _opened(row: LogReading) -> IO[bytes]:
    """What came in, or the file of the artifact that it has become; for who asked, if
    they still may."""
    actor = row.asked_by
    permissions.require(actor, "timeline.add", row.incident)
    if row.evidence is None:
        permissions.require(actor, "evidence.add", row.incident)
        aside: IO[bytes] = default_storage.open(row.path)
        return aside
    refuse_source(row.incident, row.evidence)
    return open_evidence_file(row.evidence, actor=actor, purpose="preview").handle


def _tell(row: LogReading, lines: int, size: int) -> None:
    """How far it is, for the page that waits: nothing else of the row."""
    row.lines_read, row.bytes_read = lines, size
    LogReading.objects.filter(pk=row.pk).update(lines_read=lines, bytes_read=size)


# --- tidying up -----------------------------------------------------------------------


def put_strays_away() -> int:
    """Remove what was set aside and belongs to no row that waits: its request was
    refused or killed after it, or its worker before it was done; returns how many."""
    rows = LogReading.objects.filter(state=State.WAITING).exclude(path="")
    wanted = {Path(path).name for path in rows.values_list("path", flat=True)}
    before = (timezone.now() - STRAY).timestamp()
    strays = [
        path
        for path in Path(default_storage.path(ASIDE)).glob("*")
        if path.stat().st_mtime < before and path.name not in wanted
    ]
    for path in strays:
        path.unlink(missing_ok=True)
    return len(strays)

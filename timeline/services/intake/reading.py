"""Long logs: read by a worker, as one-pagers are made. What came in is set aside, is no
evidence before it was read whole, and is gone when it is refused."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from incidents import permissions
from incidents.models import Evidence, Incident
from incidents.services.files import safe_filename
from incidents.services.redaction import also_forgets
from postmortem.lib import jobs, sensitive
from postmortem.lib.errors import DomainError
from postmortem.lib.persistence import save, service
from postmortem.lib.uploads import receive
from timeline.models import LogReading
from timeline.services.intake import importing, slack
from timeline.services.intake.importing import Reading
from timeline.services.intake.lines import Line, Skipped, refuse

logger = logging.getLogger(__name__)

SHORT = 2 * 1024 * 1024  # bytes that a request may read itself: about three seconds
LEASE = timedelta(minutes=10)  # the longest log takes about one
MAX_ATTEMPTS = 3
State = LogReading.State


# --- asking ---------------------------------------------------------------------------


@service
def take_long(
    *,
    incident_id: int,
    actor: User,
    upload: File[Any],
    reader: str = "",
    day: date | None = None,
    is_original: bool | None = None,
) -> LogReading:
    """Set a long log aside for a worker. What can be told at once is refused at once:
    its size, its name, its first bytes, the list of an archive."""
    incident = Incident.objects.visible_to(actor).get(pk=incident_id)
    for permission in ("evidence.add", "timeline.add"):
        permissions.require(actor, permission, incident)
    importing.refuse_no_log(upload)
    slack.refuse_archive(upload)
    with receive(upload) as source:
        if source.hit:
            hit, line = source.hit
            raise refuse(sensitive.words(hit, f" in line {line}"), hit.code)
        path = Path(default_storage.path(f"waiting/{uuid4().hex}"))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.link(source.temporary_file_path(), path)
        return _ask(
            LogReading(
                incident=incident,
                filename=safe_filename(source.name or ""),
                path=f"{path.parent.name}/{path.name}",
                size=source.size or 0,
                reader=reader,
                day=day,
                is_original=is_original,
                asked_by=actor,
            )
        )


@service
def ask_reading(
    *,
    incident_id: int,
    actor: User,
    evidence: Evidence,
    reader: str = "",
    day: date | None = None,
    makes: bool = False,
) -> LogReading:
    """Have the file of an artifact read; makes: and candidates made of it. The same
    question while its answer is there, or on its way, gives that one."""
    incident = Incident.objects.visible_to(actor).get(pk=incident_id)
    permissions.require(actor, "timeline.add", incident)
    importing.refuse_source(incident, evidence)
    there = LogReading.objects.filter(
        evidence=evidence, reader=reader, day=day, asked_by=actor
    ).exclude(state=State.FAILED)
    found = there.order_by("pk").last()
    if found is None:
        found = LogReading(
            incident=incident,
            evidence=evidence,
            filename=evidence.filename,
            size=evidence.size or 0,
            reader=reader,
            day=day,
            asked_by=actor,
            makes=makes,
        )
    elif not makes or found.makes:
        return found
    found.makes = makes
    return _ask(found)


def _ask(row: LogReading) -> LogReading:
    row.state = State.WAITING
    row.asked_at = timezone.now()
    row.attempts = 0
    row.lease_until = None
    save(row, actor=row.asked_by or User.objects.system())
    jobs.kick("timeline.tasks.read_log", reading_id=row.pk)
    return row


# --- the worker -----------------------------------------------------------------------


def read_long(reading_id: int) -> LogReading | None:
    """Do what one row asks for. None: it is done, or another worker has it. Safe to
    run twice: bytes are kept once, and a line becomes a candidate once."""
    row = _claim(reading_id)
    if row is None:
        return None
    try:
        _read(row)
    except (ValidationError, DomainError, PermissionDenied) as error:
        said = error.messages if isinstance(error, ValidationError) else [str(error)]
        row.state, row.error = State.FAILED, " ".join(said)[:2000]
    except Exception:
        logger.exception("log %s could not be read", row.pk)
        if row.attempts < MAX_ATTEMPTS:
            row.lease_until = timezone.now() + timedelta(seconds=15 * 2**row.attempts)
            return save(row, actor=User.objects.system())
        row.state, row.error = State.FAILED, STOPPED
    row.lease_until = None
    save(row, actor=User.objects.system())
    _put_away(row)
    return row


STOPPED = (
    "The worker could not read it in three tries; nothing of it was stored. Its log "
    "says why. Export fewer days, or tell an administrator."
)


def _claim(reading_id: int) -> LogReading | None:
    now = timezone.now()
    with transaction.atomic():
        row = (
            LogReading.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("incident", "evidence", "asked_by")
            .filter(pk=reading_id, state=State.WAITING)
            .filter(Q(lease_until=None) | Q(lease_until__lt=now))
            .first()
        )
        if row is None:
            return None
        row.attempts += 1
        row.lease_until = now + LEASE
        if row.attempts > MAX_ATTEMPTS:  # killed in its last try
            row.state, row.error, row.lease_until = State.FAILED, STOPPED, None
        save(row, actor=User.objects.system())
    if row.state == State.WAITING:
        return row
    _put_away(row)
    return None


def _put_away(row: LogReading) -> None:
    if row.path:
        default_storage.delete(row.path)


def _read(row: LogReading) -> None:
    actor = row.asked_by
    assert actor is not None  # nobody else asks
    how: dict[str, Any] = {"reader": row.reader, "day": row.day}
    if row.evidence is None:
        with default_storage.open(row.path) as handle:
            row.evidence, reading = importing.take_source(
                incident_id=row.incident_id,
                actor=actor,
                upload=File(handle, name=row.filename),
                is_original=row.is_original,
                **how,
            )
    elif row.makes:
        row.made = importing.import_log(
            incident_id=row.incident_id, actor=actor, evidence=row.evidence, **how
        )
        row.state = State.DONE
        return
    else:
        row.evidence.incident = row.incident
        reading = importing.read_stored(row.evidence, actor=actor, **how)
    row.reader, row.day = reading.reader, reading.day
    row.result = _told(reading)
    row.state = State.READY


def waiting_readings() -> list[int]:
    """Rows that nobody has in hand: never begun, or their lease is over."""
    now = timezone.now()
    return list(
        LogReading.objects.filter(state=State.WAITING)
        .filter(Q(lease_until=None) | Q(lease_until__lt=now))
        .order_by("asked_at")
        .values_list("pk", flat=True)[:50]
    )


# --- the preview, kept ----------------------------------------------------------------


_COUNTS = ("clock_zone", "lines", "known", "untimed", "before", "after")


def _told(reading: Reading) -> dict[str, Any]:
    rows = [{**asdict(line), "is_known": known} for line, known in reading.rows]
    told = {
        "reader": str(reading.reader),
        "day": reading.day,
        "first": reading.first,
        "last": reading.last,
        "rows": rows,
        "left_out": [asdict(row) for row in reading.left_out],
        "reasons": dict(reading.reasons),
        **{name: getattr(reading, name) for name in _COUNTS},
    }
    return dict(json.loads(json.dumps(told, default=lambda when: when.isoformat())))


def kept(row: LogReading) -> Reading | None:
    """The preview that a worker made."""
    if not row.result:
        return None
    told = dict(row.result)
    counts = {name: told[name] for name in _COUNTS}
    reading = Reading(told["reader"], date.fromisoformat(told["day"]), **counts)
    reading.first, reading.last = _moment(told["first"]), _moment(told["last"])
    reading.left_out = [Skipped(**item) for item in told["left_out"]]
    reading.reasons.update(told["reasons"])
    for item in told["rows"]:
        times = {name: _moment(item[name]) for name in ("occurred_at", "until")}
        line = {k: v for k, v in item.items() if k != "is_known"} | times
        reading.rows.append((Line(**line), item["is_known"]))
    return reading


def _moment(words: str | None) -> datetime | None:
    return datetime.fromisoformat(words) if words else None


@also_forgets
def forget_readings(incident: Incident, sha256: str) -> None:
    """What a preview shows of content that was redacted goes with it."""
    LogReading.objects.filter(incident=incident, evidence__sha256=sha256).update(
        result={}, state=State.FAILED, error="The content of its source was redacted."
    )

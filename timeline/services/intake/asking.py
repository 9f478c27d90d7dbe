"""What a person asks of a foreign log: to be read, and to be made candidates of. A row
says so; a worker does it, and pages and API look at the row."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import IO, Any, cast
from uuid import uuid4

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils import timezone

from accounts.models import User
from incidents import permissions
from incidents.models import Evidence, Incident
from incidents.services.files import safe_filename
from incidents.services.redaction import also_forgets
from postmortem.lib import jobs, sensitive
from postmortem.lib.errors import InvalidTransition
from postmortem.lib.persistence import save, service
from postmortem.lib.uploads import receive
from timeline.models import LogReading
from timeline.services.intake import archive
from timeline.services.intake.lines import refuse
from timeline.services.intake.reading import read_log
from timeline.services.intake.source import as_upload, refuse_no_log, refuse_source

ASIDE = "waiting"  # folder of the store
# Bytes of a text that is read before it is taken, so that who pasted it hears at once
# what is wrong with it: 0.15 s at most.
SHORT = 64 * 1024
State = LogReading.State


@service
def take_log(
    *,
    incident_id: int,
    actor: User,
    upload: File[Any] | None = None,
    text: str = "",
    reader: str = "",
    day: date | None = None,
    is_original: bool | None = None,
    makes: bool = False,
) -> LogReading:
    """Set a log aside for a worker: it is evidence once it was read whole. makes: and
    candidates made of it. What can be told at once is refused at once: its size, its
    name, its first bytes, the list of an archive, card numbers in a text."""
    incident = Incident.objects.visible_to(actor).get(pk=incident_id)
    for permission in ("evidence.add", "timeline.add"):
        permissions.require(actor, permission, incident)
    upload = as_upload(upload, text, reader)
    refuse_no_log(upload)
    with receive(upload) as source:
        name, size = safe_filename(source.name or ""), source.size or 0
        if archive.is_archive(source):
            with archive.opened(source):
                pass  # nothing of it but its list
        elif size <= SHORT:
            text_of = cast(IO[bytes], source)
            read_log(text_of, incident=incident, filename=name, reader=reader, day=day)
        if source.hit:
            hit, line = source.hit
            raise refuse(sensitive.words(hit, f" in line {line}"), hit.code)
        path = Path(default_storage.path(f"{ASIDE}/{uuid4().hex}"))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # What is not committed is swept up: worker.put_strays_away.
        os.link(source.temporary_file_path(), path)
        return _ask(
            LogReading(
                incident=incident,
                filename=name,
                path=f"{ASIDE}/{path.name}",
                size=size,
                reader=reader,
                day=day,
                is_original=is_original,
                makes=makes,
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
    """Have the file of an artifact read. makes: and candidates made of it."""
    incident = Incident.objects.visible_to(actor).get(pk=incident_id)
    permissions.require(actor, "timeline.add", incident)
    refuse_source(incident, evidence)
    return _ask(
        LogReading(
            incident=incident,
            evidence=evidence,
            filename=evidence.filename,
            size=evidence.size or 0,
            reader=reader,
            day=day,
            makes=makes,
            asked_by=actor,
        )
    )


@service
def ask_candidates(*, incident_id: int, actor: User, reading: LogReading) -> LogReading:
    """Have candidates made of a log as its preview shows it. Asked twice, once."""
    incident = Incident.objects.visible_to(actor).get(pk=incident_id)
    permissions.require(actor, "timeline.add", incident)
    row = LogReading.objects.select_for_update().get(pk=reading.pk, incident=incident)
    if row.makes:
        return row
    if row.state != State.READY:
        raise InvalidTransition(
            f"“{row.filename}” was not read yet: no candidates can be made of it.",
            code="not_read",
        )
    row.makes = True
    row.asked_by = actor
    return _ask(row)


def _ask(row: LogReading) -> LogReading:
    row.state = State.WAITING
    row.asked_at = timezone.now()
    row.attempts = 0
    row.lease_until = None
    save(row, actor=row.asked_by or User.objects.system())
    jobs.kick("timeline.tasks.read_log", reading_id=row.pk)
    return row


@also_forgets
def forget_readings(incident: Incident, sha256: str) -> None:
    """What a preview shows of content that was redacted goes with it."""
    LogReading.objects.filter(incident=incident, evidence__sha256=sha256).update(
        result={}, state=State.FAILED, error="The content of its source was redacted."
    )

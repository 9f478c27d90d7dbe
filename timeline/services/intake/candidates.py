"""The lines of a log become candidates, once; and are forgotten with their source."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import IO

from django.db import connection
from django.utils import timezone

from accounts.models import User
from incidents import activity
from incidents.models import Evidence, Incident
from incidents.services.core import lock_incident
from incidents.services.redaction import also_forgets
from postmortem.lib.persistence import save, service
from timeline.models import Candidate, Import
from timeline.services.intake.lines import Context, Skipped
from timeline.services.intake.reading import Reading, read_rows
from timeline.services.intake.source import refuse_source
from timeline.services.intake.tidy import Found

BATCH = 500


@service
def make_candidates(
    *,
    incident_id: int,
    actor: User,
    evidence: Evidence,
    source: IO[bytes],
    reading: Reading,
) -> Import:
    """Make a candidate of every line of an artifact that is not one yet, all or none.
    source: its bytes, looked through when `reading` was made of them.

    The incident is locked only when the lines are in: nobody who records waits for a
    long log. Rights and status are asked behind the lock; a refusal leaves nothing.
    """
    _one_at_a_time(incident_id)
    made = Import(
        incident_id=incident_id,
        evidence=evidence,
        reader=reading.reader,
        day=reading.day,
        clock_zone=reading.clock_zone,
        read=reading.lines,
        added=0,
        known=0,
        skipped=reading.skipped,
        imported_by=actor,
        imported_at=timezone.now(),
    )
    save(made, actor=actor)
    context = Context(reading.clock_zone, reading.day, evidence.filename)
    _store(made, read_rows(source, reading.reader, context, is_clean=True))
    actor = User.objects.get(pk=actor.pk)  # with the rights of now
    incident = lock_incident(incident_id, actor=actor, permission="timeline.add")
    # As it stands now: withdrawn or redacted meanwhile, nothing stays.
    evidence.refresh_from_db()
    refuse_source(incident, evidence)
    made.added = Candidate.objects.filter(source=made).count()
    made.known = made.read - made.added
    save(made, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="timeline.log_imported",
        sentence=f"read {count_of(made.read, 'line')} of {evidence.ref} as candidates, "
        f"{made.skipped:,} skipped, {made.known:,} known already",
        subject=evidence,
        data={
            "reader": made.reader,
            "day": made.day.isoformat(),
            "clock_zone": made.clock_zone,
            "read": made.read,
            "added": made.added,
            "known": made.known,
            "skipped": made.skipped,
            "sha256": evidence.sha256,
        },
    )
    return made


def _one_at_a_time(incident_id: int) -> None:
    """Of two logs of an incident that overlap the second is stored after the first:
    else each waits for a line that the other has, and PostgreSQL ends one of them.
    SQLite has one writer."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            lock: list[str | int] = [Import._meta.db_table, incident_id]
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s), %s)", lock)


def _store(made: Import, rows: Iterable[Found | Skipped]) -> None:
    found = (row for row in rows if isinstance(row, Found))
    while part := list(islice(found, BATCH)):
        Candidate.objects.bulk_create(
            [
                Candidate(
                    incident_id=made.incident_id,
                    source=made,
                    place=row.line.place,
                    occurred_at=row.line.occurred_at,
                    occurred_until=row.line.until,
                    precision=row.line.precision,
                    at_text=row.line.at_text,
                    author=row.line.author,
                    text=row.line.text,
                    raw=row.line.raw,
                    fingerprint=row.fingerprint,
                )
                for row in part
            ],
            ignore_conflicts=True,
        )


def count_of(count: int, noun: str) -> str:
    """`1 line`, `1,204 lines`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


@also_forgets
def forget_candidates(incident: Incident, sha256: str) -> None:
    """The lines of content that was redacted go with it; what a person accepted before
    is an entry of its own."""
    rows = Candidate.objects.filter(incident=incident, source__evidence__sha256=sha256)
    rows.update(author="", text="(redacted)", at_text="", raw="")
    rows.filter(state=Candidate.State.WAITING).update(
        state=Candidate.State.DISMISSED,
        decided_at=timezone.now(),
        reason="The content of its source was redacted",
    )

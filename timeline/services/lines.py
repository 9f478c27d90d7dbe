"""A line of the quick-add bar: an entry, and what was pasted or dropped with it."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import PermissionDenied, ValidationError

from accounts.models import User
from incidents.models import Evidence, Lane
from incidents.services.core import lock_incident
from incidents.services.evidence import Upload, add_evidence
from postmortem.lib.errors import DomainError
from postmortem.lib.persistence import save, service
from timeline.models import DependencyCheckpoint, Entry, SentLine
from timeline.services.entries import link_entry_evidence, put_entry

When = datetime | date
MOST_FILES = 10
KINDS = {"image": Evidence.Kind.SCREENSHOT, "text": Evidence.Kind.LOG_QUERY}


@dataclass(frozen=True)
class Line:
    """What became of a line: its entry, whether it had arrived before, the artifacts
    that hang on it, and what could not be attached and why."""

    entry: Entry
    was_there: bool = False
    evidence: list[Evidence] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def record_line(
    *,
    incident_id: int,
    actor: User,
    kind: str,
    observed_signal: str = "",
    action_taken: str = "",
    occurred_at: When | None = None,
    occurred_until: When | None = None,
    precision: str = Entry.Precision.MINUTE,
    at_text: str = "",
    lane: Lane | None = None,
    dependency: DependencyCheckpoint | None = None,
    uploads: Sequence[Upload] = (),
    link: str = "",
    key: str = "",
    milestone: str = "",
) -> Line:
    """Record an entry and hang files and a link on it as its evidence.

    The entry is stored first: a file that is refused or lost on the way never takes
    the sentence with it, and `faults` says what is missing. key: what the sender calls
    this line and all that was sent of it; sent a second time it finds the entry that is
    there. milestone: the required moment that the line is.
    """
    entry, was_there = _add_once(
        incident_id=incident_id,
        actor=actor,
        key=key,
        kind=kind,
        observed_signal=observed_signal,
        action_taken=action_taken,
        occurred_at=occurred_at,
        occurred_until=occurred_until,
        precision=precision,
        at_text=at_text,
        lane=lane,
        dependency=dependency,
        milestone=milestone,
    )
    if was_there:
        return Line(entry, was_there=True)
    found: list[Evidence] = []
    faults: list[str] = []
    for item in uploads[:MOST_FILES]:
        name = PurePath(item.name or "").name if hasattr(item, "name") else "file"
        _try(
            found,
            faults,
            name or "The file",
            incident_id=incident_id,
            actor=actor,
            kind=_kind_of(name),
            title=name[:200] or "Pasted file",
            upload=item,
        )
    if len(uploads) > MOST_FILES:
        faults.append(
            f"{len(uploads) - MOST_FILES} more files: at most {MOST_FILES} go with one "
            "line. Add them on the evidence tab."
        )
    if link:
        _try(
            found,
            faults,
            "The link",
            incident_id=incident_id,
            actor=actor,
            kind=Evidence.Kind.OTHER,
            title=f"Link to {urlsplit(link).hostname or link}"[:200],
            url=link,
        )
    if found:
        entry = link_entry_evidence(
            incident_id=incident_id, actor=actor, number=entry.number, evidence=found
        )
    return Line(entry, evidence=found, faults=faults)


@service
def _add_once(
    *, incident_id: int, actor: User, key: str, **fields: Any
) -> tuple[Entry, bool]:
    """(the entry, whether this line had arrived before)."""
    incident = lock_incident(incident_id, actor=actor, permission="timeline.add")
    if not key:
        return put_entry(incident, actor=actor, **fields), False
    sent = (
        SentLine.objects.filter(incident=incident, sender=actor, key=key)
        .select_related("entry")
        .first()
    )
    if sent is not None:
        sent.entry.incident = incident
        return sent.entry, True
    entry = put_entry(incident, actor=actor, **fields)
    line = SentLine(incident=incident, sender=actor, key=key, entry=entry)
    save(line, actor=actor)
    return entry, False


def _try(found: list[Evidence], faults: list[str], what: str, **fields: Any) -> None:
    """Add one artifact; what is refused becomes a sentence."""
    try:
        found.append(add_evidence(**fields))
    except (ValidationError, DomainError, PermissionDenied, OSError) as error:
        words = (
            " ".join(error.messages)
            if isinstance(error, ValidationError)
            else str(error) or "it could not be stored."
        )
        faults.append(f"{what} was not attached: {words}")


def _kind_of(name: str) -> str:
    kind = (mimetypes.guess_type(name)[0] or "").partition("/")[0]
    return KINDS.get(kind, Evidence.Kind.OTHER)

"""Who had evidence in hand: by download or export always, by preview where the incident
is restricted."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, TypeAlias

from django.utils import timezone

from accounts.models import User
from incidents import activity, permissions
from incidents.models import ActivityEntry, Evidence, Incident, StoredFile
from incidents.selectors.artifacts import CASE_EXPORTED
from incidents.services.cases import case_bytes
from incidents.services.core import lock_incident, require_reason
from incidents.services.files import EvidenceFile, open_kept
from postmortem.lib.errors import DomainError
from postmortem.lib.persistence import service
from postmortem.lib.record import IMPORT_REASON

Purpose: TypeAlias = Literal["download", "preview"]
READ_VERBS: dict[str, str] = {
    "download": "incidents.evidence_downloaded",
    "preview": "incidents.evidence_previewed",
}


class FileMissing(DomainError):
    """The store has lost the bytes of an artifact, or they were cut."""

    code = "file_missing"


def open_evidence_file(
    evidence: Evidence,
    *,
    actor: User,
    purpose: Purpose = "download",
    stored: StoredFile | None = None,
) -> EvidenceFile:
    """Open an artifact's file for the one who may see its incident.

    Returns the handle with the headers of a download that no browser runs. Custody:
    who downloads is told in the activity, who previews where the incident is
    restricted (decision 12). FileMissing: redacted, or the store lost the bytes.
    stored: the row of its bytes, if the caller has it.
    """
    permissions.require(actor, "evidence.download")
    if not Incident.objects.visible_to(actor).filter(pk=evidence.incident_id).exists():
        raise Evidence.DoesNotExist
    if evidence.is_redacted:
        raise FileMissing(
            f"The content of {evidence.ref} was redacted; its hash stays."
        )
    if evidence.redaction_asked_at:
        permissions.require(actor, "evidence.redact")
    stored = stored or StoredFile.objects.filter(sha256=evidence.sha256).first()
    if not evidence.sha256 or stored is None or not _was_given(evidence, actor):
        raise FileMissing(f"{evidence.ref} has no stored file.")
    try:
        opened = open_kept(
            path=stored.path,
            filename=evidence.filename or evidence.ref,
            media_type=evidence.media_type,
            size=stored.size,
        )
    except OSError as error:
        raise FileMissing(
            f"The file of {evidence.ref} is not in the store. Restore it from the "
            "backup: its SHA-256 tells which one it is."
        ) from error
    _log_read(evidence, actor=actor, purpose=purpose)
    return opened


def _was_given(evidence: Evidence, actor: User) -> bool:
    """Whether the bytes came to this person's eyes by an upload, not by naming a hash.

    Bytes are stored once for all incidents. A case that is imported names hashes which
    it may have from anywhere, so it opens no file that lies in an incident which the
    reader may not see.
    """
    same = Evidence.objects.filter(sha256=evidence.sha256)
    visible = Incident.objects.visible_to(actor)
    if not same.exclude(incident__in=visible).exists():
        return True
    uploads = (
        row.history.filter(sha256=row.sha256).order_by("history_id").first()
        for row in same.filter(incident__in=visible)
    )
    return any(
        first is not None and first.history_change_reason != IMPORT_REASON
        for first in uploads
    )


def _log_read(evidence: Evidence, *, actor: User, purpose: Purpose) -> None:
    """Custody of one read. Previews that follow each other are told once an hour."""
    if purpose == "preview":
        verb = READ_VERBS[purpose]
        if not evidence.incident.is_restricted or (
            ActivityEntry.objects.filter(
                incident=evidence.incident_id,
                actor=actor,
                verb=verb,
                subject_ref=evidence.ref,
                at__gt=timezone.now() - timedelta(hours=1),
            ).exists()
        ):
            return
    _record_read(
        incident_id=evidence.incident_id,
        actor=actor,
        evidence=evidence,
        purpose=purpose,
    )


@service
def _record_read(
    *, incident_id: int, actor: User, evidence: Evidence, purpose: Purpose
) -> None:
    incident = lock_incident(incident_id, actor=actor, permission="evidence.download")
    activity.record(
        incident,
        actor=actor,
        verb=READ_VERBS[purpose],
        sentence=f"{purpose}ed {evidence.ref}",
        subject=evidence,
        data={"sha256": evidence.sha256},
    )


def take_case(incident: Incident, *, actor: User, reason: str | None = None) -> bytes:
    """The case file for somebody who takes it along. One activity tells it, and stands
    in the custody of every artifact that is in it. reason: None where none is asked."""
    data = case_bytes(incident)
    _record_export(incident_id=incident.pk, actor=actor, reason=reason)
    return data


@service
def _record_export(*, incident_id: int, actor: User, reason: str | None) -> None:
    incident = lock_incident(incident_id, actor=actor, permission="incident.export")
    if reason is not None:
        reason = require_reason(reason, "the case is taken along")
    activity.record(
        incident,
        actor=actor,
        verb=CASE_EXPORTED,
        sentence="exported the case",
        reason=reason or "",
    )

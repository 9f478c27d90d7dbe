"""The bytes of a foreign log: what is refused before they are read, and how they become
evidence once they were."""

from __future__ import annotations

from typing import Any

from django.core.files.base import ContentFile, File

from accounts.models import User
from incidents.models import Evidence, Incident
from incidents.services.core import lock_incident, require_own
from incidents.services.evidence import add_evidence
from incidents.services.files import safe_filename, settle_type, size_text
from postmortem.lib.errors import InvalidTransition, field_error
from postmortem.lib.persistence import service
from postmortem.lib.uploads import HEAD, ReceivedFile, receive
from timeline.models import Import
from timeline.services.intake.lines import MAX_FILE, refuse

Kind = Import.Reader
EVIDENCE_KINDS = {
    Kind.SLACK: Evidence.Kind.CHAT,
    Kind.TABLE: Evidence.Kind.LOG_QUERY,
    Kind.CHAT: Evidence.Kind.CHAT,
    Kind.PROSE: Evidence.Kind.NOTES,
}
_SUFFIXES = {Kind.SLACK: "json", Kind.TABLE: "csv", Kind.PROSE: "md"}


def as_upload(upload: File[Any] | None, text: str, reader: str = "") -> File[Any]:
    """The file, or the pasted text as one."""
    if upload is not None and text.strip():
        raise field_error(
            "text", "Give the file or the text, not both: each is its own artifact."
        )
    if upload is not None:
        return upload
    if not text.strip():
        raise refuse("Choose a file, or paste the log below.", "required")
    suffix = _SUFFIXES.get(Kind(reader), "txt") if reader else "txt"
    return ContentFile(text.encode("utf-8", "replace"), name=f"Pasted log.{suffix}")


def refuse_two_sources(upload: File[Any] | None, text: str) -> None:
    """An artifact that is there is read as it is: nothing is sent along with it."""
    if upload is not None or text.strip():
        raise field_error(
            "evidence",
            "Give the artifact that is there, or a file or text, not both: "
            "each is its own artifact. Nothing was read.",
        )


def refuse_what_it_is(is_original: bool | None) -> None:
    """An artifact that is there says itself whether it is an original."""
    if is_original is not None:
        raise field_error(
            "is_original",
            "The artifact says so itself. Leave this out, or edit the artifact "
            "first. Nothing was read.",
        )


def refuse_no_log(upload: File[Any]) -> None:
    """What its size, its name and its first bytes tell before it is read."""
    size = upload.size or 0
    name = safe_filename(upload.name or "")
    if not size:
        raise refuse(f"“{name}” is empty (0 bytes). Check the export.", "empty_file")
    if size > MAX_FILE:
        raise refuse(
            f"“{name}” has {size_text(size)}; at most {size_text(MAX_FILE)} are read. "
            "Export fewer days.",
            "too_large",
        )
    upload.seek(0)
    head = upload.read(HEAD)
    media_type = settle_type(name, head)  # a name that lies is refused with both types
    if media_type.startswith(("image/", "audio/", "video/")) or media_type in {
        "application/pdf"
    }:
        raise refuse(
            f"“{name}” is {media_type}: that is no log. Add it as evidence instead.",
            "no_log",
        )


def refuse_source(incident: Incident, evidence: Evidence) -> None:
    """Candidates come from an artifact of this incident that stands and opens."""
    require_own(incident, "evidence", evidence)
    if evidence.is_retracted:
        raise InvalidTransition(
            f"{evidence.ref} was withdrawn: its lines cannot become entries.",
            code="retracted",
        )
    if not evidence.has_file:
        raise InvalidTransition(
            f"{evidence.ref} has no stored file that could be read.", code="no_file"
        )


def keep_source(
    *,
    incident_id: int,
    actor: User,
    upload: File[Any],
    reader: str,
    is_original: bool | None,
) -> Evidence:
    """Keep a log that was read whole as evidence. The same file twice, also by two
    people at once, is one artifact. is_original: None takes an old timeline as a later
    summary, the rest as original records."""
    with receive(upload) as received:
        _ = received.hit  # the long look, before anything is locked
        return _keep(
            incident_id=incident_id,
            actor=actor,
            upload=received,
            kind=EVIDENCE_KINDS[Kind(reader)],
            is_original=reader != Kind.PROSE if is_original is None else is_original,
        )


@service
def _keep(
    *,
    incident_id: int,
    actor: User,
    upload: ReceivedFile,
    kind: str,
    is_original: bool,
) -> Evidence:
    incident = lock_incident(incident_id, actor=actor, permission="timeline.add")
    there = Evidence.objects.filter(
        incident=incident, sha256=upload.sha256, retracted_at=None, redacted_at=None
    )
    return there.order_by("number").first() or add_evidence(
        incident_id=incident_id,
        actor=actor,
        kind=kind,
        title=safe_filename(upload.name or ""),
        upload=upload,
        is_original=is_original,
    )

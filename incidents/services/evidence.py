"""Evidence: added by upload, by durable link or by name; never replaced, only
superseded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils import timezone

from accounts.models import User
from incidents import activity
from incidents.models import Evidence, Incident, StoredFile
from incidents.services.core import (
    KEEP,
    add_record,
    change_record,
    get_record,
    given,
    lock_incident,
    require_own,
    require_reason,
    tell_edit,
)
from incidents.services.files import KeptFile, keep_file
from incidents.services.links import is_listed, plain_host
from postmortem.lib import jobs
from postmortem.lib.errors import InvalidTransition, field_error
from postmortem.lib.fields import is_blank, validate_link
from postmortem.lib.persistence import save, service
from postmortem.lib.times import refuse_future

Upload: TypeAlias = "File[Any] | KeptFile"


@service
def add_evidence(
    *,
    incident_id: int,
    actor: User,
    kind: str,
    title: str,
    upload: Upload | None = None,
    url: str = "",
    description: str = "",
    is_original: bool = True,
    side: str = Evidence.Side.OPERATIONAL,
    source: str = "",
    captured_at: datetime | None = None,
) -> Evidence:
    """Add one artifact: its file, its durable link, both, or only its name.

    An artifact that is only named needs a description and proves nothing yet.
    """
    incident = lock_incident(incident_id, actor=actor, permission="evidence.add")
    row = store_evidence(
        incident,
        actor=actor,
        kind=kind,
        title=title,
        upload=upload,
        url=url,
        description=description,
        is_original=is_original,
        side=side,
        source=source,
        captured_at=captured_at,
    )
    activity.record(
        incident,
        actor=actor,
        verb="incidents.evidence_added",
        sentence=f"added {row.ref} {row.title}",
        subject=row,
        data={"sha256": row.sha256, "url": row.url, "original": row.is_original},
    )
    return row


def add_artifacts(
    *,
    incident_id: int,
    actor: User,
    uploads: Sequence[File[Any]],
    title: str = "",
    **said: Any,
) -> list[Evidence]:
    """An artifact for each file, or one without a file; `said` of each. Each is stored
    by itself: a file that is refused takes none away that came before it.

    title: of the artifact, else it is called after its file; of several the title
    stands before the name of the file.
    """
    added: list[Evidence] = []
    files: list[File[Any] | None] = [*uploads] or [None]
    for upload in files:
        name = (upload.name or "") if upload else ""
        each = f"{title}: {name}" if len(files) > 1 else title
        try:
            row = add_evidence(
                incident_id=incident_id,
                actor=actor,
                upload=upload,
                title=(each if title else name)[:200],
                **said,
            )
        except ValidationError as error:
            if not added:
                raise
            refs = ", ".join(f"{row.ref} {row.filename}" for row in added)
            raise ValidationError(
                [
                    ValidationError(
                        f"Stored: {refs}. Not stored: {name} and what came after it. "
                        "Send only those again.",
                        code="partly_stored",
                    ),
                    *error.messages,
                ]
            ) from error
        added.append(row)
    return added


def store_evidence(
    incident: Incident,
    *,
    actor: User,
    kind: str,
    title: str,
    upload: Upload | None = None,
    url: str = "",
    description: str = "",
    is_original: bool = True,
    side: str = Evidence.Side.OPERATIONAL,
    source: str = "",
    captured_at: datetime | None = None,
) -> Evidence:
    """Store one artifact on an incident that the caller has locked and may write to.

    For services of the apps above: no lock, no permission and no activity of its own;
    the caller's activity entry covers the rows written here.
    """
    url = url.strip()
    _check_url(url)
    refuse_future(captured_at, "captured_at")
    if upload is None and not url and is_blank(description):
        raise field_error(
            "upload",
            "Attach the file, give its durable link, or describe where it can "
            "be found.",
            "required",
        )
    row = Evidence(
        incident=incident,
        kind=kind,
        title=title,
        description=description,
        is_original=is_original,
        side=side,
        source=source,
        captured_at=captured_at,
        url=url,
    )
    if upload is not None:
        _attach(row, _kept(upload))
    add_record(row, actor=actor)
    if row.url:
        jobs.kick("incidents.tasks.check_link", evidence_id=row.pk)
    return row


@service
def edit_evidence(
    *,
    incident_id: int,
    actor: User,
    number: int,
    version: int | None = None,
    kind: str = KEEP,
    title: str = KEEP,
    description: str = KEEP,
    is_original: bool = KEEP,
    side: str = KEEP,
    source: str = KEEP,
    captured_at: datetime | None = KEEP,
    url: str = KEEP,
) -> Evidence:
    """Correct what is said about an artifact. A link that stands is not replaced:
    supersede the artifact instead."""
    incident = lock_incident(incident_id, actor=actor, permission="evidence.add")
    row = get_record(Evidence, incident, number)
    if url is not KEEP:
        url = url.strip()
        _check_url(url)
        if row.url and url != row.url:
            raise field_error(
                "url",
                f"The link of {row.ref} is what other people opened. Add the new link "
                "as an artifact of its own and supersede this one.",
                "not_replaced",
            )
    if captured_at is not KEEP:
        refuse_future(captured_at, "captured_at")
    moved = change_record(
        row,
        given(
            kind=kind,
            title=title,
            description=description,
            is_original=is_original,
            side=side,
            source=source,
            captured_at=captured_at,
            url=url,
        ),
        actor=actor,
        version=version,
    )
    tell_edit(row, moved, actor=actor, noun="evidence")
    if "url" in moved:
        jobs.kick("incidents.tasks.check_link", evidence_id=row.pk)
    return row


@service
def attach_file(
    *, incident_id: int, actor: User, number: int, upload: Upload
) -> Evidence:
    """Give the file to an artifact that was only named or linked (R-EV-07). Stored
    bytes are never replaced: an artifact with a file is superseded instead."""
    incident = lock_incident(incident_id, actor=actor, permission="evidence.add")
    row = get_record(Evidence, incident, number)
    if row.sha256:
        raise field_error(
            "upload",
            f"{row.ref} has its file, which is never replaced. Add the new one as an "
            "artifact of its own and supersede this one.",
            "not_replaced",
        )
    _attach(row, _kept(upload))
    save(row, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.evidence_file_attached",
        sentence=f"attached {row.filename} to {row.ref}",
        subject=row,
        data={"sha256": row.sha256},
    )
    return row


@service
def supersede_evidence(
    *,
    incident_id: int,
    actor: User,
    number: int,
    replacement: Evidence,
    reason: str,
) -> Evidence:
    """Say that a better artifact takes this one's place. Both stay, with the reason."""
    incident = lock_incident(incident_id, actor=actor, permission="evidence.add")
    row = get_record(Evidence, incident, number)
    reason = require_reason(reason, "it is superseded")
    replacement = _of_case(incident, replacement, "replacement")
    if row.superseded_by_id:
        raise InvalidTransition(f"{row.ref} is superseded already.")
    following: Evidence | None = replacement
    while following is not None:
        if following.pk == row.pk:
            raise field_error(
                "replacement", f"{row.ref} cannot take its own place.", "invalid"
            )
        following = following.superseded_by
    row.superseded_by = replacement
    row.supersede_reason = reason
    save(row, actor=actor, reason=reason)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.evidence_superseded",
        sentence=f"superseded {row.ref} by {replacement.ref}",
        subject=row,
        reason=reason,
    )
    return row


@service
def pair_evidence(
    *,
    incident_id: int,
    actor: User,
    number: int,
    paired_with: Evidence | None,
) -> Evidence:
    """Pair an operational record with a finance record of the same matter (R-EV-08);
    None takes the pair apart. The pair is kept on both."""
    incident = lock_incident(incident_id, actor=actor, permission="evidence.add")
    row = get_record(Evidence, incident, number)
    other = _of_case(incident, paired_with, "paired_with") if paired_with else None
    if row.paired_with_id == (other.pk if other else None):
        return row
    if other is not None and row.pk == other.pk:
        raise field_error("paired_with", "An artifact is not its own pair.", "invalid")
    if other is not None and other.side == row.side:
        raise field_error(
            "paired_with",
            f"{row.ref} and {other.ref} are both {row.get_side_display().lower()}s. A "
            "pair is one operational record and one finance record.",
            "same_side",
        )
    ends = [end.pk for end in (row, other) if end is not None]
    for loose in Evidence.objects.filter(
        incident=incident, paired_with__in=ends
    ).exclude(pk__in=ends if other else []):
        loose.paired_with = None
        save(loose, actor=actor)
    row = get_record(Evidence, incident, number)
    if other is not None:
        other = get_record(Evidence, incident, other.number)
    row.paired_with = other
    save(row, actor=actor)
    if other is not None:
        other.paired_with = row
        save(other, actor=actor)
    activity.record(
        incident,
        actor=actor,
        verb="incidents.evidence_paired",
        sentence=f"paired {row.ref} with {other.ref}"
        if other
        else f"took {row.ref} out of its pair",
        subject=row,
    )
    return row


def _kept(upload: Upload) -> KeptFile:
    return upload if isinstance(upload, KeptFile) else keep_file(upload)


def _attach(row: Evidence, kept: KeptFile) -> None:
    if Evidence.objects.filter(
        incident=row.incident, sha256=kept.sha256, redacted_at__isnull=False
    ).exists():
        raise field_error(
            "upload",
            f"The content of “{kept.filename}” was redacted from this incident and is "
            "not taken in again. Attach a masked copy.",
            "redacted",
        )
    stored, made = StoredFile.objects.select_for_update().get_or_create(
        sha256=kept.sha256,
        defaults={
            "size": kept.size,
            "path": kept.path,
            "created_at": timezone.now(),
        },
    )
    if not made and stored.removed_at:
        # Redacted elsewhere: these bytes are deleted, or were uploaded anew just now.
        if not default_storage.exists(stored.path):
            raise field_error(
                "upload",
                f"“{kept.filename}” was deleted while it was stored. Upload it again.",
                "upload_again",
            )
        StoredFile.objects.filter(pk=stored.pk).update(
            removed_at=None, problem="", checked_at=None
        )
    row.sha256 = kept.sha256
    row.size = kept.size
    row.filename = kept.filename
    row.media_type = kept.media_type


def _check_url(url: str) -> None:
    """A durable link: http or https without credentials, on a listed host if hosts are
    listed. It is asked later, by `links.check_link`, and only then."""
    if not url:
        return
    try:
        validate_link(url)
        host = plain_host(urlsplit(url).hostname or "")
    except ValidationError as error:
        raise ValidationError({"url": error}) from error
    except ValueError as error:
        raise field_error("url", "This link cannot be read.", "invalid") from error
    if settings.EVIDENCE_LINK_HOSTS and not is_listed(host):
        raise field_error(
            "url",
            f"Links to {host} are not accepted here. Allowed: "
            f"{', '.join(settings.EVIDENCE_LINK_HOSTS)}.",
            "host_not_allowed",
        )


def _of_case(incident: Incident, other: Evidence, field: str) -> Evidence:
    require_own(incident, field, other)
    return get_record(Evidence, incident, other.number)

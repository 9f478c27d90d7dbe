"""One-pagers: asked for, rendered by a worker, stored under their hash."""

from __future__ import annotations

import errno
import hashlib
import logging
from collections.abc import Sequence
from datetime import timedelta

from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from incidents import activity
from incidents.models import Incident
from incidents.selectors import from_snapshot, record_hash
from incidents.services.core import lock_incident
from incidents.services.custody import FileMissing
from incidents.services.findings import refresh_findings
from postmortem.lib import jobs
from postmortem.lib.canonical import canonical_bytes
from postmortem.lib.findings import Finding
from postmortem.lib.persistence import save, service
from postmortem.lib.record import build_record, with_rows
from postmortem.lib.uploads import receive
from review.models import ReportBuild
from review.report import PageTooLong, build_key, build_report, render_pdf
from review.selectors import latest_seal, present_findings

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=90)  # one page takes about a second
MAX_ATTEMPTS = 5
KILLED = (
    "The worker was stopped while it made the page, five times. It may be short of "
    "memory: look at its log, then try again."
)
State = ReportBuild.State


@service
def request_report(*, incident_id: int, actor: User) -> ReportBuild:
    """Ask for the one-pager of the record as it stands; a worker renders it.

    The same record, status and findings give the same build, whoever asks; a sealed
    record has one for good. A build that failed is tried again from the start, and one
    that waits for its next try is tried at once.
    """
    incident = lock_incident(incident_id, actor=actor, permission="report.request")
    build, is_new = queue_report(incident, actor=actor)
    if is_new:
        activity.record(
            incident,
            actor=actor,
            verb="review.report_requested",
            sentence=f"asked for the one-pager of version {build.content_hash[:12]}",
            data={"content_hash": build.content_hash},
        )
    return build


def queue_report(incident: Incident, *, actor: User) -> tuple[ReportBuild, bool]:
    """The build of a locked incident's present state, and whether it is new.

    Called inside a service, whose activity entry tells of it.
    """
    build = _of_the_seal(incident)
    if build is None:
        content, found = _as_checked(incident)
        key = build_key(incident, content=content, findings=found)
        build = ReportBuild.objects.filter(build_key=key).first()
    is_new = build is None
    if build is None:
        build = save(
            ReportBuild(
                incident=incident,
                build_key=key,
                content_hash=content,
                is_draft=incident.status != Incident.Status.CLOSED,
                requested_by=actor,
                requested_at=timezone.now(),
            ),
            actor=actor,
        )
    elif build.state == State.FAILED or is_lost(build):
        build.state = State.QUEUED
        build.attempts = 0
        build.lease_until = None
        build.error = ""
        save(build, actor=actor)
    elif build.is_between_tries:
        build.lease_until = None
        save(build, actor=actor)
    if build.state == State.QUEUED:
        jobs.kick("review.tasks.build_report", build_id=build.pk)
    return build, is_new


def _as_checked(incident: Incident) -> tuple[str, Sequence[Finding]]:
    """The content hash and the findings of now. What the worker has stored of this
    state is taken; only where it did not come yet, the checks run here, once for
    both. A frozen record was judged once, and its follow-up actions go on."""
    stored = None
    if incident.status != Incident.Status.CLOSED:
        stored = refresh_findings(incident.pk, if_needed=True)
    if stored is None:
        return record_hash(incident), present_findings(incident)
    content = record_hash(incident) if incident.is_frozen else stored.content_hash
    return content, from_snapshot(incident, stored).findings


def _of_the_seal(incident: Incident) -> ReportBuild | None:
    """The finished page of a closed record: a sealed page never changes, also when the
    product draws its pages differently since."""
    seal = latest_seal(incident)
    if seal is None or incident.status != Incident.Status.CLOSED:
        return None
    ready = ReportBuild.objects.filter(
        incident=incident,
        is_draft=False,
        state=State.READY,
        requested_at__gte=seal.sealed_at,
    ).order_by("requested_at")
    return next((build for build in ready if not is_lost(build)), None)


def is_lost(build: ReportBuild) -> bool:
    """Whether the file of a finished page is not in the store any more, or was cut."""
    if build.state != State.READY:
        return False
    try:
        return default_storage.size(build.path) != build.size
    except OSError:
        return True


def open_file(build: ReportBuild) -> File[bytes]:
    """The file of a finished page; FileMissing says how to get another."""
    if is_lost(build):
        raise FileMissing(
            "The file of this one-pager is gone from the file store. Ask for the "
            "one-pager again: it is made from the record as it stands, and of a closed "
            "record from its seal."
        )
    return default_storage.open(build.path)


def render_build(build_id: int) -> ReportBuild | None:
    """Render one queued build: claim it with a lease, render, store, mark it ready.

    None if there is nothing to do: it is done, taken by another worker, or gone. Safe
    to run twice; a killed worker's build is taken again when its lease is over. After
    the fifth failure it stays failed, with the reason.
    """
    build = _claim(build_id)
    if build is None:
        return None
    try:
        pdf = _render(build)
        path, sha256 = _store(pdf)
    except Exception as error:
        logger.exception("one-pager %s failed", build.pk)
        return _failed(build, error)
    with transaction.atomic():
        row = ReportBuild.objects.select_for_update().get(pk=build.pk)
        if row.state == State.READY:
            return row
        row.state = State.READY
        row.path = path
        row.sha256 = sha256
        row.size = len(pdf)
        row.built_at = timezone.now()
        row.lease_until = None
        row.error = ""
        return save(row, actor=_system())


def _claim(build_id: int) -> ReportBuild | None:
    now = timezone.now()
    with transaction.atomic():
        build = (
            ReportBuild.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("incident")
            .filter(pk=build_id, state=State.QUEUED)
            .filter(Q(lease_until=None) | Q(lease_until__lt=now))
            .first()
        )
        if build is None:
            return None
        if build.attempts >= MAX_ATTEMPTS:  # killed in its last attempt
            build.state = State.FAILED
            build.error = KILLED
            build.lease_until = None
            save(build, actor=_system())
            return None
        build.attempts += 1
        build.lease_until = now + LEASE
        build.error = ""
        return save(build, actor=_system())


def _render(build: ReportBuild) -> bytes:
    """The bytes of a build: of the version that was asked for, and no other."""
    incident = with_rows(build.incident)
    seal = latest_seal(incident)
    sealed = not build.is_draft and seal is not None
    as_of = seal.sealed_at if sealed and seal else build.requested_at
    record = canonical_bytes(build_record(incident))
    content = hashlib.sha256(record).hexdigest()
    if content != build.content_hash:
        raise RecordMoved(
            "The record changed before the page was made. Make it from the present "
            "record."
        )
    report = build_report(incident, as_of=as_of, content=content)
    if sealed and seal:
        record = bytes(seal.record)
    return render_pdf(report=report, record=record)


class RecordMoved(Exception):
    """The version that was asked for is no longer the present one."""


def _store(pdf: bytes) -> tuple[str, str]:
    sha256 = hashlib.sha256(pdf).hexdigest()
    path = f"reports/{sha256}.pdf"
    with receive(ContentFile(pdf)) as received:
        received.keep(path)
    return path, sha256


def _failed(build: ReportBuild, error: Exception) -> ReportBuild:
    with transaction.atomic():
        row = ReportBuild.objects.select_for_update().get(pk=build.pk)
        if row.state == State.READY:
            return row
        row.error = _in_words(error)[:2000]
        row.lease_until = timezone.now() + timedelta(seconds=15 * 2**row.attempts)
        if row.attempts >= MAX_ATTEMPTS or isinstance(error, RecordMoved | PageTooLong):
            row.state = State.FAILED
            row.lease_until = None
        return save(row, actor=_system())


def _in_words(error: Exception) -> str:
    """What went wrong and what to do about it."""
    if isinstance(error, RecordMoved | PageTooLong):
        return str(error)
    if isinstance(error, ImportError) or "cannot load library" in str(error):
        return (
            "The worker's machine lacks the libraries that draw PDFs. Install "
            "libpango-1.0-0, libpangoft2-1.0-0 and libharfbuzz-subset0, then try again."
        )
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk of the file store is full. Make room, then try again."
    if isinstance(error, OSError):
        return (
            "The page could not be written to the file store "
            f"({error.strerror or error}). See that the worker may write there, then "
            "try again."
        )
    return (
        f"Something unexpected: {type(error).__name__}, {error}. The worker's log has "
        "the details; try again, and report it if it happens again."
    )


def waiting_builds() -> list[int]:
    """Builds that nobody has in hand: never started, or their lease is over."""
    now = timezone.now()
    return list(
        ReportBuild.objects.filter(state=State.QUEUED)
        .filter(Q(lease_until=None) | Q(lease_until__lt=now))
        .order_by("requested_at")
        .values_list("pk", flat=True)[:50]
    )


def _system() -> User:
    return User.objects.system()

"""One-pagers: asked for, rendered by a worker, stored under their hash."""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import User
from incidents import activity
from incidents.models import Incident
from incidents.selectors import content_hash
from incidents.services.core import lock_incident
from postmortem.lib import jobs
from postmortem.lib.canonical import canonical_bytes
from postmortem.lib.persistence import save, service
from postmortem.lib.record import build_record
from review.models import ReportBuild
from review.report import build_key, build_report, render_pdf
from review.selectors import latest_seal, present_findings

logger = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
MAX_ATTEMPTS = 5
State = ReportBuild.State


@service
def request_report(*, incident_id: int, actor: User) -> ReportBuild:
    """Ask for the one-pager of the record as it stands; a worker renders it.

    The same record, status and findings give the same build, whoever asks. A build that
    failed for good is tried again from the start.
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
    content = content_hash(incident, fresh=True)
    key = build_key(incident, content=content, findings=present_findings(incident))
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
    elif build.state == State.FAILED:
        build.state = State.QUEUED
        build.attempts = 0
        build.lease_until = None
        save(build, actor=actor)
    if build.state == State.QUEUED:
        jobs.kick("review.tasks.build_report", build_id=build.pk)
    return build, is_new


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
        return _failed(build, f"{type(error).__name__}: {error}")
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
            build.error = build.error or "The worker was stopped while rendering."
            save(build, actor=_system())
            return None
        build.attempts += 1
        build.lease_until = now + LEASE
        return save(build, actor=_system())


def _render(build: ReportBuild) -> bytes:
    """The bytes of a build: of the version that was asked for, and no other."""
    incident = build.incident
    seal = latest_seal(incident)
    sealed = not build.is_draft and seal is not None
    as_of = seal.sealed_at if sealed and seal else build.requested_at
    report = build_report(incident, as_of=as_of)
    if report.content_hash != build.content_hash:
        raise RecordMoved(
            "The record changed before the page was made. Ask for the one-pager again."
        )
    record = canonical_bytes(build_record(incident))
    if sealed and seal:
        record = bytes(seal.record)
    return render_pdf(report=report, record=record)


class RecordMoved(Exception):
    """The version that was asked for is no longer the present one."""


def _store(pdf: bytes) -> tuple[str, str]:
    sha256 = hashlib.sha256(pdf).hexdigest()
    path = f"reports/{sha256}.pdf"
    if not default_storage.exists(path):
        default_storage.save(path, ContentFile(pdf))
    return path, sha256


def _failed(build: ReportBuild, error: str) -> ReportBuild:
    with transaction.atomic():
        row = ReportBuild.objects.select_for_update().get(pk=build.pk)
        if row.state == State.READY:
            return row
        row.error = error[:2000]
        row.lease_until = timezone.now() + timedelta(seconds=15 * 2**row.attempts)
        if row.attempts >= MAX_ATTEMPTS or error.startswith("RecordMoved"):
            row.state = State.FAILED
            row.lease_until = None
        return save(row, actor=_system())


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

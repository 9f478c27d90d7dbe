"""Stored bytes are hashed again, again and again: a file that was altered or lost is
found by us, not by the reviewer."""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import timedelta

from django.db.models import F, Q
from django.utils import timezone

from accounts.models import User
from incidents import activity, selectors
from incidents.models import Evidence, StoredFile
from incidents.services.core import hold_incident
from incidents.services.findings import refresh_findings
from postmortem.lib.persistence import service

AGAIN_AFTER = timedelta(hours=24)
SWEEP_SECONDS = 120.0


def check_file(sha256: str) -> str:
    """Hash a stored file again and keep the result: '' or what is wrong with it.

    What has changed since the last look is told in the activity of every incident that
    holds the file, and its findings are made anew.
    """
    stored = StoredFile.objects.filter(sha256=sha256, removed_at=None).first()
    if stored is None:
        return ""
    problem = selectors.file_problem(stored)
    StoredFile.objects.filter(pk=stored.pk).update(
        problem=problem, checked_at=timezone.now()
    )
    if problem != stored.problem:
        for incident_id in _tell(stored.sha256, problem):
            refresh_findings(incident_id)
    return problem


def _tell(sha256: str, problem: str) -> list[int]:
    rows: dict[int, list[Evidence]] = defaultdict(list)
    for row in Evidence.objects.filter(sha256=sha256, redacted_at=None):
        rows[row.incident_id].append(row)
    for incident_id, items in rows.items():
        _tell_incident(
            incident_id=incident_id,
            actor=User.objects.system(),
            items=items,
            problem=problem,
        )
    return list(rows)


@service
def _tell_incident(
    *, incident_id: int, actor: User, items: list[Evidence], problem: str
) -> None:
    """Write what was found about these artifacts into the incident's activity."""
    incident = hold_incident(incident_id)
    for row in items:
        activity.record(
            incident,
            actor=actor,
            verb="incidents.evidence_checked",
            sentence=f"found that the file of {row.ref} {problem}"
            if problem
            else f"found the file of {row.ref} whole again",
            subject=row,
            data={"sha256": row.sha256},
        )


def sweep_files() -> int:
    """Hash every stored file once a day, those first that waited longest, for at most
    SWEEP_SECONDS at a time. Returns how many were hashed."""
    end = time.monotonic() + SWEEP_SECONDS
    due = (
        StoredFile.objects.filter(removed_at=None)
        .filter(Q(checked_at=None) | Q(checked_at__lte=timezone.now() - AGAIN_AFTER))
        .order_by(F("checked_at").asc(nulls_first=True))
        .values_list("sha256", flat=True)
    )
    done = 0
    for sha256 in list(due):
        if time.monotonic() > end:
            break
        check_file(sha256)
        done += 1
    return done

"""What stands beside the cases: messages, checks of links, kept answers, approvers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from django.db import models

from accounts.models import AccessChange, IdempotentRequest
from incidents.models import (
    Evidence,
    Incident,
    LinkCheck,
    Notification,
    PolicyChange,
    RestrictedRead,
    SavedFilter,
    Verification,
)
from postmortem.generator.people import Staff
from postmortem.lib.bulk import load
from postmortem.lib.canonical import digest
from review.models import ReportBuild
from timeline.models import Candidate, Entry, Import, LogReading, SentLine

PER_PERSON = 25


def load_extras(seed: int, staff: Staff, keys: Iterator[int], until: datetime) -> None:
    """Messages that were sent, so that no worker sends one; one-pagers that failed, so
    that none claims to be there; no key that would be answered again."""
    rng = Random(f"{seed}/extras")
    incidents = list(Incident.objects.order_by("-number")[:500])
    rows: dict[type[models.Model], list[models.Model]] = {}

    def put(row: models.Model) -> None:
        row.pk = next(keys)
        rows.setdefault(type(row), []).append(row)

    for user in staff.everybody:
        for number in range(PER_PERSON):
            incident = rng.choice(incidents)
            at = until - timedelta(minutes=rng.randrange(60, 60_000))
            put(
                Notification(
                    recipient=user,
                    incident=incident,
                    kind="action_due",
                    dedupe_key=f"generated:{seed}:{user.pk}:{number}",
                    subject=f"{incident.key}: an action is due",
                    body=f"“{incident.title}” has an action that is due.",
                    url=incident.get_absolute_url(),
                    state=Notification.State.SKIPPED,
                    created_at=at,
                    read_at=at if number % 3 else None,
                )
            )
        put(
            SavedFilter(
                owner=user,
                name="SEV1 payouts",
                query="view=open&severity=SEV1&lane=payouts",
                created_at=until - timedelta(days=30),
            )
        )
        put(
            IdempotentRequest(
                user=user,
                key=f"generated-{seed}",
                digest=digest(user.handle),
                status=201,
                body="{}",
                created_at=until - timedelta(days=30),
            )
        )
    for incident in incidents[:100]:
        put(
            Verification(
                incident=incident,
                by=staff.of["compliance"][0],
                at=until,
                sequence=incident.activity_count,
                head=incident.activity_head,
            )
        )
        put(
            ReportBuild(
                incident=incident,
                build_key=digest(["generated", seed, incident.uuid]),
                content_hash=digest([seed, incident.uuid]),
                state=ReportBuild.State.FAILED,
                requested_at=until - timedelta(days=1),
                error="The record changed before the page was made.",
            )
        )
    links = Evidence.objects.filter(incident__in=incidents[:100]).exclude(url="")
    unchecked = links.exclude(pk__in=LinkCheck.objects.values("evidence"))
    for item in unchecked.order_by("pk"):
        put(
            LinkCheck(
                evidence=item,
                state=LinkCheck.State.UNCHECKED,
                words="Not checked: a generated link leads nowhere.",
                checked_at=until,
            )
        )
    manager, reader = staff.of["finance"][0], staff.of["compliance"][0]
    for entry in Entry.objects.filter(incident__in=incidents[:100], number=7):
        put(
            SentLine(
                incident_id=entry.incident_id,
                sender_id=entry.recorded_by_id or manager.pk,
                key=f"generated-{seed}-{entry.pk}",
                entry=entry,
            )
        )
    for evidence in Evidence.objects.filter(incident__in=incidents[:20], number=1):
        source = Import(
            incident_id=evidence.incident_id,
            evidence=evidence,
            reader=Import.Reader.CHAT,
            day=until.date(),
            clock_zone="UTC",
            read=1,
            added=1,
            known=0,
            skipped=0,
            imported_by=reader,
            imported_at=until,
        )
        put(source)
        put(
            LogReading(
                incident_id=evidence.incident_id,
                evidence=evidence,
                filename="channel.txt",
                size=evidence.size or 2_400_000,
                reader=source.reader,
                day=source.day,
                makes=True,
                state=LogReading.State.DONE,
                asked_by=reader,
                asked_at=until,
                attempts=1,
                made=source,
            )
        )
        put(
            Candidate(
                incident_id=evidence.incident_id,
                source=source,
                place="line 1",
                occurred_at=until,
                precision=Entry.Precision.MINUTE,
                author="payments",
                text="Looking at the delivery statuses now.",
                fingerprint=digest(["generated", seed, evidence.pk])[:32],
                state=Candidate.State.DISMISSED,
                decided_by=reader,
                decided_at=until,
                reason="Says nothing that the timeline does not.",
            )
        )
    put(
        AccessChange(
            at=until - timedelta(days=90),
            by=reader,
            by_label=reader.label,
            person=manager,
            sentence=f"made {manager.label} manager of Finance",
            reason="The former manager left.",
        )
    )
    put(
        PolicyChange(
            at=until - timedelta(days=80),
            by=reader,
            by_label=reader.label,
            policy_id="SEV3",
            sentence="changed SEV3: a gap after 30 min, was 45",
            reason="Card incidents of this size move faster than that.",
        )
    )
    for incident in incidents:
        if incident.is_restricted:
            put(Incident.approvers.through(incident_id=incident.pk, user_id=manager.pk))
            put(
                RestrictedRead(
                    incident=incident,
                    reader=reader,
                    at=until,
                    place=incident.get_absolute_url(),
                )
            )
    load(rows)

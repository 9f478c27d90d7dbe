"""Who has seen a restricted incident."""

from __future__ import annotations

from django.core.cache import cache
from django.utils import timezone

from accounts.models import User
from incidents.models import Incident, RestrictedRead

# Seconds in which further pages belong to the same look at the incident.
ONE_LOOK = 600


def note_read(incident: Incident, reader: User, place: str = "") -> None:
    """Keep that this person opened a restricted incident, once in ten minutes.

    No activity of the incident: reading is no deed, and must move no hash.
    """
    if cache.add(f"read:{incident.pk}:{reader.pk}", True, timeout=ONE_LOOK):
        RestrictedRead.objects.create(
            incident=incident, reader=reader, place=place[:200], at=timezone.now()
        )

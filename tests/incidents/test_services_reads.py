"""Who has seen a restricted incident."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client

from accounts.models import User
from incidents import activity
from incidents.models import ActivityEntry, Incident, RestrictedRead
from tests.factories import make_incident

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_read() -> None:
    cache.clear()


@pytest.fixture
def restricted(commander: User) -> Incident:
    return make_incident(actor=commander, is_restricted=True)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


class TestNoteRead:
    def test_keeps_who_opened_a_restricted_incident_once_for_each_look(
        self, restricted: Incident, administrator: User, clock
    ):
        reader = signed_in(administrator)
        page = f"/incidents/{restricted.key}/"
        head = Incident.objects.get(pk=restricted.pk).activity_head
        assert reader.get(page).status_code == 200
        assert reader.get(f"{page}timeline/").status_code == 200
        (read,) = RestrictedRead.objects.all()
        assert (read.incident, read.reader, read.place) == (
            restricted,
            administrator,
            page,
        )
        clock.shift(timedelta(minutes=11))
        cache.clear()
        reader.get(page)
        assert RestrictedRead.objects.count() == 2
        assert Incident.objects.get(pk=restricted.pk).activity_head == head

    def test_keeps_reads_of_the_api_too(
        self, restricted: Incident, administrator: User
    ):
        path = f"/api/v1/incidents/{restricted.key}/"
        assert signed_in(administrator).get(path).status_code == 200
        assert RestrictedRead.objects.get().place == path

    def test_is_not_for_those_who_may_not_see_it(
        self, restricted: Incident, viewer: User
    ):
        path = f"/incidents/{restricted.key}/"
        assert signed_in(viewer).get(path).status_code == 404
        assert not RestrictedRead.objects.exists()

    def test_leaves_unrestricted_incidents_alone(
        self, incident: Incident, viewer: User
    ):
        assert signed_in(viewer).get(f"/incidents/{incident.key}/").status_code == 200
        assert not RestrictedRead.objects.exists()

    def test_is_never_taken_back(self, restricted: Incident, administrator: User):
        signed_in(administrator).get(f"/incidents/{restricted.key}/")
        with pytest.raises(RuntimeError, match="append-only"):
            RestrictedRead.objects.all().delete()


class TestLabels:
    """Chain entries in memory: the database refuses to change them."""

    def entry(self, incident: Incident) -> ActivityEntry:
        return ActivityEntry.objects.filter(incident=incident)[0]

    def test_are_covered_by_the_hash_through_their_digest(self, incident: Incident):
        entry = self.entry(incident)
        assert entry.label_digest == activity.label_digest(
            entry.actor_person, entry.actor_label
        )
        entry.label_digest = ""
        assert activity.entry_hash(entry) != entry.hash
        assert activity.verify(incident) == []

    def test_of_entries_written_before_still_verify(self, incident: Incident):
        from postmortem.lib.canonical import digest

        entry = self.entry(incident)
        entry.label_digest = ""
        assert activity.entry_hash(entry) == digest(
            {
                "incident": incident.uuid,
                "sequence": entry.sequence,
                "at": entry.at,
                "person": entry.actor_person,
                "verb": entry.verb,
                "subject": entry.subject_ref,
                "sentence": entry.sentence,
                "reason": entry.reason,
                "data": entry.data,
                "history": entry.history_rows,
                "previous": entry.previous_hash,
            }
        )

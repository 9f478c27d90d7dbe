"""A dependency that is still degraded stays in sight."""

from __future__ import annotations

from django.test import Client

from accounts.models import User
from incidents.models import Lane
from postmortem.lib.deadlines import Deadline
from tests.conftest import NOW
from tests.timeline.conftest import Tape
from timeline.deadlines import LOOK_AGAIN, degraded_dependencies
from timeline.models import DependencyCheckpoint


class TestDegradedDependencies:
    def test_are_due_to_who_recorded_them(self, tape: Tape, viewer: User) -> None:
        """R-TL-09, R-DP-06"""
        tape.checkpoint(name="Backup route", state="degraded")
        tape.checkpoint(name="Rail", state="stabilized")
        row = DependencyCheckpoint.objects.get(name="Backup route")
        assert list(degraded_dependencies(tape.actor)) == [
            Deadline(
                key=f"dependency:{tape.incident.uuid}:DP-1",
                kind="dependency",
                title="Backup route is still degraded",
                due_at=NOW + LOOK_AGAIN,
                owner=tape.actor,
                incident=tape.incident,
                url=row.get_absolute_url(),
                ref="DP-1",
                detail="Look again, and say when it has stabilized.",
            )
        ]
        assert list(degraded_dependencies(viewer)) == []

    def test_are_due_to_the_owner_of_their_lane(
        self, tape: Tape, commander: User
    ) -> None:
        """R-DP-06"""
        lane = tape.incident.lanes.get(slug="checkout")
        Lane.objects.filter(pk=lane.pk).update(owner=commander)
        lane.refresh_from_db()
        tape.checkpoint(name="Backup route", state="degraded", lane=lane)
        assert [item.ref for item in degraded_dependencies(commander)] == ["DP-1"]
        assert list(degraded_dependencies(tape.actor)) == []
        assert len(list(degraded_dependencies(None))) == 1

    def test_stand_on_my_work_and_in_the_timeline(
        self, client: Client, tape: Tape
    ) -> None:
        """R-TL-09, R-DP-06"""
        tape.checkpoint(name="Backup route", state="degraded")
        client.force_login(tape.actor)
        assert "Backup route is still degraded" in client.get("/").content.decode()
        here = f"/incidents/{tape.incident.key}/timeline/"
        assert "Still degraded" in client.get(here).content.decode()

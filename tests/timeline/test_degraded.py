"""A dependency that is still degraded stays in sight."""

from __future__ import annotations

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from incidents.models import Lane
from incidents.services.findings import refresh_findings
from postmortem.lib.deadlines import Deadline
from tests.conftest import NOW
from tests.factories import make_incident
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


class TestTheMarkOfADegradedDependency:
    def pages(self, client: Client, user: User, tape: Tape) -> dict[str, int]:
        """How often each page names it."""
        client.force_login(user)
        here = f"/incidents/{tape.incident.key}/"
        return {
            path: client.get(path).content.decode().count("1 dependency degraded")
            for path in ("/", "/incidents/", here, f"{here}evidence/", f"{here}review/")
        }

    def test_stands_wherever_the_incident_is_shown(
        self, client: Client, tape: Tape, viewer: User
    ) -> None:
        """R-TL-09, R-DP-06"""
        tape.checkpoint(name="Backup route", state="degraded")
        tape.checkpoint(name="Rail", state="stabilized")
        refresh_findings(tape.incident.pk)
        here = f"/incidents/{tape.incident.key}/"
        inside = dict.fromkeys((here, f"{here}evidence/", f"{here}review/"), 2)

        # The card of who has a duty, and what waits in their incidents.
        assert self.pages(client, tape.actor, tape) == {"/": 2, "/incidents/": 1} | (
            inside
        )
        # The row of who has none.
        assert self.pages(client, viewer, tape)["/"] == 1
        text = client.get("/incidents/").content.decode()
        assert '<span title="Backup route"><span class="pm-badge pm-badge-bad">' in text

    def test_goes_when_it_has_stabilized(self, client: Client, tape: Tape) -> None:
        """R-TL-09"""
        tape.checkpoint(name="Backup route", state="degraded")
        refresh_findings(tape.incident.pk)
        DependencyCheckpoint.objects.update(state="stabilized")
        refresh_findings(tape.incident.pk)

        assert set(self.pages(client, tape.actor, tape).values()) == {0}

    def test_costs_no_query_per_row(
        self, client: Client, tape: Tape, commander: User
    ) -> None:
        def cost() -> list[int]:
            counts = []
            for path in ("/incidents/", "/"):
                with CaptureQueriesContext(connection) as queries:
                    client.get(path)
                counts.append(len(queries))
            return counts

        tape.checkpoint(name="Backup route", state="degraded")
        refresh_findings(tape.incident.pk)
        client.force_login(commander)
        client.get("/")
        one = cost()
        for _ in range(5):
            other = Tape(make_incident(actor=tape.actor), tape.actor)
            other.checkpoint(name="Backup route", state="degraded")
            refresh_findings(other.incident.pk)
        assert client.get("/incidents/").content.count(b"1 dependency degraded") == 6
        assert cost() == one

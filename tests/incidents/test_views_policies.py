"""The page of thresholds by severity."""

from __future__ import annotations

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from incidents.models import Incident, PolicyChange, SeverityPolicy
from tests.timeline.conftest import Tape

LIST = "/policies/"
EDIT = "/policies/SEV2/edit/"


def sent(**changes: object) -> dict[str, object]:
    return {
        "gap_minutes": 20,
        "cadence_minutes": 25,
        "sustain_minutes": 30,
        "version": 1,
        "reason": "Agreed in the review.",
        **changes,
    }


class TestPolicyList:
    def test_shows_every_threshold_to_everybody(
        self, client: Client, viewer: User
    ) -> None:
        client.force_login(viewer)

        text = client.get(LIST).content.decode()

        assert "15 min without evidence" in text
        assert "none asked" in text
        assert "set by administrators" in text
        assert "These are the values that the product came with." in text
        assert EDIT not in text

    def test_tells_who_changed_what_from_what_and_why(
        self, client: Client, administrator: User
    ) -> None:
        client.force_login(administrator)
        client.post(EDIT, sent())

        text = client.get(LIST).content.decode()

        assert f'href="{EDIT}" data-drawer' in text
        assert (
            "<b>Administrator</b> changed SEV2: a gap after 20 min, was 15</span>"
            in text
        )
        assert "Agreed in the review." in text

    def test_costs_the_same_for_many_changes(
        self, client: Client, administrator: User
    ) -> None:
        def cost() -> int:
            with CaptureQueriesContext(connection) as queries:
                client.get(LIST)
            return len(queries)

        client.force_login(administrator)
        client.post(EDIT, sent())
        few = cost()
        for number in range(20):
            client.post(EDIT, sent(gap_minutes=30 + number, version=2 + number))
        assert PolicyChange.objects.count() == 21
        assert cost() == few <= 12


class TestTheWayThere:
    def test_leads_from_a_gap_for_who_may_change_it(
        self,
        client: Client,
        incident: Incident,
        commander: User,
        administrator: User,
    ) -> None:
        tape = Tape(incident, commander)
        tape.proven("14:00", milestone="first_impact")
        tape.proven("14:20", milestone="stabilized")
        page = f"/incidents/{incident.key}/timeline/"

        client.force_login(administrator)
        assert f'<a href="{EDIT}">15 min for SEV2</a>' in client.get(page).text
        client.force_login(commander)
        assert "15 min for SEV2, set by administrators" in client.get(page).text


class TestPolicyEdit:
    def test_saves_and_leads_back(self, client: Client, administrator: User) -> None:
        """Decision 15: the defaults per severity are editable."""
        client.force_login(administrator)
        form = client.get(EDIT).content.decode()
        assert 'name="gap_minutes" value="15"' in form
        assert 'type="hidden" name="version" value="1"' in form

        assert client.post(EDIT, sent()).url == LIST
        assert SeverityPolicy.objects.get(pk="SEV2").gap_minutes == 20

    def test_shows_both_values_when_somebody_was_quicker(
        self, client: Client, administrator: User
    ) -> None:
        client.force_login(administrator)
        client.post(EDIT, sent())

        stale = client.post(EDIT, sent(gap_minutes=40))

        assert stale.status_code == 409
        [row] = stale.context["conflict"].rows
        assert (row.name, row.yours, row.stored) == ("gap_minutes", "40", "20")
        assert 'name="version" value="2"' in stale.content.decode()
        assert SeverityPolicy.objects.get(pk="SEV2").gap_minutes == 20
        assert client.post(EDIT, sent(gap_minutes=40, version=2)).status_code == 302

    def test_needs_the_version_that_was_read(
        self, client: Client, administrator: User
    ) -> None:
        client.force_login(administrator)

        assert client.post(EDIT, sent(version="")).status_code == 422
        assert SeverityPolicy.objects.get(pk="SEV2").gap_minutes == 15

    def test_is_closed_to_a_commander_and_404_for_no_severity(
        self, client: Client, commander: User, administrator: User
    ) -> None:
        client.force_login(commander)
        assert client.get(EDIT).status_code == 403
        assert client.post(EDIT, sent()).status_code == 403

        client.force_login(administrator)
        assert client.get("/policies/SEV9/edit/").status_code == 404

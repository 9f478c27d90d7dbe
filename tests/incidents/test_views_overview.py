"""The overview of one incident, and the frame around every page of it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from incidents import selectors
from incidents.models import Incident
from incidents.services import claims, people
from postmortem.lib.findings import Gate
from tests.factories import make_evidence, make_incident
from tests.incidents.conftest import CASE, fill


class TestIncidentDetail:
    def test_is_open_to_a_viewer_without_any_verb(
        self, client: Client, incident: Incident, commander: User, viewer: User
    ):
        fill(incident, commander, "A")
        client.force_login(viewer)

        text = client.get(CASE).content.decode()

        assert "Card checkout hangs A" in text
        for verb in ("/edit/", "/add/", "/close/", "/withdraw/", "/accept/"):
            assert f'{verb}"' not in text

    def test_hides_a_restricted_incident(
        self, client: Client, commander: User, responder: User
    ):
        make_incident(actor=commander, is_restricted=True)
        client.force_login(responder)

        assert client.get(CASE).status_code == 404
        assert client.post(f"{CASE}scope/add/").status_code == 404

    @pytest.mark.parametrize(
        "key", ["INC-2", "INC-x", "XX-1", "INC-99999999999", "INC-²"]
    )
    def test_is_404_for_what_is_not_there(
        self, client: Client, incident, commander, key
    ):
        client.force_login(commander)

        assert client.get(f"/incidents/{key}/").status_code == 404

    def test_asks_a_visitor_to_sign_in(self, client: Client, incident: Incident):
        assert client.get(CASE).status_code == 302

    def test_is_closed_to_somebody_without_a_role(
        self, client: Client, incident: Incident, outsider: User
    ):
        client.force_login(outsider)

        assert client.get(CASE).status_code == 403

    def test_keeps_users_and_internal_scope_apart(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-SC-05"""
        for audience, words in (("experienced", "Payers wait"), ("internal", "Stuck")):
            claims.add_scope(
                incident_id=incident.pk,
                actor=commander,
                audience=audience,
                consequence=words,
            )
        client.force_login(commander)

        page = client.get(CASE)

        assert [r.consequence for r in page.context["users_scope"]] == ["Payers wait"]
        assert [r.consequence for r in page.context["internal_scope"]] == ["Stuck"]

    def test_asks_for_all_three_kinds_of_impact(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-SC-10"""
        client.force_login(commander)

        text = client.get(CASE).content.decode()

        for kind in ("customer", "operational", "business"):
            assert f"/impact/add/?kind={kind}" in text
        assert text.count("“No material change found” is an answer too") == 3

    def test_sets_figures_in_bold_where_the_sentence_names_them(
        self, client: Client, incident: Incident, commander: User
    ):
        proof = make_evidence(incident, actor=commander)
        impact = claims.add_impact(
            incident_id=incident.pk,
            actor=commander,
            kind="business",
            statement="1,284.00 EUR <of> 51,284.00 EUR",
        )
        claims.add_figure(
            incident_id=incident.pk,
            actor=commander,
            impact=impact,
            measure="cost",
            label="Duplicates",
            amount=Decimal("1284"),
            currency="EUR",
            evidence=[proof],
        )
        client.force_login(commander)

        text = client.get(CASE).content.decode()

        assert "<b>1,284.00 EUR</b> &lt;of&gt; 51,284.00 EUR" in text

    def test_names_who_is_missing_in_the_strip_of_roles(
        self, client: Client, incident: Incident, commander: User, responder: User
    ):
        """R-RO-02"""
        people.set_duty(
            incident_id=incident.pk, actor=commander, user=responder, duty="engineering"
        )
        client.force_login(commander)

        page = client.get(CASE)

        roles = {role["label"]: role["people"] for role in page.context["roles"]}
        assert roles["Commander"] == ["IC on call"]
        assert roles["Engineering"] == ["Payments engineering lead"]
        assert roles["Scribe"] == []
        assert "/people/add/?duty=scribe" in page.content.decode()

    def test_says_what_blocks_and_links_to_the_fix(
        self, client: Client, incident: Incident, commander: User
    ):
        client.force_login(commander)

        page = client.get(CASE)
        found = [f for f in selectors.findings(incident) if f.is_blocking]

        near = [f for f in found if Gate.STABILIZE in f.gates]
        assert page.context["blocking_total"] == len(near) > 0
        assert page.context["later_total"] == len(found) - len(near) > 0
        assert page.context["stored"].blocking == len(found)
        text = page.content.decode()
        assert "What still blocks stabilizing" in text
        assert f'href="{near[0].url}"'.replace("&", "&amp;") in text

    def test_costs_the_same_when_the_rows_double(
        self, client: Client, incident: Incident, commander: User
    ):
        fill(incident, commander, "A")
        client.force_login(commander)
        client.get(CASE)  # the first look at an incident runs its checks
        fill(incident, commander, "B")  # what was read before is read anew
        with CaptureQueriesContext(connection) as few:
            client.get(CASE)
        for tag in "CDE":
            fill(incident, commander, tag)
        with CaptureQueriesContext(connection) as many:
            client.get(CASE)

        assert len(many) == len(few)


class TestWorkspace:
    def test_shows_how_far_the_incident_has_come(
        self, client: Client, incident: Incident, commander: User
    ):
        client.force_login(commander)

        around = client.get(f"{CASE}activity/").context["workspace"]

        assert [(s["label"], s["state"]) for s in around["steps"]] == [
            ("Active", "current"),
            ("Stabilized", "blocked"),
            ("In review", "todo"),
            ("Closed", "todo"),
        ]
        assert around["steps"][0]["note"] == "17 Mar 10:20"

    def test_a_cancelled_one_ends_there(
        self, client: Client, incident: Incident, commander: User
    ):
        client.force_login(commander)
        client.post(f"{CASE}cancel/", {"reason": "A false alarm."})

        page = client.get(CASE)

        assert [s["label"] for s in page.context["workspace"]["steps"]] == [
            "Active",
            "Cancelled",
        ]

    @pytest.mark.parametrize("tab", ["", "timeline/", "evidence/", "review/"])
    def test_a_cancelled_one_says_so_on_every_tab_before_anything_else(
        self, client: Client, incident: Incident, commander: User, tab: str
    ):
        """Before both columns: on a phone the side panel stands above the other."""
        client.force_login(commander)
        client.post(f"{CASE}cancel/", {"reason": "A false alarm."})

        before, _, after = (
            client.get(f"{CASE}{tab}").content.decode().partition('class="pm-cols"')
        )

        assert "This record is cancelled and frozen.</b> A false alarm." in before
        assert "A false alarm." not in after

    def test_offers_only_the_verbs_that_role_and_status_allow(
        self, client: Client, incident: Incident, commander: User, viewer: User
    ):
        def menu(user: User) -> list[str]:
            client.force_login(user)
            page = client.get(f"{CASE}activity/")
            return [item["label"] for item in page.context["workspace"]["menu"]]

        assert menu(viewer) == ["People and duties", "Export the case (JSON)"]
        assert menu(commander) == [
            "Edit incident",
            "Change severity",
            "People and duties",
            "Change the clock",
            "Declare stabilized",
            "Give the all-clear",
            "Cancel incident",
            "Export the case (JSON)",
        ]

    def test_has_the_tabs_of_all_apps_in_the_order_of_the_story(
        self, client: Client, incident: Incident, commander: User
    ):
        fill(incident, commander, "A")
        client.force_login(commander)

        tabs = client.get(f"{CASE}activity/").context["workspace"]["tabs"]

        assert [tab["name"] for tab in tabs] == [
            "overview",
            "timeline",
            "evidence",
            "causes",
            "actions",
            "review",
            "activity",
        ]
        counts = {tab["name"]: tab["count"] for tab in tabs}
        assert counts["evidence"] == 1
        assert [tab["name"] for tab in tabs if tab["active"]] == ["activity"]

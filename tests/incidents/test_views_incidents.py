"""The list of incidents, its CSV, search, and the declaration."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from incidents.models import FindingSnapshot, Incident
from incidents.services import lifecycle
from tests.factories import make_incident

LIST = "/incidents/"


def shown(client: Client, query: str = "") -> list[str]:
    page = client.get(f"{LIST}{query}")
    assert page.status_code == 200
    return [row.key for row in page.context["page"].object_list]


class TestIncidentList:
    def test_sends_a_visitor_to_the_sign_in_page(self, client: Client, db):
        page = client.get(LIST)

        assert page.status_code == 302
        assert page.url == "/accounts/login/?next=/incidents/"

    def test_tells_htmx_to_leave_for_the_sign_in_page(self, client: Client, db):
        page = client.get(LIST, headers={"HX-Request": "true"})

        assert page.status_code == 204
        assert page["HX-Redirect"].startswith("/accounts/login/")

    def test_leaves_out_what_a_person_may_not_know_of(
        self, client: Client, commander: User, responder: User
    ):
        make_incident(actor=commander, title="Open to all")
        make_incident(actor=commander, title="Secret", is_restricted=True)
        client.force_login(responder)

        assert shown(client) == ["INC-1"]
        assert b"Secret" not in client.get("/incidents/export.csv?view=all").content
        assert client.get(LIST).context["tabs"][-1]["count"] == 1

    def test_filters_by_severity_status_lane_and_words(
        self, client: Client, commander: User
    ):
        make_incident(actor=commander, title="Payouts late", lanes=["payouts"])
        make_incident(actor=commander, title="Cards fail", severity="SEV1")
        client.force_login(commander)

        assert shown(client, "?severity=SEV1") == ["INC-2"]
        assert shown(client, "?lane=payouts&q=late") == ["INC-1"]
        assert shown(client, "?q=inc-2") == ["INC-2"]
        assert shown(client, "?status=closed") == []
        assert shown(client, "?severity=SEV1&severity=SEV2") == ["INC-2", "INC-1"]

    def test_ignores_filters_that_do_not_exist(
        self, client: Client, incident, commander
    ):
        client.force_login(commander)

        assert shown(client, "?severity=SEV9&status=nix&view=nix&page=99") == ["INC-1"]
        assert shown(client, "?q=%00") == ["INC-1"]

    def test_counts_each_saved_view(self, client: Client, commander: User):
        first = make_incident(actor=commander)
        second = make_incident(actor=commander, severity="SEV4")
        lifecycle.cancel_incident(
            incident_id=second.pk, actor=commander, reason="A false alarm."
        )
        FindingSnapshot.objects.create(incident=first, blocking=3, advisory=1)
        client.force_login(commander)

        tabs = client.get(LIST).context["tabs"]

        assert [(tab["label"], tab["count"]) for tab in tabs] == [
            ("Open", 1),
            ("Blocking closure", 1),
            ("Needs my approval", None),
            ("SEV1 and SEV2", 1),
            ("Closed", 0),
            ("All", 2),
        ]

    def test_names_the_filters_in_force_when_nothing_fits(
        self, client: Client, incident: Incident, commander: User
    ):
        client.force_login(commander)

        page = client.get(f"{LIST}?q=nothing+like+it&severity=SEV5").content.decode()

        assert "No incident fits these filters" in page
        assert "Severity SEV5" in page
        assert "“nothing like it”" in page

    def test_invites_to_declare_when_there_is_none(self, client: Client, commander):
        client.force_login(commander)

        assert "No incident has been declared yet" in client.get(LIST).content.decode()

    def test_gives_htmx_the_rows_alone(self, client: Client, incident, commander):
        client.force_login(commander)

        page = client.get(LIST, headers={"HX-Request": "true"})

        assert page.content.lstrip().startswith(b'<div id="incident-rows"')
        assert "HX-Request" in page["Vary"]

    def test_costs_at_most_twelve_queries_whatever_the_number_of_rows(
        self, client: Client, commander: User
    ):
        make_incident(actor=commander)
        client.force_login(commander)
        with CaptureQueriesContext(
            connection,
        ) as few:
            client.get(LIST)
        for _ in range(12):
            make_incident(actor=commander)
        with CaptureQueriesContext(connection) as many:
            client.get(LIST)

        assert len(shown(client)) == 13
        assert len(many) == len(few) <= 12

    def test_shows_a_change_at_once(
        self, client: Client, incident: Incident, commander: User
    ):
        """Rows are kept as they were written; another word makes another row."""
        client.force_login(commander)
        assert incident.title in client.get(LIST).content.decode()

        lifecycle.edit_incident(
            incident_id=incident.pk, actor=commander, title="Refunds <twice>"
        )
        page = client.get(LIST).content.decode()

        assert "Refunds &lt;twice&gt;" in page
        assert incident.title not in page

    def test_pages_through_many(self, client: Client, commander: User):
        for _ in range(26):
            make_incident(actor=commander)
        client.force_login(commander)

        assert len(shown(client, "?severity=SEV2")) == 25
        assert shown(client, "?severity=SEV2&page=2") == ["INC-1"]
        first = client.get(f"{LIST}?severity=SEV2").content.decode()
        last = client.get(f"{LIST}?severity=SEV2&page=2").content.decode()
        assert 'href="?view=open&amp;severity=SEV2&amp;page=2"' in first
        assert "More than 25 open incidents," in first
        assert "26 open incidents," in last


class TestIncidentExport:
    def test_holds_what_the_filter_shows(self, client: Client, commander: User):
        make_incident(actor=commander, title="First", lanes=["checkout"])
        make_incident(actor=commander, title="Second", severity="SEV4")
        client.force_login(commander)

        sheet = client.get("/incidents/export.csv?severity=SEV2").content.decode()

        assert sheet.splitlines()[1:] == [
            "INC-1,First,SEV2,Active,Checkout authorization,,,IC on call,,"
            "2026-03-17 10:20,UTC"
        ]

    def test_lets_no_title_become_a_formula(self, client: Client, commander: User):
        make_incident(actor=commander, title="=HYPERLINK(1)")
        client.force_login(commander)

        assert (
            ",'=HYPERLINK(1)," in client.get("/incidents/export.csv").content.decode()
        )


class TestSearch:
    def test_jumps_to_a_ref(self, client: Client, incident: Incident, commander: User):
        client.force_login(commander)

        assert client.get("/search/?q=inc-1").url == "/incidents/INC-1/"
        assert client.get("/search/?q=1").url == "/incidents/INC-1/"

    def test_searches_the_words_in_every_status(
        self, client: Client, incident: Incident, commander: User
    ):
        lifecycle.cancel_incident(
            incident_id=incident.pk, actor=commander, reason="A false alarm."
        )
        client.force_login(commander)

        page = client.get("/search/?q=webhook")

        assert [row.key for row in page.context["page"].object_list] == ["INC-1"]

    @pytest.mark.parametrize("query", ["INC-999", "INC-99999999999", "INC-", "²"])
    def test_finds_nothing_without_falling_over(
        self, client: Client, incident, commander, query
    ):
        client.force_login(commander)

        assert client.get("/search/", {"q": query}).status_code == 200


class TestIncidentDeclare:
    url = "/incidents/declare/"

    def sent(self, **changes: object) -> dict[str, object]:
        return {
            "title": "Cards fail",
            "severity": "SEV2",
            "kind": "other",
            "clock_zone": "Europe/Berlin",
            "lanes": ["checkout"],
            **changes,
        }

    def test_opens_the_incident_and_goes_there(self, client: Client, commander: User):
        """R-SC-13"""
        client.force_login(commander)

        page = client.post(self.url, self.sent(other_lanes="Gift cards"))

        incident = Incident.objects.get()
        assert page.url == "/incidents/INC-1/"
        assert (incident.title, incident.clock_zone) == ("Cards fail", "Europe/Berlin")
        assert [lane.slug for lane in incident.lanes.all()] == [
            "checkout",
            "gift-cards",
        ]

    def test_refuses_an_unknown_zone_and_keeps_the_text(
        self, client: Client, commander: User
    ):
        """R-TL-02"""
        client.force_login(commander)

        page = client.post(self.url, self.sent(clock_zone="Mars/Olympus"))

        assert page.status_code == 422
        text = page.content.decode()
        assert "“Mars/Olympus” is not a time zone" in text
        assert 'value="Mars/Olympus"' in text
        assert 'value="Cards fail"' in text
        assert not Incident.objects.exists()

    def test_gives_htmx_the_form_back_and_a_redirect_when_it_is_good(
        self, client: Client, commander: User
    ):
        client.force_login(commander)
        htmx = {"HX-Request": "true"}

        refused = client.post(self.url, self.sent(title=""), headers=htmx)
        good = client.post(self.url, self.sent(), headers=htmx)

        assert refused.status_code == 422
        assert b"<html" not in refused.content
        assert (good.status_code, good["HX-Redirect"]) == (204, "/incidents/INC-1/")

    def test_explains_each_severity(self, client: Client, commander: User):
        """R-SC-07"""
        client.force_login(commander)

        text = client.get(self.url).content.decode()

        for severity in ("SEV1", "SEV2", "SEV3", "SEV4", "SEV5"):
            assert f'value="{severity}"' in text
        assert "SEV1: Payments stop, or money is at risk" in text

    def test_is_closed_to_a_viewer(self, client: Client, viewer: User):
        client.force_login(viewer)

        assert client.get(self.url).status_code == 403
        assert client.post(self.url, self.sent()).status_code == 403
        assert (
            reverse("incidents:incident_declare")
            not in client.get(LIST).content.decode()
        )


class TestNavigation:
    def test_costs_at_most_two_queries(
        self, client: Client, incident: Incident, commander: User, rf
    ):
        from incidents.views import navigation

        client.force_login(commander)
        request = client.get("/account/").wsgi_request
        request.user = User.objects.get(pk=commander.pk)

        with CaptureQueriesContext(connection) as queries:
            found = navigation(request)

        assert len(queries) <= 2
        assert found["active_count"] == 1
        assert [item["label"] for item in found["nav_items"]][:2] == [
            "My work",
            "Incidents",
        ]

    def test_shows_nothing_to_a_visitor(self, rf):
        from django.contrib.auth.models import AnonymousUser

        from incidents.views import navigation

        request = rf.get("/")
        request.user = AnonymousUser()

        assert navigation(request) == {"nav_items": []}

"""My work: what waits for one person."""

from __future__ import annotations

import datetime as dt

from django.test import Client

from accounts.models import User
from incidents.models import FindingSnapshot, Incident
from incidents.services import lifecycle, unknowns
from incidents.views.work import KIND_ICONS
from postmortem.lib.deadlines import PROVIDERS
from tests.conftest import NOW
from tests.factories import make_incident


def ask(incident: Incident, actor: User, question: str, days: float, owner: User):
    return unknowns.add_unknown(
        incident_id=incident.pk,
        actor=actor,
        question=question,
        owner=owner,
        missing_check="The delivery log",
        due_at=NOW + dt.timedelta(days=days),
    )


class TestKindIcons:
    def test_are_of_kinds_that_are_due(self):
        assert set(KIND_ICONS) <= set(PROVIDERS)


class TestWorkList:
    def test_sends_a_visitor_to_the_sign_in_page(self, client: Client, db):
        assert client.get("/").url == "/accounts/login/?next=/"

    def test_says_when_nothing_waits(self, client: Client, viewer: User):
        client.force_login(viewer)

        page = client.get("/").content.decode()

        assert "Nothing is waiting on you" in page
        assert "/incidents/declare/" not in page

    def test_puts_overdue_before_due_and_leaves_out_what_others_owe(
        self, client: Client, incident, commander: User, responder: User, clock
    ):
        ask(incident, commander, "Later?", 9, responder)
        ask(incident, commander, "Sooner?", 0.5, responder)
        ask(incident, commander, "Not mine?", 0.5, commander)
        client.force_login(responder)
        clock.shift(dt.timedelta(days=1))

        page = client.get("/")

        overdue = [row.deadline.ref for row in page.context["overdue"]]
        due = [row.deadline.ref for row in page.context["due"]]
        assert (overdue, due) == (["KU-2"], ["KU-1"])
        text = page.content.decode()
        assert "Sooner?" in text
        assert [row.question for row in page.context["unknowns"]] == ["Not mine?"]
        assert "12 h overdue" in text

    def test_says_on_whose_clock_a_time_is(
        self, client: Client, incident, commander: User, responder: User
    ):
        """R-TL-02: beside incidents of other zones, a time alone could be any."""
        Incident.objects.filter(pk=incident.pk).update(clock_zone="Europe/Paris")
        ask(incident, commander, "Mine?", 1, responder)
        ask(incident, commander, "Theirs?", 1, commander)
        client.force_login(responder)

        text = client.get("/").content.decode()

        zone = '<span class="pm-zone">Europe/Paris</span>'
        assert text.count(f"18 Mar 2026, 11:20 {zone}") == 2

    def test_begins_with_the_active_incidents_i_take_part_in(
        self, client: Client, commander: User, administrator: User
    ):
        mine = make_incident(actor=commander, title="Mine")
        make_incident(actor=administrator, title="Somebody else's")
        over = make_incident(actor=commander, title="Over")
        lifecycle.cancel_incident(
            incident_id=over.pk, actor=commander, reason="A false alarm."
        )
        client.force_login(commander)

        page = client.get("/")

        assert page.context["live"] == [mine]
        assert b"you are commander" in page.content

    def test_shows_the_worst_active_incidents_and_says_how_many_more(
        self, client: Client, commander: User, viewer: User
    ):
        for number in range(8):
            severity = "SEV1" if number == 7 else "SEV3"
            make_incident(actor=commander, title=f"No {number}", severity=severity)
        client.force_login(commander)

        page = client.get("/")

        titles = [incident.title for incident in page.context["live"]]
        assert titles == ["No 7", "No 0", "No 1", "No 2", "No 3", "No 4"]
        link = '<a href="/incidents/?status=active">2 more active incidents</a>'
        assert link in page.content.decode()

        client.force_login(viewer)
        text = client.get("/").content.decode()
        assert '<span class="pm-count pm-count-red">8</span>' in text
        assert '<a href="/incidents/?status=active">All 8</a>' in text

    def test_adds_up_what_blocks_in_my_incidents(
        self, client: Client, incident: Incident, commander: User, responder: User
    ):
        FindingSnapshot.objects.create(incident=incident, blocking=4, advisory=2)
        client.force_login(commander)
        assert client.get("/").context["waiting"] == {"blocking": 4, "advisory": 2}

        client.force_login(responder)
        assert client.get("/").context["waiting"] == {"blocking": 0, "advisory": 0}

    def test_keeps_the_number_for_the_navigation_for_a_quarter_of_an_hour(
        self, client: Client, incident, commander: User, responder: User, clock
    ):
        ask(incident, commander, "Why?", 3, responder)
        client.force_login(responder)
        client.get("/")

        def count():
            return client.get("/account/").context["nav_items"][0]["count"]

        assert count() == 1
        clock.shift(dt.timedelta(minutes=16))
        assert count() is None

    def test_tells_of_active_incidents_without_a_duty_of_mine(
        self, client: Client, viewer: User, commander: User
    ):
        running = make_incident(actor=commander, title="Somebody else's")
        client.force_login(viewer)

        page = client.get("/")

        assert page.context["elsewhere"] == [running]
        assert page.context["live"] == []
        assert b"you have no duty in it" in page.content

    def test_shows_what_others_owe_in_my_incidents(
        self, client: Client, incident, commander: User, responder: User
    ):
        theirs = ask(incident, commander, "Theirs?", 2, responder)
        mine = ask(incident, commander, "Mine?", 1, commander)
        client.force_login(commander)

        page = client.get("/")

        assert page.context["unknowns"] == [theirs]
        assert [row.deadline.ref for row in page.context["due"]] == [mine.ref]

    def test_names_the_role_inside_the_sentence(self, client: Client, viewer: User):
        for title, said in (
            ("Engineering manager", "You are engineering manager."),
            ("IC on call", "You are IC on call."),
        ):
            viewer.title = title
            viewer.save()
            client.force_login(viewer)
            assert said in client.get("/").content.decode()

"""One press makes a line, or an entry, a required moment; a form asks what its kind
needs."""

from __future__ import annotations

from django.test import Client

from accounts.models import User
from tests.conftest import HTMX
from tests.timeline.conftest import Tape, set_status, url
from timeline.models import Entry, Milestone


def button(kind: str) -> str:
    return f'name="milestone" value="{kind}"'


class TestQuickAdd:
    def test_adds_the_line_as_the_moment_that_was_pressed(
        self, page: Client, tape: Tape
    ) -> None:
        """R-TL-06"""
        line = {"text": "09:05 pages went off", "milestone": "first_alert"}
        found = page.post(url(tape, "quick/"), line, headers=HTMX)
        mark = Milestone.objects.get()
        assert (mark.kind, mark.entry) == ("first_alert", Entry.objects.get())
        assert "It is the milestone first alert." in found.content.decode()

    def test_offers_the_moments_that_are_missing(
        self, page: Client, tape: Tape
    ) -> None:
        """R-TL-06"""
        tape.add("14:00", milestone="first_alert")
        tape.skip("rollback_or_failover")
        body = page.get(url(tape)).content.decode()
        assert button("first_mitigation") in body
        assert button("first_alert") not in body
        assert button("rollback_or_failover") not in body
        fresh = page.get(url(tape, "since/?seen=x")).content.decode()
        assert button("first_mitigation") in fresh
        assert button("first_alert") not in fresh

    def test_refuses_a_moment_that_does_not_exist(
        self, page: Client, tape: Tape
    ) -> None:
        line = {"text": "09:05 pages went off", "milestone": "victory"}
        assert page.post(url(tape, "quick/"), line, headers=HTMX).status_code == 422
        assert not Entry.objects.exists()

    def test_takes_no_card_number_as_its_key(self, page: Client, tape: Tape) -> None:
        line = {"text": "09:05 paged", "key": "4539148803436467"}
        assert page.post(url(tape, "quick/"), line, headers=HTMX).status_code == 422
        assert not Entry.objects.exists()

    def test_sent_twice_carries_it_once(self, page: Client, tape: Tape) -> None:
        line = {"text": "09:05 paged", "milestone": "first_alert", "key": "k1"}
        for _ in range(2):
            assert page.post(url(tape, "quick/"), line, headers=HTMX).status_code == 200
        assert Milestone.objects.count() == 1


class TestEntryMilestone:
    def test_marks_the_entry_with_one_press(self, page: Client, tape: Tape) -> None:
        """R-TL-06"""
        row = tape.add("14:30", "Orders go through")
        menu = page.get(url(tape, f"{row.number}/"), headers=HTMX).content.decode()
        assert "This entry is" in menu
        assert 'name="kind" value="customer_recovered"' in menu
        found = page.post(
            url(tape, f"{row.number}/milestone/"), {"kind": "customer_recovered"}
        )
        assert (found.status_code, found.url) == (302, row.get_absolute_url())
        assert Milestone.objects.get().entry == row

    def test_leads_to_the_form_what_it_cannot_do(
        self, page: Client, tape: Tape
    ) -> None:
        row = tape.add("14:30", milestone="stabilized")
        there = url(tape, f"{row.number}/milestone/")
        found = page.post(there, {"kind": "stabilized"}, follow=True)
        assert found.redirect_chain[0][0].endswith("?entry=TL-1&kind=stabilized")
        assert "TL-1 carries this milestone already." in found.content.decode()
        assert page.get(there).status_code == 302
        found = page.post(there, {"kind": "victory"}, follow=True)
        assert "is not a valid choice" in found.content.decode()
        assert Milestone.objects.count() == 1

    def test_is_refused_to_a_viewer_and_on_a_closed_record(
        self, client: Client, tape: Tape, viewer: User, responder: User
    ) -> None:
        row = tape.add("14:30")
        there = url(tape, f"{row.number}/milestone/")
        client.force_login(viewer)
        assert client.post(there, {"kind": "stabilized"}).status_code == 403
        client.force_login(responder)
        set_status(incident_id=tape.incident.pk, actor=responder, status="closed")
        for kind in ("stabilized", "victory", ""):
            assert client.post(there, {"kind": kind}).status_code == 409
        assert not Milestone.objects.exists()


class TestEntryForm:
    def test_groups_what_only_a_decision_needs(self, page: Client, tape: Tape) -> None:
        """R-TL-07"""
        body = page.get(url(tape, "add/?kind=decision")).content.decode()
        start = body.index('class="tl-group tl-decides"')
        group = body[start : body.index("</fieldset>", start)]
        for name in ("belief", "hypothesis", "why"):
            assert f'name="{name}"' in group
        assert 'name="observed_signal"' not in group
        assert body.count('name="belief"') == 1

    def test_refuses_nothing_that_was_typed_for_another_kind(
        self, page: Client, tape: Tape
    ) -> None:
        """R-TL-07"""
        found = page.post(
            url(tape, "add/"),
            {
                "kind": "signal",
                "occurred_at": "2026-03-10 14:05",
                "observed_signal": "Rate is down",
                "belief": "The gateway is down",
                "why": "Nothing else changed",
            },
        )
        row = Entry.objects.get()
        assert found.status_code == 302
        assert (row.belief, row.why) == ("The gateway is down", "Nothing else changed")

    def test_opens_what_is_seldom_asked_once_something_is_in_it(
        self, page: Client, tape: Tape
    ) -> None:
        plain = tape.add("14:05")
        rough = tape.add("14:06", at_text="shortly after the deploy")
        for row, is_open in ((plain, False), (rough, True)):
            body = page.get(url(tape, f"{row.number}/edit/")).content.decode()
            assert ('<details class="tl-group" open>' in body) is is_open

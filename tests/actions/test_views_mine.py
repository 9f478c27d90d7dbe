"""Actions across incidents."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.safestring import SafeString

from accounts.models import User
from actions import deadlines, selectors
from actions.models import ActionItem
from actions.views import action_row
from actions.views.mine import line, written
from incidents.models import Incident, Participation
from incidents.selectors.tallies import TOP
from incidents.services import unknowns
from incidents.services.people import set_duty
from postmortem.lib.kept import Kept
from tests.actions.conftest import Desk, text
from tests.conftest import NOW


def queries(browser: Client) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert browser.get("/actions/?show=open").status_code == 200
    return len(seen)


class TestMyActions:
    def test_lists_mine_across_incidents_that_i_may_see(
        self, browser: Client, desk: Desk, commander: User
    ) -> None:
        """R-AI-08"""
        desk.opened(title="Mine")
        desk.opened(title="Theirs", owner=commander)
        desk.completed(title="Done")

        assert ">Mine</a>" in text(browser.get("/actions/"))
        assert ">Theirs</a>" not in text(browser.get("/actions/"))
        everything = text(browser.get("/actions/?show=open"))
        assert ">Theirs</a>" in everything
        assert ">Done</a>" not in everything
        assert "Nothing is overdue" in text(browser.get("/actions/?show=overdue"))
        assert ">Mine</a>" in text(browser.get("/actions/?show=nonsense&page=zz"))
        assert "No action matches" in text(browser.get("/actions/?q=zzz"))
        assert ">Mine</a>" in text(browser.get("/actions/?q=Mi%00ne"))

        Incident.objects.update(is_restricted=True)
        assert "Nothing is waiting on you" in text(browser.get("/actions/"))

    @pytest.mark.parametrize("part", ["approver", "duty", "declared"])
    def test_shows_those_of_a_restricted_incident_to_its_people(
        self, browser: Client, desk: Desk, commander: User, part: str
    ) -> None:
        desk.opened(title="Quiet")
        Incident.objects.update(is_restricted=True)
        assert ">Quiet</a>" not in text(browser.get("/actions/"))

        if part == "approver":
            desk.incident.approvers.add(desk.owner)
        elif part == "declared":
            Incident.objects.update(declared_by=desk.owner)
        else:
            set_duty(
                incident_id=desk.incident.pk,
                actor=commander,
                user=desk.owner,
                duty=Participation.Duty.SCRIBE,
            )

        assert ">Quiet</a>" in text(browser.get("/actions/"))

    def test_keeps_the_words_that_were_looked_for(
        self, browser: Client, desk: Desk
    ) -> None:
        page = browser.get("/actions/?q=R%26D+%23")

        assert page.context["query"] == "show=mine&q=R%26D+%23&"

    def test_calls_due_today_what_is_due_on_this_day(self, desk: Desk) -> None:
        due = NOW + dt.timedelta(hours=23)
        action = desk.opened(due_at=due)

        assert action_row(action, NOW).due_note == "in 1 d"
        assert action_row(action, due).due_note == "due today"

    def test_costs_no_more_with_more_actions(self, browser: Client, desk: Desk) -> None:
        desk.proven()
        few = queries(browser)
        for _ in range(4):
            desk.proven()

        assert queries(browser) == few

    def test_asks_for_no_runs_while_no_test_was_run(
        self, browser: Client, desk: Desk
    ) -> None:
        """Their runs and the artifacts of these are two queries."""
        action = desk.opened()
        few = queries(browser)
        desk.run(action, evidence=[desk.artifact()])

        assert queries(browser) == few + 2

    def test_does_not_take_a_plain_title_for_a_marked_one(self, desk: Desk) -> None:
        (row,) = selectors.lines(ActionItem.objects.filter(pk=desk.opened().pk))
        words = line(row, NOW)
        title = "<mark>Improve</mark> it"

        assert title in written(**{**words, "title": SafeString(title)})
        assert title not in written(**{**words, "title": title})

    def test_needs_a_person(self, client: Client, db: None) -> None:
        assert client.get("/actions/").status_code == 302


class TestMyWork:
    def test_costs_at_most_twenty_queries_at_its_first_look(
        self,
        browser: Client,
        desk: Desk,
        commander: User,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """In a process that has kept nothing yet, whatever waits."""
        set_duty(
            incident_id=desk.incident.pk,
            actor=commander,
            user=desk.owner,
            duty=Participation.Duty.SCRIBE,
        )
        for owner in (desk.owner, commander):
            unknowns.add_unknown(
                incident_id=desk.incident.pk,
                actor=commander,
                question="Which payouts are missing?",
                owner=owner,
                missing_check="The delivery log",
                due_at=NOW + dt.timedelta(days=1),
            )
        desk.test(desk.opened(), due_at=NOW + dt.timedelta(days=1))
        desk.completed(title="Waits for approval")
        for kept in ("_DECIDED", "_OPEN"):
            monkeypatch.setattr(deadlines, kept, Kept(64))
        cache.delete(f"{TOP}:{desk.owner.pk}")

        with CaptureQueriesContext(connection) as seen:
            page = text(browser.get("/"))

        for words in ("Which payouts", "Waits for approval", "you are scribe"):
            assert words in page
        reads = [query for query in seen if query["sql"].startswith("SELECT")]
        assert len(reads) <= 20

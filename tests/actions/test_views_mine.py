"""Actions across incidents."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape
from django.utils.safestring import SafeString

from accounts.models import Team, User
from actions import deadlines, selectors
from actions.models import ActionItem, TestRun
from actions.views import action_row
from actions.views.mine import line, written
from incidents.models import Incident, Participation, SavedFilter
from incidents.services.findings import refresh_findings
from incidents.services.people import set_duty
from postmortem.lib.kept import Kept
from tests.actions.conftest import Desk, text
from tests.conftest import NOW
from tests.factories import make_incident, make_unknown


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


def burden(owner: User, commander: User, reviewer: User) -> None:
    """A restricted incident with a duty of theirs, an approval that is stale and one
    that is open, a check that failed after its date, and questions."""
    incident = make_incident(actor=commander, title="Webhooks stalled again")
    desk = Desk(incident, owner, commander)
    set_duty(
        incident_id=incident.pk,
        actor=commander,
        user=owner,
        duty=Participation.Duty.SCRIBE,
    )
    stale = desk.completed(title="Its approval is stale", causes=[desk.cause()])
    desk.approve(stale, reviewer)
    desk.run(stale, outcome=TestRun.Outcome.FAILED)
    desk.completed(title="Waits for approval")
    late = desk.opened(title="Is late")
    check = desk.test(late, due_at=NOW - dt.timedelta(days=1))
    desk.run(late, closure_test=check, evidence=[desk.artifact()])
    desk.run(late, closure_test=check, outcome=TestRun.Outcome.FAILED)
    for person in (owner, commander):
        make_unknown(incident, actor=commander, owner=person)
    refresh_findings(incident.pk)
    Incident.objects.filter(pk=incident.pk).update(is_restricted=True)


def everything(owner: User, commander: User, reviewer: User, finance: User) -> None:
    """A `burden` with named approvers, one of whom they are themselves; another's
    action, stale too, that waits for them; and a closure that does."""
    burden(owner, commander, reviewer)
    incident = Incident.objects.filter(is_restricted=True).latest("pk")
    incident.approvers.add(reviewer, finance, owner)
    desk = Desk(incident, commander, commander)
    other = desk.completed(title="Another's, changed since")
    desk.approve(other, reviewer)
    desk.run(other, outcome=TestRun.Outcome.FAILED)
    closing = make_incident(actor=commander, title="Waits to be closed")
    closing.approvers.add(owner)
    refresh_findings(closing.pk)
    Incident.objects.filter(pk=closing.pk).update(
        status=Incident.Status.IN_REVIEW, in_review_at=NOW
    )


@pytest.fixture
def first_look(
    browser: Client, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], tuple[str, list[str]]]:
    """A page and its questions in a process that has kept nothing yet."""

    def look(address: str) -> tuple[str, list[str]]:
        monkeypatch.setattr(deadlines, "_STATES", Kept(64))
        cache.clear()
        with CaptureQueriesContext(connection) as seen:
            page = text(browser.get(address))
        asked = [query["sql"] for query in seen]
        return page, [sql for sql in asked if sql.startswith("SELECT")]

    return look


class TestFirstLook:
    """Of a page by somebody for whom everything waits, in a new process."""

    @pytest.fixture
    def more(
        self, desk: Desk, commander: User, reviewer: User, finance: User
    ) -> Callable[[], None]:
        """Somebody who manages a team, and so may approve."""
        Team.objects.create(
            slug="risk", name="Risk", function="engineering", manager=desk.owner
        )
        SavedFilter.objects.create(
            owner=desk.owner, name="Active", query="status=active"
        )
        return lambda: everything(desk.owner, commander, reviewer, finance)

    def test_of_my_work_costs_at_most_twenty_queries(
        self,
        first_look: Callable[[str], tuple[str, list[str]]],
        more: Callable[[], None],
    ) -> None:
        more()
        page, few = first_look("/")
        for words in (
            "Approve “Another's, changed since”",
            "Approval is stale: the action changed",
            "Approve the closure of",
            "Is late",
            " failed",
            "Did Provider A shorten",
            "you are scribe",
        ):
            assert escape(words) in page, words

        more()
        _, many = first_look("/")

        assert len(many) == len(few) <= 20

    def test_of_what_needs_my_approval_costs_at_most_twelve_queries(
        self,
        first_look: Callable[[str], tuple[str, list[str]]],
        more: Callable[[], None],
    ) -> None:
        address = "/incidents/?view=approval"
        more()
        page, few = first_look(address)
        assert "Webhooks stalled again" in page
        assert "Waits to be closed" in page

        more()
        _, many = first_look(address)

        assert len(many) == len(few) <= 12


class TestMyWork:
    def test_costs_at_most_twenty_queries_at_its_first_look(
        self,
        first_look: Callable[[str], tuple[str, list[str]]],
        desk: Desk,
        commander: User,
        reviewer: User,
    ) -> None:
        """Whatever waits for its person, and however much of it."""
        burden(desk.owner, commander, reviewer)
        page, few = first_look("/")
        for words in (
            "Its approval is stale",
            "Approval is stale: the action changed",
            "Waits for approval",
            "Is late",
            " failed",
            "Did Provider A shorten",
            "you are scribe",
        ):
            assert words in page

        for _ in range(3):
            burden(desk.owner, commander, reviewer)
        page, many = first_look("/")

        assert page.count("Find an approver") == 2 * 8  # the words, and their link
        assert len(many) == len(few) <= 20

    def test_costs_the_same_for_many_named_approvers(
        self,
        first_look: Callable[[str], tuple[str, list[str]]],
        desk: Desk,
        commander: User,
        reviewer: User,
        finance: User,
    ) -> None:
        """Who they are and which part they had is read with what waits for them."""
        burden(desk.owner, commander, reviewer)
        _, without = first_look("/")
        Incident.objects.get(is_restricted=True).approvers.add(reviewer, finance)
        page, few = first_look("/")
        assert "Waits for approval" not in page
        for _ in range(2):
            burden(desk.owner, commander, reviewer)
        for incident in Incident.objects.filter(is_restricted=True):
            incident.approvers.add(reviewer, finance)
        _, many = first_look("/")

        assert len(many) == len(few) == len(without)

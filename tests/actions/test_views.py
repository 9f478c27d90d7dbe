"""The list of actions and the page of one."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from actions.models import ActionItem
from actions.services import items
from incidents.models import Incident
from incidents.services.findings import refresh_findings
from tests.actions.conftest import LIST, Desk, text
from tests.conftest import HTMX, NOW


class TestActionList:
    def test_shows_mandatory_before_scheduled(
        self, browser: Client, desk: Desk
    ) -> None:
        """R-AI-06"""
        desk.opened(title="Later", timing=ActionItem.Timing.SCHEDULED)
        desk.opened(title="Now", due_at=NOW - dt.timedelta(days=1))

        page = text(browser.get(LIST))

        assert page.index("Mandatory now") < page.index("Now</a>")
        assert page.index("Now</a>") < page.index("Later</a>")
        assert "1 d overdue" in page
        assert "No run yet" in page

    def test_marks_vague_words_and_says_why(self, browser: Client, desk: Desk) -> None:
        """R-AI-04"""
        desk.add(title="Monitor closely <b>now</b>")

        page = text(browser.get(LIST))

        assert '<mark class="pm-vague"' in page
        assert "A reviewer could not tell when this is done." in page
        assert "<b>now" not in page

    @pytest.mark.parametrize(
        ("query", "shown"),
        [
            ("show=mine", ["Mine"]),
            ("show=overdue", ["Late"]),
            ("kind=restore", ["Late"]),
            ("owner=999", []),
            ("owner=x&kind=y&show=z", []),
        ],
    )
    def test_filters(
        self,
        browser: Client,
        desk: Desk,
        commander: User,
        query: str,
        shown: list[str],
    ) -> None:
        desk.opened(title="Mine")
        desk.opened(
            title="Late",
            owner=commander,
            kind="restore",
            due_at=NOW - dt.timedelta(days=2),
        )

        page = text(browser.get(f"{LIST}?{query}"))

        assert [name for name in ("Mine", "Late") if f">{name}</a>" in page] == shown

    def test_says_what_belongs_here_when_empty(self, browser: Client) -> None:
        page = text(browser.get(LIST))
        assert "No actions yet" in page
        assert "No action items: nothing says what changes" in page

    def test_offers_nothing_to_a_viewer(
        self, client: Client, desk: Desk, viewer: User
    ) -> None:
        desk.opened()
        client.force_login(viewer)

        page = text(client.get(LIST))

        assert "/actions/add/" not in page
        assert "/edit/" not in page

    def test_is_missing_for_who_may_not_see_the_incident(
        self, client: Client, desk: Desk, reviewer: User
    ) -> None:
        Incident.objects.update(is_restricted=True)
        client.force_login(reviewer)
        assert client.get(LIST).status_code == 404

    def test_comes_a_page_at_a_time_and_opens_at_the_action_beside_it(
        self, browser: Client, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("actions.views.items.PAGE_SIZE", 2)
        for number in range(1, 5):
            desk.add(title=f"Change {number}", kind=ActionItem.Kind.REDUCE)
        desk.add(title="Change 5", timing=ActionItem.Timing.SCHEDULED)

        def shown(url: str) -> list[str]:
            return re.findall(
                r'<li class="pm-action-row[^>]*id="(ACT-\d)"', (text(browser.get(url)))
            )

        assert shown(LIST) == ["ACT-1", "ACT-2"]
        assert shown(f"{LIST}?page=3") == ["ACT-5"]
        assert shown(f"{LIST}4/") == ["ACT-3", "ACT-4"]
        assert shown(f"{LIST}4/?page=1") == ["ACT-1", "ACT-2"]
        narrowed = text(browser.get(f"{LIST}?kind=reduce_recurrence"))
        assert 'href="?kind=reduce_recurrence&amp;page=2"' in narrowed
        assert "4 of 5" in text(browser.get(f"{LIST}4/"))

    def test_costs_no_more_with_more_actions(self, browser: Client, desk: Desk) -> None:
        def queries(url: str) -> int:
            browser.get(url)  # the first look at a state of the record asks more
            with CaptureQueriesContext(connection) as seen:
                assert browser.get(url).status_code == 200
            return len(seen)

        desk.proven()
        browser.get(LIST)  # the first look at an incident runs its checks
        listed, detail = queries(LIST), queries(f"{LIST}1/")
        for _ in range(4):
            desk.run(desk.proven())

        assert (queries(LIST), queries(f"{LIST}1/")) == (listed, detail)


class TestActionDetail:
    def test_is_a_whole_page_and_a_fragment(self, browser: Client, desk: Desk) -> None:
        desk.proven()

        whole, part = browser.get(f"{LIST}1/"), browser.get(f"{LIST}1/", headers=HTMX)

        assert "<!DOCTYPE html>" in whole.content.decode()
        assert "<!DOCTYPE html>" not in part.content.decode()
        assert "HX-Request" in whole["Vary"]
        for page in (text(whole), text(part)):
            for words in (
                "Risk removed when shipped",
                "Risk that remains",
                "Passes when:",
                "Run 1 passed",
                "Rollback path",
                "Approval opens when the owner completes the action.",
            ):
                assert words in page

    def test_shows_a_run_without_artifact_as_not_accepted(
        self, browser: Client, desk: Desk
    ) -> None:
        """R-CT-05, R-CT-08"""
        desk.run(desk.opened())

        page = text(browser.get(f"{LIST}1/"))

        assert "Run 1 passed, not accepted" in page
        assert "Artifact missing" in page
        assert "Approval opens when a run passes with an artifact attached." in page

    def test_tells_the_owner_why_the_approval_is_locked(
        self, client: Client, desk: Desk, reviewer: User
    ) -> None:
        """R-AP-02"""
        desk.completed(owner=reviewer)
        client.force_login(reviewer)

        page = text(client.get(f"{LIST}1/"))

        assert "You cannot approve this: the same person owns it" in page
        assert "/1/approve/" not in page.split('id="open-points"')[0]

    def test_shows_a_lapsed_approval_as_stale(
        self, client: Client, desk: Desk, reviewer: User
    ) -> None:
        desk.approve(desk.completed(), reviewer)
        items.edit_action(
            incident_id=desk.incident.pk, actor=desk.author, number=1, title="Other"
        )
        client.force_login(reviewer)

        assert "so it has lapsed" in text(client.get(f"{LIST}1/"))

    def test_shows_a_withdrawn_action_struck_through(
        self, browser: Client, desk: Desk
    ) -> None:
        desk.add()
        items.retract_action(
            incident_id=desk.incident.pk,
            actor=desk.author,
            number=1,
            reason="Written twice",
        )

        page = text(browser.get(f"{LIST}1/"))

        assert "pm-struck" in page
        assert "Written twice" in page

    def test_is_missing_for_an_unknown_number(self, browser: Client) -> None:
        assert browser.get(f"{LIST}7/").status_code == 404
        assert browser.get(f"{LIST}99999999999999999999/").status_code == 404


class TestCancelled:
    def test_warns_of_nothing_that_it_lacks(self, browser: Client, desk: Desk) -> None:
        """R-AI-04: what was given up needs no owner, date, test or better words."""
        desk.add(
            title="Improve monitoring",
            owner=None,
            due_at=None,
            risk_removed="",
            risk_remaining="",
            rollback_path="",
            proof_location="",
        )
        warnings = re.compile(r'class="pm-(?:warn|bad)"|A reviewer could not tell')
        refresh_findings(desk.incident.pk)

        def panel() -> str:
            page = text(browser.get(f"{LIST}1/", headers=HTMX))
            return page[page.index("pm-act-panel") : page.index('id="approvals"')]

        assert len(set(warnings.findall(panel()))) == 3

        items.cancel_action(
            incident_id=desk.incident.pk,
            actor=desk.author,
            number=1,
            reason="Another action covers it",
        )
        assert "Cancelled: Another action covers it" in panel()
        assert warnings.findall(panel()) == []

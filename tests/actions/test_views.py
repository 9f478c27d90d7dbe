"""Pages of the actions."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from actions.models import ActionApproval, ActionItem, TestRun
from actions.services import items
from actions.views import action_row
from incidents.models import Incident
from incidents.services.findings import refresh_findings
from tests.actions.conftest import Desk
from tests.conftest import NOW

LIST = "/incidents/INC-1/actions/"
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def browser(client: Client, desk: Desk) -> Client:
    client.force_login(desk.owner)
    return client


def text(page: Any) -> str:
    return " ".join(page.content.decode().split())


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

        whole, part = browser.get(f"{LIST}1/"), browser.get(f"{LIST}1/", **HTMX)

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


class TestForms:
    def test_add_reads_the_date_on_the_incident_clock(
        self, browser: Client, desk: Desk
    ) -> None:
        page = browser.post(
            f"{LIST}add/",
            {
                "title": "Reject a stale schema",
                "kind": "reduce_recurrence",
                "timing": "mandatory_now",
                "area": "general",
                "due_at": "2026-03-27",
            },
        )

        action = ActionItem.objects.get()
        assert page.status_code == 302
        assert page["Location"] == f"{LIST}1/"
        assert action.due_at == dt.datetime(2026, 3, 27, 23, 59, tzinfo=dt.UTC)

    def test_add_gives_back_what_was_typed(self, browser: Client) -> None:
        page = browser.post(
            f"{LIST}add/",
            {"title": "Kept", "kind": "x", "timing": "scheduled", "due_at": "soon"},
            **HTMX,
        )

        assert page.status_code == 422
        assert 'value="Kept"' in page.content.decode()
        assert set(page.context["form"].errors) == {"kind", "area", "due_at"}
        assert not ActionItem.objects.exists()

    def test_add_prefills_the_cause_of_a_finding(self, browser: Client) -> None:
        assert browser.get(f"{LIST}add/?cause=99").status_code == 200
        assert browser.get(f"{LIST}add/?cause=x").status_code == 200

    def test_open_names_what_is_missing(self, browser: Client, desk: Desk) -> None:
        """R-AI-03"""
        desk.add(owner=None)

        page = browser.post(f"{LIST}1/open/", {"version": 1})

        assert page.status_code == 422
        assert "Name the person who owns it." in text(page)
        assert "Add a closure test" in text(page)

    def test_edit_shows_both_texts_after_somebody_else_saved(
        self, browser: Client, desk: Desk
    ) -> None:
        desk.add()
        items.edit_action(
            incident_id=desk.incident.pk, actor=desk.author, number=1, title="Theirs"
        )
        fields = {
            "title": "Mine",
            "kind": "restore",
            "timing": "mandatory_now",
            "area": "general",
            "version": 1,
        }

        page = browser.post(f"{LIST}1/edit/", fields)

        assert page.status_code == 409
        assert "Theirs" in text(page)
        assert 'value="Mine"' in text(page)

    def test_a_run_takes_several_files(self, browser: Client, desk: Desk) -> None:
        """R-CT-01"""
        desk.opened()
        files = [SimpleUploadedFile(f"{n}.log", b"PASS %d\n" % n) for n in range(2)]

        page = browser.post(
            f"{LIST}tests/1/runs/add/",
            {
                "outcome": "passed",
                "ran_at": "2026-03-16 15:40",
                "environment": "staging",
                "uploads": files,
            },
            **HTMX,
        )

        assert (page.status_code, page["HX-Redirect"]) == (204, f"{LIST}1/")
        run = TestRun.objects.get()
        assert [len(item.sha256) for item in run.evidence] == [64, 64]
        assert run.tester == desk.owner

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("ran_at", "2027-01-01 10:00", "lies in the future"),
            ("ran_at", "yesterday", "could not be read as a time"),
            ("outcome", "", "required"),
            ("environment", "", "required"),
        ],
    )
    def test_a_run_refuses_bad_input(
        self, browser: Client, desk: Desk, field: str, value: str, words: str
    ) -> None:
        desk.opened()
        fields = {
            "outcome": "passed",
            "ran_at": "2026-03-16 15:40",
            "environment": "staging",
        }

        page = browser.post(f"{LIST}tests/1/runs/add/", fields | {field: value})

        assert page.status_code == 422
        assert words in text(page)
        assert not TestRun.objects.exists()

    def test_an_empty_file_is_refused(self, browser: Client, desk: Desk) -> None:
        desk.opened()

        page = browser.post(
            f"{LIST}tests/1/runs/add/",
            {
                "outcome": "passed",
                "ran_at": "2026-03-16 15:40",
                "environment": "staging",
                "uploads": SimpleUploadedFile("empty.log", b""),
            },
        )

        assert page.status_code == 422
        assert "uploads" in page.context["form"].errors
        assert not TestRun.objects.exists()

    def test_the_way_from_draft_to_approved(
        self, browser: Client, desk: Desk, reviewer: User
    ) -> None:
        """R-AI-03, R-AI-05, R-AP-01"""
        desk.add(risk_removed="", risk_remaining="")
        steps = (
            ("1/tests/add/", {"procedure": "Replay", "pass_condition": "Blocked"}),
            ("1/open/", {"version": 1}),
            (
                "tests/1/runs/add/",
                {
                    "outcome": "passed",
                    "ran_at": "10:00",
                    "environment": "staging",
                },
            ),
            ("runs/1/attach/", {"uploads": SimpleUploadedFile("o.txt", b"ok")}),
            ("1/complete/", {"risk_removed": "Gone", "risk_remaining": "None known"}),
        )
        for url, fields in steps:
            page = browser.get(f"{LIST}{url}")
            assert page.status_code == 200
            if "version" in page.context["form"].fields:
                fields["version"] = page.context["form"]["version"].value()
            assert browser.post(f"{LIST}{url}", fields).status_code == 302, url

        refused = browser.post(f"{LIST}1/approve/")
        assert refused.status_code == 403
        browser.force_login(reviewer)
        form = browser.get(f"{LIST}1/approve/").context["form"]
        page = browser.post(
            f"{LIST}1/approve/", {"digest": form["digest"].value(), "comment": "Read"}
        )

        assert page.status_code == 302
        assert ActionApproval.objects.get().comment == "Read"

    def test_an_approval_of_what_was_not_read_is_refused(
        self, client: Client, desk: Desk, reviewer: User
    ) -> None:
        desk.completed()
        client.force_login(reviewer)

        page = client.post(f"{LIST}1/approve/", {"digest": "0" * 64})

        assert page.status_code == 409
        assert "changed while you were reading" in text(page)

    def test_the_owner_gets_the_reason_in_the_form(
        self, client: Client, desk: Desk, reviewer: User
    ) -> None:
        """R-AP-02"""
        desk.completed(owner=reviewer)
        client.force_login(reviewer)

        page = client.post(f"{LIST}1/approve/", {})

        assert page.status_code == 403
        assert "the same person owns it" in text(page)

    @pytest.mark.parametrize(
        "url", ["1/cancel/", "1/withdraw/", "tests/1/withdraw/", "runs/1/withdraw/"]
    )
    def test_a_reason_is_needed(self, browser: Client, desk: Desk, url: str) -> None:
        desk.proven()

        form = browser.get(f"{LIST}{url}").context["form"]
        sent = {"reason": " "}
        if "version" in form.fields:
            sent["version"] = form["version"].value()
        page = browser.post(f"{LIST}{url}", sent)

        assert page.status_code == 422
        assert "Say why" in text(page)

    def test_changes_and_deferral(
        self, client: Client, desk: Desk, reviewer: User
    ) -> None:
        desk.opened(timing=ActionItem.Timing.SCHEDULED)
        client.force_login(reviewer)

        assert client.get(f"{LIST}1/defer/").status_code == 200
        assert client.post(f"{LIST}1/defer/", {}).status_code == 302
        assert client.post(f"{LIST}1/request-changes/", {}).status_code == 422
        asked = client.post(f"{LIST}1/request-changes/", {"comment": "An earlier date"})
        assert asked.status_code == 302
        assert [row.decision for row in ActionApproval.objects.all()] == [
            "approved",
            "changes_requested",
        ]


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
            page = text(browser.get(f"{LIST}1/", **HTMX))
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


class TestApproving:
    """R-AP-02, R-AI-12: one seat for each person."""

    URL = f"{LIST}1/approve/"

    def test_asks_for_a_seat_only_while_both_are_free(
        self, client: Client, desk: Desk, reviewer: User, finance: User
    ) -> None:
        action = desk.completed(area=ActionItem.Area.SETTLEMENT)
        client.force_login(finance)
        assert '<select name="seat"' in text(client.get(self.URL))

        desk.approve(action, reviewer)
        page = text(client.get(self.URL))
        assert '<input type="hidden" name="seat" value="finance"' in page
        assert "You approve its money-movement effect." in page

        assert client.post(self.URL, {"seat": "finance"}).status_code == 302
        seats = ActionApproval.objects.order_by("pk").values_list("seat", flat=True)
        assert list(seats) == ["quality", "finance"]

    def test_refuses_a_seat_that_was_taken_meanwhile(
        self, client: Client, desk: Desk, reviewer: User, finance: User
    ) -> None:
        action = desk.completed(area=ActionItem.Area.SETTLEMENT)
        desk.approve(action, reviewer)
        client.force_login(finance)

        page = client.post(self.URL, {"seat": "quality"})
        assert page.status_code == 409
        assert "is approved already" in text(page)


class TestAfterClosing:
    def test_only_follow_up_of_scheduled_work_goes_on(
        self, browser: Client, desk: Desk
    ) -> None:
        """R-AP-01, decision 2"""
        desk.opened(timing=ActionItem.Timing.SCHEDULED)
        desk.opened()
        desk.status(Incident.Status.CLOSED)
        run = {"outcome": "failed", "ran_at": "10:00", "environment": "staging"}

        assert browser.post(f"{LIST}tests/1/runs/add/", run).status_code == 302
        assert browser.post(f"{LIST}tests/2/runs/add/", run).status_code == 409
        edited = browser.post(f"{LIST}1/cancel/", {"reason": "No time"})
        assert edited.status_code == 409
        assert "since closing" in text(browser.get(f"{LIST}1/"))


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

        Incident.objects.update(is_restricted=True)
        assert "Nothing is waiting on you" in text(browser.get("/actions/"))

    def test_keeps_the_words_that_were_looked_for(
        self, browser: Client, desk: Desk
    ) -> None:
        page = browser.get("/actions/?q=R%26D+%23")

        assert page.context["query"] == "show=mine&q=R%26D+%23&"

    def test_calls_due_today_what_is_due_on_this_day(self, desk: Desk) -> None:
        action = desk.opened(due_at=NOW + dt.timedelta(hours=23))

        assert action_row(action, NOW).due_note == "in 1 d"
        assert action_row(action, action.due_at).due_note == "due today"

    def test_costs_no_more_with_more_actions(self, browser: Client, desk: Desk) -> None:
        def queries() -> int:
            with CaptureQueriesContext(connection) as seen:
                assert browser.get("/actions/?show=open").status_code == 200
            return len(seen)

        desk.proven()
        few = queries()
        for _ in range(4):
            desk.proven()

        assert queries() == few

    def test_needs_a_person(self, client: Client, db: None) -> None:
        assert client.get("/actions/").status_code == 302

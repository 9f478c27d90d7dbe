"""Forms of the actions, from the draft to its approval and after closing."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from actions.models import ActionApproval, ActionItem, TestRun
from actions.services import items
from incidents.models import Incident
from tests.actions.conftest import LIST, Desk, text
from tests.conftest import HTMX


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
            headers=HTMX,
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
            headers=HTMX,
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

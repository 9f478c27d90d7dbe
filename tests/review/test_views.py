"""The pages of the review."""

from __future__ import annotations

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from accounts.models import User
from incidents.models import FindingSnapshot
from incidents.services.findings import refresh_findings
from incidents.services.lifecycle import edit_incident
from postmortem.lib.findings import Finding, Level
from review import tasks
from review.models import ClosureApproval, Participant, ReportBuild, Seal
from review.services import reports, reviews
from tests.review.conftest import Case


def sign_in(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def url(case: Case, name: str, *args: object) -> str:
    return reverse(f"review:{name}", args=[case.incident.key, *args])


class TestReviewDetail:
    def test_shows_checklist_hash_policy_and_gaps(
        self, client: Client, case: Case
    ) -> None:
        page = sign_in(client, case.cast["reviewer"]).get(url(case, "review_detail"))
        text = page.content.decode()

        assert page.status_code == 200
        assert "6 of 6 confirmed" in text
        assert case.hash in text
        assert "Two approvers: one from engineering" in text
        assert "Evidence gaps that would be sealed" in text
        assert f"{url(case, 'closure_approve')}?version={case.hash}" in text

    def test_leads_to_the_fix_of_each_red_flag(
        self, client: Client, bare: Case
    ) -> None:
        reviews.open_review(**bare.ids)
        text = (
            sign_in(client, bare.cast["reviewer"])
            .get(url(bare, "review_detail"))
            .content.decode()
        )

        assert 'href="' + reverse("timeline:entry_list", args=["INC-1"]) in text
        assert url(bare, "review_edit") in text
        assert "Opens when nothing but approvals blocks" in text

    def test_folds_what_is_more_than_eight_red_flags(self) -> None:
        flags = [
            Finding(f"AI{number:03}", Level.ERROR, f"Flag {number}")
            for number in range(10)
        ]

        text = render_to_string("review/_flags.html", {"flags": flags})

        shown, _, folded = text.partition("<details")
        assert (shown.count("<li"), folded.count("<li")) == (8, 2)
        assert "2 more red flags" in folded

    def test_tells_the_commander_why_not(self, client: Client, case: Case) -> None:
        """R-AP-02"""
        page = sign_in(client, case.cast["commander"]).get(url(case, "review_detail"))

        assert "approve this version" not in page.content.decode().lower()
        assert url(case, "closure_approve") not in page.content.decode()

    def test_shows_a_stale_approval_with_what_changed(
        self, client: Client, case: Case
    ) -> None:
        case.approve("finance")
        edit_incident(**case.ids, summary="Told anew.")
        text = (
            sign_in(client, case.cast["finance"])
            .get(url(case, "review_detail"))
            .content.decode()
        )

        assert "Stale" in text
        assert "edited the case file: summary" in text

    def test_shows_it_as_stale_before_the_checks_have_run_again(
        self, client: Client, case: Case
    ) -> None:
        """R-AP-01: nobody reads "Approved" over a record that has moved on."""
        case.approve("finance")
        refresh_findings(case.incident.pk)
        results = FindingSnapshot.objects.filter(incident=case.incident)
        before = results.values("activity_head", "content_hash").get()
        edit_incident(**case.ids, summary="Told anew.")
        results.update(**before)
        text = (
            sign_in(client, case.cast["finance"])
            .get(url(case, "review_detail"))
            .content.decode()
        )

        assert "Approved an earlier version" in text
        assert "Opens when the checks have run on the present version" in text

    def test_shows_the_seal_of_a_closed_record(
        self, client: Client, case: Case
    ) -> None:
        seal = case.closed()
        text = (
            sign_in(client, case.cast["finance"])
            .get(url(case, "review_detail"))
            .content.decode()
        )

        assert "Verified now" in text
        assert seal.content_hash in text
        assert url(case, "incident_reopen") in text

    def test_says_when_a_seal_does_not_hold(self, client: Client, case: Case) -> None:
        case.closed()
        Seal.objects.update(content_hash="0" * 64)
        page = sign_in(client, case.cast["finance"]).get(url(case, "review_detail"))

        assert "Does not verify" in page.content.decode()

    def test_is_hidden_from_strangers_of_a_restricted_incident(
        self, client: Client, case: Case
    ) -> None:
        edit_incident(
            incident_id=case.incident.pk,
            actor=case.cast["commander"],
            is_restricted=True,
            restrict_anyway=True,
        )
        page = sign_in(client, case.cast["finance"]).get(url(case, "review_detail"))

        assert page.status_code == 404

    def test_has_a_page_for_every_state(self, client: Client, bare: Case) -> None:
        sign_in(client, bare.cast["commander"])
        first = client.get(url(bare, "review_detail")).content.decode()

        assert "No review yet" in first
        tasks.open_due_reviews()
        assert "The review is prepared" in (
            client.get(url(bare, "review_detail")).content.decode()
        )


class TestForms:
    def test_start_the_review(self, client: Client, bare: Case) -> None:
        page = sign_in(client, bare.cast["commander"]).post(
            url(bare, "review_open"), {"owner": ""}
        )

        assert page.status_code == 302
        assert bare.reload().status == "in_review"

    def test_edit_it(self, client: Client, case: Case) -> None:
        review = case.review
        page = sign_in(client, case.cast["commander"]).post(
            url(case, "review_edit"),
            {
                "version": review.version,
                "owner": review.owner_id,
                "is_ready": "no",
                "readiness_reason": "Finance is missing.",
                "meeting_at": "2026-03-18 14:00",
                "learning": "Conditions.",
                "how_we_responded": "",
            },
        )

        assert page.status_code == 302
        review.refresh_from_db()
        assert (review.is_ready, review.learning) == (False, "Conditions.")
        assert review.meeting_at is not None
        assert review.meeting_at.isoformat() == "2026-03-18T14:00:00+00:00"

    def test_keep_refused_words_in_the_form(self, client: Client, case: Case) -> None:
        page = sign_in(client, case.cast["commander"]).post(
            url(case, "review_edit"),
            {
                "owner": case.review.owner_id,
                "is_ready": "yes",
                "readiness_reason": "",
                "meeting_at": "tomorrow",
                "learning": "These words took an hour.",
            },
        )
        text = page.content.decode()

        assert page.status_code == 422
        assert "These words took an hour." in text
        assert "could not be read as a time" in text

    def test_show_both_texts_after_a_conflict(self, client: Client, case: Case) -> None:
        read = case.review.version
        reviews.edit_review(**case.ids, learning="Saved first.")
        page = sign_in(client, case.cast["commander"]).post(
            url(case, "review_edit"),
            {
                "version": read,
                "owner": case.review.owner_id,
                "learning": "Written meanwhile.",
            },
        )

        assert page.status_code == 409
        for words in ("Saved first.", "Written meanwhile."):
            assert words in page.content.decode()

    def test_merge_what_only_one_of_two_people_changed(
        self, client: Client, case: Case
    ) -> None:
        review = case.review
        sent = {
            "version": review.version,
            "owner": review.owner_id,
            "is_ready": "yes",
            "readiness_reason": review.readiness_reason,
            "learning": review.learning,
            "how_we_responded": "Told meanwhile.",
        }
        reviews.edit_review(**case.ids, is_ready=False, readiness_reason="Not yet.")
        page = sign_in(client, case.cast["commander"]).post(
            url(case, "review_edit"), sent
        )
        form = page.context["form"]

        assert page.status_code == 409
        assert form["is_ready"].value() == "no"
        assert form["readiness_reason"].value() == "Not yet."
        assert form["how_we_responded"].value() == "Told meanwhile."
        assert form["version"].value() == str(case.review.version)

    def test_are_asked_again_without_the_version_that_was_read(
        self, client: Client, case: Case
    ) -> None:
        page = sign_in(client, case.cast["commander"]).post(
            url(case, "review_edit"),
            {"owner": case.review.owner_id, "learning": "Blind."},
        )

        assert page.status_code == 409
        assert case.review.learning != "Blind."

    def test_acknowledge_the_rule(self, client: Client, bare: Case) -> None:
        """R-BL-01"""
        reviews.open_review(**bare.ids)
        sign_in(client, bare.cast["commander"])

        shown = client.get(url(bare, "blameless_acknowledge")).content.decode()
        assert "learning and prevention, not about fault" in shown
        client.post(url(bare, "blameless_acknowledge"))

        assert bare.review.blameless_by == bare.cast["commander"]

    def test_add_and_remove_people(self, client: Client, case: Case) -> None:
        """R-DOC-08"""
        sign_in(client, case.cast["commander"]).post(
            url(case, "participant_add"),
            {"user": case.cast["finance"].pk, "capacity": "finance"},
        )
        row = Participant.objects.get(user=case.cast["finance"])
        client.post(
            url(case, "participant_remove", row.number), {"reason": "Left early"}
        )

        row.refresh_from_db()
        assert row.is_retracted

    def test_come_as_a_fragment_for_htmx(self, client: Client, case: Case) -> None:
        page = sign_in(client, case.cast["commander"]).get(
            url(case, "review_edit"), headers={"HX-Request": "true"}
        )

        assert "<html" not in page.content.decode()
        assert "HX-Request" in page.headers["Vary"]


class TestApproving:
    def test_takes_the_version_of_the_page(self, client: Client, case: Case) -> None:
        sign_in(client, case.cast["reviewer"])
        form = client.get(f"{url(case, 'closure_approve')}?version={case.hash}")
        words = form.content.decode()
        assert f"Approve closing {case.incident.key}" in words
        assert f"“{case.incident.title}” is closed as version {case.hash[:4]}" in words
        assert "You answer for remediation quality and completeness." in words
        assert "No evidence gap is sealed with it." in words
        assert f'value="{case.hash}"' in form.content.decode()

        page = client.post(
            url(case, "closure_approve"),
            {"content_hash": case.hash, "has_read": "on", "comment": ""},
        )

        assert page.status_code == 302
        assert ClosureApproval.objects.get().approver == case.cast["reviewer"]

    def test_is_refused_when_the_record_moved_on(
        self, client: Client, case: Case
    ) -> None:
        read = case.hash
        edit_incident(**case.ids, summary="Told anew.")
        page = sign_in(client, case.cast["reviewer"]).post(
            url(case, "closure_approve"), {"content_hash": read, "has_read": "on"}
        )

        assert page.status_code == 409
        assert "changed since you opened it" in page.content.decode()
        assert not ClosureApproval.objects.exists()

    def test_needs_the_word_that_it_was_read(self, client: Client, case: Case) -> None:
        page = sign_in(client, case.cast["reviewer"]).post(
            url(case, "closure_approve"), {"content_hash": case.hash}
        )

        assert page.status_code == 422

    def test_is_refused_to_the_commander_with_the_reason(
        self, client: Client, case: Case
    ) -> None:
        from tests.review.test_services_approvals import give

        give(case.cast["commander"], "reviewer", "engineering")
        page = sign_in(client, case.cast["commander"]).post(
            url(case, "closure_approve"),
            {"content_hash": case.hash, "has_read": "on"},
        )

        assert page.status_code == 403
        assert "was commander of this incident" in page.content.decode()

    def test_can_be_taken_back(self, client: Client, case: Case) -> None:
        case.approve("reviewer")
        sign_in(client, case.cast["reviewer"])
        assert url(case, "approval_withdraw") in (
            client.get(url(case, "review_detail")).content.decode()
        )
        client.post(url(case, "approval_withdraw"), {"reason": "A wrong figure"})

        assert ClosureApproval.objects.last().decision == "withdrawn"  # type: ignore[union-attr]

    def test_asks_for_changes(self, client: Client, case: Case) -> None:
        sign_in(client, case.cast["finance"]).post(
            url(case, "changes_request"),
            {"content_hash": case.hash, "comment": "Count the refunds."},
        )

        assert ClosureApproval.objects.get().decision == "changes_requested"


class TestOutcome:
    def test_closes_and_seals(self, client: Client, case: Case) -> None:
        case.approve("reviewer")
        case.approve("finance")
        sign_in(client, case.cast["finance"])
        chosen = client.get(url(case, "outcome_choose"), {"outcome": "close"})
        assert chosen.url == url(case, "incident_close")  # type: ignore[attr-defined]

        page = client.post(url(case, "incident_close"))

        assert page.status_code == 302
        assert case.reload().status == "closed"

    def test_lists_what_blocks(self, client: Client, case: Case) -> None:
        page = sign_in(client, case.cast["finance"]).post(url(case, "incident_close"))
        text = page.content.decode()

        assert page.status_code == 409
        assert "AP101" in text
        assert case.reload().status == "in_review"

    def test_keeps_as_stabilized(self, client: Client, case: Case) -> None:
        """R-AP-03"""
        sign_in(client, case.cast["finance"])
        chosen = client.get(url(case, "outcome_choose"), {"outcome": "keep"})
        assert chosen.url == url(case, "incident_keep")  # type: ignore[attr-defined]
        client.post(
            url(case, "incident_keep"),
            {"reason": "Second region", "open_risk": "Recurrence in region two"},
        )

        assert case.reload().status == "stabilized"
        shown = client.get(url(case, "review_detail")).content.decode()
        assert "Recurrence in region two" in shown

    def test_reopens_with_a_reason(self, client: Client, case: Case) -> None:
        case.closed()
        sign_in(client, case.cast["finance"])
        assert client.post(
            url(case, "incident_reopen"), {"reason": ""}
        ).status_code == (422)
        client.post(url(case, "incident_reopen"), {"reason": "A refund was missed"})

        shown = client.get(url(case, "review_detail")).content.decode()
        assert "A refund was missed" in shown
        assert "Seal 1 is kept" in shown

    @pytest.mark.parametrize(
        "name", ["incident_close", "incident_keep", "incident_reopen"]
    )
    def test_is_not_for_responders(self, client: Client, case: Case, name: str) -> None:
        page = sign_in(client, case.cast["responder"]).post(url(case, name))

        assert page.status_code == 403


class TestReport:
    def test_is_asked_for_watched_and_fetched(self, client: Client, bare: Case) -> None:
        sign_in(client, bare.cast["finance"])
        assert client.get(url(bare, "report")).status_code == 404
        assert "No one-pager has been made" in (
            client.get(url(bare, "report_detail")).content.decode()
        )

        client.post(url(bare, "report_request"))
        waiting = client.get(url(bare, "report_status")).content.decode()
        assert 'hx-trigger="every 2s"' in waiting

        tasks.build_report(build_id=ReportBuild.objects.get().pk)
        ready = client.get(url(bare, "report_status")).content.decode()
        assert "hx-trigger" not in ready
        assert "Download the PDF" in ready
        renewed = client.get(
            url(bare, "report_status"), headers={"HX-Request": "true"}
        ).content.decode()
        assert 'id="report-builds" hx-swap-oob="true"' in renewed
        assert "Being made" not in renewed

        page = client.get(url(bare, "report"))
        assert page.headers["Content-Type"] == "application/pdf"
        assert "attachment" in page.headers["Content-Disposition"]
        assert b"".join(page.streaming_content).startswith(b"%PDF")  # type: ignore[attr-defined]

    def test_is_not_made_by_looking(self, client: Client, bare: Case) -> None:
        sign_in(client, bare.cast["finance"]).get(url(bare, "report_request"))

        assert not ReportBuild.objects.exists()

    def test_says_that_a_page_is_of_an_earlier_version(
        self, client: Client, bare: Case
    ) -> None:
        build = reports.request_report(**bare.ids)
        tasks.build_report(build_id=build.pk)
        edit_incident(**bare.ids, summary="Told anew.")
        text = (
            sign_in(client, bare.cast["finance"])
            .get(url(bare, "report_detail"))
            .content.decode()
        )

        assert "of an earlier version" in text
        assert "Make it from the present record" in text

    @pytest.mark.parametrize("number", ["x", "999999", "-1", "1 or 1=1"])
    def test_gives_no_other_file(self, client: Client, bare: Case, number: str) -> None:
        reports.request_report(**bare.ids)
        page = sign_in(client, bare.cast["finance"]).get(
            url(bare, "report"), {"build": number}
        )

        assert page.status_code == 404


class TestMyWork:
    def test_says_that_nothing_but_an_approval_is_asked_for(
        self, client: Client, case: Case
    ) -> None:
        """Beside an approval that may be overdue, nothing else is no relief."""
        text = sign_in(client, case.cast["reviewer"]).get("/").content.decode()

        assert "Only your approval is asked for" in text
        assert "Approve the closure of INC-1</a>" in text
        assert "Nothing is due to you" not in text

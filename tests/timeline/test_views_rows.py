"""Forms of milestones, hypotheses and checkpoints."""

from __future__ import annotations

from django.test import Client

from tests.timeline.conftest import Tape, at, text, url
from timeline.models import DependencyCheckpoint, Entry, Hypothesis, Milestone


class TestMilestoneForms:
    def test_marks_an_entry(self, page: Client, tape: Tape) -> None:
        row = tape.add("13:52")
        found = page.post(
            url(tape, "milestones/add/"), {"kind": "first_alert", "entry": row.pk}
        )
        assert found.url == f"{url(tape)}?at=TL-1#TL-1"
        assert Milestone.objects.get().entry == row

    def test_asks_for_the_entry(self, page: Client, tape: Tape) -> None:
        found = page.post(url(tape, "milestones/add/"), {"kind": "first_alert"})
        assert found.status_code == 422
        assert "Choose the entry" in text(found)

    def test_says_that_one_does_not_apply(self, page: Client, tape: Tape) -> None:
        """R-TL-06"""
        address = url(tape, "milestones/not-applicable/?kind=rollback_or_failover")
        assert page.get(address).context["form"]["kind"].value() == (
            "rollback_or_failover"
        )
        body = {"kind": "rollback_or_failover"}
        assert page.post(address, body).status_code == 422
        page.post(address, {**body, "reason": "Nothing to roll back"})
        assert "Does not apply: Nothing to roll back" in text(page.get(url(tape)))

    def test_withdraws_one(self, page: Client, tape: Tape) -> None:
        tape.add("13:52", milestone="first_alert")
        page.post(url(tape, "milestones/1/withdraw/"), {"reason": "Wrong one"})
        assert Milestone.objects.get().is_retracted
        assert not Entry.objects.get().is_retracted


class TestHypothesisForms:
    def test_states_edits_links_and_settles_one(self, page: Client, tape: Tape) -> None:
        """R-HY-01"""
        page.post(url(tape, "hypotheses/add/"), {"statement": "Gateway down"})
        page.post(
            url(tape, "hypotheses/1/edit/"),
            {"statement": "The gateway is down", "version": "1"},
        )
        page.post(
            url(tape, "hypotheses/1/evidence/"),
            {"evidence": [tape.original.pk], "stance": "against"},
        )
        found = page.post(
            url(tape, "hypotheses/1/settle/"), {"state": "abandoned", "version": "2"}
        )
        assert found.status_code == 422
        page.post(
            url(tape, "hypotheses/1/settle/"),
            {
                "state": "abandoned",
                "what_decided": "Baseline on every route",
                "evidence_against": [tape.original.pk],
                "version": "2",
            },
        )
        row = Hypothesis.objects.get()
        assert (row.statement, row.state) == ("The gateway is down", "abandoned")


class TestCheckpointForms:
    def test_adds_edits_and_withdraws_one(self, page: Client, tape: Tape) -> None:
        """R-DP-06"""
        body = {
            "kind": "external_gateway",
            "name": "Provider A",
            "order": "before",
            "state": "degraded",
            "first_signal_at": "2026-03-10 13:41",
        }
        page.post(url(tape, "checkpoints/add/"), body)
        row = DependencyCheckpoint.objects.get()
        assert row.first_signal_at == at("13:41")

        form = page.get(url(tape, "checkpoints/1/edit/"))
        assert "before or after internal changes" in text(form).lower()
        page.post(
            url(tape, "checkpoints/1/edit/"),
            {
                **body,
                "state": "stabilized",
                "stabilized_at": "2026-03-10 17:50",
                "evidence": [tape.original.pk],
                "version": "1",
            },
        )
        row = DependencyCheckpoint.objects.get()
        assert (row.state, row.evidence) == ("stabilized", [tape.original])

        page.post(url(tape, "checkpoints/1/withdraw/"), {"reason": "Noted twice"})
        assert DependencyCheckpoint.objects.get().is_retracted

    def test_refuses_a_bare_day_for_the_first_signal(
        self, page: Client, tape: Tape
    ) -> None:
        found = page.post(
            url(tape, "checkpoints/add/"),
            {
                "kind": "data_feed",
                "name": "Events",
                "order": "unknown",
                "state": "unknown",
                "first_signal_at": "2026-03-10",
            },
        )
        assert found.status_code == 422
        assert "names a day, not a time" in text(found)

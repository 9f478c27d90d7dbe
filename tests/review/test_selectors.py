"""The computed checklist, the gaps and readiness."""

from __future__ import annotations

import datetime as dt
from typing import Any

import time_machine

from incidents.models import Evidence
from incidents.services.waivers import accept_finding
from postmortem.lib.findings import Row
from review.selectors import (
    approvals_state,
    checklist,
    gaps,
    is_unfinished,
    present_findings,
    readiness,
    recurrence_risks,
    standing,
)
from review.selectors.gaps import chip_of
from review.services import reviews
from tests.conftest import NOW
from tests.review.conftest import Case
from timeline.services.entries import add_entry, state_gap


class TestChecklist:
    def test_has_six_rows_in_order(self, case: Case) -> None:
        """R-CK-01, R-CK-02, R-CK-03, R-CK-04, R-CK-05, R-CK-06"""
        found = checklist(case.incident)

        assert [row.title for row in found.rows] == [
            "Recovery timeline",
            "Root cause analysis",
            "Incident impact",
            "Action items",
            "Control tests",
            "Blameless summary",
        ]
        assert found.confirmed == 6
        assert found.blocking == []

    def test_puts_each_red_flag_in_its_row(self, bare: Case) -> None:
        """R-CK-01, R-CK-02, R-CK-03, R-CK-04, R-CK-06"""
        reviews.open_review(**bare.ids)
        flags = {
            row.row: {f.id for f in row.flags} for row in checklist(bare.reload()).rows
        }

        assert "DOC001" in flags[Row.TIMELINE]
        assert "RC001" in flags[Row.RCA]
        assert "SC007" in flags[Row.IMPACT]
        assert "AI001" in flags[Row.ACTIONS]
        assert "CK006" in flags[Row.BLAMELESS]

    def test_shows_what_proves_a_row(self, case: Case) -> None:
        rows = {row.row: row for row in checklist(case.incident).rows}

        assert rows[Row.TIMELINE].proof_label == "8 of 8 milestones proven by"
        assert rows[Row.RCA].proof[0].title == "Proof of primary"
        assert [e.title for e in rows[Row.CONTROLS].proof] == [
            "Gate test output",
            "Suspense account at zero",
        ]

    def test_tells_each_row_in_a_sentence(self, case: Case) -> None:
        rows = {row.row: row.sentence for row in checklist(case.incident).rows}

        assert rows[Row.RCA] == "2 proximate and 1 systemic, kept apart."
        assert rows[Row.ACTIONS] == (
            "1 of 1 have an owner, a due date and a closure test."
        )
        assert rows[Row.IMPACT] == (
            "Customer, operational and business impact stated, 1 figure; downstream "
            "effects and manual correction work addressed."
        )


class TestPresentFindings:
    def test_are_those_of_the_seal_once_it_is_closed(self, case: Case) -> None:
        """Decision 1: findings move with the clock; a sealed record's do not."""
        seal = case.closed()
        with time_machine.travel(NOW + dt.timedelta(days=90), tick=False):
            found = present_findings(case.incident)

        assert [(f.id, f.message) for f in found] == [
            (row["id"], row["message"]) for row in seal.findings
        ]
        assert checklist(case.incident).confirmed == 6


class TestIsUnfinished:
    def test_is_the_badge_of_vague_follow_through(self, case: Case) -> None:
        """R-DOC-15"""
        from actions.services.items import add_action

        assert not is_unfinished(checklist(case.incident).findings)
        add_action(**case.ids, title="Improve monitoring", kind="reduce_recurrence")

        assert is_unfinished(checklist(case.reload()).findings)


class TestGaps:
    def test_are_none_in_a_proven_case(self, case: Case) -> None:
        assert gaps(case.incident) == []

    def test_list_what_would_be_sealed_unproven(self, case: Case) -> None:
        """R-EV-10, R-EV-04"""
        summary = case.evidence(
            "Support total", Evidence.Kind.COMPLAINTS, is_original=False
        )
        add_entry(
            **case.ids,
            kind="note",
            observed_signal="212 contacts in all",
            occurred_at=dt.datetime(2026, 3, 10, 14, 36, tzinfo=dt.UTC),
            evidence=[summary],
        )
        state_gap(
            **case.ids,
            occurred_at=dt.datetime(2026, 3, 10, 14, 42, tzinfo=dt.UTC),
            occurred_until=dt.datetime(2026, 3, 10, 14, 48, tzinfo=dt.UTC),
            reason="The bridge was not recorded.",
        )
        finding = next(f for f in checklist(case.reload()).findings if f.id == "RO003")
        accept_finding(
            incident_id=case.incident.pk,
            actor=case.cast["reviewer"],
            check_id=finding.id,
            finding_key=finding.key,
            reason="Small team, the commander held these.",
        )

        found = gaps(case.reload())

        assert [(gap.where, gap.accepted_by) for gap in found] == [
            ("Timeline", "IC on call"),
            ("The case", "Engineering manager"),
            ("Timeline", ""),
        ]
        assert found[0].title == "No record for 14:42 to 14:48"
        assert found[2].evidence == chip_of(summary)

    def test_name_statements_without_evidence_once(self, case: Case) -> None:
        """R-EV-05, R-EV-10"""
        note: dict[str, Any] = {
            "kind": "note",
            "observed_signal": "Heard of it",
            "occurred_at": dt.datetime(2026, 3, 10, 14, 36, tzinfo=dt.UTC),
        }
        add_entry(**case.ids, **note)
        assert [(gap.title, gap.unproven) for gap in gaps(case.reload())] == [
            ("TL-9 has no evidence", "Heard of it")
        ]

        for _ in range(5):
            add_entry(**case.ids, **note)
        found = gaps(case.reload())
        assert [(gap.title, gap.where, gap.unproven) for gap in found] == [
            (
                "6 statements have no evidence",
                "Timeline",
                "TL-9, TL-10, TL-11, TL-12 and 2 more",
            )
        ]


class TestReadiness:
    def test_is_met_point_by_point(self, case: Case) -> None:
        """R-DOC-09, R-DOC-11, R-DOC-12"""
        assert [point.is_met for point in readiness(case.incident, case.review)] == [
            True
        ] * 5

    def test_says_that_no_review_is_open(self, bare: Case) -> None:
        assert [p.detail for p in readiness(bare.incident, None)] == [
            "No review is opened yet."
        ]


class TestRecurrenceRisks:
    def test_are_open_mandatory_actions_of_a_core_flow(self, case: Case) -> None:
        """R-AP-03"""
        from actions.services.items import add_action

        assert recurrence_risks(case.incident) == []
        action = add_action(
            **case.ids,
            title="Rotate the webhook key",
            kind="stabilize",
            timing="mandatory_now",
        )

        assert recurrence_risks(case.incident) == [action]


class TestStanding:
    def test_says_which_seat_a_person_would_take(self, case: Case) -> None:
        state = approvals_state(case.incident)

        assert standing(case.cast["reviewer"], state).seat == ("engineering")
        assert standing(case.cast["finance"], state).seat == "finance"
        assert standing(case.cast["commander"], state).reason == (
            "IC on call was commander of this incident."
        )

    def test_offers_the_seat_that_is_free_to_a_manager_of_both(
        self, case: Case
    ) -> None:
        from accounts.models import Role
        from tests.review.conftest import manager

        both = manager("both", "engineering", Role.REVIEWER)
        both.managed_teams.create(slug="f2", name="F2", function="finance")
        case.approve("reviewer")
        state = approvals_state(case.incident)

        assert standing(both, state).seat == "finance"


class TestDeadlines:
    def test_ask_the_managers_to_approve(self, case: Case) -> None:
        from postmortem.lib.deadlines import PROVIDERS

        due = list(PROVIDERS["closure_approval"](None))

        assert [item.owner for item in due] == [
            case.cast["reviewer"],
            case.cast["finance"],
        ]
        assert due[0].due_at == NOW + dt.timedelta(days=5)
        case.approve("finance")
        assert list(PROVIDERS["closure_approval"](case.cast["finance"])) == []
        assert len(list(PROVIDERS["closure_approval"](case.cast["reviewer"]))) == 1

    def test_ask_the_commander_to_start_the_review(self, bare: Case) -> None:
        """R-DOC-16"""
        from postmortem.lib.deadlines import PROVIDERS

        due = list(PROVIDERS["review_start"](bare.cast["commander"]))

        assert [item.title for item in due] == [
            f"Start the review of {bare.incident.key}"
        ]
        assert list(PROVIDERS["review_start"](bare.cast["finance"])) == []

    def test_remind_of_the_meeting_until_the_summary_is_written(
        self, case: Case
    ) -> None:
        from postmortem.lib.deadlines import PROVIDERS

        assert list(PROVIDERS["review_meeting"](None)) == []
        reviews.edit_review(**case.ids, learning="")

        assert [d.owner for d in PROVIDERS["review_meeting"](None)] == [
            case.cast["scribe"]
        ]

"""Each check of the review: one case that fails, one that passes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from incidents.models import Incident
from incidents.selectors import findings
from postmortem.lib.findings import REGISTRY, Case, Finding, Level, run_checks
from rca.models import Cause
from review.models import Participant, Review
from review.services import approvals, reviews
from tests.conftest import NOW
from tests.review.conftest import Case as Told
from timeline.models import Entry, Milestone

TAB = "Review"
MINE = [
    "AP101",
    "AP102",
    "BL101",
    "BL103",
    "CK006",
    "CK007",
    "DOC001",
    "DOC008",
    "DOC009",
    "DOC010",
    "DOC011",
    "DOC012",
    "DOC013",
    "DOC016",
]


def found(
    told: Told, check_id: str, *, now: dt.datetime | None = None
) -> list[Finding]:
    return run_checks(
        Case(told.reload(), now=now), only=lambda item: item.id == check_id
    )


def finding(
    check_id: str, message: str, *, level: Level = Level.WARNING, **fields: Any
) -> Finding:
    fields.setdefault("subject_ref", "RV-1")
    ref = fields["subject_ref"]
    fields.setdefault("subject_label", f"{TAB} · {ref}" if ref else TAB)
    return Finding(id=check_id, level=level, message=message, **fields)


@pytest.fixture
def opened(bare: Told) -> Told:
    """In review, with nothing but an owner."""
    reviews.open_review(**bare.ids)
    return bare


def alter(told: Told, **fields: Any) -> None:
    Review.objects.filter(incident=told.incident).update(**fields)


class TestCatalogue:
    def test_registers_these_ids(self) -> None:
        mine = sorted(
            item.id
            for item in REGISTRY.values()
            if item.function.__module__.startswith("review.checks.")
        )

        assert mine == MINE

    def test_finds_only_late_opening_and_approvals_in_a_finished_case(
        self, case: Told
    ) -> None:
        ids = {f.id for f in findings(case.incident)} & set(MINE)

        assert ids == {"AP101", "DOC016"}

    def test_costs_the_same_whatever_the_number_of_rows(
        self, case: Told, django_assert_max_num_queries: Any
    ) -> None:
        def run() -> None:
            run_checks(Case(case.incident), only=lambda item: item.id in MINE)

        with django_assert_max_num_queries(95) as first:
            run()
        for number in range(5):
            case.evidence(f"More {number}")
        with django_assert_max_num_queries(len(first.captured_queries)):
            run()


class TestThreeOutputs:
    def test_are_all_missed_in_an_empty_review(self, opened: Told) -> None:
        """R-DOC-01: without timeline, causes or actions it cannot be complete."""
        blocking = {f.id for f in findings(opened.reload()) if f.is_blocking}

        assert blocking >= {"DOC001", "RC001", "AI001"}

    def test_find_an_empty_timeline(self, opened: Told) -> None:
        """R-DOC-02"""
        assert found(opened, "DOC001") == [
            finding(
                "DOC001",
                "The recovery timeline is empty",
                level=Level.ERROR,
                hint="Start with the first signal: its time and what was seen.",
                subject_ref="",
                subject_label="Timeline",
            )
        ]

    def test_pass_with_an_entry(self, case: Told) -> None:
        assert found(case, "DOC001") == []


class TestOperationalChangeShown:
    def test_finds_a_case_in_which_nothing_changed(self, opened: Told) -> None:
        """R-CK-07, R-DOC-05"""
        assert found(opened, "CK007") == [
            finding(
                "CK007",
                "Nothing shows what changed: no action is completed and no step of the "
                "response rests on an original record",
                level=Level.ERROR,
                hint="Link the deploy, config change or control log to the step it "
                "proves.",
                subject_ref="",
                subject_label="Actions",
            )
        ]

    def test_passes_with_a_proven_step(self, case: Told) -> None:
        from actions.models import ActionItem

        ActionItem.objects.filter(incident=case.incident).update(state="open")

        assert found(case, "CK007") == []


class TestReviewOpenedInTime:
    def test_finds_a_late_opening(self, case: Told) -> None:
        """R-DOC-16"""
        assert found(case, "DOC016") == [
            finding(
                "DOC016",
                "The review was opened 6 d 19 h after stabilization",
                hint="Late reviews work from memory: rely on records of the time.",
            )
        ]

    def test_finds_a_missing_review(self, bare: Told) -> None:
        """R-DOC-16"""
        assert found(bare, "DOC016", now=NOW + dt.timedelta(days=2)) == [
            finding(
                "DOC016",
                "No review was opened in the 2 d 2 h since stabilization",
                subject_ref="",
            )
        ]

    def test_calls_it_skipped_after_a_week(self, bare: Told) -> None:
        """R-DOC-15: a skipped review is visible as such."""
        late = found(bare, "DOC016", now=NOW + dt.timedelta(days=8))

        assert [f.message for f in late] == [
            "No review was opened in the 8 d 2 h since stabilization: skipped"
        ]

    def test_finds_a_prepared_review_that_never_starts(self, bare: Told) -> None:
        from accounts.models import User

        reviews.prepare_review(
            incident_id=bare.incident.pk, actor=User.objects.system()
        )
        late = found(bare, "DOC016", now=NOW + dt.timedelta(days=8))

        assert [f.message for f in late] == [
            "The review has not started 7 d after stabilization: skipped"
        ]

    def test_passes_on_the_day_itself(self, bare: Told) -> None:
        assert found(bare, "DOC016") == []


class TestRespondersTakePart:
    def test_finds_a_review_without_people(self, opened: Told) -> None:
        """R-DOC-08"""
        assert found(opened, "DOC008") == [
            finding(
                "DOC008",
                "Nobody is recorded as taking part in the review",
                hint="Responders, service owners and product owners take part.",
            )
        ]

    def test_finds_a_review_without_a_responder(self, opened: Told) -> None:
        """R-DOC-08"""
        reviews.add_participant(
            **opened.ids, user=opened.cast["finance"], capacity="finance"
        )

        assert found(opened, "DOC008") == [
            finding("DOC008", "No responder of this incident takes part in the review")
        ]

    @pytest.mark.parametrize(
        ("who", "capacity"),
        [
            ("commander", Participant.Capacity.FACILITATOR),
            ("responder", Participant.Capacity.RESPONDER),
        ],
    )
    def test_passes_with_somebody_who_was_there(
        self, opened: Told, who: str, capacity: str
    ) -> None:
        reviews.add_participant(**opened.ids, user=opened.cast[who], capacity=capacity)

        assert found(opened, "DOC008") == []


class TestDutiesAssigned:
    def test_names_the_duties_that_are_open(self, opened: Told) -> None:
        """R-DOC-09"""
        reviews.edit_review(**opened.ids, meeting_owner=opened.cast["scribe"])

        assert found(opened, "DOC009") == [
            finding(
                "DOC009",
                "Nobody is assigned to documentation and follow-up actions",
            )
        ]

    def test_passes_with_three_people(self, case: Told) -> None:
        assert found(case, "DOC009") == []


class TestTimelineBeforeMeeting:
    def test_finds_a_meeting_without_the_timeline(self, opened: Told) -> None:
        """R-DOC-10"""
        reviews.edit_review(**opened.ids, meeting_at=NOW)

        assert found(opened, "DOC010") == [
            finding(
                "DOC010",
                "The meeting is set, but the timeline lacks first impact, first "
                "mitigation and customers recovered",
            )
        ]

    def test_passes_when_the_three_moments_stand(self, case: Told) -> None:
        assert Milestone.objects.filter(incident=case.incident).count() == 8
        assert found(case, "DOC010") == []


class TestReadinessAnswered:
    def test_finds_no_answer(self, opened: Told) -> None:
        """R-DOC-11"""
        assert found(opened, "DOC011") == [
            finding(
                "DOC011",
                "Whether the group can review impact and decisions is not recorded",
            )
        ]

    def test_finds_an_answer_without_a_reason(self, case: Told) -> None:
        """R-DOC-11"""
        alter(case, readiness_reason="")

        assert found(case, "DOC011") == [
            finding("DOC011", "Readiness is answered without a reason")
        ]

    def test_finds_a_no(self, case: Told) -> None:
        """R-DOC-11"""
        alter(case, is_ready=False, readiness_reason="Finance is missing.")

        assert found(case, "DOC011") == [
            finding(
                "DOC011",
                "The group cannot review impact and decisions yet",
                hint="Finance is missing.",
            )
        ]

    def test_passes_with_a_yes_and_its_reason(self, case: Told) -> None:
        assert found(case, "DOC011") == []


class TestMeetingAfterStabilization:
    def test_finds_no_date(self, opened: Told) -> None:
        """R-DOC-12"""
        assert found(opened, "DOC012") == [
            finding("DOC012", "The learning meeting has no date")
        ]

    def test_finds_a_meeting_during_the_incident(self, case: Told) -> None:
        """R-DOC-12"""
        alter(case, meeting_at=dt.datetime(2026, 3, 10, 14, 10, tzinfo=dt.UTC))

        assert found(case, "DOC012") == [
            finding(
                "DOC012",
                "The learning meeting lies before stabilization, 10 Mar 14:10",
            )
        ]

    def test_passes_afterwards(self, case: Told) -> None:
        assert found(case, "DOC012") == []


class TestResponseIsTold:
    def test_finds_silence(self, opened: Told) -> None:
        """R-DOC-13"""
        assert found(opened, "DOC013") == [
            finding(
                "DOC013",
                "How the team responded is not told",
                hint="Detection, command, decisions, communication: what helped.",
            )
        ]

    def test_passes_when_it_is_told(self, case: Told) -> None:
        assert found(case, "DOC013") == []


class TestBlamelessRuleFirst:
    def test_finds_a_rule_that_nobody_stated(self, opened: Told) -> None:
        """R-BL-01"""
        assert found(opened, "BL101") == [
            finding(
                "BL101",
                "The blameless rule is not acknowledged",
                hint="Learning and prevention, not fault.",
            )
        ]

    def test_tells_that_it_came_after_the_first_cause(self, case: Told) -> None:
        """R-BL-01, R-BL-04"""
        Cause.objects.filter(incident=case.incident).update(
            recorded_at=NOW - dt.timedelta(days=1)
        )

        assert found(case, "BL101") == [
            finding(
                "BL101",
                "CA-1 was stated before the blameless rule was acknowledged",
                level=Level.INFO,
                hint="Read the causes again with the rule in mind.",
            )
        ]

    def test_passes_when_it_came_first(self, case: Told) -> None:
        assert found(case, "BL101") == []


class TestLearningIsWritten:
    def test_finds_an_empty_summary(self, opened: Told) -> None:
        """R-CK-06, R-BL-03"""
        assert found(opened, "CK006") == [
            finding(
                "CK006",
                "The blameless summary is empty",
                level=Level.ERROR,
                hint="Conditions, decisions, learning: what made sense at the time.",
            )
        ]

    def test_finds_a_stabilized_incident_without_a_review(self, bare: Told) -> None:
        assert found(bare, "CK006") == [
            finding(
                "CK006",
                "There is no review, so no blameless summary",
                level=Level.ERROR,
                subject_ref="",
            )
        ]

    def test_passes_with_a_summary(self, case: Told) -> None:
        assert found(case, "CK006") == []


class TestSummaryWithoutBlame:
    def test_finds_a_person_named_as_the_cause(self, case: Told) -> None:
        """R-BL-03"""
        alter(case, learning="Ravi Sen should have tested the deploy.")

        blamed = found(case, "BL103")

        assert [f.level for f in blamed] == [Level.WARNING] * len(blamed)
        assert blamed[0].message.startswith("The summary blames: “")
        assert blamed[0].subject_ref == "RV-1"

    def test_passes_on_conditions_and_owners(self, case: Told) -> None:
        alter(
            case,
            learning="The deploy was not gated. The finance controller owns the check.",
        )

        assert found(case, "BL103") == []


class TestClosureApproved:
    HINT = (
        "Two approvers: one from engineering, one from finance, both managers. "
        "Neither may be commander, scribe, author of the review or owner of an open "
        "mandatory action."
    )

    def test_finds_the_seats_that_are_empty(self, case: Told) -> None:
        """R-AP-01, R-AP-02"""
        assert found(case, "AP101") == [
            finding(
                "AP101",
                "2 of 2 approvals missing: engineering manager and finance manager",
                level=Level.ERROR,
                hint=self.HINT,
                subject_ref="",
            )
        ]

    def test_tells_of_a_lapsed_one(self, case: Told) -> None:
        case.approve("reviewer")
        case.approve("finance")
        reviews.edit_review(**case.ids, learning="Told anew.")

        assert [f.message for f in found(case, "AP101")] == [
            "2 of 2 approvals missing: engineering manager and finance manager; "
            "2 lapsed because the record changed"
        ]

    def test_passes_with_both(self, case: Told) -> None:
        case.approve("reviewer")
        case.approve("finance")

        assert found(case, "AP101") == []

    def test_waits_for_the_review(self, bare: Told) -> None:
        assert found(bare, "AP101") == []

    def test_cannot_be_waived(self) -> None:
        assert not REGISTRY["AP101"].waivable
        assert not REGISTRY["AP102"].waivable


class TestNoChangesRequested:
    def test_finds_a_request_for_this_version(self, case: Told) -> None:
        """R-AP-02"""
        approvals.request_changes(
            incident_id=case.incident.pk,
            actor=case.cast["finance"],
            content_hash=case.hash,
            comment="Count the refunds.",
        )

        assert found(case, "AP102") == [
            finding(
                "AP102",
                "Finance director requests changes: Count the refunds.",
                level=Level.ERROR,
                subject_ref="",
                owner_label="",
            )
        ]

    def test_passes_after_the_change(self, case: Told) -> None:
        approvals.request_changes(
            incident_id=case.incident.pk,
            actor=case.cast["finance"],
            content_hash=case.hash,
            comment="Count the refunds.",
        )
        reviews.edit_review(**case.ids, learning="Seven refunds were counted.")

        assert found(case, "AP102") == []


class TestServiceIsBack:
    def test_does_not_close_a_review(self, opened: Told) -> None:
        """R-DOC-07: recovery and a rollback alone leave the case unfinished."""
        from timeline.services.entries import add_entry

        for kind, text, milestone in (
            (Entry.Kind.ACTION, "Rolled the consumer back", "rollback_or_failover"),
            (Entry.Kind.SIGNAL, "Orders complete again", "customer_recovered"),
        ):
            add_entry(
                **opened.ids,
                kind=kind,
                action_taken=text if kind == "action" else "",
                observed_signal=text if kind == "signal" else "",
                occurred_at=dt.datetime(2026, 3, 10, 14, 20, tzinfo=dt.UTC),
                evidence=[opened.evidence(text)],
                milestone=milestone,
            )
        ids = {f.id for f in findings(Incident.objects.get()) if f.is_blocking}

        assert ids >= {"RC001", "AI001", "CK006", "SC012"}

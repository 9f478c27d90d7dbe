"""What changed since an approval: each row once, then and now."""

from __future__ import annotations

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from incidents.services.lifecycle import edit_incident
from review.models import ClosureApproval
from review.selectors.changes import changes_since
from tests.review.conftest import Case


def told(case: Case, given: ClosureApproval) -> list[tuple[str, str, str, str, str]]:
    return [
        (row.what, row.ref, change.label, change.old, change.new)
        for row in changes_since(case.incident, given).rows.rows
        for change in row.changes
    ]


class TestChangesSince:
    def test_tells_the_field_then_and_now(self, case: Case) -> None:
        """R-AP-01: several edits of one field are one difference."""
        before = case.incident.summary
        given = case.approve("reviewer")
        edit_incident(**case.ids, summary="Told anew.")
        edit_incident(**case.ids, summary="Told once more.")

        assert told(case, given) == [
            ("changed", "", "Summary", before, "Told once more.")
        ]
        assert len(changes_since(case.incident, given).deeds) == 2

    def test_leaves_out_what_was_put_back(self, case: Case) -> None:
        before = case.incident.summary
        given = case.approve("reviewer")
        edit_incident(**case.ids, summary="Told anew.")
        edit_incident(**case.ids, summary=before)

        assert changes_since(case.incident, given).rows.rows == []

    def test_leaves_out_what_was_there_before(self, case: Case) -> None:
        edit_incident(**case.ids, summary="Told anew.")
        given = case.approve("reviewer")

        assert changes_since(case.incident, given).rows.rows == []

    def test_counts_what_is_too_much_for_one_page(self, case: Case) -> None:
        given = case.approve("reviewer")
        for number in range(63):
            case.evidence(f"Log {number}")

        rows = changes_since(case.incident, given).rows
        assert len(rows.rows) == 60
        assert [number for _, number in rows.left_out] == [3]


class TestApprovalSince:
    def test_is_opened_from_the_stale_approval(
        self, client: Client, case: Case
    ) -> None:
        given = case.approve("reviewer")
        edit_incident(**case.ids, summary="Told anew.")
        client.force_login(case.cast["reviewer"])
        address = reverse("review:approval_since", args=[case.incident.key, given.pk])

        review = client.get(reverse("review:review_detail", args=[case.incident.key]))
        assert f'href="{address}"' in review.content.decode()
        page = client.get(address).content.decode()
        assert "Told anew." in page or "anew" in page
        assert "Changed since Engineering manager" in page

    def test_asks_the_database_no_more_for_more_rows(
        self, client: Client, case: Case
    ) -> None:
        given = case.approve("reviewer")
        case.evidence("One log")
        client.force_login(case.cast["reviewer"])
        address = reverse("review:approval_since", args=[case.incident.key, given.pk])
        counts = []
        for _ in range(2):
            client.get(address)  # the first look at a state of the record asks more
            with CaptureQueriesContext(connection) as few:
                client.get(address)
            counts.append(len(few))
            for number in range(6):
                case.evidence(f"Log {number}")

        assert counts[0] == counts[1] <= 20

    def test_is_only_of_this_incident(self, client: Client, case: Case) -> None:
        client.force_login(case.cast["reviewer"])
        address = reverse("review:approval_since", args=[case.incident.key, 999])

        assert client.get(address).status_code == 404

"""Approving, closing and editing at once: the incident's lock orders them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from incidents import activity
from postmortem.lib.errors import DomainError
from review.models import ClosureApproval, Seal
from review.selectors import verify_seal
from review.services import approvals, closing, reviews
from tests.review.conftest import Case, bare, case, cast, scribe  # noqa: F401

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


def at_once(*deeds: Callable[[], object]) -> list[Any]:
    """Run the deeds in threads that start together; each result or its refusal."""
    start = threading.Barrier(len(deeds))
    results: list[object] = [None] * len(deeds)

    def run(place: int, deed: Callable[[], object]) -> None:
        try:
            start.wait(10)
            results[place] = deed()
        except DomainError as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(deeds)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.fixture(autouse=True)
def real_server() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("two writers at once need a server")


class TestRaces:
    def test_two_approvers_at_once_are_both_kept(self, case: Case) -> None:  # noqa: F811
        read = case.hash

        def approve(who: str) -> object:
            return approvals.approve_closure(
                incident_id=case.incident.pk, actor=case.cast[who], content_hash=read
            )

        results = at_once(lambda: approve("reviewer"), lambda: approve("finance"))

        assert all(isinstance(item, ClosureApproval) for item in results), results
        assert activity.verify(case.reload()) == []

    def test_close_and_edit_never_both_pass(self, case: Case) -> None:  # noqa: F811
        case.approve("reviewer")
        case.approve("finance")

        closed, edited = at_once(
            lambda: closing.close_incident(
                incident_id=case.incident.pk, actor=case.cast["finance"]
            ),
            lambda: reviews.edit_review(**case.ids, learning="In the last second."),
        )

        assert isinstance(closed, DomainError) != isinstance(edited, DomainError)
        for seal in Seal.objects.all():
            assert verify_seal(seal).is_ok
        assert activity.verify(case.reload()) == []

    def test_two_closings_make_one_seal(self, case: Case) -> None:  # noqa: F811
        case.approve("reviewer")
        case.approve("finance")

        def close(who: str) -> object:
            return closing.close_incident(
                incident_id=case.incident.pk, actor=case.cast[who]
            )

        results = at_once(lambda: close("reviewer"), lambda: close("finance"))

        assert sum(isinstance(item, Seal) for item in results) == 1
        assert Seal.objects.count() == 1

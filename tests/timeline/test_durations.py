"""How long each lane was affected, for customers and for the ledger apart."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from incidents.models import Lane
from tests.timeline.conftest import Tape, at
from timeline import selectors
from timeline.selectors import LaneRecovery


@pytest.fixture
def page(client: Client, responder: User) -> Client:
    client.force_login(responder)
    return client


@pytest.fixture
def two(tape: Tape) -> tuple[Lane, Lane]:
    """Checkout and ledger, the only lanes."""
    Lane.objects.filter(incident=tape.incident).exclude(slug="checkout").delete()
    checkout = Lane.objects.get(incident=tape.incident)
    ledger = Lane.objects.create(
        incident=tape.incident, number=90, slug="ledger", name="Ledger"
    )
    return checkout, ledger


def read(tape: Tape) -> list[LaneRecovery]:
    return selectors.lane_recoveries(
        tape.incident,
        selectors.milestones(tape.incident),
        selectors.lanes(tape.incident),
    )


def states(tape: Tape) -> list[tuple[str, str]]:
    return [(row.customers.text, row.ledger.text) for row in read(tape)]


class TestLaneRecoveries:
    def test_count_each_lane_from_its_own_milestones(
        self, tape: Tape, two: tuple[Lane, Lane]
    ) -> None:
        """R-MT-01"""
        checkout, ledger = two
        tape.add("13:43", milestone="first_impact", lane=checkout)
        tape.add("14:00", milestone="first_impact", lane=ledger)
        tape.add("15:43", milestone="customer_recovered", lane=checkout)
        tape.add("19:30", milestone="ledger_recovered", lane=ledger)
        assert states(tape) == [("2 h", "not recorded"), ("not recorded", "5 h 30 min")]

    def test_say_nothing_for_a_lane_that_another_one_recovered(
        self, tape: Tape, two: tuple[Lane, Lane]
    ) -> None:
        """R-MT-01"""
        tape.add("13:43", milestone="first_impact")
        tape.add("15:43", milestone="customer_recovered", lane=two[0])
        other = read(tape)[1].customers
        assert (other.state, other.delta) == ("pending", None)
        assert other.why == "No entry of Ledger is marked customers recovered."
        assert other.definition == (
            "first impact of this lane, else of the incident, to customers recovered "
            "on this lane"
        )

    def test_take_a_milestone_without_a_lane_for_every_lane(
        self, tape: Tape, two: tuple[Lane, Lane]
    ) -> None:
        tape.add("13:43", milestone="first_impact", lane=two[0])
        tape.add("14:43", milestone="customer_recovered")
        tape.add("15:43", milestone="customer_recovered", lane=two[1])
        assert [row.customers.text for row in read(tape)] == ["1 h", "2 h"]

    def test_have_four_states_and_never_a_false_zero(
        self, tape: Tape, two: tuple[Lane, Lane]
    ) -> None:
        """R-MT-01"""
        checkout, ledger = two
        Lane.objects.filter(pk=ledger.pk).update(status=Lane.Status.NORMAL)
        tape.add("13:43", milestone="first_impact")
        tape.add("13:00", milestone="customer_recovered", lane=checkout)
        tape.skip("ledger_recovered", "No booking was touched")
        found = {
            (row.lane.slug, item.audience): (item.state, item.delta, item.text)
            for row in read(tape)
            for item in row.both
        }
        assert found == {
            ("checkout", "customers"): ("invalid", None, "invalid"),
            ("checkout", "ledger"): ("not_applicable", None, "not applicable"),
            ("ledger", "customers"): ("not_applicable", None, "not applicable"),
            ("ledger", "ledger"): ("not_applicable", None, "not applicable"),
        }
        assert read(tape)[1].customers.why == (
            "Ledger was not affected: its status is normal."
        )

    def test_are_the_same_from_the_slim_rows_of_the_page(
        self, tape: Tape, two: tuple[Lane, Lane]
    ) -> None:
        tape.proven("13:43", milestone="first_impact")
        tape.add("14:43", milestone="customer_recovered", lane=two[0])
        tape.incident.refresh_from_db()
        whole = selectors.outline(tape.incident)
        slim = selectors.lane_recoveries(
            tape.incident,
            whole.milestones,  # type: ignore[arg-type]
            whole.lanes,
        )
        assert slim == read(tape)


class TestPages:
    def text(self, body: bytes) -> str:
        return " ".join(re.sub(r"<[^>]+>", " ", body.decode()).split())

    def test_show_the_definition_beside_the_number(
        self, page: Client, tape: Tape, two: tuple[Lane, Lane]
    ) -> None:
        """R-MT-01"""
        tape.add("13:43", milestone="first_impact")
        tape.proven("14:43", milestone="customer_recovered", lane=two[0])
        here = f"/incidents/{tape.incident.key}/timeline/"
        beside = self.text(page.get(here).content)
        assert (
            "To recover customers first impact to customers recovered 1 h provisional"
        ) in beside
        assert "To stabilize ledger first impact to ledger recovered not recorded" in (
            beside
        )
        assert "Recovery by lane first impact of this lane" in beside
        assert "Checkout authorization 1 h provisional not recorded" in beside
        strip = self.text(page.get(f"{here}recovery/").content)
        assert "No entry of Ledger is marked customers recovered." in strip
        printed = self.text(page.get(f"{here}print/").content)
        assert "Checkout authorization, customers first impact of this lane" in printed

    def test_cost_no_query_more_with_more_lanes(
        self, page: Client, tape: Tape, two: tuple[Lane, Lane]
    ) -> None:
        tape.whole()
        here = f"/incidents/{tape.incident.key}/timeline/recovery/"
        page.get(here)

        def cost() -> int:
            with CaptureQueriesContext(connection) as queries:
                assert page.get(here).status_code == 200
            return len(queries)

        before = cost()
        Lane.objects.bulk_create(
            Lane(incident=tape.incident, number=n, slug=f"lane-{n}", name=f"Lane {n}")
            for n in range(100, 120)
        )
        assert cost() == before <= 20


class TestDeclaredAt:
    """R-TL-02: T offsets and durations count from one declaration."""

    def test_is_the_milestone_that_feeds_the_durations(self, tape: Tape) -> None:
        tape.proven("13:55", milestone="declared")
        held = tape.proven("14:00", "Declared by the commander", kind="note")
        assert selectors.outline(tape.incident).declared_at == at("13:55")
        tape.mark(held, "declared", is_marked=True)
        tape.incident.refresh_from_db()
        assert selectors.outline(tape.incident).declared_at == at("14:00")

    def test_is_what_the_incident_says_without_one(self, tape: Tape) -> None:
        found = selectors.outline(tape.incident).declared_at
        assert found == tape.incident.declared_at

"""How long it took: from moment to moment, and for each lane, customers and ledger
apart."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from incidents.models import Incident, Lane
from incidents.services.findings import refresh_findings
from tests import factories
from tests.timeline.conftest import Tape, at, entry, mark, minutes, moment
from timeline import selectors
from timeline.models import Milestone
from timeline.selectors import LaneRecovery


class TestDurations:
    def of(self, *marks: Milestone, **incident: Any) -> dict[str, selectors.Duration]:
        case = Incident(number=1, **incident)
        return {item.key: item for item in selectors.durations_of(case, list(marks))}

    def test_counts_headlines_from_first_impact_and_steps_between(self) -> None:
        """R-MT-01"""
        marks = [
            mark(number, kind, entry(number, minute))
            for number, (kind, minute) in enumerate(
                {
                    "first_impact": 0,
                    "first_alert": 9,
                    "declared": 25,
                    "first_mitigation": 39,
                    "customer_recovered": 111,
                    "ledger_recovered": 337,
                    "stabilized": 340,
                }.items(),
                start=1,
            )
        ]
        found = self.of(*marks, closed_at=moment(1780))
        assert {key: item.text for key, item in found.items()} == {
            "detect": "9 min",
            "declare": "25 min",
            "mitigate": "39 min",
            "recover_customers": "1 h 51 min",
            "recover_ledger": "5 h 37 min",
            "stabilize": "5 h 40 min",
            "close": "1 d 5 h",
            "alert_to_declare": "16 min",
            "declare_to_mitigate": "14 min",
            "mitigate_to_rollback": "not recorded",
            "mitigate_to_customers": "1 h 12 min",
            "customers_to_ledger": "3 h 46 min",
            "ledger_to_stabilized": "3 min",
            "stabilized_to_closed": "1 d",
        }
        assert found["detect"].definition == "first impact to first alert"

    def test_has_four_states_and_never_a_false_zero(self) -> None:
        """R-MT-01"""
        found = self.of(
            mark(1, "first_impact", entry(1, 30)),
            mark(2, "first_alert", entry(2, 10)),
            mark(3, "first_mitigation", None, reason="x"),
            mark(4, "declared", entry(3, 30)),
            mark(5, "stabilized", entry(4, None)),
        )
        assert (found["detect"].state, found["detect"].delta) == ("invalid", None)
        assert found["mitigate"].state == "not_applicable"
        assert (found["declare"].state, found["declare"].text) == (
            "recorded",
            "under 1 min",
        )
        assert (found["stabilize"].state, found["stabilize"].text) == (
            "pending",
            "not recorded",
        )
        assert found["stabilize"].why == "No time of stabilized is recorded."

    def test_gives_a_range_on_approximate_times(self) -> None:
        found = self.of(
            mark(1, "first_impact", entry(1, 0, precision="approx", until=10)),
            mark(2, "first_alert", entry(2, 15)),
            mark(3, "declared", entry(3, 5)),
            mark(4, "first_mitigation", entry(4, 20, precision="approx")),
        )
        assert found["detect"].text == "5 min to 15 min"
        assert (found["detect"].is_range, found["detect"].longest) == (
            True,
            minutes(15),
        )
        assert found["declare"].text == "up to 5 min"
        assert found["declare_to_mitigate"].text == "about 15 min"

    def test_takes_the_marked_one_else_the_first(self) -> None:
        """R-TL-06"""
        first, second = entry(1, 31), entry(2, 80)
        start = mark(1, "first_impact", entry(3, 0))
        one = mark(2, "first_mitigation", second)
        two = mark(3, "first_mitigation", first)
        assert self.of(start, one, two)["mitigate"].delta == minutes(31)
        one.is_marked = True
        assert self.of(start, one, two)["mitigate"].delta == minutes(80)

    def test_is_provisional_while_an_end_is(self) -> None:
        """R-TL-03"""
        start = mark(1, "first_impact", entry(1, 0))
        end = mark(2, "first_alert", entry(2, 9, proof=False))
        assert self.of(start, end)["detect"].is_provisional

    def test_counts_absolute_time_through_a_change_of_clock(
        self, commander: User, responder: User
    ) -> None:
        """R-MT-01, R-TL-02"""
        there = factories.make_incident(actor=commander, clock_zone="America/New_York")
        tape = Tape(there, responder)
        # 01:50 EST and 03:10 EDT of 8 March are 20 minutes apart.
        before = dt.datetime.fromisoformat("2026-03-08T01:50:00-05:00")
        after = dt.datetime.fromisoformat("2026-03-08T03:10:00-04:00")
        tape.add(text="x", occurred_at=before, milestone="first_impact")
        tape.add(text="y", occurred_at=after, milestone="first_alert")
        found = {item.key: item for item in selectors.durations(there)}
        assert found["detect"].text == "20 min"

    def test_mixes_offsets_on_one_clock(self, tape: Tape) -> None:
        for text, kind in (
            ("2026-03-10T15:43:00+02:00", "first_impact"),
            ("2026-03-10T08:52:00-05:00", "first_alert"),
        ):
            moment = dt.datetime.fromisoformat(text)
            tape.add(text=kind, occurred_at=moment, milestone=kind)
        found = {item.key: item for item in selectors.durations(tape.incident)}
        assert found["detect"].text == "9 min"


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

    def test_is_the_one_origin_of_header_rows_cards_paper_and_exports(
        self, client: Client, commander: User, viewer: User
    ) -> None:
        """R-TL-02: declared at 14:03, taken down by the product at 14:08."""
        late = factories.make_incident(actor=commander, declared_at=at("14:08"))
        tape = Tape(late, commander)
        tape.proven("14:03", "Declared by phone", milestone="declared", kind="note")
        tape.add("14:23", "Rollback began")
        refresh_findings(late.pk)
        client.force_login(commander)
        here = f"/incidents/{late.key}/"
        header = 'data-elapsed="2026-03-10T14:03:00+00:00"'
        said = "T counts from the declaration, 10 Mar 2026, 14:03"

        for place in ("", "timeline/", "evidence/", "review/"):
            page = client.get(f"{here}{place}").text
            assert header in page, place
            assert said in page, place
        for place in ("timeline/", "timeline/2/", "timeline/since/", "timeline/print/"):
            page = client.get(f"{here}{place}").text
            assert "T+00:20" in page, place
            assert "T+00:15" not in page, place
        paper = "T counts hours and minutes from the declaration, 10 Mar 2026, 14:03."
        assert paper in client.get(f"{here}timeline/print/").text
        body = client.get(f"{here}timeline/export.json").json()
        assert body["declared_at"] == "2026-03-10T14:03:00+00:00"
        # Between them stands a gap.
        assert [row["from_declaration"] for row in body["rows"]] == [
            "T+00:00",
            "",
            "T+00:20",
        ]
        assert "Declared 14:03 UTC" in client.get("/").text
        client.force_login(viewer)
        assert "declared 10 Mar 2026, 14:03" in client.get("/").text

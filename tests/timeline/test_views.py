"""The timeline as a page: what it shows, to whom, what it costs."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests import factories
from tests.conftest import HTMX
from tests.timeline.conftest import Tape, at, set_status, text, url
from timeline import services
from timeline.models import Entry, Milestone


def entries_text(response) -> str:
    """The words of the list alone."""
    body = response.content.decode()
    start = body.index('id="timeline"')
    return body[start : body.index("</ol>", body.rindex("data-row"))]


class TestEntryList:
    def test_shows_rows_in_order_with_offset_and_state(
        self, page: Client, tape: Tape
    ) -> None:
        """R-TL-02, R-TL-03, R-TL-04"""
        tape.proven("14:08", "Declared SEV2", milestone="declared", owner=tape.actor)
        tape.add("13:52", "Alert fires")

        found = page.get(url(tape))

        body = text(found)
        assert found.status_code == 200
        assert body.index("Alert fires") < body.index("Declared SEV2")
        assert "T−00:16" in body
        assert "Provisional" in body
        assert "Needs evidence" in body
        assert 'id="TL-1"' in found.content.decode()

    def test_shows_a_gap_with_its_code_and_ways_out(
        self, page: Client, tape: Tape
    ) -> None:
        """R-TL-08"""
        tape.proven("14:33", milestone="first_impact")
        tape.proven("15:20", milestone="stabilized")
        loose = factories.make_evidence(
            tape.incident, actor=tape.actor, title="Extract", captured_at=at("14:52")
        )

        body = text(page.get(url(tape)))

        assert "47 min with no evidence TL004" in body
        assert "Add entry at 14:33" in body
        assert "State that no record exists" in body
        assert "1 unlinked artifact falls inside" in body
        assert loose.ref in body

    def test_shows_a_withdrawn_row_with_its_reason(
        self, page: Client, tape: Tape
    ) -> None:
        """R-TL-11"""
        tape.add("14:05", "Typed twice")
        services.retract_entry(
            incident_id=tape.incident.pk, actor=tape.actor, number=1, reason="Double"
        )
        body = text(page.get(url(tape)))
        assert "Typed twice" in body
        assert "Withdrawn" in body
        assert "Double" in body

    def test_keeps_an_abandoned_hypothesis_in_sight(
        self, page: Client, tape: Tape
    ) -> None:
        """R-HY-02"""
        row = tape.hypothesis("The gateway is down")
        tape.settle(row, "abandoned", evidence_against=[tape.original])
        found = page.get(url(tape)).content.decode()
        assert "<s>The gateway is down</s>" in found
        assert "Auth rate was at baseline on every route" in found

    def test_keeps_a_degraded_dependency_in_sight(
        self, page: Client, tape: Tape
    ) -> None:
        """R-TL-09, R-DP-06"""
        tape.checkpoint(name="Backup route", state="degraded")
        body = text(page.get(url(tape)))
        assert "Backup route" in body
        assert "Open" in body

    def test_never_shows_a_bare_day_as_midnight(self, page: Client, tape: Tape) -> None:
        tape.add(text="Upgrade", occurred_at=at("09:00"), precision="day")
        body = text(page.get(url(tape)))
        assert "that day" in body
        assert not re.search(r"(?<![+\d:])00:00", body)

    @pytest.mark.parametrize(
        ("show", "seen", "hidden"),
        [
            ("milestones", "Alert fires", "Hold releases"),
            ("decisions", "Hold releases", "Alert fires"),
            ("provisional", "Hold releases", "Alert fires"),
        ],
    )
    def test_filters(
        self, page: Client, tape: Tape, show: str, seen: str, hidden: str
    ) -> None:
        tape.proven("13:52", "Alert fires", milestone="first_alert")
        tape.add("14:22", "Hold releases", kind="decision")
        body = entries_text(page.get(url(tape, f"?show={show}")))
        assert seen in body
        assert hidden not in body

    def test_filters_by_lane(self, page: Client, tape: Tape) -> None:
        lane = tape.incident.lanes.get(slug="checkout")
        tape.add("13:52", "On the lane", lane=lane)
        tape.add("13:53", "Elsewhere")
        body = entries_text(page.get(url(tape, f"?lane={lane.ref}")))
        assert "On the lane" in body
        assert "Elsewhere" not in body

    def test_folds_runs_of_plain_confirmed_entries(
        self, page: Client, tape: Tape, commander: User
    ) -> None:
        tape.proven("13:43", "Impact", milestone="first_impact")
        for minute in range(44, 48):
            tape.proven(f"13:{minute}", f"Plain {minute}")
        tape.add("13:48", "Provisional")
        assert "4 confirmed entries" not in text(page.get(url(tape)))

        set_status(
            incident_id=tape.incident.pk, actor=commander, status="in_review"
        )  # nothing moves under a recorder any more
        body = text(page.get(url(tape)))
        assert "4 confirmed entries, 13:44 to 13:47: Plain 44" in body

    def test_shows_fifty_rows_and_leads_to_the_others(
        self, page: Client, tape: Tape
    ) -> None:
        for minute in range(130):
            tape.add(f"{13 + minute // 60}:{minute % 60:02}", f"Entry {minute}.")
        newest = entries_text(page.get(url(tape)))
        assert "Entry 129." in newest  # it is active: the newest ones
        assert "Entry 80." in newest
        assert "Entry 79." not in newest

        way = page.get(url(tape)).context["earlier_url"]
        part = page.get(way, headers=HTMX).content.decode()
        assert "<html" not in part
        assert "Entry 79." in part
        assert "Entry 30." in part
        assert "Entry 29." not in part
        assert "Entry 80." not in part
        assert "<html" in page.get(way).content.decode()  # a plain link, too

    @pytest.mark.parametrize("where", ["TL-20", "13:19"])
    def test_opens_at_a_row_or_at_a_time(
        self, page: Client, tape: Tape, where: str
    ) -> None:
        for minute in range(130):
            tape.add(
                text=f"Entry {minute}.",
                occurred_at=at("13:00", day=16) + dt.timedelta(minutes=minute),
            )
        where = where if where.startswith("TL") else f"2026-03-16 {where}"
        body = entries_text(page.get(url(tape, f"?at={where}")))
        assert "Entry 19." in body
        assert "Entry 60." not in body

    def test_costs_the_same_for_ten_and_for_two_hundred_entries(
        self, page: Client, tape: Tape
    ) -> None:
        lane = tape.incident.lanes.get(slug="checkout")
        row = tape.hypothesis(evidence_for=[tape.original])
        tape.checkpoint(lane=lane, evidence=[tape.original])

        def more(count: int, hour: int) -> None:
            for minute in range(count):
                tape.proven(
                    f"{hour + minute // 60}:{minute % 60:02}",
                    lane=lane,
                    owner=tape.actor,
                    hypothesis=row,
                )

        def cost() -> int:
            with CaptureQueriesContext(connection) as queries:
                assert page.get(url(tape)).status_code == 200
            return len(queries)

        tape.proven("11:00", milestone="first_impact")  # a gap in both cases
        more(10, 12)
        page.get(url(tape))
        tape.add("11:01")
        first_look, again = cost(), cost()
        assert first_look <= 20
        assert again <= 14
        more(190, 14)
        for kind in list(Milestone.Kind)[1:]:
            tape.mark(Entry.objects.get(number=20), kind)
        for name in ("A", "B", "C"):
            tape.checkpoint(name=name, lane=lane, evidence=[tape.original])
            tape.hypothesis(name, evidence_for=[tape.original])

        assert cost() <= 20
        assert cost() <= 14

    def test_has_no_inline_style_or_script(self, page: Client, tape: Tape) -> None:
        tape.whole()
        found = page.get(url(tape)).content.decode()
        assert not re.search(r"\sstyle=|\son\w+=|<script(?![^>]*src)", found)

    def test_is_404_for_who_may_not_see_the_incident(
        self, client: Client, commander: User, reviewer: User
    ) -> None:
        hidden = factories.make_incident(actor=commander, is_restricted=True)
        client.force_login(reviewer)
        assert client.get(f"/incidents/{hidden.key}/timeline/").status_code == 404

    def test_offers_a_viewer_nothing_to_write(
        self, client: Client, tape: Tape, viewer: User
    ) -> None:
        tape.add("14:05")
        client.force_login(viewer)
        found = client.get(url(tape)).content.decode()
        assert "quick-add" not in found
        assert "/edit/" not in found


class TestRecoveryStrip:
    def test_is_a_fragment_of_the_overview_and_a_page_with_its_table(
        self, page: Client, tape: Tape
    ) -> None:
        """R-RV-02, R-MT-01"""
        tape.whole()
        fragment = page.get(url(tape, "recovery/"), headers=HTMX).content.decode()
        assert "<html" not in fragment
        assert fragment.count("<svg class") >= 2
        assert "To stabilize ledger" in fragment

        whole = text(page.get(url(tape, "recovery/")))
        assert "first impact to ledger recovered" in whole
        assert "57 min" in whole

    def test_says_not_recorded_instead_of_zero(self, page: Client, tape: Tape) -> None:
        """R-MT-01"""
        body = text(page.get(url(tape, "recovery/"), headers=HTMX))
        assert body.count("not recorded") >= 5
        assert " 0 min" not in body

    def test_wears_the_provisional_badge(self, page: Client, tape: Tape) -> None:
        """R-TL-03"""
        tape.proven("13:43", milestone="first_impact")
        tape.add("13:52", milestone="first_alert")
        found = page.get(url(tape, "recovery/"), headers=HTMX).content.decode()
        assert found.count("pm-badge-unproven") == 1


def test_the_incident_clock_comes_from_the_timeline(page: Client, tape: Tape) -> None:
    tape.proven("13:43", milestone="first_impact")
    body = text(page.get(f"/incidents/{tape.incident.key}/"))
    assert "since 10 Mar 2026, 13:43" in body

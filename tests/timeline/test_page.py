"""What the page works out from slim rows, what came since, and what can be taken
along."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests import factories
from tests.timeline.conftest import Tape, at, text, url
from timeline import selectors, services
from timeline.models import Entry
from timeline.selectors import Choice


class TestEmptyTimeline:
    def test_says_what_belongs_here(self, page: Client, tape: Tape) -> None:
        text = page.get(url(tape)).content.decode()
        assert "No timeline yet" in text
        assert "No entry matches" not in text

    def test_says_when_the_filter_leaves_nothing(
        self, page: Client, tape: Tape
    ) -> None:
        tape.add("14:05")
        text = page.get(url(tape, "?show=decisions")).content.decode()
        assert "No entry matches" in text


class TestOutline:
    def test_says_the_same_as_the_full_rows(self, tape: Tape) -> None:
        """R-TL-03, R-TL-08"""
        rows = tape.whole()
        tape.add("14:25", "No evidence")
        tape.add("14:26", "Later summary", evidence=[tape.later])
        tape.add(text="Undated", precision="unknown", after=rows["first_alert"])
        named = factories.make_evidence(
            tape.incident, actor=tape.actor, url="", description="on the wiki"
        )
        tape.add("14:27", "Only named", evidence=[named])
        tape.proven("16:00", "Far away")
        services.retract_entry(
            incident_id=tape.incident.pk,
            actor=tape.actor,
            number=rows["rollback_or_failover"].number,
            reason="Wrong incident",
        )
        tape.incident.refresh_from_db()
        full = selectors.entries(tape.incident)
        slim = selectors.outline(tape.incident)
        lines = [line for line in slim.lines if line.number and not line.is_retracted]
        assert [line.number for line in lines] == [row.number for row in full]
        assert [line.is_provisional for line in lines] == [
            row.is_provisional for row in full
        ]
        assert slim.gaps == selectors.case_gaps(tape.incident)
        assert slim.clock == selectors.read_clock(tape.incident)
        assert [mark.kind for mark in slim.milestones] == [
            mark.kind for mark in selectors.milestones(tape.incident)
        ]

    def test_is_read_anew_as_soon_as_the_record_moves(self, tape: Tape) -> None:
        tape.add("14:00")
        tape.incident.refresh_from_db()
        before = selectors.outline(tape.incident)
        assert selectors.outline(tape.incident) is before
        tape.add("14:01")
        tape.incident.refresh_from_db()
        assert selectors.outline(tape.incident).live == 2

    def test_follows_the_threshold_of_the_severity(self, tape: Tape) -> None:
        """R-TL-08"""
        from incidents.models import SeverityPolicy

        tape.proven("14:00", milestone="first_impact")
        tape.proven("14:20", milestone="stabilized")
        tape.incident.refresh_from_db()
        assert len(selectors.outline(tape.incident).gaps) == 1
        SeverityPolicy.objects.filter(severity="SEV2").update(gap_minutes=30)
        assert selectors.outline(tape.incident).gaps == []


class TestEntrySince:
    def ask(self, page: Client, tape: Tape, seen: str, **more: str):
        query = "&".join(f"{key}={value}" for key, value in more.items())
        return page.get(url(tape, f"since/?seen={seen}&{query}"))

    def test_says_nothing_when_nothing_moved(self, page: Client, tape: Tape) -> None:
        tape.add("14:05")
        tape.incident.refresh_from_db()
        with CaptureQueriesContext(connection) as queries:
            found = self.ask(page, tape, tape.incident.activity_head)
        assert (found.status_code, found.content) == (204, b"")
        # session, person with roles, incident
        assert len(queries) <= 3

    def test_brings_the_rows_of_others_in_their_places(
        self, page: Client, tape: Tape, commander: User
    ) -> None:
        """R-TL-02"""
        tape.add("14:05", "First")
        tape.add("14:30", "Third")
        tape.incident.refresh_from_db()
        seen = tape.incident.activity_head
        Tape(tape.incident, commander).add("14:10", "Second, by another person")
        body = self.ask(page, tape, seen).content.decode()
        assert body.index("First") < body.index("Second, by") < body.index("Third")
        assert "<html" not in body
        assert "All 3" in body
        assert '<span class="pm-count" id="tab-timeline-count">3</span>' in body

    def test_names_the_figure_of_its_tab_as_the_page_does(
        self, page: Client, tape: Tape
    ) -> None:
        """The browser puts what came into the place of the same id."""
        tape.add("14:05")
        body = page.get(url(tape)).content.decode()
        assert '<span id="tab-timeline-count" class="pm-count">1</span>' in body

    def test_stays_inside_what_the_browser_has_open(
        self, page: Client, tape: Tape
    ) -> None:
        for minute in range(10):
            tape.add(f"14:{minute:02}", f"Entry {minute}.")
        body = self.ask(page, tape, "x", first="TL-3", last="TL-5").content.decode()
        body = body[: body.index("</ol>")]  # the list; the chart names them all
        assert [f"Entry {n}." in body for n in range(10)] == [
            n in {2, 3, 4} for n in range(10)
        ]

    def test_is_404_for_who_may_not_see_it(
        self, client: Client, commander: User, reviewer: User
    ) -> None:
        hidden = factories.make_incident(actor=commander, is_restricted=True)
        client.force_login(reviewer)
        found = client.get(f"/incidents/{hidden.key}/timeline/since/?seen=x")
        assert found.status_code == 404


class TestExports:
    def rows(self, page: Client, tape: Tape, query: str = "") -> list[dict[str, str]]:
        found = page.get(url(tape, f"export.csv{query}"))
        assert found["Content-Disposition"].endswith(
            f'"{tape.incident.key}-timeline.csv"'
        )
        text = b"".join(found.streaming_content).decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text)))

    def test_holds_exactly_what_the_filter_shows(
        self, page: Client, tape: Tape
    ) -> None:
        tape.proven("13:43", "Impact", milestone="first_impact")
        tape.add("14:40", "Hold releases", kind="decision", why="It costs hours")
        tape.proven("15:20", "Stable", milestone="stabilized")
        whole = self.rows(page, tape)
        assert [row["ref"] for row in whole] == [
            "TL-1",
            "gap-20260310T134300",
            "TL-2",
            "TL-3",
        ]
        assert whole[1]["observed_signal"] == (
            "97 minutes with no evidence, 13:43 to 15:20"
        )
        [row] = self.rows(page, tape, "?show=decisions")
        assert (row["ref"], row["state"], row["why"]) == (
            "TL-2",
            "provisional",
            "It costs hours",
        )
        assert row["time"] == "2026-03-10T14:40:00+00:00"
        assert row["from_declaration"] == "T−163:40"
        part = self.rows(page, tape, "?from=2026-03-10 14:00&to=2026-03-10 15:00")
        assert [row["ref"] for row in part] == ["gap-20260310T134300", "TL-2"]

    def test_says_the_same_in_json(self, page: Client, tape: Tape) -> None:
        tape.add("14:05", "Rate down")
        body = json.loads(page.get(url(tape, "export.json?show=all")).content)
        assert body["incident"] == tape.incident.key
        assert [row["observed_signal"] for row in body["rows"]] == ["Rate down"]
        assert page.get(url(tape, "export.xls")).status_code == 404

    @pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"])
    def test_starts_no_formula(self, page: Client, tape: Tape, text: str) -> None:
        tape.add("14:05", f"{text}")
        [row] = self.rows(page, tape)
        assert not row["observed_signal"].startswith(("=", "+", "-", "@", "\t"))

    def test_never_writes_a_bare_day_as_midnight(
        self, page: Client, tape: Tape
    ) -> None:
        """R-TL-02"""
        tape.add(text="Upgrade", occurred_at=at("09:00"), precision="day")
        [row] = self.rows(page, tape)
        assert (row["time"], row["until"]) == ("2026-03-10", "")

    def test_prints_everything_with_definitions(self, page: Client, tape: Tape) -> None:
        """R-MT-01"""
        for minute in range(60):
            tape.add(f"14:{minute:02}", f"Entry {minute}.")
        tape.checkpoint(name="Backup route", state="degraded")
        body = page.get(url(tape, "print/")).content.decode()
        assert "Entry 0." in body
        assert "Entry 59." in body
        assert "Backup route" in body
        assert "): Still degraded." in body
        assert "first impact to ledger recovered" in body
        assert "data-menu" not in body


class TestPrint:
    def test_says_of_each_required_milestone_where_it_stands(
        self, page: Client, tape: Tape
    ) -> None:
        """R-TL-06, R-TL-03"""
        tape.proven("13:43", milestone="first_impact")
        tape.add("13:52", precision="approx", milestone="first_alert")
        tape.skip("rollback_or_failover", "No release was out")
        tape.add(
            text="x", occurred_at=at("12:00"), precision="day", milestone="stabilized"
        )
        body = text(page.get(url(tape, "print/")))
        for words in (
            "First impact : TL-1, 10 Mar 2026, 13:43",
            "First alert : TL-2, about 10 Mar 2026, 13:52, provisional",
            "First mitigation : not recorded",
            "Rollback or failover : does not apply: No release was out",
            "Stabilized : TL-3, only the day, provisional",
        ):
            assert words in body

    def test_draws_the_part_of_the_clock_that_was_chosen(
        self, page: Client, tape: Tape
    ) -> None:
        tape.whole()
        found = page.get(url(tape, "print/?from=2026-03-10 14:00&to=2026-03-10 14:20"))
        assert "3 entries without a lane, 14:00 to 14:20." in text(found)
        assert "TL-8#TL-8" not in found.content.decode()


class TestChoice:
    def test_filters_by_dependency_and_by_time(self, page: Client, tape: Tape) -> None:
        point = tape.checkpoint(name="Adyen EU")
        tape.add("14:05", "By Adyen", dependency=point)
        tape.add("14:10", "By us")
        tape.incident.refresh_from_db()
        whole = selectors.outline(tape.incident)
        one = Choice(dependency=point.ref).lines(whole)
        assert [line.number for line in one] == [1]
        late = Choice(start=at("14:06")).lines(whole)
        assert [line.number for line in late] == [2]


class TestChart:
    def test_stays_small_with_thousands_of_entries(self, tape: Tape) -> None:
        lane = tape.incident.lanes.get(slug="checkout")
        first = at("08:00", day=1)
        Entry.objects.bulk_create(
            Entry(
                incident=tape.incident,
                number=n,
                kind="signal",
                occurred_at=first.replace(day=1 + n // 400, hour=n % 24),
                observed_signal=f"Signal {n}",
                lane=lane,
            )
            for n in range(1, 3001)
        )
        whole = selectors.outline(tape.incident)
        assert len(whole.lane_svg) < 60_000
        assert "entries, " in whole.lane_svg
        assert whole.chart_table[0].entries == 3000

    def test_says_in_words_what_it_shows(self, page: Client, tape: Tape) -> None:
        tape.whole()
        body = page.get(url(tape)).content.decode()
        assert "8 entries without a lane, 13:43 to 14:50." in body
        assert "As a table" in body

    def test_draws_the_chosen_part_of_the_clock(self, page: Client, tape: Tape) -> None:
        tape.whole()
        found = page.get(url(tape, "?from=2026-03-10 14:00&to=2026-03-10 14:20"))
        assert found.context["is_zoomed"]
        assert "Show the whole incident" in found.content.decode()
        assert "TL-8#TL-8" not in found.context["lane_svg"]


class TestOwnDeclaration:
    def test_counts_as_the_milestone(self, tape: Tape) -> None:
        """R-MT-01, R-TL-06"""
        tape.proven("09:00", occurred_at=at("09:00", day=17), milestone="first_impact")
        declare = {item.key: item for item in selectors.durations(tape.incident)}[
            "declare"
        ]
        assert (declare.text, declare.state) == ("1 h 20 min", "recorded")

    def test_is_no_proof_when_it_was_typed_in_later(
        self, tape: Tape, commander: User
    ) -> None:
        late = factories.make_incident(actor=commander, declared_at=at("14:08"))
        assert selectors.own_declaration(late) is None
        assert selectors.own_declaration(tape.incident) is not None


class TestSignalOrder:
    def test_is_worked_out_from_the_entries(self, tape: Tape) -> None:
        """R-DP-02, R-DP-06"""
        point = tape.checkpoint(name="Adyen EU", order="after")
        tape.add("14:05", "Refused", dependency=point)
        change = tape.add("14:10", "Deployed 4.18", kind="action")
        found = selectors.signal_order(point, selectors.entries(tape.incident))
        assert (found.order, found.change_ref) == ("before", change.ref)
        assert found.words("UTC") == (
            f"before the first internal change, {change.ref} at 14:10"
        )

    def test_stands_next_to_the_answer(self, page: Client, tape: Tape) -> None:
        """R-DP-06"""
        point = tape.checkpoint(name="Adyen EU", order="after")
        tape.add("14:05", "Refused", dependency=point)
        tape.add("14:10", "Deployed 4.18", kind="action")
        body = " ".join(page.get(url(tape)).content.decode().split())
        assert "Signal after internal changes" in body
        assert "Entries say: before the first internal change, TL-2 at 14:10" in body

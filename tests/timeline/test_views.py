"""Pages of the timeline: what they show, what they refuse, what they cost."""

from __future__ import annotations

import datetime as dt
import json
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests import factories
from tests.timeline.conftest import Tape, at
from tests.timeline.test_services import set_status
from timeline import services
from timeline.models import (
    DependencyCheckpoint,
    Entry,
    EntryEvidence,
    Hypothesis,
    Milestone,
)

HTMX = {"HX-Request": "true"}


@pytest.fixture
def page(client: Client, responder: User) -> Client:
    client.force_login(responder)
    return client


def url(tape: Tape, rest: str = "") -> str:
    return f"/incidents/{tape.incident.key}/timeline/{rest}"


def entries_text(response) -> str:
    """The words of the list alone."""
    body = response.content.decode()
    start = body.index('id="timeline"')
    return body[start : body.index("</ol>", body.rindex("data-row"))]


def text(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


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


class TestQuickAdd:
    def test_records_and_goes_to_the_row(self, page: Client, tape: Tape) -> None:
        """R-TL-01"""
        found = page.post(url(tape, "quick/"), {"text": "09:05 auth rate down"})
        assert found.status_code == 302
        assert found.url == url(tape, "?at=TL-1#TL-1")
        assert Entry.objects.get().observed_signal == "auth rate down"

    def test_gives_back_only_the_bar_for_htmx(self, page: Client, tape: Tape) -> None:
        found = page.post(
            url(tape, "quick/"),
            {"text": "09:05 auth rate down"},
            headers=HTMX,
        )
        body = found.content.decode()
        assert found.status_code == 200
        assert "TL-1 is recorded." in body
        assert 'id="timeline"' not in body
        assert json.loads(found["HX-Trigger-After-Settle"]) == {
            "timeline:added": {"ref": "TL-1"}
        }

    @pytest.mark.parametrize("headers", [{}, HTMX])
    def test_keeps_what_was_typed_when_it_cannot_be_read(
        self, page: Client, tape: Tape, headers: dict[str, str]
    ) -> None:
        found = page.post(
            url(tape, "quick/"), {"text": "25:99 <b>rate</b> down"}, headers=headers
        )
        body = found.content.decode()
        assert found.status_code == 422
        assert 'value="25:99 &lt;b&gt;rate&lt;/b&gt; down"' in body
        assert "could not be read as a time" in body
        assert not Entry.objects.exists()

    def test_keeps_what_the_service_refuses(self, page: Client, tape: Tape) -> None:
        found = page.post(url(tape, "quick/"), {"text": "2026-03-18 09:00 tomorrow"})
        assert found.status_code == 422
        assert "lies in the future" in text(found)
        assert "2026-03-18 09:00 tomorrow" in found.content.decode()

    def test_refuses_the_wrong_role(
        self, client: Client, tape: Tape, viewer: User
    ) -> None:
        client.force_login(viewer)
        found = client.post(url(tape, "quick/"), {"text": "09:05 x"})
        assert found.status_code == 403
        assert not Entry.objects.exists()

    def test_refuses_a_frozen_incident(
        self, page: Client, tape: Tape, commander: User
    ) -> None:
        set_status(incident_id=tape.incident.pk, actor=commander, status="closed")
        found = page.post(url(tape, "quick/"), {"text": "09:05 x"})
        assert found.status_code == 409
        assert not Entry.objects.exists()

    def test_leads_a_get_back_to_the_page(self, page: Client, tape: Tape) -> None:
        assert page.get(url(tape, "quick/")).url == url(tape)


class TestEntryForms:
    def test_adds_a_whole_entry(self, page: Client, tape: Tape) -> None:
        found = page.post(
            url(tape, "add/"),
            {
                "kind": "decision",
                "occurred_at": "2026-03-10 14:22",
                "precision": "minute",
                "action_taken": "Hold releases",
                "belief": "Events are rejected",
                "why": "Holding costs hours",
                "evidence": [tape.original.pk],
                "milestone": "first_mitigation",
            },
        )
        entry = Entry.objects.get()
        assert found.url == f"{url(tape)}?at=TL-1#TL-1"
        assert (entry.occurred_at, entry.belief) == (at("14:22"), "Events are rejected")
        assert entry.evidence == [tape.original]
        assert Milestone.objects.get().entry == entry

    def test_keeps_the_text_that_is_refused(self, page: Client, tape: Tape) -> None:
        found = page.post(
            url(tape, "add/"),
            {
                "kind": "signal",
                "occurred_at": "2026-03-10",
                "precision": "minute",
                "observed_signal": "Rate down",
            },
        )
        assert found.status_code == 422
        assert "names a day, not a time" in text(found)
        assert "Rate down" in found.content.decode()

    def test_fills_in_what_the_address_asks_for(self, page: Client, tape: Tape) -> None:
        artifact = tape.original
        found = page.get(
            url(
                tape,
                f"add/?at=2026-03-10T14:33:00%2B00:00&kind=action"
                f"&milestone=first_alert&evidence={artifact.ref}&lane=LN-1",
            ),
            headers=HTMX,
        )
        form = found.context["form"]
        assert form["occurred_at"].value() == "2026-03-10T14:33:00+00:00"
        assert form["kind"].value() == "action"
        assert form["milestone"].value() == "first_alert"
        assert form["evidence"].value() == [artifact.pk]
        assert "<html" not in found.content.decode()

    @pytest.mark.parametrize(
        "query", ["at=%00", "evidence=EV-x", "lane=LN-99", "kind=1"]
    )
    def test_ignores_what_the_address_asks_in_vain(
        self, page: Client, tape: Tape, query: str
    ) -> None:
        assert page.get(url(tape, f"add/?{query}")).status_code == 200

    def test_edits_and_shows_both_texts_on_a_conflict(
        self, page: Client, tape: Tape
    ) -> None:
        """R-TL-11"""
        tape.add("14:05", "One")
        body = {
            "kind": "signal",
            "occurred_at": "2026-03-10 14:05",
            "precision": "minute",
            "observed_signal": "Two",
            "version": "1",
        }
        assert page.post(url(tape, "1/edit/"), body).status_code == 302
        found = page.post(url(tape, "1/edit/"), {**body, "observed_signal": "Three"})
        assert found.status_code == 409
        assert "Two" in text(found)
        assert "Three" in found.content.decode()
        assert Entry.objects.get().observed_signal == "Two"

    def test_asks_again_when_the_form_came_without_its_version(
        self, page: Client, tape: Tape
    ) -> None:
        """R-TL-11"""
        tape.add("14:05", "One")
        body = {
            "kind": "signal",
            "occurred_at": "2026-03-10 14:05",
            "precision": "minute",
            "observed_signal": "Two",
        }
        found = page.post(url(tape, "1/edit/"), body)
        assert found.status_code == 409
        assert "came without the version" in text(found)
        assert "Two" in found.content.decode()
        assert 'name="version" value="1"' in found.content.decode()
        assert Entry.objects.get().observed_signal == "One"

    def test_shows_every_version(self, page: Client, tape: Tape) -> None:
        """R-TL-11"""
        row = tape.add("14:05", "Rate down")
        tape.edit(row, observed_signal="Rate down to 61 %")
        assert "edited, version 2" in text(page.get(url(tape)))
        body = text(page.get(f"/incidents/{tape.incident.key}/history/TL-1/"))
        assert body.index("to 61 %") < body.rindex("Rate down")

    def test_links_and_unlinks_evidence(self, page: Client, tape: Tape) -> None:
        tape.add("14:05")
        artifact = tape.original
        page.post(url(tape, "1/evidence/"), {"evidence": [artifact.pk]})
        assert Entry.objects.get().evidence == [artifact]
        assert artifact.ref in text(page.get(url(tape)))

        address = url(tape, f"1/evidence/{artifact.ref}/withdraw/")
        assert page.post(address, {"reason": ""}).status_code == 422
        page.post(address, {"reason": "Another day"})
        assert Entry.objects.get().evidence == []
        assert EntryEvidence.objects.get().retracted_at is not None
        assert page.get(address).status_code == 404

    def test_offers_no_evidence_of_another_incident(
        self, page: Client, tape: Tape, commander: User
    ) -> None:
        other = factories.make_incident(actor=commander, title="Other")
        foreign = factories.make_evidence(other, actor=commander)
        tape.add("14:05")
        found = page.post(url(tape, "1/evidence/"), {"evidence": [foreign.pk]})
        assert found.status_code == 422
        assert Entry.objects.get().evidence == []

    def test_withdraws_with_a_reason(self, page: Client, tape: Tape) -> None:
        tape.add("14:05", milestone="first_alert")
        assert "first alert goes with it" in text(page.get(url(tape, "1/withdraw/")))
        page.post(url(tape, "1/withdraw/"), {"reason": "Typed twice"})
        assert Entry.objects.get().is_retracted
        assert page.get(url(tape, "1/edit/")).status_code == 404

    def test_states_a_gap(self, page: Client, tape: Tape) -> None:
        """R-EV-10"""
        address = url(
            tape,
            "gap/?from=2026-03-10T14:33:00%2B00:00&to=2026-03-10T15:20:00%2B00:00",
        )
        form = page.get(address).context["form"]
        body = {name: form[name].value() for name in ("occurred_at", "occurred_until")}
        assert page.post(address, {**body, "reason": ""}).status_code == 422
        page.post(address, {**body, "reason": "Logs had rotated"})
        row = Entry.objects.get()
        assert (row.kind, row.occurred_at) == ("no_record", at("14:33"))
        assert "No record exists." in text(page.get(url(tape)))

    def test_names_the_missing_proof(self, page: Client, tape: Tape) -> None:
        tape.add("15:20", "Rollback completed")
        found = page.post(
            url(tape, "1/proof/"),
            {
                "question": "When did it end?",
                "missing_check": "deploy record",
                "owner": str(tape.actor.pk),
                "due_at": "2026-03-19 17:00",
            },
        )
        assert found.status_code == 302
        assert "deploy record" in text(page.get(url(tape)))


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

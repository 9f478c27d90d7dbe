"""Adding and changing entries: the quick bar and the whole form."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from accounts.models import User
from tests import factories
from tests.conftest import HTMX
from tests.timeline.conftest import Tape, at, set_status, text, url
from timeline.models import Entry, EntryEvidence, Milestone

EDITED = {
    "kind": "signal",
    "occurred_at": "2026-03-10 14:05",
    "precision": "minute",
    "observed_signal": "Two",
}


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
        assert form["occurred_at"].value() == "2026-03-10 14:33"
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
        body = {**EDITED, "version": "1"}
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
        found = page.post(url(tape, "1/edit/"), EDITED)
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
        assert page.get(url(tape, "1/edit/")).status_code == 409

    def test_states_a_gap(self, page: Client, tape: Tape) -> None:
        """R-EV-10"""
        address = url(
            tape,
            "gap/?from=2026-03-10T14:33:00%2B00:00&to=2026-03-10T15:20:00%2B00:00",
        )
        form = page.get(address).context["form"]
        body = {name: form[name].value() for name in ("occurred_at", "occurred_until")}
        assert body == {
            "occurred_at": "2026-03-10 14:33",
            "occurred_until": "2026-03-10 15:20",
        }
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

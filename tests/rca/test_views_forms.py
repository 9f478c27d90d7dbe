"""Forms of the root cause analysis."""

from __future__ import annotations

import re
from typing import Any

import pytest

from incidents.models import Incident
from rca import services
from rca.models import Analysis, Cause, FailureMode
from tests.conftest import HTMX, NOW
from tests.rca.conftest import DUE, make_evidence, url
from timeline.services import add_entry


def fill(name: str, **fields: Any) -> dict[str, Any]:
    """Every field of a form with something in it."""
    base: dict[str, dict[str, Any]] = {
        "cause": {
            "label": "primary",
            "statement": "The consumer rejects unknown fields",
            "role": "It produced the failure",
        },
        "mode": {
            "mode": "deployment",
            "name": "Stricter consumer",
            "standing": "provisional",
        },
    }
    return {**base[name], **fields}


PAGES = [
    ("analysis_edit", ()),
    ("cause_add", ()),
    ("cause_edit", (1,)),
    ("cause_confirm", (1,)),
    ("cause_provisional", (1,)),
    ("cause_rule_out", (1,)),
    ("cause_retract", (1,)),
    ("failure_mode_add", ()),
    ("failure_mode_edit", (1,)),
    ("failure_mode_retract", (1,)),
]


@pytest.mark.parametrize(("name", "args"), PAGES)
class TestForms:
    @pytest.fixture(autouse=True)
    def rows(self, state_cause, state_mode):
        state_cause()
        state_mode()

    def test_opens_as_a_page_and_in_the_drawer(self, signed_in, incident, name, args):
        page = signed_in.get(url(name, incident, *args))
        drawer = signed_in.get(url(name, incident, *args), headers=HTMX)

        assert page.status_code == drawer.status_code == 200
        assert b"<html" in page.content
        assert b"<html" not in drawer.content
        assert b'name="csrfmiddlewaretoken"' in drawer.content

    def test_is_refused_to_a_viewer(self, client, viewer, incident, name, args):
        client.force_login(viewer)

        assert client.get(url(name, incident, *args)).status_code == 403
        assert client.post(url(name, incident, *args)).status_code == 403

    def test_is_refused_on_a_closed_record(self, signed_in, incident, name, args):
        Incident.objects.filter(pk=incident.pk).update(status="closed")
        before = Cause.history.count(), FailureMode.history.count()

        page = signed_in.post(
            url(name, incident, *args),
            {
                **fill("cause"),
                **fill("mode"),
                "method": "other",
                "why_it_fits": "x",
                "reason": "x",
            },
        )

        assert page.status_code == 409
        assert "frozen" in page.content.decode()
        assert (Cause.history.count(), FailureMode.history.count()) == before

    def test_is_missing_for_a_withdrawn_or_unknown_row(
        self, signed_in, incident, name, args
    ):
        if not args:
            return
        assert signed_in.get(url(name, incident, 77)).status_code == 404


class TestAnalysisEdit:
    def test_records_the_method(self, signed_in, incident):
        """R-DOC-14"""
        page = signed_in.post(
            url("analysis_edit", incident),
            {"method": "change_analysis", "why_it_fits": "A change preceded it."},
        )

        assert page.status_code == 302
        assert Analysis.objects.get().get_method_display() == "Change analysis"

    def test_asks_for_the_reason(self, signed_in, incident):
        page = signed_in.post(
            url("analysis_edit", incident), {"method": "other", "why_it_fits": " "}
        )

        assert page.status_code == 422
        assert "Say why this method fits" in page.content.decode()


class TestCauseAdd:
    def test_adds_and_goes_to_the_card(self, signed_in, incident, original):
        page = signed_in.post(
            url("cause_add", incident),
            fill("cause", evidence=[original.pk], condition="No contract test"),
        )

        cause = Cause.objects.get()
        assert page.status_code == 302
        assert page.url.endswith(f"#{cause.ref}")
        assert cause.condition == "No contract test"
        assert cause.evidence == [original]

    def test_saves_blaming_words_and_leaves_a_finding(self, signed_in, incident):
        page = signed_in.post(
            url("cause_add", incident), fill("cause", statement="It was human error")
        )

        assert page.status_code == 302
        assert Cause.objects.get().statement == "It was human error"

    def test_keeps_what_was_typed_when_it_is_refused(self, signed_in, incident):
        page = signed_in.post(
            url("cause_add", incident),
            fill("cause", label="", statement="Typed words"),
            headers=HTMX,
        )

        assert page.status_code == 422
        assert "Typed words" in page.content.decode()
        assert not Cause.objects.exists()

    @pytest.mark.parametrize(
        "query", ["?label=trigger&entry=x", "?entry=99999999999", "?label=%00", "?x"]
    )
    def test_opens_with_any_query_string(self, signed_in, incident, query):
        page = signed_in.get(url("cause_add", incident) + query)

        assert page.status_code == 200

    def test_refuses_rows_of_another_incident(
        self, signed_in, incident, elsewhere, commander
    ):
        foreign = make_evidence(elsewhere, commander, "Foreign")

        page = signed_in.post(
            url("cause_add", incident), fill("cause", evidence=[foreign.pk])
        )

        assert page.status_code == 422
        assert not Cause.objects.exists()


class TestCauseEdit:
    def test_shows_both_texts_of_a_stale_version(
        self, signed_in, incident, commander, state_cause
    ):
        cause = state_cause()
        services.edit_cause(
            incident_id=incident.pk,
            actor=commander,
            number=cause.number,
            statement="Theirs",
        )

        page = signed_in.post(
            url("cause_edit", incident, cause.number),
            fill("cause", statement="Mine", version=1),
        )

        assert page.status_code == 409
        assert "Theirs" in page.content.decode()
        assert "Mine" in page.content.decode()
        assert Cause.objects.get().statement == "Theirs"

    def test_keeps_arrows_and_entries_that_the_form_shows(
        self, signed_in, incident, state_cause
    ):
        target = state_cause()
        cause = state_cause("trigger", leads_to=[target])

        form = signed_in.get(url("cause_edit", incident, cause.number))

        assert re.search(
            rf'name="leads_to" value="{target.pk}"[^>]* checked', form.content.decode()
        )

    def test_offers_entries_by_what_they_say(
        self, signed_in, incident, commander, state_cause
    ):
        add_entry(
            incident_id=incident.pk,
            actor=commander,
            kind="signal",
            occurred_at=NOW,
            observed_signal="Refusals rise",
        )

        form = signed_in.get(url("cause_edit", incident, state_cause().number))

        assert "TL-1 Refusals rise" in form.content.decode()


class TestCauseConfirm:
    def test_says_what_is_missing(self, signed_in, incident, state_cause):
        """R-RC-07"""
        cause = state_cause()

        page = signed_in.post(
            url("cause_confirm", incident, cause.number), {"version": cause.version}
        )

        assert page.status_code == 422
        assert "Link the original record" in page.content.decode()

    def test_confirms(self, signed_in, incident, original, state_cause):
        cause = state_cause(evidence=[original])

        page = signed_in.post(
            url("cause_confirm", incident, cause.number), {"version": cause.version}
        )

        assert page.status_code == 302
        assert Cause.objects.get().state == "confirmed"


class TestCauseProvisional:
    def test_asks_for_check_owner_and_deadline(self, signed_in, incident, state_cause):
        """R-RC-08"""
        cause = state_cause()

        page = signed_in.post(
            url("cause_provisional", incident, cause.number),
            {"missing_check": "Log", "version": cause.version},
        )

        text = page.content.decode()
        assert page.status_code == 422
        assert "Name who settles it." in text
        assert "Give the deadline." in text

    def test_reads_the_deadline_on_the_incident_clock(
        self, signed_in, incident, responder, state_cause
    ):
        cause = state_cause()

        page = signed_in.post(
            url("cause_provisional", incident, cause.number),
            {
                "missing_check": "Delivery log",
                "owner": responder.pk,
                "due_at": "2026-03-19 10:20",
                "version": cause.version,
            },
        )

        assert page.status_code == 302
        assert Cause.objects.get().known_unknown.due_at == DUE


class TestFailureModeEdit:
    def test_changes_a_row_and_names_its_check(
        self, signed_in, incident, responder, state_mode
    ):
        row = state_mode()

        page = signed_in.post(
            url("failure_mode_edit", incident, row.number),
            fill(
                "mode",
                mode="known_unknown",
                missing_check="Route-change log",
                owner=responder.pk,
                due_at="2026-03-19 10:20",
                version=row.version,
            ),
        )

        row.refresh_from_db()
        assert page.status_code == 302
        assert row.mode == "known_unknown"
        assert row.known_unknown.missing_check == "Route-change log"

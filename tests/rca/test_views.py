"""Pages of the root cause analysis."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from incidents.models import Incident
from rca import services
from rca.models import Analysis, Cause, FailureMode
from tests.conftest import HTMX, NOW
from tests.rca.conftest import DUE, make_evidence
from timeline.services import add_entry


@pytest.fixture
def signed_in(client: Client, commander) -> Client:
    client.force_login(commander)
    return client


def url(name: str, incident: Incident, *args: int) -> str:
    return reverse(f"rca:{name}", args=[incident.key, *args])


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


class TestCauseList:
    def test_shows_definitions_prompts_and_the_blameless_rule_of_an_empty_analysis(
        self, signed_in, incident
    ):
        """R-RC-01, R-RC-02, R-RC-03, R-RC-04, R-BL-01, R-BL-02"""
        page = signed_in.get(url("cause_list", incident)).content.decode()

        assert "immediately before visible degradation" in page
        assert "directly produced the failure" in page
        assert "Process or control gaps" in page
        assert "Learning and prevention, not fault" in page
        for prompt in (
            "What evidence shows this?",
            "What condition allowed it?",
            "Is there more beyond this?",
            "What change reduces repeat risk?",
        ):
            assert prompt in page
        assert "No failure mode is described" in page

    def test_shows_a_provisional_cause_with_check_owner_and_deadline(
        self, signed_in, incident, commander, responder, state_cause
    ):
        """R-RC-08"""
        cause = state_cause("contributing", "Provider A shortened its retries")
        services.mark_provisional(
            incident_id=incident.pk,
            actor=commander,
            number=cause.number,
            missing_check="Provider delivery log for 10 March",
            owner=responder,
            due_at=DUE,
        )

        page = signed_in.get(url("cause_list", incident)).content.decode()

        assert "is-provisional" in page
        assert "Provider delivery log for 10 March" in page
        assert responder.label in page
        assert "19 Mar 2026, 10:20, in 2 d" in page

    def test_keeps_ruled_out_causes_and_abandoned_hypotheses(
        self, signed_in, incident, commander, original, state_cause
    ):
        """R-HY-02"""
        from timeline.services import hypotheses

        cause = state_cause("primary", "Ledger database lock contention")
        services.rule_out_cause(
            incident_id=incident.pk,
            actor=commander,
            number=cause.number,
            reason="Lock wait flat at 4 ms",
            evidence=[original],
        )
        row = hypotheses.add_hypothesis(
            incident_id=incident.pk, actor=commander, statement="Gateway degraded"
        )
        hypotheses.settle_hypothesis(
            incident_id=incident.pk,
            actor=commander,
            number=row.number,
            state="abandoned",
            what_decided="Auth rate within 0.4 pt",
        )

        page = signed_in.get(url("cause_list", incident)).content.decode()

        assert "<s>Ledger database lock contention</s>" in page
        assert "Lock wait flat at 4 ms" in page
        assert "<s>Gateway degraded</s>" in page
        assert "Auth rate within 0.4 pt" in page

    def test_marks_blaming_words_with_reason_and_hint(
        self, signed_in, incident, state_cause
    ):
        """R-BL-03"""
        state_cause("primary", "The on-call engineer failed to check <b>the queue</b>")

        page = signed_in.get(url("cause_list", incident)).content.decode()

        assert ">failed to</mark>" in page
        assert "which check was absent" in page
        assert "&lt;b&gt;the queue&lt;/b&gt;" in page
        assert "<b>the queue" not in page

    def test_draws_the_graph_with_its_text(self, signed_in, incident, state_cause):
        primary = state_cause()
        state_cause("trigger", "Deploy reached production", leads_to=[primary])

        page = signed_in.get(f"{url('cause_list', incident)}?view=graph")

        text = page.content.decode()
        assert '<svg class="pm-graph"' in text
        assert "CA-2, trigger (provisional): leads to CA-1." in text

    def test_shows_a_withdrawn_cause_with_the_reason(
        self, signed_in, incident, commander, state_cause
    ):
        cause = state_cause()
        services.retract_cause(
            incident_id=incident.pk,
            actor=commander,
            number=cause.number,
            reason="Entered in the wrong incident",
        )

        page = signed_in.get(url("cause_list", incident)).content.decode()

        assert "Entered in the wrong incident" in page

    def test_offers_no_change_to_a_viewer_or_on_a_closed_record(
        self, client, incident, viewer, commander, state_cause, state_mode
    ):
        state_cause()
        state_mode()
        edit = url("cause_edit", incident, 1)
        client.force_login(commander)
        assert edit in client.get(url("cause_list", incident)).content.decode()

        client.force_login(viewer)
        seen = client.get(url("cause_list", incident)).content.decode()
        Incident.objects.filter(pk=incident.pk).update(status="closed")
        client.force_login(commander)
        frozen = client.get(url("cause_list", incident)).content.decode()

        for page in (seen, frozen):
            assert "The consumer rejects unknown fields" in page
            assert "/edit/" not in page
            assert "/add/" not in page

    def test_costs_the_same_queries_for_many_rows(
        self,
        signed_in,
        incident,
        commander,
        responder,
        original,
        state_cause,
        state_mode,
        django_assert_max_num_queries,
    ):
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        def fill_in(count: int) -> None:
            before = None
            for index in range(count):
                before = state_cause(
                    "contributing",
                    f"Gap {index}",
                    evidence=[original],
                    leads_to=[before] if before else [],
                )
                services.mark_provisional(
                    incident_id=incident.pk,
                    actor=commander,
                    number=before.number,
                    missing_check="Log",
                    owner=responder,
                    due_at=DUE,
                )
                state_mode(evidence=[original])

        fill_in(2)
        signed_in.get(url("cause_list", incident))
        with CaptureQueriesContext(connection) as few:
            signed_in.get(url("cause_list", incident))
        fill_in(8)
        signed_in.get(url("cause_list", incident))  # both are second looks
        with CaptureQueriesContext(connection) as many:
            signed_in.get(url("cause_list", incident))

        assert len(many) == len(few)
        assert len(many) <= 40

    def test_is_missing_for_who_may_not_see_the_incident(
        self, client, incident, viewer
    ):
        Incident.objects.filter(pk=incident.pk).update(is_restricted=True)
        client.force_login(viewer)

        assert client.get(url("cause_list", incident)).status_code == 404


class TestFailureModePrint:
    def test_shows_every_row_without_a_control(self, signed_in, incident, state_mode):
        row = state_mode(customer_symptom="Orders stay open")
        text = signed_in.get(url("failure_mode_print", incident)).content.decode()
        assert row.ref in text
        assert "Orders stay open" in text
        assert url("failure_mode_edit", incident, row.number) not in text
        assert "pm-inline-tools" not in text

    def test_is_offered_where_there_is_a_table(self, signed_in, incident, state_mode):
        address = url("failure_mode_print", incident)
        assert (
            address not in signed_in.get(url("cause_list", incident)).content.decode()
        )
        state_mode()
        assert address in signed_in.get(url("cause_list", incident)).content.decode()


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

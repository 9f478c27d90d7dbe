"""Pages of the root cause analysis."""

from __future__ import annotations

from incidents.models import Incident
from rca import services
from tests.rca.conftest import DUE, url


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

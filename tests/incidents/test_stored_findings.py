"""What pages show of the checks: the stored result, its age, its honesty."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict

from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents import selectors
from incidents.models import FindingSnapshot, Incident
from incidents.services import lifecycle
from incidents.services.findings import refresh_findings, store_findings
from postmortem.lib.findings import Case, Gate, findings_block
from tests.conftest import NOW
from tests.factories import make_evidence, make_impact, make_scope


class TestStoredFindings:
    def test_carry_all_that_a_finding_says(self, incident, commander):
        make_scope(incident, actor=commander)
        make_impact(incident, actor=commander)
        refresh_findings(incident.pk)
        incident.refresh_from_db()
        stored = selectors.stored_findings(incident)
        fresh = selectors.findings(incident)
        assert [asdict(item) for item in stored.findings] == [
            asdict(item) for item in fresh
        ]
        assert stored.blocking == sum(item.is_blocking for item in fresh) > 0
        assert stored.blocking + stored.advisory == len(fresh)
        assert stored.computed_at == NOW

    def test_cost_two_queries_and_one_once_they_are_known(self, incident):
        refresh_findings(incident.pk)
        for cost in (2, 1, 1):
            with CaptureQueriesContext(connection) as seen:
                stored = selectors.stored_findings(incident)
                assert stored.blocking
                assert stored.content_hash
            assert len(seen) == cost

    def test_are_read_again_once_the_checks_have_run(self, incident, commander, clock):
        refresh_findings(incident.pk)
        before = selectors.stored_findings(incident)
        make_scope(incident, actor=commander)
        refresh_findings(incident.pk)
        incident.refresh_from_db()
        after = selectors.stored_findings(incident)
        assert after.findings != before.findings
        assert [item.key for item in after.findings] == [
            item.key for item in selectors.findings(incident)
        ]

    def test_are_current_until_something_is_recorded(self, incident, commander):
        refresh_findings(incident.pk)
        incident.refresh_from_db()
        assert selectors.stored_findings(incident).is_current
        make_evidence(incident, actor=commander)
        incident.refresh_from_db()
        assert not selectors.stored_findings(incident).is_current
        refresh_findings(incident.pk)
        assert selectors.stored_findings(incident).is_current

    def test_say_when_the_checks_never_ran(self, incident):
        stored = selectors.stored_findings(incident)
        assert stored.computed_at is None
        assert not stored.is_current
        assert stored.findings == ()

    def test_of_a_frozen_record_stay_current(self, incident, commander):
        lifecycle.cancel_incident(
            incident_id=incident.pk, actor=commander, reason="false alarm"
        )
        refresh_findings(incident.pk)
        Incident.objects.filter(pk=incident.pk).update(activity_head="f" * 64)
        incident.refresh_from_db()
        assert selectors.stored_findings(incident).is_current
        Incident.objects.filter(pk=incident.pk).update(
            cancelled_at=NOW + dt.timedelta(minutes=1)
        )
        incident.refresh_from_db()
        assert not selectors.stored_findings(incident).is_current


class TestFindingsForPage:
    def test_of_a_fresh_incident_are_computed_once(self, client, incident, commander):
        assert not FindingSnapshot.objects.exists()
        client.force_login(commander)
        page = client.get(incident.get_absolute_url())
        assert page.context["stored"].is_current
        assert FindingSnapshot.objects.get().blocking == page.context["stored"].blocking

    def test_are_shown_with_their_age_until_the_new_ones_are_there(
        self, client, incident, commander, clock
    ):
        refresh_findings(incident.pk)
        clock.shift(dt.timedelta(seconds=5))
        make_evidence(incident, actor=commander)
        client.force_login(commander)
        page = client.get(incident.get_absolute_url()).content.decode()
        assert "you see their result of 10:20:00 UTC" in page
        assert 'hx-trigger="every 2s"' in page

        status = f"{incident.get_absolute_url()}findings/status/?tab=overview"
        assert client.get(status).status_code == 204
        refresh_findings(incident.pk)
        new = client.get(status).content.decode()
        assert "The checks have run again" in new
        for part in ("findings-panel", "case-tabs", "case-stepper"):
            assert f'id="{part}"' in new
        assert new.count('hx-swap-oob="true"') == 3
        page = client.get(incident.get_absolute_url()).content.decode()
        assert "every 2s" not in page

    def test_are_computed_by_the_fragment_when_no_worker_comes(
        self, client, incident, commander, clock
    ):
        refresh_findings(incident.pk)
        make_evidence(incident, actor=commander)
        client.force_login(commander)
        status = f"{incident.get_absolute_url()}findings/status/?tab=review"
        clock.shift(dt.timedelta(seconds=29))
        assert client.get(status).status_code == 204
        clock.shift(dt.timedelta(seconds=2))
        assert client.get(status).status_code == 200
        assert FindingSnapshot.objects.get().computed_at == NOW + dt.timedelta(
            seconds=31
        )

    def test_bring_new_cards_where_there_are_cards(self, client, incident, commander):
        """The one-pager stands under the same tab, and has none of them."""
        refresh_findings(incident.pk)
        client.force_login(commander)
        status = f"{incident.get_absolute_url()}findings/status/?tab=review"

        def asked_from(page: str) -> str:
            url = f"http://testserver{incident.get_absolute_url()}review/{page}"
            return client.get(status, headers={"HX-Current-URL": url}).text

        assert 'hx-select-oob="#approvals,#checklist,#gaps,#outcome"' in asked_from("")
        assert "select-oob" not in asked_from("one-pager/")
        assert "Show the new result" in asked_from("one-pager/")

    def test_are_the_newer_ones_of_two_runs(self, incident, commander, clock):
        early = Case(incident)
        found = selectors.findings_of(early)
        clock.shift(dt.timedelta(seconds=1))
        make_scope(incident, actor=commander)
        newer = refresh_findings(incident.pk)
        stored = store_findings(early, found)
        assert stored.computed_at == newer.computed_at
        assert FindingSnapshot.objects.get().activity_head == newer.activity_head


class TestNumbers:
    def test_agree_on_every_page(self, client, incident, commander):
        """The list, the stepper, the tab and the panel count the same findings."""
        refresh_findings(incident.pk)
        client.force_login(commander)
        page = client.get(incident.get_absolute_url())
        total = page.context["stored"].blocking
        near = page.context["blocking_total"]
        assert near + page.context["later_total"] == total
        (tab,) = [t for t in page.context["workspace"]["tabs"] if t["name"] == "review"]
        assert tab["count"] == total
        assert page.context["workspace"]["steps"][1]["note"] == findings_block(near)
        (row,) = client.get("/incidents/").context["page"].object_list
        assert row.blocking == total

    def test_of_a_running_incident_begin_with_what_blocks_the_next_step(
        self, client, incident, commander
    ):
        client.force_login(commander)
        page = client.get(incident.get_absolute_url())
        gate = selectors.blocking(incident, Gate.STABILIZE)
        assert [row["id"] for row in page.context["blocking"]] == [f.id for f in gate]
        text = page.content.decode()
        assert "What still blocks stabilizing" in text
        assert f"{page.context['later_total']} more before closing" in text


class TestFrozenRecord:
    def test_answers_an_edit_with_how_it_opens_again(
        self, client, incident, commander, viewer
    ):
        lifecycle.cancel_incident(
            incident_id=incident.pk, actor=commander, reason="false alarm"
        )
        client.force_login(commander)
        url = f"{incident.get_absolute_url()}scope/add/"
        text = client.get(url).content.decode()
        assert "Cancelled and frozen" in text
        assert "<textarea" not in text
        drawer = client.get(url, HTTP_HX_REQUEST="true").content.decode()
        assert "pm-drawer-head" in drawer
        assert client.post(url, {"consequence": "x"}).status_code != 200

    def test_offers_no_acceptance(self, client, incident, commander):
        lifecycle.cancel_incident(
            incident_id=incident.pk, actor=commander, reason="false alarm"
        )
        client.force_login(commander)
        text = client.get(incident.get_absolute_url()).content.decode()
        assert "can be accepted with a reason" not in text
        assert "The checks do not run on a frozen record" in text


class TestAccountWithoutRole:
    def test_sees_nothing_and_whom_to_ask(
        self, client, incident, outsider, administrator
    ):
        client.force_login(outsider)
        for url in ("/", "/incidents/?view=all"):
            text = client.get(url).content.decode()
            assert incident.title not in text
            assert "Your account has no role yet" in text
            assert administrator.name in text
        page = client.get(incident.get_absolute_url())
        assert page.status_code == 403
        assert "Your account has no role yet" in page.content.decode()
        assert incident.title not in page.content.decode()

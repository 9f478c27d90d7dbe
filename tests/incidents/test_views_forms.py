"""Forms and verbs of the overview: what they refuse, what they keep, what they do."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client

from accounts.models import User
from incidents.models import (
    ImpactFigure,
    ImpactStatement,
    Incident,
    KnownUnknown,
    ScopeStatement,
)
from incidents.services import claims, unknowns
from tests.conftest import HTMX
from tests.factories import make_evidence
from tests.incidents.conftest import CASE, fill

CASES = [
    ("scope/add/", {"audience": "experienced", "consequence": ""}, "consequence"),
    ("impact/add/", {"kind": "customer", "statement": ""}, "statement"),
    ("unknowns/add/", {"question": ""}, "question"),
    ("people/add/", {"user": "", "duty": "scribe"}, "user"),
    ("lanes/add/", {"name": ""}, "name"),
    ("cancel/", {"reason": ""}, "reason"),
    ("severity/", {"severity": "SEV1", "reason": ""}, "reason"),
]


class TestForms:
    @pytest.mark.parametrize(("path", "sent", "field"), CASES)
    def test_refuse_bad_input_with_422_and_say_where(
        self, client: Client, incident, commander, path, sent, field
    ):
        client.force_login(commander)

        page = client.post(CASE + path, sent)

        assert page.status_code == 422
        assert field in page.context["form"].errors

    @pytest.mark.parametrize(("path", "sent", "field"), CASES)
    def test_are_closed_to_a_viewer(
        self, client: Client, incident, viewer, path, sent, field
    ):
        client.force_login(viewer)

        assert client.get(CASE + path).status_code == 403
        assert client.post(CASE + path, sent).status_code == 403

    @pytest.mark.parametrize(("path", "sent", "field"), CASES)
    def test_open_in_the_drawer_without_the_page_around(
        self, client: Client, incident, commander, path, sent, field
    ):
        client.force_login(commander)

        page = client.get(CASE + path, headers=HTMX)

        assert page.status_code == 200
        assert b"<html" not in page.content
        assert b'id="pm-drawer-title"' in page.content

    def test_call_a_person_a_person(self, client: Client, incident, commander):
        client.force_login(commander)

        form = client.get(f"{CASE}people/add/").context["form"]

        assert form["user"].label == "Person"

    def test_keep_what_was_typed(self, client: Client, incident, commander):
        client.force_login(commander)

        page = client.post(
            f"{CASE}figures/add/",
            {"label": "Payers <hit>", "measure": "clients", "count": "many"},
        )

        assert page.status_code == 422
        assert 'value="Payers &lt;hit&gt;"' in page.content.decode()
        assert 'value="many"' in page.content.decode()

    def test_show_both_texts_after_a_stale_edit(
        self, client: Client, incident: Incident, commander: User
    ):
        row = claims.add_scope(
            incident_id=incident.pk,
            actor=commander,
            audience="internal",
            consequence="Before",
        )
        claims.edit_scope(
            incident_id=incident.pk, actor=commander, number=1, consequence="Theirs"
        )
        client.force_login(commander)

        page = client.post(
            f"{CASE}scope/1/edit/",
            {"audience": "internal", "consequence": "Mine", "version": row.version},
        )

        assert page.status_code == 409
        assert b"Theirs" in page.content
        assert b"Mine" in page.content
        assert ScopeStatement.objects.get().consequence == "Theirs"


class TestVerbs:
    def test_scope_closes_only_with_a_signal(
        self, client: Client, incident: Incident, commander: User
    ):
        """R-SC-08"""
        claims.add_scope(
            incident_id=incident.pk,
            actor=commander,
            audience="internal",
            consequence="Stuck",
        )
        proof = make_evidence(incident, actor=commander)
        client.force_login(commander)

        without = client.post(f"{CASE}scope/1/close/", {"closing_evidence": ""})
        closed = client.post(f"{CASE}scope/1/close/", {"closing_evidence": proof.pk})
        row = ScopeStatement.objects.get()

        assert without.status_code == 422
        assert closed.url == f"{CASE}#SC-1"
        assert (row.state, row.closing_evidence) == ("closed", proof)

    def test_scope_reopens_with_a_reason(
        self, client: Client, incident: Incident, commander: User
    ):
        claims.add_scope(
            incident_id=incident.pk,
            actor=commander,
            audience="internal",
            consequence="Stuck",
        )
        claims.close_scope(
            incident_id=incident.pk,
            actor=commander,
            number=1,
            closing_evidence=make_evidence(incident, actor=commander),
        )
        client.force_login(commander)

        for nothing in ("", "\u200b\u2060"):
            page = client.post(f"{CASE}scope/1/reopen/", {"reason": nothing})
            assert page.status_code == 422
        client.post(f"{CASE}scope/1/reopen/", {"reason": "It came back."})

        assert ScopeStatement.objects.get().state == "open"

    def test_withdrawn_rows_leave_the_page_but_not_the_record(
        self, client: Client, incident: Incident, commander: User
    ):
        fill(incident, commander, "A")
        client.force_login(commander)

        client.post(f"{CASE}impact/1/withdraw/", {"reason": "Counted twice."})

        assert ImpactStatement.objects.get().retraction_reason == "Counted twice."
        assert client.get(f"{CASE}impact/1/edit/").status_code == 409

    def test_a_form_on_a_row_that_was_withdrawn_meanwhile_says_why(
        self, client: Client, incident: Incident, commander: User
    ):
        fill(incident, commander, "A")
        client.force_login(commander)
        assert client.get(f"{CASE}impact/1/edit/").status_code == 200

        client.post(f"{CASE}impact/1/withdraw/", {"reason": "Counted twice."})
        late = client.post(
            f"{CASE}impact/1/edit/",
            {"kind": "business", "statement": "Typed for long", "version": 1},
        )

        assert late.status_code == 409
        said = "was withdrawn (Counted twice.): it stays in the record as it is."
        assert said in late.content.decode()
        assert ImpactStatement.objects.get().statement != "Typed for long"

    def test_figure_and_impact_are_added_and_edited(
        self, client: Client, incident: Incident, commander: User
    ):
        client.force_login(commander)

        client.post(
            f"{CASE}impact/add/", {"kind": "business", "statement": "Lost sales"}
        )
        impact = ImpactStatement.objects.get()
        client.post(
            f"{CASE}figures/add/",
            {
                "impact": impact.pk,
                "measure": "revenue",
                "label": "Lost sales",
                "amount": "412,860.20",
                "currency": "eur",
                "basis": "estimate",
                "method": "Mean of four weeks",
            },
        )

        figure = ImpactFigure.objects.get()
        assert (figure.amount, figure.currency) == (Decimal("412860.20"), "EUR")
        assert b"412,860.20" in client.get(CASE).content

    def test_unknown_is_resolved_or_accepted(
        self, client: Client, incident: Incident, commander: User
    ):
        for question in ("First?", "Second?"):
            unknowns.add_unknown(
                incident_id=incident.pk,
                actor=commander,
                question=question,
                owner=commander,
            )
        client.force_login(commander)

        client.post(f"{CASE}unknowns/1/resolve/", {"resolution": "It did."})
        client.post(f"{CASE}unknowns/2/accept/", {"reason": "The log is gone."})

        states = list(KnownUnknown.objects.values_list("state", flat=True))
        assert states == ["resolved", "accepted"]
        assert b"The log is gone." in client.get(CASE).content

    def test_command_is_handed_over(
        self, client: Client, incident: Incident, commander: User, administrator: User
    ):
        """R-RO-01"""
        client.force_login(commander)

        client.post(
            f"{CASE}people/hand-over/", {"to": administrator.pk, "reason": "Shift"}
        )
        page = client.get(f"{CASE}people/")

        assert [row.user for row in page.context["current"]] == [administrator]
        assert [row.user for row in page.context["past"]] == [commander]

    def test_a_gate_that_is_closed_says_what_holds_it(
        self, client: Client, incident: Incident, commander: User
    ):
        client.force_login(commander)

        page = client.post(f"{CASE}stabilize/")

        assert page.status_code == 409
        assert page.context["findings"]
        assert Incident.objects.get().status == "active"

    def test_a_verb_is_not_done_by_looking(
        self, client: Client, incident: Incident, commander: User
    ):
        client.force_login(commander)

        for path in ("stabilize/", "all-clear/", "cancel/", "people/1/end/"):
            client.get(CASE + path)
        incident.refresh_from_db()

        assert (incident.status, incident.all_clear_at) == ("active", None)

    def test_a_saved_drawer_reloads_the_page_it_stands_on(
        self, client: Client, incident: Incident, commander: User
    ):
        """Going to the same address with another anchor would not reload it."""
        client.force_login(commander)

        page = client.post(
            f"{CASE}scope/add/",
            {"audience": "internal", "consequence": "Stuck"},
            headers={
                "HX-Request": "true",
                "HX-Current-URL": f"http://testserver{CASE}",
            },
        )

        assert page["HX-Refresh"] == "true"
        assert "HX-Redirect" not in page

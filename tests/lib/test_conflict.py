"""Two versions of one row: what both changed, what only the other one did."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from incidents.models import Incident, ScopeStatement
from incidents.services.claims import edit_scope
from tests.factories import make_evidence, make_scope


@pytest.fixture
def page(client: Client, commander: User) -> Client:
    client.force_login(commander)
    return client


@pytest.fixture
def sent(incident: Incident, commander: User) -> dict[str, Any]:
    """The form of SC-1 as the commander opened it."""
    make_scope(incident, actor=commander, consequence="Orders stay open", who="Payers")
    return {
        "version": "1",
        "audience": "experienced",
        "consequence": "Orders stay open",
        "who": "Payers",
        "continuity_risk": "Captures of authorized orders",
        "technical_context": "",
    }


class TestSettle:
    url = "/incidents/INC-1/scope/1/edit/"

    def test_shows_both_texts_and_who_wrote_the_other(
        self, page: Client, incident: Incident, sent: dict[str, Any], responder: User
    ):
        edit_scope(
            incident_id=incident.pk,
            actor=responder,
            number=1,
            consequence="Orders stay open in Europe",
        )

        answer = page.post(self.url, {**sent, "consequence": "Orders stay unpaid"})

        html = answer.content.decode()
        (row,) = answer.context["conflict"].rows
        assert answer.status_code == 409
        assert (row.yours, row.stored) == (
            "Orders stay unpaid",
            "Orders stay open in Europe",
        )
        assert "Orders stay <mark>unpaid</mark>" in html
        assert "<b>Payments engineering lead</b> saved this at 10:20 UTC" in html

    def test_takes_over_what_only_the_other_one_changed(
        self, page: Client, incident: Incident, sent: dict[str, Any], responder: User
    ):
        edit_scope(
            incident_id=incident.pk, actor=responder, number=1, who="EU payers only"
        )

        answer = page.post(self.url, {**sent, "consequence": "Orders stay unpaid"})

        assert answer.context["conflict"].rows == []
        assert answer.context["conflict"].taken == ["Who was blocked or delayed"]
        assert answer.context["form"]["who"].value() == "EU payers only"
        assert answer.context["form"]["consequence"].value() == "Orders stay unpaid"
        assert ScopeStatement.objects.get().consequence == "Orders stay open"

    def test_lets_the_second_try_save_what_stands_in_the_form(
        self, page: Client, incident: Incident, sent: dict[str, Any], responder: User
    ):
        edit_scope(
            incident_id=incident.pk, actor=responder, number=1, consequence="Theirs"
        )
        form = page.post(self.url, {**sent, "consequence": "Mine"}).context["form"]

        again = page.post(
            self.url,
            {**sent, "version": form["version"].value(), "consequence": "Both in one"},
        )

        assert again.status_code == 302
        assert ScopeStatement.objects.get().consequence == "Both in one"

    def test_names_evidence_by_its_words(
        self,
        page: Client,
        incident: Incident,
        sent: dict[str, Any],
        responder: User,
        commander: User,
    ):
        first = make_evidence(incident, actor=commander, title="Chart")
        second = make_evidence(incident, actor=commander, title="Log")
        edit_scope(incident_id=incident.pk, actor=responder, number=1, evidence=[first])
        edit_scope(incident_id=incident.pk, actor=responder, number=1, who="All")

        answer = page.post(self.url, {**sent, "evidence": [second.pk]})

        (row,) = answer.context["conflict"].rows
        assert "EV-1" in row.stored
        assert "EV-2" in row.yours

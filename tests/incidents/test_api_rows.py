"""The API of scope, impact, figures and unknowns."""

from decimal import Decimal

import pytest

from incidents.models import ImpactFigure
from tests.factories import make_evidence, make_incident
from tests.incidents.conftest import refusals

CASE = "/api/v1/incidents/INC-1/"


class TestRows:
    @pytest.mark.parametrize(
        "path",
        [
            "participations/",
            "lanes/",
            "scope/",
            "impact/",
            "figures/",
            "evidence/",
            "unknowns/",
            "waivers/",
            "activity/",
        ],
    )
    def test_lists_are_cursor_pages(self, api, rows, viewer, path):
        answer = api(viewer).get(CASE + path)
        assert answer.status_code == 200
        assert set(answer.json()) == {"next", "previous", "results"}

    @pytest.mark.parametrize(
        "path", ["scope/99/", "lanes/99/", "evidence/99/", "unknowns/99/"]
    )
    def test_a_missing_row_is_404(self, api, incident, commander, path):
        assert api(commander).patch(CASE + path, {}).status_code == 404

    def test_a_withdrawn_row_is_409(self, api, rows, commander):
        client = api(commander)
        client.post(f"{CASE}scope/1/retract/", {"reason": "doubled"})
        answer = client.patch(f"{CASE}scope/1/", {"who": "x"})
        assert (answer.status_code, answer.json()["code"]) == (409, "retracted")

    def test_scope_is_closed_by_a_signal(self, api, rows, responder):
        """R-SC-08"""
        answer = api(responder).post(
            f"{CASE}scope/1/close/", {"closing_evidence": "EV-1"}
        )
        assert answer.json()["state"] == "closed"
        assert answer.json()["evidence"] == ["EV-1"]

    def test_evidence_of_another_incident_is_unknown_here(self, api, rows, commander):
        other = make_incident(actor=commander)
        for _ in range(9):
            make_evidence(other, actor=commander)
        answer = api(commander).patch(f"{CASE}scope/1/", {"evidence": ["EV-9"]})
        assert answer.status_code == 422
        assert refusals(answer) == {"evidence.0": "unknown"}

    def test_refs_are_found_in_one_look_and_count_once(
        self, api, rows, commander, django_assert_max_num_queries
    ):
        client = api(commander)
        with django_assert_max_num_queries(30):
            answer = client.patch(f"{CASE}scope/1/", {"evidence": ["EV-1"] * 900})
        assert (answer.status_code, answer.json()["evidence"]) == (200, ["EV-1"])

        refs = ["EV-1", "EV-77", *[f"EV-{n}" for n in range(100, 900)]]
        with django_assert_max_num_queries(10):
            answer = client.patch(f"{CASE}scope/1/", {"evidence": refs})
        assert refusals(answer).keys() == {f"evidence.{n}" for n in range(1, 802)}

    def test_more_refs_than_anybody_means_are_refused(self, api, rows, commander):
        answer = api(commander).patch(f"{CASE}scope/1/", {"evidence": [0] * 1001})
        assert refusals(answer) == {"evidence": "max_length"}

    def test_a_patch_leaves_alone_what_was_not_sent(self, api, rows, responder):
        client = api(responder)
        client.patch(f"{CASE}scope/1/", {"evidence": ["EV-1"]})
        answer = client.patch(f"{CASE}scope/1/", {"who": "Everybody"})
        assert answer.json()["evidence"] == ["EV-1"]
        assert answer.json()["continuity_risk"] == "Captures of authorized orders"

    def test_an_amount_without_currency_is_refused(self, api, rows, responder):
        """R-MT-02"""
        body = {
            "impact": "IM-1",
            "measure": "revenue",
            "label": "At peak",
            "amount": "412860.20",
        }
        refused = api(responder).post(f"{CASE}figures/", body)
        made = api(responder).post(f"{CASE}figures/", {**body, "currency": "EUR"})
        odd = api(responder).post(f"{CASE}figures/", {**body, "currency": "ZZZ"})
        assert refusals(refused) == {"currency": "currency_missing"}
        assert refusals(odd) == {"currency": "unknown_currency"}
        assert made.json()["amount"] == "412860.2000"
        assert ImpactFigure.objects.get().amount == Decimal("412860.20")

    @pytest.mark.parametrize(
        ("amount", "code"),
        [
            ("1e5", "invalid"),
            ("12.345", "minor_unit"),
            ("12345678901234567890", "max_digits"),
            (12.5, "text"),
            (True, "text"),
        ],
    )
    def test_an_amount_is_plain_text_of_its_currency(
        self, api, rows, responder, amount, code
    ):
        """R-MT-02: the codes of the page and of the service."""
        body = {"impact": "IM-1", "measure": "cost", "label": "Fees"}
        refused = api(responder).post(
            f"{CASE}figures/", {**body, "amount": amount, "currency": "EUR"}
        )
        assert refusals(refused) == {"amount": code}
        assert not ImpactFigure.objects.exists()

    def test_an_amount_that_was_read_can_be_sent_back(self, api, rows, responder):
        client = api(responder)
        body = {"impact": "IM-1", "measure": "cost", "label": "Fees"}
        money = {"amount": "12.5", "currency": "EUR"}
        made = client.post(f"{CASE}figures/", {**body, **money}).json()
        sent = {"amount": made["amount"], "label": "Card fees"}
        changed = client.patch(f"{CASE}figures/1/", sent)
        assert (changed.status_code, changed.json()["amount"]) == (200, "12.5000")

    def test_a_deadline_in_the_past_is_refused(self, api, rows, responder):
        answer = api(responder).post(
            f"{CASE}unknowns/",
            {"question": "x", "due_at": "2026-03-16T10:00:00Z"},
        )
        assert refusals(answer) == {"due_at": "past_deadline"}

"""A form that is sent twice is done once."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from incidents.models import Incident, ScopeStatement

URL = "/incidents/INC-1/scope/add/"
SENT = {
    "audience": "experienced",
    "consequence": "Orders stay open",
    "client_key": "0b9a1f52-6c1e-4f0e-9d2a-1c0b7e5a4d33",
}


@pytest.fixture
def page(client: Client, commander: User, incident: Incident) -> Client:
    client.force_login(commander)
    return client


class TestOnce:
    def test_enters_nothing_twice_and_leads_on_the_same_way(self, page: Client):
        first = page.post(URL, SENT)
        again = page.post(URL, SENT)

        assert (first.status_code, again.status_code) == (302, 302)
        assert first["Location"] == again["Location"]
        assert ScopeStatement.objects.count() == 1
        assert (
            "nothing was entered twice" in page.get(again["Location"]).content.decode()
        )

    def test_does_it_for_scripts_by_the_header(self, page: Client):
        headers = {"HX-Request": "true", "Idempotency-Key": "a-key"}
        sent = {**SENT, "client_key": ""}

        first = page.post(URL, sent, headers=headers)
        again = page.post(URL, sent, headers=headers)

        assert (first.status_code, again.status_code) == (204, 204)
        assert first["HX-Redirect"] == again["HX-Redirect"]
        assert ScopeStatement.objects.count() == 1

    def test_lets_a_refused_form_be_corrected(self, page: Client):
        refused = page.post(URL, {**SENT, "consequence": ""})
        corrected = page.post(URL, SENT)

        assert (refused.status_code, corrected.status_code) == (422, 302)
        assert ScopeStatement.objects.count() == 1

    def test_says_so_when_other_words_come_under_the_same_key(self, page: Client):
        page.post(URL, SENT)

        other = page.post(URL, {**SENT, "consequence": "Orders fail"})

        assert other.status_code == 422
        assert "Your first try did arrive" in other.content.decode()
        assert ScopeStatement.objects.get().consequence == "Orders stay open"

    def test_is_of_one_person(self, page: Client, responder: User):
        page.post(URL, SENT)
        other = Client()
        other.force_login(responder)

        assert other.post(URL, SENT).status_code == 302
        assert ScopeStatement.objects.count() == 2

    def test_asks_the_permission_again(self, page: Client, commander: User):
        page.post(URL, SENT)
        commander.groups.set([Group.objects.get(name="viewer")])

        again = page.post(URL, SENT)

        assert again.status_code == 403
        assert "Location" not in again
        assert "nothing was entered twice" not in page.get("/").content.decode()

    def test_tells_of_a_key_of_no_form(self, page: Client):
        answer = page.post(URL, {**SENT, "client_key": "x" * 200})

        assert answer.status_code == 400
        assert not ScopeStatement.objects.exists()

    def test_gives_every_form_a_key_of_its_own(self, page: Client):
        keys = {
            page.get(URL).content.decode().partition('client_key" value="')[2][:36]
            for _ in range(2)
        }

        assert len(keys) == 2
        assert all(len(key) == 36 for key in keys)

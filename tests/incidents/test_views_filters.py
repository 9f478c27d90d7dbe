"""Saved filters on the page: tabs above the list, their forms, their API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.decorators import SignedInRequest
from accounts.models import ApiToken, User
from accounts.services import create_api_token
from incidents.models import SavedFilter
from incidents.services.filters import delete_filter, rename_filter, save_filter
from incidents.views import filters
from tests.factories import make_incident

LIST = "/incidents/"
ADD = "/incidents/filters/add/"
SEV1 = "view=open&severity=SEV1"


@pytest.fixture
def page(client: Client, commander: User) -> Client:
    client.force_login(commander)
    return client


def tabs(page: Client, query: str = "") -> list[tuple[str, int | None, bool]]:
    """The tabs of saved filters: label, count, whether it is the one that is shown."""
    shown = page.get(f"{LIST}?{query}").context["tabs"][6:]
    return [
        (tab["label"], tab["count"], tab["active"])
        for tab in shown
        if not tab["drawer"]
    ]


class TestIncidentList:
    def test_offers_to_save_what_narrows_it(self, page: Client) -> None:
        assert "Save this filter" not in page.get(LIST).content.decode()

        text = page.get(f"{LIST}?severity=SEV1").content.decode()

        assert f'href="{ADD}?view=open&amp;severity=SEV1" data-drawer' in text

    def test_shows_a_saved_filter_as_a_tab_with_its_count(
        self, page: Client, commander: User
    ) -> None:
        make_incident(actor=commander, severity="SEV1", lanes=["refunds"])
        make_incident(actor=commander, severity="SEV1")
        make_incident(actor=commander, severity="SEV2")
        for name, query in (
            ("worst", SEV1),
            ("All of it", "view=all"),
            ("Refunds", f"{SEV1}&lane=refunds"),
            ("Words", f"{SEV1}&q=webhook"),
            ("Waiting", "view=approval&severity=SEV1"),
        ):
            save_filter(actor=commander, name=name, query=query)

        assert tabs(page, SEV1) == [
            ("All of it", 3, False),
            ("Refunds", 1, False),
            ("Waiting", None, False),
            ("Words", None, False),
            ("worst", 2, True),
        ]
        text = page.get(f"{LIST}?severity=SEV1").content.decode()
        assert "Save this filter" not in text
        assert "Rename<span" in text

    def test_leads_from_a_saved_filter_back_to_the_whole_view(
        self, page: Client, commander: User
    ) -> None:
        save_filter(actor=commander, name="worst", query=SEV1)

        first = page.get(f"{LIST}?{SEV1}").context["tabs"][0]

        assert (first["url"], first["active"]) == ("/incidents/?view=open", False)

    def test_counts_only_what_its_owner_may_see(
        self, page: Client, client: Client, commander: User, responder: User
    ) -> None:
        make_incident(actor=commander, severity="SEV1", is_restricted=True)
        save_filter(actor=responder, name="worst", query=SEV1)
        assert tabs(page) == []

        client.force_login(responder)

        assert tabs(client) == [("worst", 0, False)]

    def test_swaps_the_tabs_with_the_rows(self, page: Client) -> None:
        asked = f"{LIST}?severity=SEV1"
        swapped = page.get(asked, headers={"HX-Request": "true"}).content.decode()

        assert 'id="list-views" hx-swap-oob="true"' in swapped
        assert "hx-swap-oob" not in page.get(asked).content.decode()

    def test_says_what_a_saved_filter_names_that_is_gone(
        self, page: Client, commander: User, incident
    ) -> None:
        old = SavedFilter.objects.create(
            owner=commander,
            name="Old",
            query="view=open&severity=SEV9&status=muted&lane=cheques",
        )

        answer = page.get(f"{LIST}?{old.query}")

        assert answer.context["missing"] == [
            "There is no severity “SEV9”: this part of the filter is left out.",
            "There is no status “muted”: this part of the filter is left out.",
            "No incident has a lane “cheques”, so none is found.",
        ]
        assert "this part of the filter is left out" in answer.content.decode()
        assert tabs(page, old.query) == [("Old", 0, True)]
        chips = {chip["name"]: chip["value"] for chip in answer.context["chips"]}
        assert chips == {"Severity": "“SEV9”", "Status": "“muted”", "Lane": "cheques"}
        without = next(c for c in answer.context["chips"] if c["name"] == "Severity")
        assert without["query"] == "view=open&status=muted&lane=cheques"

    def test_costs_the_same_for_one_saved_filter_and_for_twelve(
        self, page: Client, commander: User
    ) -> None:
        def cost() -> int:
            with CaptureQueriesContext(connection) as queries:
                page.get(LIST)
            return len(queries)

        make_incident(actor=commander)
        save_filter(actor=commander, name="worst", query=f"{SEV1}&lane=payouts")
        one = cost()
        for number in range(11):
            query = f"view=blocking&lane=lane-{number}"
            save_filter(actor=commander, name=f"Filter {number}", query=query)
        assert one == cost() <= 12

    def test_shows_what_was_changed_though_figures_are_kept(
        self,
        page: Client,
        commander: User,
        settings,
        django_capture_on_commit_callbacks,
    ) -> None:
        settings.FIGURES_SECONDS = 60

        def done(act: Any, **how: Any) -> Any:
            with django_capture_on_commit_callbacks(execute=True):
                return act(actor=commander, **how)

        assert tabs(page) == []
        row = done(save_filter, name="worst", query=SEV1)
        assert [label for label, _, _ in tabs(page)] == ["worst"]
        done(rename_filter, pk=row.pk, name="The worst")
        assert [label for label, _, _ in tabs(page)] == ["The worst"]
        done(delete_filter, pk=row.pk)
        assert tabs(page) == []


class TestFilterForms:
    @pytest.mark.parametrize("digits", ["4539148803436467", "4539+1488+0343+6467"])
    @pytest.mark.parametrize("method", ["get", "post"])
    def test_repeat_no_card_number_of_their_address(
        self, page: Client, commander: User, method: str, digits: str
    ) -> None:
        address = f"{ADD}?view=open&q={digits}"
        answer = getattr(page, method)(address, follow=True)

        body = answer.content.decode()
        assert answer.redirect_chain == [(LIST, 302)]
        assert "The filter is not saved: 453914" in body
        assert "4539148803436467" not in body.replace("+", "").replace(" ", "")
        assert not commander.saved_filters.exists()

    def test_save_what_the_list_was_asked_and_lead_back_to_it(
        self, page: Client, commander: User
    ) -> None:
        address = f"{ADD}?view=open&severity=SEV1"
        assert "Open, severity SEV1." in page.get(address).content.decode()

        answer = page.post(address, {"name": "worst"})

        assert answer.url == f"{LIST}?{SEV1}"
        assert commander.saved_filters.get().query == SEV1

    def test_keep_the_name_that_is_refused(self, page: Client, commander: User) -> None:
        save_filter(actor=commander, name="worst", query=SEV1)

        answer = page.post(f"{ADD}?{SEV1}", {"name": "Worst"})

        assert answer.status_code == 422
        text = answer.content.decode()
        assert "You have a filter of this name already" in text
        assert 'value="Worst"' in text

    def test_rename_and_delete(self, page: Client, commander: User) -> None:
        row = save_filter(actor=commander, name="worst", query=SEV1)
        place = f"/incidents/filters/{row.pk}"
        assert 'value="worst"' in page.get(f"{place}/edit/").content.decode()

        assert page.post(f"{place}/edit/", {"name": "SEV1"}).url == f"{LIST}?{SEV1}"
        assert commander.saved_filters.get().name == "SEV1"
        assert commander.saved_filters.count() == 1
        assert page.get(f"{place}/delete/").status_code == 200
        assert commander.saved_filters.count() == 1
        assert page.post(f"{place}/delete/").url == f"{LIST}?{SEV1}"
        assert commander.saved_filters.count() == 0

    def test_show_nobody_the_filter_of_another(
        self, page: Client, responder: User
    ) -> None:
        row = save_filter(actor=responder, name="theirs", query=SEV1)

        for verb in ("edit", "delete"):
            place = f"/incidents/filters/{row.pk}/{verb}/"
            assert page.get(place).status_code == 404
            assert page.post(place, {"name": "x"}).status_code == 404
        assert responder.saved_filters.get().name == "theirs"

    def test_say_that_it_is_gone_when_another_tab_deleted_it_meanwhile(
        self, page: Client, commander: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        find = filters._mine

        def find_and_lose(request: SignedInRequest, pk: int) -> SavedFilter:
            row = find(request, pk)
            delete_filter(actor=commander, pk=pk)
            return row

        monkeypatch.setattr(filters, "_mine", find_and_lose)
        for verb in ("edit", "delete"):
            row = save_filter(actor=commander, name="worst", query=SEV1)
            place = f"/incidents/filters/{row.pk}/{verb}/"
            assert page.post(place, {"name": "x"}).status_code == 404


class TestApi:
    url = "/api/v1/filters/"

    def test_saves_lists_renames_and_deletes(
        self, page: Client, commander: User, responder: User
    ) -> None:
        save_filter(actor=responder, name="theirs", query=SEV1)

        made = self.send(page, self.url, {"name": "worst", "query": SEV1})
        place = f"{self.url}{made.json()['id']}/"
        renamed = self.send(page, place, {"name": "SEV1"}, method="PATCH")

        assert (made.status_code, renamed.status_code) == (201, 200)
        listed = page.get(self.url).json()["results"]
        assert [(row["name"], row["query"]) for row in listed] == [("SEV1", SEV1)]
        gone = self.send(page, f"{place}delete/", {})
        assert (gone.status_code, gone.json()["name"]) == (200, "SEV1")
        assert page.get(self.url).json()["results"] == []

    def test_refuses_with_the_field_and_hides_what_is_of_others(
        self, page: Client, responder: User
    ) -> None:
        row = save_filter(actor=responder, name="theirs", query=SEV1)
        odd = self.send(page, self.url, {"name": "Odd", "query": "status=nix"})

        assert odd.status_code == 422
        assert [(e["field"], e["message"]) for e in odd.json()["errors"]] == [
            ("query", "This asks for what does not exist: status “nix”.")
        ]
        place = f"{self.url}{row.pk}/"
        stolen = self.send(page, place, {"name": "mine"}, method="PATCH")
        gone = self.send(page, f"{place}delete/", {})
        assert (stolen.status_code, gone.status_code) == (404, 404)

    def test_takes_a_token_that_may_write(
        self, client: Client, commander: User
    ) -> None:
        def sent(*scopes: str) -> int:
            _, secret = create_api_token(
                actor=commander, name="CI", scopes=[ApiToken.Scope.READ, *scopes]
            )
            return int(
                self.send(
                    client,
                    self.url,
                    {"name": "worst", "query": SEV1},
                    headers={"Authorization": f"Bearer {secret}"},
                ).status_code
            )

        assert (sent(), sent(ApiToken.Scope.WRITE)) == (403, 201)

    def send(
        self,
        page: Client,
        url: str,
        body: dict[str, str],
        method: str = "POST",
        **more: Any,
    ) -> Any:
        return page.generic(
            method, url, json.dumps(body), content_type="application/json", **more
        )

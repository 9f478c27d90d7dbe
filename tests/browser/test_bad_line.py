"""A lost connection and two people on one row: nothing typed is lost, nothing is
entered twice. In Chromium, with contexts of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from accounts.models import User
from incidents.models import ScopeStatement
from tests.browser.conftest import PASSWORD
from tests.factories import make_incident, make_scope

pytestmark = pytest.mark.browser


@pytest.fixture
def anybody(browser: Any, base: str) -> Iterator[Callable[..., Any]]:
    """A browser context of one person; failed requests are provoked on purpose here."""
    contexts: list[Any] = []

    def sign_in(user: User, **options: Any) -> Any:
        options.setdefault("viewport", {"width": 1440, "height": 900})
        context = browser.new_context(base_url=base, reduced_motion="reduce", **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.goto("/accounts/login/")
        page.fill("#id_login", str(user.email))
        page.fill("#id_password", PASSWORD)
        page.click(".pm-form button[type=submit]")
        page.wait_for_selector(".pm-usermenu")
        return page

    yield sign_in
    for context in contexts:
        context.close()


def said(page: Any, words: str) -> None:
    """The polite live region says it."""
    page.wait_for_function(
        "words => document.querySelector('#pm-live').textContent.includes(words)",
        arg=words,
    )


class TestLostConnection:
    def test_keeps_the_words_counts_and_sends_again(self, anybody, commander):
        make_incident(actor=commander)
        page = anybody(commander)
        page.goto("/incidents/INC-1/")
        page.click("a.btn:has-text('Add a scope statement')")
        page.wait_for_selector("#pm-drawer[open]")
        page.select_option("#pm-drawer #id_audience", "internal")
        page.fill("#pm-drawer #id_consequence", "Captures wait")

        page.context.set_offline(True)
        page.click("#pm-drawer button[type=submit]")
        note = page.locator("#pm-drawer [data-resend]")
        note.wait_for()
        said(page, "Not saved. The connection dropped.")
        first = re.search(r"again in (\d+) s", note.inner_text())
        page.wait_for_function(
            "seconds => { const note = document.querySelector('[data-count]');"
            " const now = /(\\d+) s/.exec(note.textContent);"
            " return now && Number(now[1]) < seconds; }",
            arg=int(first[1]),
        )
        assert page.input_value("#pm-drawer #id_consequence") == "Captures wait"
        assert not ScopeStatement.objects.exists()

        page.context.set_offline(False)
        page.wait_for_selector("#SC-1")

        assert ScopeStatement.objects.get().consequence == "Captures wait"

    def test_enters_nothing_twice_when_only_the_answer_was_lost(
        self, anybody, commander
    ):
        """The server has saved it, the browser does not know: the same key again."""
        make_incident(actor=commander)
        page = anybody(commander)
        page.goto("/incidents/INC-1/scope/add/")
        page.select_option("#id_audience", "internal")
        page.fill("#id_consequence", "Captures wait")
        lost = []

        def lose_the_answer(route: Any) -> None:
            if route.request.method == "POST" and not lost:
                lost.append(route.fetch(max_redirects=0))
                route.abort("connectionreset")
            else:
                route.continue_()

        page.route("**/scope/add/", lose_the_answer)
        page.click(".pm-form button[type=submit]")
        page.locator("[data-resend]").wait_for()
        assert lost[0].status == 204
        assert ScopeStatement.objects.count() == 1

        page.click("[data-resend] button")
        page.wait_for_selector("#SC-1")

        assert ScopeStatement.objects.count() == 1
        assert "nothing was entered twice" in page.inner_text("#pm-messages")


class TestTwoPeople:
    def test_see_both_texts_and_merge_them(self, anybody, commander, responder):
        incident = make_incident(actor=commander)
        make_scope(incident, actor=commander, consequence="Orders stay open", who="All")
        one, other = anybody(commander), anybody(responder)
        for page in (one, other):
            page.goto("/incidents/INC-1/")
            page.click("#SC-1 a:has-text('Edit')")
            page.wait_for_selector("#pm-drawer[open] #id_consequence")

        one.fill("#pm-drawer #id_consequence", "Orders stay open in Europe")
        one.fill("#pm-drawer #id_who", "EU payers")
        one.click("#pm-drawer button[type=submit]")
        one.wait_for_selector("#SC-1 >> text=Orders stay open in Europe")
        other.fill("#pm-drawer #id_consequence", "Card orders stay open")
        other.click("#pm-drawer button[type=submit]")
        both = other.locator("#pm-drawer section[aria-label='Two versions']")
        both.wait_for()

        assert "in Europe" in both.inner_text()
        assert both.locator("mark").all_inner_texts() == [
            "Orders",
            "in Europe",
            "Card orders",
        ]
        assert "You had not touched Who was blocked or delayed" in both.inner_text()
        field = "#pm-drawer #id_consequence"
        assert other.input_value(field) == "Card orders stay open"
        assert other.input_value("#pm-drawer #id_who") == "EU payers"

        both.get_by_role("button", name="Take theirs").click()
        said(other, "theirs stands in the form now")
        assert other.input_value(field) == "Orders stay open in Europe"
        both.get_by_role("button", name="Keep mine").click()
        assert other.input_value(field) == "Card orders stay open"

        other.fill(field, "Card orders stay open in Europe")
        other.click("#pm-drawer button[type=submit]")
        other.wait_for_selector("#SC-1 >> text=Card orders stay open in Europe")
        row = ScopeStatement.objects.get()
        assert (row.consequence, row.who) == (
            "Card orders stay open in Europe",
            "EU payers",
        )

    def test_drop_mine_and_open_what_is_saved(self, anybody, commander, responder):
        incident = make_incident(actor=commander)
        make_scope(incident, actor=commander, consequence="Orders stay open")
        one, other = anybody(commander), anybody(responder)
        for page in (one, other):
            page.goto("/incidents/INC-1/scope/1/edit/")

        one.fill("#id_consequence", "Theirs")
        one.click(".pm-form button[type=submit]")
        one.wait_for_selector("#SC-1")
        other.fill("#id_consequence", "Mine")
        other.click(".pm-form button[type=submit]")
        other.locator("section[aria-label='Two versions']").wait_for()
        other.click("a[data-take-all]")
        other.wait_for_function(
            "document.querySelector('#id_consequence').value === 'Theirs'"
        )

        assert ScopeStatement.objects.get().consequence == "Theirs"


class TestEndedSession:
    def test_keeps_the_line_that_was_not_saved(self, anybody, commander):
        make_incident(actor=commander)
        page = anybody(commander)
        page.goto("/incidents/INC-1/timeline/")
        page.fill("#id_text", "14:05 auth rate down to 61 %")
        page.context.clear_cookies(name="sessionid")
        page.press("#id_text", "Enter")
        page.wait_for_url("**/accounts/login/**")
        page.fill("#id_login", str(commander.email))
        page.fill("#id_password", PASSWORD)
        page.click(".pm-form button[type=submit]")
        page.wait_for_selector(".pm-usermenu")
        page.goto("/incidents/INC-1/timeline/")

        assert page.input_value("#id_text") == "14:05 auth rate down to 61 %"

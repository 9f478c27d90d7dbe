"""Declaring, the drawer, the phone and a browser without scripts."""

from __future__ import annotations

import pytest

from incidents.models import Incident, ScopeStatement
from incidents.services.lifecycle import cancel_incident
from tests.factories import make_incident

pytestmark = pytest.mark.browser

PAGES = (
    "/",
    "/incidents/",
    "/incidents/declare/",
    "/incidents/INC-1/",
    "/incidents/INC-1/evidence/",
    "/incidents/INC-1/people/",
    "/incidents/INC-1/findings/",
    "/incidents/INC-1/activity/",
    "/account/",
)


def test_a_commander_declares_an_incident(page, sign_in, commander):
    """R-SC-13"""
    sign_in(page, commander)

    page.keyboard.press("d")
    page.wait_for_url("**/incidents/declare/")
    page.fill("#id_title", "Cards fail")
    page.check("input[name=severity][value=SEV2]")
    page.check("input[name=lanes][value=checkout]")
    page.click("button:has-text('Declare incident')")
    page.wait_for_url("**/incidents/INC-1/")

    assert page.text_content("h1") == "Cards fail"
    assert Incident.objects.get().declared_by == commander


def test_the_drawer_adds_a_scope_statement_and_the_page_shows_it(
    page, sign_in, commander
):
    make_incident(actor=commander)
    sign_in(page, commander)
    page.goto("/incidents/INC-1/")

    page.click("a.btn:has-text('Add a scope statement')")
    page.wait_for_selector("#pm-drawer[open]")
    page.select_option("#pm-drawer #id_audience", "experienced")
    page.click("#pm-drawer button[type=submit]")
    page.wait_for_selector("#pm-drawer .pm-form-errors")
    page.fill("#pm-drawer #id_consequence", "Card checkout hangs")
    page.click("#pm-drawer button[type=submit]")
    page.wait_for_selector("#SC-1")

    assert "Card checkout hangs" in page.inner_text("#SC-1")
    assert ScopeStatement.objects.get().state == "open"


def test_search_narrows_the_list_while_typing(page, sign_in, commander):
    make_incident(actor=commander, title="Cards fail")
    make_incident(actor=commander, title="Payouts late")
    sign_in(page, commander)
    page.goto("/incidents/")

    page.type("#list-q", "payouts")
    page.wait_for_url("**q=payouts**")

    assert page.locator("#incident-rows tbody tr").count() == 1
    assert "Payouts late" in page.inner_text("#incident-rows")


def test_a_filter_is_saved_from_the_list_and_becomes_its_tab(page, sign_in, commander):
    make_incident(actor=commander, severity="SEV1")
    make_incident(actor=commander, severity="SEV2")
    sign_in(page, commander)
    page.goto("/incidents/")
    tabs = page.locator("#list-tabs")
    assert "Save this filter" not in tabs.inner_text()

    page.select_option("select[name=severity]", "SEV1")
    tabs.get_by_text("Save this filter").click()  # it came with the rows
    page.fill("#pm-drawer #id_name", "Worst")
    page.click("#pm-drawer button[type=submit]")
    page.wait_for_selector("#list-tabs a[aria-current]:has-text('Worst')")
    assert page.locator("#incident-rows tbody tr").count() == 1

    page.select_option("select[name=severity]", "")
    page.wait_for_selector("#list-tabs a[aria-current]:has-text('Open')")
    assert page.locator("#incident-rows tbody tr").count() == 2


def test_a_filter_is_saved_and_deleted_without_scripts(plain_page, sign_in, commander):
    page = sign_in(plain_page, commander)
    page.goto("/incidents/?severity=SEV1")

    page.click("#list-tabs a:has-text('Save this filter')")
    page.fill("#id_name", "Worst")
    page.click(".pm-form button[type=submit]")
    assert "Worst" in page.inner_text("#list-tabs a[aria-current]")

    page.click("#incident-rows a:has-text('Delete')")
    page.click(".pm-form button[type=submit]")
    assert "Worst" not in page.inner_text("#list-tabs")


def test_the_same_works_without_scripts(plain_page, sign_in, commander):
    make_incident(actor=commander)
    page = sign_in(plain_page, commander)
    page.goto("/incidents/INC-1/")

    page.click("a.btn:has-text('Add a scope statement')")
    page.select_option("#id_audience", "internal")
    page.fill("#id_consequence", "Captures wait")
    page.click(".pm-form button[type=submit]")

    assert "/incidents/INC-1/" in page.url
    assert "Captures wait" in page.inner_text("#SC-1")


def test_a_cancelled_incident_does_not_bear_the_green_of_what_is_proven(
    page, sign_in, commander
):
    incident = make_incident(actor=commander)
    cancel_incident(incident_id=incident.pk, actor=commander, reason="False alarm.")
    sign_in(page, commander)
    page.goto("/incidents/INC-1/")

    mark = page.locator(".pm-step:last-child .pm-step-mark")
    color = "one => getComputedStyle(one).color"
    assert mark.evaluate(color) == page.locator(".pm-crumbs li").first.evaluate(color)


def test_words_from_right_to_left_turn_nothing_around_but_themselves(
    page, sign_in, commander
):
    """R-DOC-06: not even by a turn that is begun and never ended."""
    sign_in(page, commander)

    left = page.evaluate(
        """words => {
          const said = document.createElement("p");
          said.innerHTML = words;
          document.querySelector("main").append(said);
          return [...said.children].map(part => part.getBoundingClientRect().left);
        }""",
        "<b>\u202bדמי עסקה</b> paid <i>12</i> of <i>34</i>",
    )

    assert left == sorted(left)


def test_no_page_is_wider_than_a_phone(phone, sign_in, commander, overflow):
    make_incident(
        actor=commander, title="Webhook ingestion stalled after authorization" * 3
    )
    sign_in(phone, commander)

    wide = {}
    for address in PAGES:
        phone.goto(address)
        if overflow(phone) > 0:
            wide[address] = overflow(phone)

    assert wide == {}

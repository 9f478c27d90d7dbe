"""The whole job through the pages alone, in real browsers against the real stack:
declare, record, prove, stabilize, review, a refused closing, repair, two approvals by
two people, close, the one-pager of a real worker; then the closed record is tried."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pikepdf
import pytest
from django.urls import get_resolver
from playwright.sync_api import expect

from incidents.permissions import TABLE
from tests.browser.job import (
    add_evidence,
    ago,
    analyse,
    approve_action,
    approve_closure,
    declare,
    hold_review,
    prove_timeline,
    recover,
    remedy,
    shorten_sustain_window,
    state_impact,
    try_to_close,
    write_timeline,
)
from tests.browser.person import Person
from tests.permissions.test_matrix import fill, walk

pytestmark = pytest.mark.browser


def collide(ic: Person, base: str) -> None:
    """Two tabs hold the same entry: the second to save sees both texts and no loss."""
    ic.goto(f"{base}timeline/1/edit/")
    other = ic.second_tab()
    first = ic.form().set("Observed signal", "Card connections refused at the edge")
    ic.saved(first, "Save", "TL-1 is saved")
    second = other.form().set("Observed signal", "Connections refused: what I wrote")
    with other.refused(409):
        second.send("Save")
        both = other.page.get_by_role("region", name="Two versions")
        both.wait_for()
    assert "Card connections refused at the edge" in both.inner_text()
    assert "Connections refused: what I wrote" in both.inner_text()
    field = other.form().scope.get_by_role("textbox", name="Observed signal")
    expect(field).to_have_value("Connections refused: what I wrote")
    other.page.close()


def read_one_pager(ic: Person, tmp_path: Path) -> None:
    """The real worker makes it; it is one page, and its hash is the one shown."""
    ic.tab("Review")
    ic.page.get_by_role("main").get_by_role("link", name="One-pager").last.click()
    link = ic.page.get_by_role("link", name="Download the PDF")
    ask = ic.page.get_by_role("button", name=re.compile("Make it"))
    if ask.count():
        ask.click()
    link.wait_for(timeout=30_000)
    with ic.page.expect_download() as waiting:
        link.click()
    path = tmp_path / "one-pager.pdf"
    waiting.value.save_as(path)
    assert "draft" not in waiting.value.suggested_filename
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest[:8] in waiting.value.suggested_filename
    with pikepdf.open(path) as document:
        assert len(document.pages) == 1


# Pages that a person may keep in a tab from before the closing; what they hold is
# whole, so that only the frozen record can refuse them.
EDITS = (
    "edit/",
    "evidence/1/edit/",
    "scope/1/edit/",
    "impact/1/edit/",
    "figures/1/edit/",
    "timeline/1/edit/",
    "timeline/checkpoints/1/edit/",
    "causes/1/edit/",
    "causes/modes/1/edit/",
    "actions/1/edit/",
    "review/edit/",
    "people/1/end/",
)


def hold_open(ic: Person, base: str) -> dict[str, Person]:
    """Every page of EDITS in a tab of its own."""
    held = {}
    for address in EDITS:
        held[address] = ic.second_tab()
        held[address].goto(f"{base}{address}")
    return held


def try_frozen_record(
    ic: Person, base: str, late: Person, held: dict[str, Person]
) -> None:
    """Every page that writes refuses, in words, and nothing of the record moves."""
    ic.goto(f"{base}review/")
    seal = ic.section("Approve what you saw").inner_text()
    for address, tab in held.items():
        button = tab.page.get_by_role("main").locator("form button[type=submit]").last
        with tab.refused(409):
            button.click()
            told = tab.page.get_by_text("Closed and frozen").first
            expect(told, address).to_be_visible()
        tab.page.close()
        # Opened now, the page does not offer the form at all.
        ic.goto(f"{base}{address}")
        ic.page.get_by_role("heading", name="Closed and frozen").wait_for()
        assert ic.page.get_by_role("main").locator("form").count() == 0, address
    # The bar and a form that were open since before the closing.
    with late.refused(409):
        late.page.keyboard.type(f"{ago(60, '%H:%M')} too late for this")
        late.page.keyboard.press("Enter")
        late.page.get_by_role("alert").filter(has_text="closed").first.wait_for()
    expect(late.page.get_by_label("What happened")).to_have_value(
        re.compile("too late for this")
    )
    let_through = []
    token = ic.page.locator("body").get_attribute("hx-headers")
    assert token is not None
    for route, view, parameters in walk(get_resolver().url_patterns):
        access = getattr(view, "access", "")
        if "key" not in parameters or route.startswith("api/"):
            continue
        if getattr(view, "only_reads", False) or route.endswith("review/outcome/"):
            continue  # they only read, whatever the method
        if access not in TABLE or "closed" in TABLE[access].statuses:
            continue
        key = base.rstrip("/").rsplit("/", 1)[-1]
        path = fill(route, parameters, SimpleNamespace(key=key))  # type: ignore[arg-type]
        answer = ic.context.request.post(
            path, headers={**json.loads(token), "Referer": base}, max_redirects=0
        )
        if answer.status not in {403, 404, 405, 409, 422}:
            let_through.append(f"{path}: {answer.status}")
    assert let_through == []
    ic.goto(f"{base}review/")
    assert ic.section("Approve what you saw").inner_text() == seal
    ic.sees("Verified now")


class TestTheJobInTheBrowser:
    def test_from_declaration_to_the_frozen_record(
        self, person: Callable[..., Person], tmp_path: Path
    ) -> None:
        """R-AP-01, R-AP-02, R-CK-07, R-OP-01, R-RV-08"""
        shorten_sustain_window(person("admin"))
        ic = person("ic")
        base = declare(ic)
        write_timeline(ic)
        add_evidence(ic, tmp_path)
        prove_timeline(ic)
        collide(ic, base)
        ic.goto(base)
        state_impact(ic)
        recover(ic)
        analyse(ic)
        hold_review(ic)

        # Closing is refused, and says what is missing.
        form = try_to_close(ic)
        with ic.refused(409):
            form.send("Close and seal")
            ic.page.get_by_role("alert").first.wait_for()
        refused = ic.page.get_by_role("region", name="What holds this back")
        assert "No action items" in refused.inner_text()
        assert "approvals missing" in refused.inner_text()
        refused.get_by_role("link", name="Add action").click()

        remedy(ic, tmp_path)
        em, fd = person("em"), person("fd")
        approve_action(em, base)
        approve_closure(em, base)

        # The record moves: the approval lapses and says why.
        ic.tab("Overview")
        form = ic.open("Edit the summary")
        form.set("Summary", "A rotation met a single pin; two pins since.")
        ic.saved(form, "Save")
        em.goto(f"{base}review/")
        em.sees("Approved an earlier version")
        approve_closure(fd, base)
        approve_closure(em, base)

        late = ic.second_tab()
        late.tab("Timeline")
        late.page.keyboard.press("n")
        held = hold_open(ic, base)
        form = try_to_close(ic)
        ic.saved(form, "Close and seal", "Closed and sealed")
        ic.sees("This record is closed and frozen")
        read_one_pager(ic, tmp_path)
        try_frozen_record(ic, base, late, held)

"""Every main page of the real stack: light, dark and on a phone, for eyes and for a
screen reader; and the first steps in a browser without scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.person import Form, Person

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "vendor" / "axe-core-4.14.1" / "axe.min.js"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
CASE = "/incidents/INC-2041/"
PAGES = {
    "work": "/",
    "list": "/incidents/",
    "declare": "/incidents/declare/",
    "overview": CASE,
    "edit": f"{CASE}edit/",
    "timeline": f"{CASE}timeline/",
    "recovery": f"{CASE}timeline/recovery/",
    "entry": f"{CASE}timeline/add/",
    "an entry": f"{CASE}timeline/1/",
    "history": f"{CASE}history/TL-1/",
    "log import": f"{CASE}timeline/import/",
    "candidates": f"{CASE}timeline/candidates/",
    "printed timeline": f"{CASE}timeline/print/",
    "evidence": f"{CASE}evidence/",
    "gallery": f"{CASE}evidence/?view=gallery",
    "artifact": f"{CASE}evidence/1/",
    "causes": f"{CASE}causes/",
    "graph": f"{CASE}causes/?view=graph",
    "printed failure modes": f"{CASE}causes/modes/print/",
    "actions": f"{CASE}actions/",
    "action": f"{CASE}actions/2/",
    "review": f"{CASE}review/",
    "one-pager": f"{CASE}review/one-pager/",
    "findings": f"{CASE}findings/",
    "people": f"{CASE}people/",
    "activity": f"{CASE}activity/",
    "my actions": "/actions/",
    "notifications": "/notices/",
    "account": "/account/",
    "preferences": "/account/preferences/",
    "new token": "/account/tokens/add/",
    "people and teams": "/account/people/",
    "thresholds": "/policies/",
    "who approves": "/policies/closing/",
    "password": "/accounts/password/change/",
    "second factor": "/accounts/2fa/",
    "missing": "/incidents/INC-1/",
}
LOOKS: dict[str, dict[str, Any]] = {
    "desk": {},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "has_touch": True,
        "is_mobile": True,
    },
}
# What a bar that stays in view covers is reached by scrolling.
RUN_AXE = """levels => axe.run(document, {runOnly: levels}).then(done => done.violations
  .flatMap(rule => rule.nodes.map(node =>
    `${rule.id}: ${node.target.join(' ')} ${node.any[0]?.message ?? rule.help}`))
  .filter(fault => !fault.includes('partially obscured')))"""
COLORS_SETTLED = """() => Promise.all(document.getAnimations()
  .filter(one => one instanceof CSSTransition).map(one => one.finished))"""


# How high what a thumb has to hit is, asked of the browser itself; links among words,
# values, and marks of a chart, keep their line.
SMALL_TARGETS = """() => [...document.body.querySelectorAll(
    'a[href], button, summary, select, textarea, input:not([type=hidden])')]
  .filter(one => one.checkVisibility({visibilityProperty: true})
    && !one.closest('.pm-skip, svg, dd, .pm-meta, .pm-small')
    && ![...one.parentElement.childNodes].some(
      node => node.nodeType === 3 && node.textContent.trim().length > 1))
  .flatMap(one => {
    const target = one.matches('[type=checkbox], [type=radio]') ? one.labels[0] : one;
    target.scrollIntoView({block: 'center', inline: 'center'});
    const [box] = target.getClientRects();
    if (!box) return [];
    const [x, y] = [box.left + Math.min(box.width / 2, 30), box.top + box.height / 2];
    const hits = at => target.contains(document.elementFromPoint(x, at));
    let high = 1;
    for (let up = 1; up < 20 && hits(y - up); up++) high++;
    for (let down = 1; down < 20 && hits(y + down); down++) high++;
    return high < 38 ? [`${high} px: ${one.outerHTML.slice(0, 120)}`] : [];
  })"""


def skipped_heading(levels: list[int]) -> str:
    """The first step of more than one level down, in words; '' when there is none."""
    for before, after in zip([0, *levels], levels, strict=False):
        if after > before + 1:
            return f"h{after} follows h{before} in {levels}"
    return ""


def faults_of(page: Any) -> list[str]:
    """What is wrong with a page as it stands, in the light theme and in the dark."""
    expect(page.locator(".htmx-request")).to_have_count(0)
    found = []
    wide = page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")
    if wide > 0:
        found.append(f"{wide} px wider than the window")
    headings = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')]"
        ".filter(h => h.checkVisibility()).map(h => Number(h.tagName[1]))"
    )
    if headings.count(1) != 1:
        found.append(f"{headings.count(1)} headings of the first level")
    if skipped := skipped_heading(headings):
        found.append(skipped)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found += page.evaluate(RUN_AXE, LEVELS)
    switch = page.get_by_role("button", name="Switch between light and dark")
    if switch.count():
        switch.click()
        assert page.locator("html").get_attribute("data-bs-theme") == "dark"
        page.evaluate(COLORS_SETTLED)
        found += [
            f"dark {fault}"
            for fault in page.evaluate(
                RUN_AXE, ["color-contrast", "link-in-text-block"]
            )
        ]
        switch.click()
    return found


class TestPages:
    @pytest.mark.parametrize("look", LOOKS)
    def test_read_well_for_everybody(
        self, person: Callable[..., Person], look: str
    ) -> None:
        """No console error, nothing wider than the window, headings in order, WCAG 2.2
        A and AA, in both themes."""
        ic = person("ic", **LOOKS[look])
        ic.watch.expected = {404}
        faults = {}
        for name, address in PAGES.items():
            ic.goto(address)
            if found := faults_of(ic.page):
                faults[name] = found
        assert not faults, json.dumps(faults, indent=1)

    @pytest.mark.parametrize("look", LOOKS)
    def test_the_sign_in_page_reads_well(
        self, person: Callable[..., Person], look: str
    ) -> None:
        nobody = person(**LOOKS[look])
        nobody.goto("/accounts/login/")
        assert faults_of(nobody.page) == []


class TestNarrowDesk:
    def test_nothing_is_wider_than_a_window_of_1024(
        self, person: Callable[..., Person]
    ) -> None:
        ic = person("ic", viewport={"width": 1024, "height": 800})
        ic.watch.expected = {404}
        wide = {}
        for name, address in PAGES.items():
            ic.goto(address)
            over = ic.page.evaluate(
                "document.scrollingElement.scrollWidth - window.innerWidth"
            )
            if over > 0:
                wide[name] = over
        assert wide == {}


class TestPhone:
    """390 px wide, with a thumb."""

    def test_the_side_panel_is_folded_and_what_a_page_is_for_is_open(
        self, person: Callable[..., Person]
    ) -> None:
        ic = person("ic", **LOOKS["phone"])
        panel = ic.page.locator("#findings-panel")
        ic.goto(CASE)
        expect(panel).not_to_have_attribute("open", "")
        ic.goto(f"{CASE}findings/")
        expect(panel).to_have_attribute("open", "")
        expect(panel.locator(".pm-finding").first).to_be_visible()

    def test_the_graph_opens_at_the_cause_nearest_to_the_impact(
        self, person: Callable[..., Person]
    ) -> None:
        ic = person("ic", **LOOKS["phone"])
        ic.goto(f"{CASE}causes/?view=graph")
        box = ic.page.locator(".pm-graph-node.is-primary rect").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390

    def test_what_a_thumb_has_to_hit_is_high_enough(
        self, person: Callable[..., Person]
    ) -> None:
        ic = person("ic", **LOOKS["phone"])
        ic.watch.expected = {404}
        small = {}
        for name, address in PAGES.items():
            if name in {"printed timeline", "printed failure modes"}:
                continue
            ic.goto(address)
            expect(ic.page.locator(".htmx-request")).to_have_count(0)
            if found := ic.page.evaluate(SMALL_TARGETS):
                small[name] = found
        assert not small, json.dumps(small, indent=1)


class TestWithoutScripts:
    def test_a_person_declares_and_adds_an_entry(
        self, person: Callable[..., Person]
    ) -> None:
        """Links open pages instead of drawers, and every form is sent whole."""
        ic = person("ic", java_script_enabled=False)
        main = ic.page.get_by_role("main")
        ic.page.get_by_role("link", name="Incidents").first.click()
        main.get_by_role("link", name=re.compile("Declare")).first.click()
        form = ic.form().fill(Title="Payout batch is late", Severity="SEV3")
        ic.saved(form, "Declare incident", "Declared")
        ic.tab("Timeline")
        bar = Form(ic.page, ic.page.locator("form").filter(has_text="Add"))
        bar.scope.get_by_label("What happened").fill("batch not at the bank")
        with ic.refused(422):
            bar.scope.get_by_role("button", name=re.compile("Add")).click()
            ic.sees("Start with the time")
        what = ic.page.get_by_label("What happened")
        assert what.input_value() == "batch not at the bank"
        ic.page.get_by_label("Time on the incident clock").fill("00:00")
        ic.page.get_by_role("button", name=re.compile("^Add")).click()
        main.get_by_role("listitem").filter(has_text="batch not at").first.wait_for()
        main.get_by_role("link", name="Full entry").click()
        form = ic.form()
        with ic.refused(422):
            form.send("Add")
            ic.sees("Not saved")
        form.fill(Time="00:01", Observed_signal="The bank confirms a delay")
        ic.saved(form, "Add", "is recorded")
        rows = main.get_by_role("listitem").filter(has_text="The bank confirms a delay")
        rows.first.wait_for()

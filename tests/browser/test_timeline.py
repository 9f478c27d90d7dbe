"""Recording at the speed of an outage: two people at once, a lost connection, a dropped
screenshot, the chart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from accounts.models import User
from incidents.models import Incident
from tests.timeline.conftest import Tape
from timeline.models import Entry

pytestmark = pytest.mark.browser

DROP = """([selector, name]) => {
  const files = new DataTransfer();
  const dot = Uint8Array.from(atob(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
  ), (c) => c.charCodeAt(0));
  files.items.add(new File([dot], name, { type: 'image/png' }));
  document.querySelector(selector).dispatchEvent(
    new DragEvent('drop', { dataTransfer: files, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def tape(incident: Incident, responder: User) -> Tape:
    return Tape(incident, responder)


def timeline(incident: Incident) -> str:
    return f"/incidents/{incident.key}/timeline/"


class TestOneRecorder:
    def test_writes_line_after_line_by_keyboard_and_none_is_lost(
        self,
        new_page: Callable[..., Any],
        sign_in: Callable[[Any, User], Any],
        incident: Incident,
        commander: User,
    ) -> None:
        """R-TL-01: each line leaves an empty bar with a key of its own behind."""
        page = sign_in(new_page(), commander)
        page.goto(timeline(incident))
        keys = set()
        for line in ("-9m first line", "-8m second line", "-7m third line"):
            keys.add(page.input_value("#quick-add [name=key]"))
            page.fill("#id_text", line)
            page.keyboard.press("Enter")
            expect(page.locator("#timeline")).to_contain_text(line[4:])
            expect(page.locator("#id_text")).to_have_value("")

        page.reload()

        expect(page.locator("#id_text")).to_have_value("")
        assert len(keys) == 3
        words = list(Entry.objects.values_list("observed_signal", flat=True))
        assert sorted(words) == ["first line", "second line", "third line"]


class TestTwoRecorders:
    def test_see_each_others_entries_without_a_reload(
        self,
        new_page: Callable[..., Any],
        sign_in: Callable[[Any, User], Any],
        incident: Incident,
        commander: User,
        responder: User,
    ) -> None:
        """R-TL-01, R-TL-02"""
        one, two = (sign_in(new_page(), who) for who in (commander, responder))
        for page in (one, two):
            page.goto(timeline(incident))
            page.evaluate("window.stays = true")
        one.keyboard.press("n")
        expect(one.locator("#id_text")).to_be_focused()
        one.keyboard.type("-10m auth rate down to 61 %")
        one.keyboard.press("Enter")
        expect(one.locator("#timeline")).to_contain_text("auth rate down to 61 %")
        expect(one.locator("#id_text")).to_be_focused()
        expect(two.locator("#timeline")).to_contain_text(
            "auth rate down to 61 %", timeout=5000
        )
        two.fill("#id_text", "-12m !action failover held")
        two.keyboard.press("Enter")
        expect(one.locator("#timeline")).to_contain_text("failover held", timeout=5000)
        heads = one.locator("#timeline .pm-title").all_inner_texts()
        assert heads == ["failover held", "auth rate down to 61 %"]
        assert one.evaluate("window.stays") is True
        assert two.evaluate("window.stays") is True

    def test_nothing_that_is_in_use_is_swapped(
        self,
        new_page: Callable[..., Any],
        sign_in: Callable[[Any, User], Any],
        tape: Tape,
        commander: User,
    ) -> None:
        row = tape.add(text="Rate down", occurred_at=tape.incident.declared_at)
        page = sign_in(new_page(), commander)
        page.goto(timeline(tape.incident))
        page.click(f"#{row.ref} summary")
        expect(page.locator(f"#{row.ref}")).to_contain_text("Link evidence")
        page.fill("#id_text", "half a sent")
        tape.edit(row, observed_signal="Rate down to 61 %")
        tape.add(text="Another one", occurred_at=tape.incident.declared_at)
        expect(page.locator("#timeline")).to_contain_text("Another one", timeout=6000)
        expect(page.locator(f"#{row.ref}")).to_contain_text("Link evidence")
        assert page.input_value("#id_text") == "half a sent"


class TestLostConnection:
    def test_a_line_waits_survives_a_reload_and_arrives_once(
        self,
        browser: Any,
        base: str,
        sign_in: Callable[[Any, User], Any],
        incident: Incident,
        commander: User,
    ) -> None:
        """R-TL-01"""
        # Not `new_page`: the failed request is what is provoked here.
        context = browser.new_context(base_url=base, reduced_motion="reduce")
        page = sign_in(context.new_page(), commander)
        page.goto(timeline(incident))
        quick = "**/timeline/quick/"
        lost = {"answers": 0}

        def swallow(route: Any) -> None:
            # The line arrives, the answer is lost: the worst case for doubles.
            route.fetch()
            lost["answers"] += 1
            route.abort("connectionaborted")

        page.route(quick, swallow)
        page.fill("#id_text", "-5m auth rate down")
        page.keyboard.press("Enter")
        expect(page.locator("[data-waiting]")).to_contain_text("1 line waits")
        expect(page.locator("#id_text")).to_have_value("")
        page.unroute(quick)
        page.reload()
        expect(page.locator("#timeline")).to_contain_text("auth rate down")
        expect(page.locator("[data-waiting]")).not_to_contain_text(
            "waits on", timeout=15_000
        )
        assert lost["answers"] >= 1
        assert Entry.objects.filter(observed_signal="auth rate down").count() == 1
        context.close()

    def test_a_draft_survives_a_reload_and_goes_at_sign_out(
        self,
        new_page: Callable[..., Any],
        sign_in: Callable[[Any, User], Any],
        incident: Incident,
        commander: User,
    ) -> None:
        page = sign_in(new_page(), commander)
        page.goto(timeline(incident))
        page.fill("#id_text", "14:05 half a line")
        page.reload()
        assert page.input_value("#id_text") == "14:05 half a line"
        page.click(".pm-usermenu summary")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_load_state()
        sign_in(page, commander)
        page.goto(timeline(incident))
        assert page.input_value("#id_text") == ""


class TestEvidenceOnTheBar:
    def test_a_dropped_screenshot_becomes_evidence_of_the_line(
        self,
        new_page: Callable[..., Any],
        sign_in: Callable[[Any, User], Any],
        incident: Incident,
        commander: User,
    ) -> None:
        """R-TL-03"""
        page = sign_in(new_page(), commander)
        page.goto(timeline(incident))
        page.evaluate(DROP, ["#quick-add", "rate.png"])
        expect(page.locator("[data-attached]")).to_contain_text("rate.png")
        page.fill("#id_text", "-5m auth rate down")
        page.keyboard.press("Enter")
        expect(page.locator("#timeline")).to_contain_text("rate.png")
        assert Entry.objects.get().is_provisional is False


class TestChartAndKeys:
    def test_dragging_zooms_a_mark_jumps_and_keys_move(
        self,
        new_page: Callable[..., Any],
        sign_in: Callable[[Any, User], Any],
        tape: Tape,
        commander: User,
    ) -> None:
        tape.whole()
        page = sign_in(new_page(), commander)
        page.goto(timeline(tape.incident))
        page.keyboard.press("t")
        expect(page.locator("#tl-at")).to_be_focused()
        page.keyboard.press("g")  # typed into the field, moves nowhere
        assert page.input_value("#tl-at") == "g"
        page.locator("[data-brush] svg a[aria-label*='14:20']").first.click()
        expect(page.locator("#TL-5")).to_be_focused()
        page.locator("[data-brush] svg").scroll_into_view_if_needed()
        page.evaluate("scrollTo(0, 0)")
        box = page.locator("[data-brush] svg").bounding_box()
        page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 24)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 24, steps=5)
        page.mouse.up()
        page.wait_for_url("**from=*")
        expect(page.locator("#tl-chart")).to_contain_text("Show the whole incident")
        assert 0 < page.locator("#timeline [data-row]").count() < 8

"""Recording at the speed of an outage: two people at once, a lost connection, a dropped
screenshot, the chart."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import User
from incidents.models import Incident
from tests.factories import make_evidence
from tests.timeline.conftest import Tape
from timeline.models import Candidate, Entry, Import

pytestmark = pytest.mark.browser

BRING = """([kind, where, name]) => {
  const files = new DataTransfer();
  const dot = Uint8Array.from(atob(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
  ), (c) => c.charCodeAt(0));
  files.items.add(new File([dot], name, { type: 'image/png' }));
  const Kind = kind === 'paste' ? ClipboardEvent : DragEvent;
  document.querySelector('#id_text').dispatchEvent(
    new Kind(kind, { [where]: files, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def tape(incident: Incident, responder: User) -> Tape:
    return Tape(incident, responder)


@pytest.fixture
def page(page: Any, sign_in: Callable[[Any, User], Any], commander: User) -> Any:
    """A desktop page on which the commander is signed in."""
    return sign_in(page, commander)


def one_candidate(tape: Tape) -> int:
    """A line of an imported log that waits; its id."""
    log = make_evidence(tape.incident, actor=tape.actor)
    moment = timezone.now()
    source = Import.objects.create(
        incident=tape.incident,
        evidence=log,
        reader="chat",
        day=moment.date(),
        clock_zone="UTC",
        read=1,
        added=1,
        known=0,
        skipped=0,
        imported_by=tape.actor,
        imported_at=moment,
    )
    row = Candidate.objects.create(
        incident=tape.incident,
        source=source,
        place="line 1",
        occurred_at=moment,
        precision="minute",
        text="Rate is down",
        fingerprint="a" * 32,
    )
    return row.pk


def timeline(incident: Incident) -> str:
    return f"/incidents/{incident.key}/timeline/"


class TestOneRecorder:
    def test_writes_line_after_line_by_keyboard_and_none_is_lost(
        self, page: Any, incident: Incident
    ) -> None:
        """R-TL-01: each line leaves an empty bar with a key of its own behind."""
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

    def test_types_the_next_line_while_the_last_is_on_its_way(
        self, page: Any, incident: Incident
    ) -> None:
        """R-TL-01"""
        page.goto(timeline(incident))
        held: list[Any] = []
        page.route("**/timeline/quick/", lambda route: held.append(route))
        page.fill("#id_text", "-9m first line")
        page.keyboard.press("Enter")
        expect(page.locator("#quick-add")).to_have_class(re.compile("htmx-request"))
        page.fill("#id_text", "-8m half a sec")
        held.pop().continue_()
        expect(page.locator("#timeline")).to_contain_text("first line")
        expect(page.locator("#id_text")).to_have_value("-8m half a sec")
        page.unroute("**/timeline/quick/")
        page.locator("#id_text").press("End")
        page.keyboard.type("ond")
        page.keyboard.press("Enter")
        expect(page.locator("#timeline")).to_contain_text("half a second")
        assert Entry.objects.count() == 2

    def test_sees_how_the_line_is_read_and_no_address_holds_it(
        self, page: Any, incident: Incident
    ) -> None:
        """R-TL-02"""
        page.goto(timeline(incident))
        asked: list[Any] = []
        page.on("request", lambda request: asked.append(request))
        page.fill("#id_at", "2099-03-17 10:00 !d cards 61 percent")  # at any hour
        expect(page.locator("#quick-read")).to_contain_text("lies in the future")
        page.fill("#id_at", "-5m !d cards 61 percent")
        expect(page.locator("#quick-read")).to_contain_text("Decision")
        assert [one for one in asked if "percent" in one.url] == []
        assert {one.method for one in asked if "preview" in one.url} == {"POST"}
        page.locator("#id_at").press("Enter")
        expect(page.locator("#timeline")).to_contain_text("cards 61 percent")


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

    def test_nothing_that_is_in_use_is_swapped(self, page: Any, tape: Tape) -> None:
        row = tape.add(text="Rate down", occurred_at=tape.incident.declared_at)
        page.goto(timeline(tape.incident))
        page.click(f"#{row.ref} summary")
        expect(page.locator(f"#{row.ref}")).to_contain_text("Link evidence")
        page.fill("#id_text", "half a sent")
        tape.edit(row, observed_signal="Rate down to 61 %")
        tape.add(text="Another one", occurred_at=tape.incident.declared_at)
        expect(page.locator("#timeline")).to_contain_text("Another one", timeout=6000)
        expect(page.locator(f"#{row.ref}")).to_contain_text("Link evidence")
        assert page.input_value("#id_text") == "half a sent"


@pytest.fixture
def cut_off(
    browser: Any, base: str, sign_in: Callable[[Any, User], Any], commander: User
) -> Iterator[Any]:
    """A page, signed in, whose connection will fail. Not `new_page`: failed requests
    are what is provoked."""
    context = browser.new_context(base_url=base, reduced_motion="reduce")
    yield sign_in(context.new_page(), commander)
    context.close()


class TestLostConnection:
    def test_a_line_waits_survives_a_reload_and_arrives_once(
        self, cut_off: Any, incident: Incident
    ) -> None:
        """R-TL-01"""
        cut_off.goto(timeline(incident))
        quick = "**/timeline/quick/"
        lost = {"answers": 0}

        def swallow(route: Any) -> None:
            # The line arrives, the answer is lost: the worst case for doubles.
            route.fetch()
            lost["answers"] += 1
            route.abort("connectionaborted")

        cut_off.route(quick, swallow)
        cut_off.fill("#id_text", "-5m auth rate down")
        cut_off.keyboard.press("Enter")
        expect(cut_off.locator("[data-waiting]")).to_contain_text("1 line waits")
        expect(cut_off.locator("#id_text")).to_have_value("")
        cut_off.unroute(quick)
        cut_off.reload()
        expect(cut_off.locator("#timeline")).to_contain_text("auth rate down")
        expect(cut_off.locator("[data-waiting]")).not_to_contain_text(
            "waits on", timeout=15_000
        )
        assert lost["answers"] >= 1
        assert Entry.objects.filter(observed_signal="auth rate down").count() == 1

    def test_a_line_with_a_file_is_sent_again_as_the_milestone_it_was(
        self, cut_off: Any, incident: Incident
    ) -> None:
        """R-TL-01: the button is part of the line, or it would become a second one."""
        cut_off.goto(timeline(incident))
        quick = "**/timeline/quick/"
        sent: list[bytes] = []

        def lose_the_first_answer(route: Any) -> None:
            sent.append(route.request.post_data_buffer)
            if len(sent) > 1:
                return route.continue_()
            route.fetch()
            return route.abort("connectionaborted")

        cut_off.route(quick, lose_the_first_answer)
        cut_off.evaluate(BRING, ["drop", "dataTransfer", "rate.png"])
        cut_off.fill("#id_text", "-5m auth rate down")
        cut_off.click("#tl-moments button >> nth=0")
        cut_off.locator("#quick-add [data-resend]").wait_for()
        cut_off.focus("#id_text")  # where the person goes on
        cut_off.click("#quick-add [data-resend] button")
        expect(cut_off.locator("#timeline")).to_contain_text("auth rate down")
        expect(cut_off.locator("#pm-messages")).to_contain_text("recorded once")
        assert [one.count(b'name="milestone"') for one in sent] == [1, 1]
        assert Entry.objects.filter(observed_signal="auth rate down").count() == 1

    def test_a_line_with_a_file_was_typed_when_it_was_first_sent(
        self, cut_off: Any, incident: Incident
    ) -> None:
        """R-TL-01: '-5m' does not move by as long as the line had to wait."""
        cut_off.clock.install()
        cut_off.goto(timeline(incident))
        typed: list[bytes] = []

        def lose_the_first(route: Any) -> None:
            body = route.request.post_data_buffer
            typed.extend(re.findall(rb'name="typed_at"\s+(\S+)', body))
            if len(typed) > 1:
                return route.continue_()
            return route.abort("connectionaborted")

        cut_off.route("**/timeline/quick/", lose_the_first)
        cut_off.evaluate(BRING, ["drop", "dataTransfer", "rate.png"])
        cut_off.fill("#id_text", "-5m auth rate down")
        cut_off.keyboard.press("Enter")
        cut_off.locator("#quick-add [data-resend]").wait_for()
        cut_off.clock.run_for(8_000)
        expect(cut_off.locator("#timeline")).to_contain_text("auth rate down")
        cut_off.fill("#id_text", "-5m auth rate down")  # the same words, another line
        cut_off.keyboard.press("Enter")
        expect(cut_off.locator("#timeline li[id]")).to_have_count(2)
        first, again, another = typed
        assert first == again < another

    def test_a_line_that_waits_takes_nothing_else_with_it(
        self, cut_off: Any, incident: Incident
    ) -> None:
        """R-TL-01: what is typed meanwhile is sent by its writer alone."""
        cut_off.clock.install()
        cut_off.goto(timeline(incident))
        cut_off.context.set_offline(True)
        cut_off.fill("#id_text", "-5m auth rate down")
        cut_off.keyboard.press("Enter")
        expect(cut_off.locator("[data-waiting]")).to_contain_text("1 line waits")
        expect(cut_off.locator("#quick-add [data-resend]")).to_have_count(0)
        cut_off.fill("#id_text", "-4m half a li")
        cut_off.context.set_offline(False)
        cut_off.clock.run_for(70_000)  # beyond every pause of every second try
        expect(cut_off.locator("#timeline")).to_contain_text("auth rate down")
        assert cut_off.input_value("#id_text") == "-4m half a li"
        assert Entry.objects.count() == 1

    @pytest.mark.parametrize(
        ("status", "headers", "cause"),
        [
            (502, {}, "The connection dropped"),
            (503, {}, "The connection dropped"),
            (507, {}, "The disk of the server is full"),
            (409, {"Retry-After": "1"}, "The connection dropped"),
        ],
    )
    def test_a_line_waits_while_the_product_does_not_answer(
        self,
        cut_off: Any,
        incident: Incident,
        status: int,
        headers: dict[str, str],
        cause: str,
    ) -> None:
        """R-TL-01"""
        cut_off.goto(timeline(incident))
        quick = "**/timeline/quick/"
        cut_off.route(
            quick,
            lambda route: route.fulfill(status=status, headers=headers, body="gone"),
        )
        cut_off.fill("#id_text", "-5m auth rate down")
        cut_off.keyboard.press("Enter")
        expect(cut_off.locator("[data-waiting]")).to_contain_text(
            f"{cause}. 1 line waits"
        )
        cut_off.unroute(quick)
        expect(cut_off.locator("#timeline")).to_contain_text(
            "auth rate down", timeout=15_000
        )
        assert Entry.objects.count() == 1

    def test_a_line_that_waited_and_is_refused_leaves_the_bar_to_its_writer(
        self, cut_off: Any, incident: Incident
    ) -> None:
        """R-TL-01: it comes back into the bar when that is empty, over no words."""
        cut_off.clock.install()
        cut_off.goto(timeline(incident))
        cut_off.context.set_offline(True)
        cut_off.fill("#id_text", "-5m")  # a time alone is no entry
        cut_off.keyboard.press("Enter")
        waits = cut_off.locator("[data-waiting]")
        expect(waits).to_contain_text("1 line waits")
        cut_off.fill("#id_text", "-4m half a li")
        cut_off.context.set_offline(False)
        expect(waits).to_contain_text("was refused (422)")
        assert cut_off.input_value("#id_text") == "-4m half a li"
        cut_off.fill("#id_text", "")
        cut_off.clock.run_for(70_000)
        expect(cut_off.locator("#id_text")).to_have_value("-5m")
        expect(waits).to_contain_text("It is in the bar again")
        assert not Entry.objects.exists()

    def test_a_draft_survives_a_reload_and_goes_at_sign_out(
        self,
        page: Any,
        sign_in: Callable[[Any, User], Any],
        incident: Incident,
        commander: User,
    ) -> None:
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
        self, page: Any, incident: Incident
    ) -> None:
        """R-TL-03"""
        page.goto(timeline(incident))
        page.evaluate(BRING, ["drop", "dataTransfer", "rate.png"])
        expect(page.locator("[data-attached]")).to_contain_text("rate.png")
        page.fill("#id_text", "-5m auth rate down")
        page.keyboard.press("Enter")
        expect(page.locator("#timeline")).to_contain_text("rate.png")
        assert Entry.objects.get().is_provisional is False

    def test_a_pasted_screenshot_becomes_evidence_under_a_name_of_its_own(
        self, page: Any, incident: Incident
    ) -> None:
        """R-TL-03"""
        page.goto(timeline(incident))
        page.evaluate(BRING, ["paste", "clipboardData", "image.png"])
        name = re.compile(r"screenshot-\d{8}-\d{6}\.png")
        expect(page.locator("[data-attached]")).to_contain_text(name)
        page.fill("#id_text", "-5m auth rate down")
        page.keyboard.press("Enter")
        expect(page.locator("#timeline")).to_contain_text(name)
        assert Entry.objects.get().is_provisional is False


class TestKeys:
    def test_d_declares_with_the_title_ready_to_be_typed(self, page: Any) -> None:
        page.goto("/")
        page.keyboard.press("d")
        page.wait_for_url("**/incidents/declare/")
        expect(page.locator("#id_title")).to_be_focused()

    def test_j_and_k_visit_the_rows_of_the_timeline(
        self, page: Any, tape: Tape
    ) -> None:
        """And not what is hidden in the closed menu of a row."""
        tape.add("14:10")
        tape.add("14:11")
        page.goto(timeline(tape.incident))
        at = "() => document.activeElement.closest('[data-row]')?.id"
        visited = []
        for key in "jjk":
            page.keyboard.press(key)
            visited.append(page.evaluate(at))
        assert visited == ["TL-1", "TL-2", "TL-1"]

    def test_letters_work_after_a_box_was_ticked_by_mouse(
        self, page: Any, tape: Tape
    ) -> None:
        waiting = one_candidate(tape)
        page.goto(f"/incidents/{tape.incident.key}/timeline/candidates/")
        page.locator(f"input[name=id][value='{waiting}']").click()
        page.keyboard.press("r")
        reason = page.get_by_label("Reason, if it helps")
        expect(reason).to_be_visible()
        page.keyboard.press("Tab")  # the menu has the focus: its field comes next
        expect(reason).to_be_focused()

    def test_news_of_a_line_cover_nothing_that_can_be_pressed(
        self,
        new_page: Callable[..., Any],
        sign_in: Callable[[Any, User], Any],
        incident: Incident,
        commander: User,
    ) -> None:
        for viewport in ({"width": 390, "height": 844}, {"width": 1280, "height": 720}):
            page = sign_in(new_page(viewport=viewport), commander)
            page.goto(timeline(incident))
            page.fill("#id_text", "-5m auth rate down")
            page.keyboard.press("Enter")
            toast = page.locator(".pm-toast")
            expect(toast).to_contain_text("is recorded")
            box, bar = toast.bounding_box(), page.locator("#quick-add").bounding_box()
            apart = (
                box["y"] + box["height"] <= bar["y"]
                or bar["y"] + bar["height"] <= box["y"]
                or bar["x"] + bar["width"] <= box["x"]
            )
            assert apart, (box, bar)
            under = page.evaluate(
                "([x, y]) => document.elementFromPoint(x, y)?.closest('.pm-toast')",
                [box["x"] + 60, box["y"] + box["height"] / 2],
            )
            assert under is None
            page.close()


class TestChartAndKeys:
    def test_dragging_zooms_a_mark_jumps_and_keys_move(
        self, page: Any, tape: Tape
    ) -> None:
        tape.whole()
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

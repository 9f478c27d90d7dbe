"""The one-pager as a page: always one, cut by rule."""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from typing import Any

import pytest
from fontTools.ttLib import TTFont

from review.report import cut, limit_steps, render_html, render_pdf
from review.report.content import Indicator, Line
from review.report.cutting import COLUMNS, ROOM, drawable, guess, height
from review.report.measuring import FONTS, SANS, Column, printable, width
from review.report.press import press
from review.report.rendering import strong_figures
from tests.review.printed import (
    BLOCKS,
    HASH,
    TEXTS,
    made,
    opened,
    printed,
    ref,
    words_of,
)


class TestOnePage:
    """R-OP-01: one A4 page, whatever the record holds."""

    @pytest.mark.parametrize("size", [0, 1, 2, 4, 7, 12, 20, 40])
    def test_is_one_page_at_any_size(self, size: int) -> None:
        pdf = opened(printed(size))

        assert len(pdf.pages) == 1
        assert [round(float(x)) for x in pdf.pages[0].MediaBox] == [0, 0, 595, 842]

    @pytest.mark.parametrize("script", sorted(set(TEXTS) - {"plain"}))
    def test_is_one_page_in_any_script(self, script: str) -> None:
        for size in (3, 40):
            assert len(opened(printed(size, TEXTS[script])).pages) == 1

    def test_never_cuts_what_must_be_seen(self) -> None:
        """Flags, approvals, hash, waivers and degraded dependencies are whole."""
        words = words_of(printed(40))

        assert "Draft, 9 findings block" in words
        assert "Blocks closure: AP001, CK006 (2 times), RC004" in words
        assert "Finance director not yet" in words
        assert "Engineering manager 10 Mar 2026, 15:58 UTC, approved" in words
        assert f"sha256 {' '.join(re.findall('....', HASH))}" in words
        report = drawable(made(40))
        page = cut(report, limit_steps(report)[guess(report, limit_steps(report))])
        shown = {line.short for line in page.risks} | set(page.also)
        assert {f"CK003 SC-{n}" for n in range(14)} <= shown
        for n in range(1, 14):
            assert f"CK003 SC-{n}" in words or f"{n} The consumer" in words

    def test_says_what_it_left_out_and_where_that_is(self) -> None:
        words = words_of(printed(40))

        for block in ("case", "causes", "actions", "risks", "evidence"):
            assert re.search(rf"\d+ more in the record, INC-2041/{block}\b", words)
        pdf = opened(printed(40))
        links = {str(note.A.URI) for note in pdf.pages[0].Annots if "/A" in note}
        assert "https://pm.example/incidents/INC-2041/actions/" in links

    def test_counts_every_row_once(self) -> None:
        """Printed and left out together are the record."""
        report = drawable(made(40))
        for limits in limit_steps(report):
            page = cut(report, limits)
            assert len(page.risks) + len(page.also) + page.more["risks"] == 28
            assert len(page.scheduled) + page.more["scheduled"] == 20
            assert len(page.index) + page.more["index"] == 60

    def test_is_laid_out_once_or_twice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The measured height is close to the real one: no search by layout."""
        tried = []
        layout = type(press()).layout

        def counted(self: Any, html: str, pictures: dict[str, bytes]) -> Any:
            tried.append(html)
            return layout(self, html, pictures)

        monkeypatch.setattr(type(press()), "layout", counted)
        for size, script in ((1, "plain"), (7, "plain"), (40, "plain"), (12, "arabic")):
            tried.clear()
            render_pdf(made(size, TEXTS[script]))
            assert len(tried) <= 2, (size, script)

    def test_gives_the_room_that_is_left_to_the_index(self) -> None:
        report = drawable(made(12))
        steps = limit_steps(report)
        limits = steps[guess(report, steps)]

        assert height(cut(report, limits)) <= ROOM
        assert opened(printed(12)).pages[0]
        fuller = cut(report, replace(limits, evidence=limits.evidence + COLUMNS))
        assert len(fuller.index) >= len(cut(report, limits).index)


class TestCutting:
    def test_gives_up_evidence_first_and_then_scheduled_actions(self) -> None:
        steps = limit_steps(made(40))
        order = [
            name
            for before, after in pairwise(steps)
            for name in ("evidence", "scheduled", "contributing", "mandatory")
            if getattr(before, name) != getattr(after, name)
        ]

        assert order[0] == "evidence"
        assert order.index("scheduled") < order.index("contributing")
        assert order.index("contributing") < order.index("mandatory")

    def test_never_gives_back_what_it_gave_up(self) -> None:
        for before, after in pairwise(limit_steps(made(40))):
            assert all(
                getattr(after, name) <= getattr(before, name)
                for name in before.__dataclass_fields__
            )

    def test_keeps_the_most_cited_artifacts(self) -> None:
        report = made(40)
        kept = cut(report, replace(limit_steps(report)[0], evidence=3)).index

        assert [item.ref.ref for item in kept] == ["EV-0", "EV-1", "EV-2"]

    def test_says_what_it_left_out_of_each_block(self) -> None:
        report = made(40)
        least = limit_steps(report)[-1]
        page = cut(report, least)

        assert page.more["scheduled"] == 20
        assert page.more["mandatory"] == 19
        assert page.more["index"] == 57
        assert "57 more in the record" in render_html(report, least)

    def test_puts_the_ref_of_an_indicator_beside_its_value_if_there_is_room(
        self,
    ) -> None:
        short = Indicator("Timeliness", "9 min to detect", (), (ref(1),), (ref(2),))
        long = replace(short, value="17 h 48 min to detect")
        report = replace(made(3), indicators=(short, long))
        page = cut(report, limit_steps(report)[0])

        assert page.indicators == (short, replace(long, refs=(), line_refs=(ref(1),)))
        assert re.search(
            r'<b>9 min to detect <a class="ev"[^>]*>□ EV-1</a></b>.*'
            r"<b>17 h 48 min to detect</b>",
            render_html(report),
            re.DOTALL,
        )

    def test_keeps_the_order_of_the_blocks(self) -> None:
        """R-OP-01: the same blocks in the same order, whatever the incident."""
        for size in (0, 3, 40):
            html = render_html(made(size))
            places = [
                re.search(rf"<h2>{block}\b", html).start()  # type: ignore[union-attr]
                for block in BLOCKS
            ]
            assert places == sorted(places)

    def test_escapes_what_people_wrote(self) -> None:
        report = replace(
            made(2),
            title="<script>alert(1)</script>",
            summary="<link rel=attachment href=file:///etc/passwd>",
            impact=(Line("Customer", "<img src=x onerror=y> 5 orders"),),
        )
        html = render_html(report)

        assert "<script>" not in html
        assert "<link" not in html
        assert "<img src=x" not in html
        assert "<b>5</b> orders" in html

    def test_takes_any_character(self) -> None:
        """The engine reads the page as XML, which knows fewer than a record."""
        text = "a\x00b\x0bc\x1bd\ufffee\ud800f & <i> ]]> &amp; \x85\u2028 ok "

        assert "ok" in words_of(printed(2, text))

    @pytest.mark.parametrize(
        ("text", "directed"),
        [
            ("הזמנות לא אושרו (v4).", True),
            ("3. توقفت معالجة الطلبات.", True),
            ("Orders stuck: הזמנות", False),
            ("2026", False),
        ],
    )
    def test_lets_a_text_run_the_way_its_first_letter_does(
        self, text: str, directed: bool
    ) -> None:
        report = replace(made(0), title=text, summary=text)
        html = render_html(report)

        assert (f'<h1 dir="rtl">{text}' in html) is directed
        assert (f'<p class="summary" dir="rtl">{text}' in html) is directed


class TestMeasuring:
    @pytest.mark.parametrize(
        ("text", "lines", "expected"),
        [
            ("short", 1, "short"),
            ("several words here that go on", 1, "several words here…"),
            ("several words here that go on", 2, "several words here that go on"),
            ("a" * 60, 1, "aaaaaaaaaaaaaaaa…"),
        ],
    )
    def test_cuts_behind_a_word_by_width(
        self, text: str, lines: int, expected: str
    ) -> None:
        column = Column(74, 7.3)
        cut_text = column.fit(text, lines)

        assert cut_text == expected
        assert column.lines(cut_text) <= lines

    def test_leaves_room_for_the_refs(self) -> None:
        column = Column(74, 7.3)

        assert column.fit("several words", 1, tail=40) == "several…"
        assert column.lines("several words", tail=40) == 2

    @pytest.mark.parametrize("script", sorted(TEXTS))
    def test_fits_in_any_script(self, script: str) -> None:
        column = Column(120, 7.3)
        text = printable(TEXTS[script] * 4)
        for lines in (1, 2, 3):
            assert column.lines(column.fit(text, lines, 30), 30) <= lines

    def test_is_as_high_in_every_font(self) -> None:
        """Else a line in another script is higher than the height that is counted."""
        heights = set()
        for path in FONTS.glob("*.ttf"):
            font = TTFont(BytesIO(path.read_bytes()), lazy=True)
            scale = font["head"].unitsPerEm
            found = font["hhea"].ascent / scale, font["hhea"].descent / scale
            heights.add((round(found[0], 2), round(found[1], 2)))

        assert heights == {(0.97, -0.24)}

    def test_is_not_narrower_than_the_engine(self) -> None:
        """A text that fits here must fit there: same advances, no kerning."""
        assert width("0000", 10, SANS) == pytest.approx(25.1, abs=1.5)
        assert width("ii", 10) < width("WW", 10) / 3


class TestPrintable:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("plain  text\n here", "plain text here"),
            ("cafe\u0301 €", "café €"),
            ("a\u202eb\u2066c\u2069", "abc"),
            ("nul\x00 and bell\x07", "nul and bell"),
            ("注文 заказ παραγγελία طلب הזמנה", "注文 заказ παραγγελία طلب הזמנה"),
            ("🚨👩🏽‍💻", "🚨👩🏽‍💻"),
            ("𠮷", "[U+20BB7]"),
            ("தமிழ்", "[5 Tamil characters]"),
            ("private \ue000", "private [U+E000]"),
        ],
    )
    def test_prints_what_the_fonts_have_and_names_the_rest(
        self, text: str, expected: str
    ) -> None:
        assert printable(text) == expected

    def test_draws_no_box_for_a_missing_letter(self) -> None:
        words = words_of(printed(3, TEXTS["unknown"]))

        assert "Tamil characters]" in words
        assert "[U+20BB7]" in words


class TestStrongFigures:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("6,418 payers", "<b>6,418</b> payers"),
            ("from 13:43 to 15:34", "from 13:43 to 15:34"),
            ("412,860.20 EUR", "<b>412,860.20</b> EUR"),
            ("on 10 March", "on 10 March"),
            ("<b>", "&lt;b&gt;"),
        ],
    )
    def test_marks_counts_and_amounts_only(self, text: str, expected: str) -> None:
        assert strong_figures(text) == expected

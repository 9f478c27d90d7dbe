"""The one-pager as a page: always one, cut by rule, the same bytes everywhere."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import pickle
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pikepdf
import pytest
import segno
import time_machine
from django.conf import settings

from review.report import Report, cut, limit_steps, render_html, render_pdf
from review.report.content import (
    ActionLine,
    Amount,
    ApprovalLine,
    IndexLine,
    Indicator,
    Line,
    Ref,
)
from review.report.cutting import COLUMNS, ROOM, drawable, guess, height
from review.report.measuring import FONTS, SANS, Column, printable, width
from review.report.rendering import _fetcher, _press, _qr, strong_figures
from tests.conftest import NOW

HASH = "a41c93f02d7e5b18c6048fa219d37e650b42e8c16f9a3d7024be91f75c087e0b"
BLOCKS = [
    "Impact",
    "Money bridge",
    "Indicators",
    "Recovery",
    "Causes",
    "Actions",
    "Approvals",
    "Open risks and known unknowns",
    "Evidence index",
]
STRIP = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 104" '
    'font-family="Report Sans" font-size="9.5"><title>Recovery. Declared 14:04.</title>'
    '<rect x="10" y="40" width="600" height="18" fill="#dde3fb"/>'
    '<text x="20" y="98">14:00</text></svg>'
)
TEXTS = {
    "plain": "The consumer rejected every event that carried the new field, so orders "
    "stayed authorized and were not confirmed until the rollback at 15:34. ",
    "unbroken": "Zahlungsdienstleisterschnittstellenversionskonflikt" * 5 + " ",
    "arabic": "توقفت معالجة الطلبات بعد التفويض لأن المستهلك رفض كل حدث جديد (v4). ",
    "hebrew": "הצרכן דחה כל אירוע עם השדה החדש, ולכן הזמנות לא אושרו (v4). ",
    "chinese": "消费者拒绝了每个带有新字段的事件，因此订单在回滚之前一直未被确认。",
    "japanese": "コンシューマーが新しいフィールドのイベントを拒否しました。",
    "emoji": "🚨 Orders stuck 👩🏽‍💻 rolled back 🇩🇪 ✅ paged 🔥 again ",
    "unknown": "தமிழ் பணம் செலுத்துதல் failed, ꦗꦮ too, 𠮷 alone. ",
}


def ref(number: int, is_original: bool = True) -> Ref:
    return Ref(f"EV-{number}", f"https://pm.example/e/{number}", is_original)


def made(size: int, text: str = TEXTS["plain"]) -> Report:
    """A report that grows with `size`: at 40 it has 40 actions, 60 artifacts and a
    dozen of everything else, each with a text of several lines."""
    refs = (ref(1), ref(2, False), ref(12))[: min(size, 3)]
    words = (text * 20)[: size * 30]
    third = -(-size // 3)

    def lines(number: int, label: str = "", short: str = "") -> tuple[Line, ...]:
        return tuple(
            Line(
                label, f"{n} {words}", refs, size, bool(n % 2), short and f"{short}-{n}"
            )
            for n in range(number)
        )

    def actions(start: int, stop: int) -> tuple[ActionLine, ...]:
        return tuple(
            ActionLine(
                f"ACT-{n}",
                f"{n} {words}",
                text,
                "20 Mar",
                words,
                "plan",
                "On plan",
                refs[:1],
            )
            for n in range(start, stop)
        )

    return Report(
        key="INC-2041",
        title=f"{text * 3} stalled",
        severity="SEV2",
        status="In review",
        is_sealed=False,
        stamp="Draft, 9 findings block",
        stamp_lines=("17 Mar 2026, 10:20 UTC", "In review, not sealed"),
        clock="10 Mar 2026, 13:43 to 19:20 (5 h 37 min)",
        zone="UTC",
        commander=text,
        lanes=text * 2,
        summary=words,
        impact=lines(third, "Customer") or (Line("Customer", "not recorded"),),
        money=tuple(
            Amount(f"{n} {text}", "€412,860.20", refs[:1], bool(n % 2))
            for n in range(size)
        ),
        currency="EUR",
        indicators=tuple(
            Indicator(
                name, "9 min to detect", ("Mitigated: 26 min", "On cadence"), refs[:1]
            )
            for name in ("Timeliness", "Accuracy", "Reliability", "Compliance")
        ),
        recovery=(
            Line("", "customers 1 h 51 min", refs[:1]),
            Line("", "ledger 5 h 37 min", refs[1:2]),
        ),
        strip=STRIP if size else "",
        trigger=lines(third),
        primary=lines(third),
        contributing=lines(third),
        mandatory=actions(0, size // 2),
        scheduled=actions(size // 2, size),
        approvals=(
            ApprovalLine("Finance director", "not yet", False),
            ApprovalLine(
                "Engineering manager", "10 Mar 2026, 15:58 UTC, approved", True
            ),
        ),
        risks=lines(third, "Unknown") + lines(third, "Gap", "CK003 SC"),
        controls=(),
        index=tuple(
            IndexLine(ref(n, bool(n % 3)), f"{n} {text}", "sha 0a1b2c3d", 60 - n)
            for n in range(size * 3 // 2)
        ),
        evidence_total=size * 3 // 2,
        content_hash=HASH,
        sealed_hash="",
        url="https://pm.example/incidents/INC-2041/review/",
        as_of=NOW,
        flags=("AP001", "CK006 (2 times)", "RC004"),
        where={
            name: Ref(
                f"INC-2041/{name}", f"https://pm.example/incidents/INC-2041/{name}/"
            )
            for name in ("case", "causes", "actions", "risks", "evidence")
        },
    )


@cache
def printed(size: int, text: str = TEXTS["plain"]) -> bytes:
    return render_pdf(made(size, text), b'{"a":1}')


def opened(pdf: bytes) -> pikepdf.Pdf:
    return pikepdf.open(BytesIO(pdf))


def text_of(pdf: bytes) -> str:
    """What a reader can select, in the order of the page."""
    done = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True
    )
    return done.stdout.decode()


def words_of(pdf: bytes) -> str:
    """The same in one line, as `pdftotext` reads it without columns."""
    done = subprocess.run(
        ["pdftotext", "-raw", "-", "-"], input=pdf, capture_output=True, check=True
    )
    return " ".join(done.stdout.decode().split())


def fonts_of(pdf: bytes) -> set[str]:
    document = opened(pdf)
    return {
        str(font.BaseFont).split("+")[-1]
        for font in document.pages[0].Resources.Font.values()
    }


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
        layout = type(_press()).layout

        def counted(self: Any, html: str, pictures: dict[str, bytes]) -> Any:
            tried.append(html)
            return layout(self, html, pictures)

        monkeypatch.setattr(type(_press()), "layout", counted)
        for size in (1, 7, 40):
            tried.clear()
            render_pdf(made(size))
            assert len(tried) <= 2, size

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


class TestBytes:
    """The same record gives the same bytes: any process, time, zone and machine."""

    def test_are_the_same_at_any_time(self) -> None:
        with time_machine.travel(NOW + dt.timedelta(days=400), tick=True):
            again = render_pdf(made(7), b'{"a":1}')

        assert hashlib.sha256(again).digest() == hashlib.sha256(printed(7)).digest()

    def test_are_the_same_after_other_pages(self) -> None:
        """The styles that a process keeps know nothing of the page they came from."""
        draft = made(9, TEXTS["emoji"])
        reports = [draft, made(40, TEXTS["arabic"]), replace(draft, is_sealed=True)]
        _press.cache_clear()
        forwards = [render_pdf(report) for report in reports]
        kept = len(_press().styles)
        _press.cache_clear()
        backwards = [render_pdf(report) for report in reversed(reports)]

        assert forwards == backwards[::-1]
        assert [render_pdf(report) for report in reports] == forwards
        assert len(_press().styles) == kept

    def test_are_the_same_in_any_process(self, tmp_path: Path) -> None:
        """Hash seeds, time zones, languages, and a machine with fonts of its own."""
        texts = [TEXTS["emoji"], TEXTS["arabic"], "".join(TEXTS.values())]
        page = tmp_path / "reports"
        page.write_bytes(pickle.dumps([made(9, text) for text in texts]))
        fonts = tmp_path / "fonts.conf"
        fonts.write_text("<fontconfig></fontconfig>")
        program = (
            "import sys, hashlib, pickle, django; django.setup();"
            "from review.report import render_pdf;"
            "reports = pickle.load(open(sys.argv[1], 'rb'));"
            "print([hashlib.sha256(render_pdf(r, b'{}')).hexdigest() for r in reports])"
        )
        hashes = {
            subprocess.run(
                [sys.executable, "-W", "ignore", "-c", program, str(page)],
                cwd=settings.BASE_DIR,
                env={
                    **os.environ,
                    **more,
                    "DJANGO_SETTINGS_MODULE": "tests.settings",
                },
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            for more in (
                {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "LANG": "de_DE.UTF-8"},
                {"PYTHONHASHSEED": "2", "TZ": "America/New_York", "LANG": "C"}
                | {"FONTCONFIG_FILE": str(fonts), "HOME": str(tmp_path)},
            )
        }

        assert len(hashes) == 1

    def test_embed_our_own_fonts_only(self) -> None:
        for text in ("".join(TEXTS.values()), TEXTS["plain"]):
            names = fonts_of(printed(5, text))
            assert names
            assert all(name.startswith("Report-") for name in names)

    def test_carry_the_licence_of_every_font(self) -> None:
        told = (FONTS / "README.md").read_text(encoding="utf-8")

        for path in FONTS.glob("*.ttf"):
            assert path.name in told
        assert (FONTS / "OFL.txt").exists()
        assert (FONTS / "Apache-2.0.txt").exists()


class TestPdf:
    def test_is_tagged_with_title_and_language(self) -> None:
        pdf = opened(printed(7))

        assert pdf.Root.MarkInfo.Marked
        assert str(pdf.Root.Lang) == "en-US"
        assert str(pdf.docinfo.Title).startswith("INC-2041 one-pager")
        metadata = bytes(pdf.Root.Metadata.read_raw_bytes())
        assert b"pdfaid:part" in metadata
        assert b"pdfuaid:part>1<" in metadata
        assert b"2026-03-17T10:20:00" in metadata

    def test_puts_all_content_in_the_tag_tree(self) -> None:
        """Every piece of text and every picture belongs to a structure element; what
        does not is marked as decoration."""
        pdf = opened(printed(7))
        depth, stray = 0, []
        for item in pikepdf.parse_content_stream(pdf.pages[0]):
            operator = str(item.operator)
            if operator in {"BDC", "BMC"}:
                depth += 1
            elif operator == "EMC":
                depth -= 1
            elif operator in {"Tj", "TJ", "Do"} and not depth:
                stray.append(operator)

        assert stray == []

    def test_tags_tables_as_tables_of_rows(self) -> None:
        """The engine names rows that stand in no group a table in a table."""
        pdf = opened(printed(7))
        tags = {
            item.objgen: str(item.S)
            for item in pdf.objects
            if isinstance(item, pikepdf.Dictionary) and "/S" in item and "/P" in item
        }
        parents = {
            tags.get(item.P.objgen)
            for item in pdf.objects
            if isinstance(item, pikepdf.Dictionary) and item.get("/S") == "/TR"
        }

        assert parents == {"/TBody"}
        assert list(tags.values()).count("/Table") == 7

    def test_gives_every_picture_a_text(self) -> None:
        figures = []

        def walk(node: Any) -> None:
            if isinstance(node, pikepdf.Array):
                for child in node:
                    walk(child)
            elif isinstance(node, pikepdf.Dictionary) and "/S" in node:
                if node.S == "/Figure":
                    figures.append(str(node.get("/Alt", "")))
                walk(node.get("/K", pikepdf.Array()))

        pdf = opened(printed(7))
        walk(pdf.Root.StructTreeRoot.K)
        assert sorted(figures) == [
            "Postmortem",
            "QR code: opens this record",
            "Recovery. Declared 14:04.",
        ]

    def test_can_be_selected_as_text(self) -> None:
        words = words_of(printed(2))

        for part in (
            "Draft, 9 findings block",
            "9 min to detect",
            "412,860.20",
            "All times on one incident clock, UTC.",
        ):
            assert part in words, part

    def test_carries_the_record_as_an_attachment(self) -> None:
        pdf = opened(printed(7))

        assert pdf.attachments["record.json"].get_file().read_bytes() == b'{"a":1}'
        assert str(pdf.Root.AF[0].AFRelationship) == "/Source"

    def test_draws_a_code_that_opens_the_record(self) -> None:
        """The dark modules of the picture are those of the address's QR code."""
        report = made(7)
        svg = _qr(report.url).decode()
        wanted = segno.make(report.url, error="m", micro=False)
        side = len(wanted.matrix)
        drawn = [[0] * side for _ in range(side)]
        path = re.search(r' d="([^"]+)"', svg)
        assert path
        x, y = 0.0, 0.0
        for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", path[1]):
            values = [float(number) for number in numbers.split()]
            if command == "M":
                x, y = values
            elif command == "m":
                x, y = x + values[0], y + values[1]
            else:
                for column in range(int(x), int(x + values[0])):
                    drawn[int(y)][column] = 1
                x += values[0]

        assert drawn == [[int(bool(module)) for module in row] for row in wanted.matrix]

    def test_never_sets_type_below_the_limits(self) -> None:
        """Body at least 7 pt, index and refs at least 6.4 pt."""
        styles = Path(settings.BASE_DIR, "static/css/report.css").read_text()
        sizes = re.findall(r"([^{}]+)\{[^}]*?font(?:-size)?:[^;}]*?([\d.]+)pt", styles)
        assert len(sizes) > 10
        for selector, size in sizes:
            least = 6.4 if ".index" in selector or ".ev" in selector else 7
            assert float(size) >= least, selector

    def test_fetches_nothing_but_its_pictures(self) -> None:
        fetch = _fetcher({"report:qr": b"<svg/>"})

        assert fetch("report:qr").read() == b"<svg/>"
        for url in ("file:///etc/passwd", "https://example.com/x.css", "report:x"):
            with pytest.raises(ValueError, match="protocol"):
                fetch(url)


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
